"""What is told in words that are not ours: part of the closed list of facts (`model.event`)."""

import attrs


@attrs.frozen(kw_only=True)
class Remark:
    """A line as the server would have written it in whose place we stand, for programs that read its log. `line`: printable
    ASCII, without its end. The same is told in other events, in our own words."""

    at: float
    line: str

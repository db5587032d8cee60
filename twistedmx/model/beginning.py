"""How content began, of a message that was refused: what an event has of it."""

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Beginning:
    """`octets`: the first of them, with LF ends; behind the first bare newline as they came. `is_whole`: that is all."""

    octets: bytes = attrs.field(repr=False)
    is_whole: bool


NOTHING: Final = Beginning(octets=b"", is_whole=True)

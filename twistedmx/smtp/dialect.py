"""What a session holds to: RFC 5321, or what another server has in its place, whose drop-in we are."""

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.smtp.command import Command, Refusal, parse_command
from twistedmx.smtp.content import Newlines
from twistedmx.smtp.heard import Heard
from twistedmx.smtp.phase import TABLE, Phase, out_of_order
from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class Dialect:
    """`parse`: the command in a line. `table`, `out_of_order`: what may come when, and what is said to what may not; as in `phase`.
    `heard`: cuts what was heard into lines. `newlines`: how bare ones are taken in content from who is not tolerated.
    """

    parse: Callable[[bytes], Command | Refusal] = parse_command
    table: Mapping[Phase, Mapping[type, Phase]] = attrs.field(default=TABLE)
    out_of_order: Callable[[Phase, type], Reply] = out_of_order
    heard: type[Heard] = Heard
    newlines: Newlines = Newlines.REFUSED


RFC_5321: Final = Dialect()

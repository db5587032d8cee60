"""Lists of regular expressions: badmailfrom, badrcptto and badhelo as the qregex patch reads them.

Each line is a POSIX extended regular expression, not anchored, in any case; after a leading `!` it hits what it does not match.
So a plain `@x.example` hits `@x-example.org` as well: qmail's own badmailfrom is another dialect of the same file, and is in
`hosts`. What is no expression is told, with file and line, and hits nothing, as in qregex.c; the others go on.

Expressions are RE2's (`ere`), and take time in proportion to what is tried, which ends with the 1,003 octets that an address may
have (qmail-queue.c).
"""

from collections.abc import Iterable
from typing import Final

import attrs

from twistedmx.qmail.ere import BadExpression, Expression, translate

_SUBJECT_OCTETS: Final = 1003


@attrs.frozen(kw_only=True)
class Hit:
    """The line that hits: its file, its number there, and its text with the `!`. For the log alone."""

    file: str
    place: int
    line: bytes


@attrs.frozen(kw_only=True)
class Patterns:
    """The expressions of one list. `faults`: sentences about the lines that are none."""

    lines: tuple[tuple[Hit, Expression, bool], ...]
    faults: tuple[str, ...] = ()

    def hit(self, subject: bytes) -> Hit | None:
        """The first line that hits `subject`; None for an empty subject, which is never tested."""
        if not subject:
            return None
        tried = subject[:_SUBJECT_OCTETS]
        for line, expression, negated in self.lines:
            if (expression.search(tried) is None) is negated:
                return line
        return None


def read_patterns(file: str, lines: Iterable[tuple[int, bytes]]) -> Patterns:
    """Those of a list: numbers in `file`, and texts."""
    read, faults = [], []
    for place, text in lines:
        negated = text.startswith(b"!")
        try:
            expression = translate(text[negated:])
        except BadExpression as bad:
            shown = text.decode("ascii", "backslashreplace")
            faults.append(
                f"{file}:{place}: {shown!r} is no extended regular expression, and hits nothing: {bad}; mend it "
                r"(`\.` for a dot, `.*` for anything), or take the line out"
            )
            continue
        read.append((Hit(file=file, place=place, line=text), expression, negated))
    return Patterns(lines=tuple(read), faults=tuple(faults))

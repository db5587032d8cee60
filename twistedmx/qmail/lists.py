"""The three readers of control files, as qmail's control.c has them: a line, a number, a list.

They are given a file's octets and never fail: what is no number is the default, what is no line is not in the list. Leading
blanks belong to a line, and a last line needs no newline.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, Self

from twistedmx.qmail.patterns import Patterns, read_patterns

_BLANKS: Final = b" \t\n"
_digits = re.compile(rb"[0-9]{1,19}")
# More than any setting means; qmail's own numbers wrap around at 32 or 64 bits.
MOST: Final = 2**62


def first_line(octets: bytes) -> bytes:
    """The first line, without blanks at its end."""
    return octets.partition(b"\n")[0].rstrip(_BLANKS)


def number(octets: bytes, default: int) -> int:
    """The decimal digits with which the first line begins, at most MOST; `default` where there are none."""
    digits = _digits.match(octets)
    return default if digits is None else min(int(digits[0]), MOST)


def numbered_lines(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Each line that counts, without blanks at its end, and its number in the file, from 1.

    Not: empty ones, and those whose first octet is `#`.
    """
    for place, line in enumerate(octets.split(b"\n"), 1):
        text = line.rstrip(_BLANKS)
        if text and not text.startswith(b"#"):
            yield place, text


class Lines(tuple[bytes, ...]):
    """The lines of a list. `file`: where they stand; `places`: the number of each line there.

    Equal to a tuple of the same lines.
    """

    file: str
    places: tuple[int, ...]

    def __new__(cls, lines: Iterable[bytes] = (), file: str = "", places: Iterable[int] = ()) -> Self:
        made = super().__new__(cls, lines)
        made.file = file
        made.places = tuple(places) or tuple(range(1, len(made) + 1))
        return made

    @classmethod
    def read(cls, octets: bytes, file: str) -> Self:
        """Those of a file."""
        found = tuple(numbered_lines(octets))
        return cls((text for _, text in found), file, (place for place, _ in found))

    @cached_property
    def keys(self) -> frozenset[bytes]:
        """For look-ups of the exact length in any case, as constmap.c does them: lines in lower case."""
        return frozenset(map(bytes.lower, self))

    @cached_property
    def patterns(self) -> Patterns:
        """The lines as regular expressions, compiled when they are first asked for."""
        return read_patterns(self.file, zip(self.places, self, strict=True))


NO_LINES: Final = Lines()


def as_lines(lines: Iterable[bytes]) -> Lines:
    """What attrs makes of the lines of a list that are given."""
    return lines if isinstance(lines, Lines) else Lines(lines)

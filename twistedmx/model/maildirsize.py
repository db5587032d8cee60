"""The file `maildirsize` of a Maildir++: how much may be in a Maildir, and how much is.

    maildirsize = quota LF *( octets SP messages LF )
    quota       = limit *( "," limit )                 limit = number ( "S" / "C" ): octets, messages; 0 is no limit

The sum of all lines below the quota is what is there; who delivers or removes appends a line, so that they can be negative.

Source: the Maildir++ description of Courier (README.maildirquota). BUGS: what Dovecot writes beside S and C is not known here.
"""

import re
from typing import Final

import attrs

# Longer, and it is to be counted anew (Courier, Dovecot).
LONGEST: Final = 5120
_DIGITS = 18  # a number of more is no size, and takes long to read
_limit = re.compile(rb"([0-9]{1,%d})([SC])" % _DIGITS).fullmatch
_line = re.compile(rb"[ \t]*(-?[0-9]{1,%d})[ \t]+(-?[0-9]{1,%d})[ \t\r]*" % (_DIGITS, _DIGITS)).fullmatch


@attrs.frozen(kw_only=True)
class MaildirSize:
    """What a `maildirsize` says. `quota`: its first line. `most_octets`, `most_messages`: 0 for no limit. `lines`: below."""

    quota: bytes
    most_octets: int
    most_messages: int
    octets: int
    messages: int
    lines: int

    @property
    def is_full(self) -> bool:
        """Does no further message fit, be it ever so small?"""
        return 0 < self.most_octets <= self.octets or 0 < self.most_messages <= self.messages


def parse_maildirsize(text: bytes) -> MaildirSize | None:
    """None unless its first line is a quota. Lines that are none are passed over. `text`: anything. Never raises."""
    first, *lines = text.split(b"\n")
    quota = first.strip(b" \t\r")
    most = {b"S": 0, b"C": 0}
    for written in quota.split(b","):
        limit = _limit(written)
        if limit is None:
            return None
        most[limit[2]] = int(limit[1])
    counted = [found for found in map(_line, lines) if found is not None]
    return MaildirSize(
        quota=quota,
        most_octets=most[b"S"],
        most_messages=most[b"C"],
        octets=sum(int(found[1]) for found in counted),
        messages=sum(int(found[2]) for found in counted),
        lines=len(counted),
    )


def size_line(octets: int, messages: int) -> bytes:
    """The line to append when so much came, or went (negative). It is written in one call, with O_APPEND."""
    return b"%d %d\n" % (octets, messages)

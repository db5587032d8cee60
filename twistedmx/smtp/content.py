"""The content of a message as it comes over the wire: blocks in, blocks out, nothing held whole.

`Content` undoes transparency (RFC 5321 4.5.2), finds the end, and has CRLF turned into LF and bare CR and LF found
(`line_ends`), all with searches that run in C over whole blocks; benchmarks/session.py shows what that is worth.
Only CRLF.CRLF ends content. After a fault nothing more is given out, yet the end is still looked for in the same way, so
that what follows a forged end of data is never read as a command.

BUGS: from a tolerated peer, a dot that was stuffed behind a bare LF stays: which of the two it means cannot be told.

Held back between two feeds: at most the four octets that may begin an end of data.
"""

import enum
from typing import Final, NamedTuple

from twistedmx.smtp import codes
from twistedmx.smtp.line_ends import has_short_lines, with_lf
from twistedmx.smtp.reply import Reply

_DOT: Final = b"."
_LF: Final = 0x0A
_CRLF: Final = b"\r\n"
_STUFFED: Final = b"\r\n."
_END_OF_DATA: Final = b"\r\n.\r\n"
_BEGUN: Final = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # of an end of data, the longest first
# In a large block with fewer dots than one in so many octets it is faster to leap from dot to dot than to search for those
# at the beginning of a line; base64 has none at all. benchmarks/session.py
_OCTETS_A_DOT: Final = 2048
_LARGE: Final = 8192


def _begun_end(buffer: bytes) -> int:
    """How many octets at the end of `buffer` may be the beginning of an end of data."""
    if not buffer.endswith(_BEGUN):
        return 0
    return next(len(begun) for begun in _BEGUN if buffer.endswith(begun))


def _without_transparency(buffer: bytes, cut: int) -> tuple[bytes, int]:
    """Undo it (RFC 5321 4.5.2) in the octets up to `cut`; from there on an end of data may begin that is not whole yet.

    Returns the content before `cut` or before the dot of an end of data, and where that dot is, -1 without an end.
    """
    if len(buffer) < _LARGE:
        return _without_many_dots(buffer, cut)
    parts, begin = [], 0
    leaps = len(buffer) // _OCTETS_A_DOT  # a bound: a leap costs as much as the search through some hundred octets
    dot = buffer.find(_DOT, 0, cut)
    while dot >= 0:
        if not leaps:
            return _without_many_dots(buffer, cut)
        leaps -= 1
        at = dot + 1
        if buffer[dot - 1] == _LF and buffer[dot - 2 : dot] == _CRLF:
            parts.append(buffer[begin:dot])
            if buffer.startswith(_CRLF, at):
                return b"".join(parts), dot
            begin, at = at, at + 1  # what follows is content, even a dot
        dot = buffer.find(_DOT, at, cut)
    parts.append(buffer[begin:cut])
    return b"".join(parts), -1


def _without_many_dots(buffer: bytes, cut: int) -> tuple[bytes, int]:
    """The same, by searches in which a dot costs little."""
    first = buffer.find(_STUFFED, 0, cut)
    if first < 0:
        return buffer[:cut], -1
    end = buffer.find(_END_OF_DATA, first)
    block = buffer[:cut] if end < 0 else buffer[: end + 2]
    if first != end:
        block = _CRLF.join(block.split(_STUFFED))  # in half the time of replace, which searches twice
    return block, -1 if end < 0 else end + 2


class Newlines(enum.Enum):
    """How a bare CR or LF in content is taken. None of them ends content: CRLF.CRLF alone does."""

    REFUSED = "when all of it is there"
    TOLERATED = "bare LF ends a line, bare CR is kept"
    LF_ENDS_ALL = "bare CR is kept; behind a bare LF nothing is heard any more, as qmail-smtpd has it"


class Spoilt(NamedTuple):
    """The block in which the first fault was found, which is not given out: its first `octets`, with a bare newline as they came,
    else with LF ends. `is_all`: nothing of the content is missing behind them."""

    octets: bytes
    is_all: bool


_REFUSED: Final = Newlines.REFUSED
_TOLERATED: Final = Newlines.TOLERATED


def _bare_lf(block: bytes) -> int:
    """Where the first one is in `block`, which has one."""
    at = block.find(b"\n")
    while block[at - 1 : at] == b"\r":
        at = block.find(b"\n", at + 1)
    return at


class Content:
    """One message's content. Feed it DATA or chunks of BDAT, not both.

    `octets`: the size so far by RFC 1870 (CRLF counts two, stuffed dots do not count). `limit`, `text_line`: octets
    (text_line 0 = any). `sampled`: octets of a spoilt block that somebody will ask for; a block may be as long as a read.
    `ends_now`: a bare LF has come, which ends all; `octets` are those before it.
    """

    __slots__ = (
        "_bare",
        "_held",
        "_limit",
        "_line",
        "_line_too_long",
        "_newlines",
        "_sampled",
        "_short_lines",
        "_skip",
        "_spoilt",
        "_spoilt_all",
        "_text_line",
        "ends_now",
        "octets",
    )

    def __init__(self, *, limit: int, text_line: int, newlines: Newlines, sampled: int = 0) -> None:
        self._limit = limit
        self._text_line = text_line
        self._newlines = newlines
        self._sampled = sampled
        self.octets = 0
        self.ends_now = False
        self._spoilt: bytes | None = None
        self._spoilt_all = 0  # what `octets` was behind it; 0: it was cut
        self._bare = False
        self._line_too_long = False
        # An end of data may stand at the very beginning: content starts as if a CRLF had come before it.
        self._held = b"\r\n"
        self._skip = 2  # leading octets of _held that are not content
        self._short_lines = False  # in the last block
        self._line = 0  # octets of the line that the last block left unfinished

    @property
    def fault(self) -> Reply | None:
        """What the content has earned so far. The order is fixed: it must not depend on how the octets were cut."""
        if self._bare:
            return codes.BARE_NEWLINE
        if self._line_too_long:
            return codes.TEXT_LINE_TOO_LONG
        if self.octets > self._limit:
            return codes.TOO_LARGE
        return None

    @property
    def spoilt(self) -> Spoilt | None:
        """None without a fault. How long it is depends on how the octets were cut."""
        if self._spoilt is None:
            return None
        return Spoilt(self._spoilt, self._spoilt_all == self.octets and not self.endless)

    @property
    def endless(self) -> bool:
        """Twice the limit has come: there is no use in waiting for the end."""
        return self.octets > 2 * self._limit

    def feed_data(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """Take octets of DATA.

        Returns a block of content (LF ends, maybe empty), and what followed the end of data, or None when the end has
        not come.
        """
        buffer = self._held + octets if self._held else octets
        cut = len(buffer) - _begun_end(buffer)
        block, end = _without_transparency(buffer, cut)
        if end >= 0:
            cut, rest = end, buffer[end + 3 :]
        else:
            self._held, rest = buffer[cut:], None
        if self._skip:
            block = block[self._skip :]
            self._skip = max(0, self._skip - cut)
        return self._give(block), rest

    def feed_chunk(self, octets: bytes, *, last: bool) -> bytes:
        """Take octets of a BDAT chunk (RFC 3030): no transparency. `last`: the message ends with them."""
        buffer = (self._held + octets)[self._skip :]
        self._skip = 0
        if not last and buffer.endswith(b"\r"):
            self._held, buffer = b"\r", buffer[:-1]
        else:
            self._held = b""
        return self._give(buffer)

    def _give(self, block: bytes) -> bytes:
        """Count and judge a block (CRLF ends, never cut within CRLF), and return it with LF ends, or b"" after a fault."""
        self.octets += len(block)
        if self._bare or not block:
            return b""
        newlines = self._newlines
        if newlines is not _REFUSED:
            body = block.replace(_CRLF, b"\n")
            if newlines is not _TOLERATED and body.count(b"\n") != block.count(_CRLF):
                self._bare = self.ends_now = True
                self.octets += _bare_lf(block) - len(block)
                self._keep(block)
                return b""
        else:
            judged = with_lf(block, short_lines=self._short_lines)
            if judged is None:
                self._bare = True
                self._keep(block)
                return b""
            body = judged
            self._short_lines = has_short_lines(block, body)
        if self._text_line and not self._line_too_long:
            self._line_too_long = self._too_long(body)
        if self.fault is None:
            return body
        self._keep(body)
        return b""

    def _keep(self, spoilt: bytes) -> None:
        """The first block with a fault, as much of it as is wanted."""
        if self._spoilt is None:
            self._spoilt = spoilt[: self._sampled]
            self._spoilt_all = self.octets if len(spoilt) <= self._sampled else 0

    def _too_long(self, body: bytes) -> bool:
        """Whether a line of `body` (LF ends), CRLF counted, passes `text_line`. Leaps from line end to line end."""
        room = self._text_line - 1  # LF stands for CRLF here
        at = 0
        reach = room - self._line
        while len(body) - at > reach:
            end = body.rfind(b"\n", at, at + max(reach, 0))
            if end < 0:
                return True
            at, reach = end + 1, room
        last = body.rfind(b"\n")
        self._line = len(body) - last - 1 if last >= 0 else self._line + len(body)
        return False

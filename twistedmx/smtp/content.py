"""The content of a message as it comes over the wire: blocks in, blocks out, nothing held whole.

`Content` undoes transparency (RFC 5321 4.5.2), finds the end, turns CRLF into LF (as Maildirs want it) and finds bare CR
and bare LF, all with searches that run in C over whole blocks; benchmarks/session.py shows what that is worth.
Only CRLF.CRLF ends content. After a fault nothing more is given out, yet the end is still looked for in the same way, so
that what follows a forged end of data is never read as a command.

BUGS: from a tolerated peer, a dot that was stuffed behind a bare LF stays: which of the two it means cannot be told.

Held back between two feeds: at most the four octets that may begin an end of data.
"""

from typing import Final

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

_CRLF: Final = b"\r\n"
_STUFFED: Final = b"\r\n."
_END_OF_DATA: Final = b"\r\n.\r\n"


def _begun_end(buffer: bytes) -> int:
    """How many octets at the end of `buffer` may be the beginning of an end of data."""
    return next((count for count in (4, 3, 2, 1) if buffer.endswith(_END_OF_DATA[:count])), 0)


class Content:
    """One message's content. Feed it DATA or chunks of BDAT, not both.

    `octets`: the size so far by RFC 1870 (CRLF counts two, stuffed dots do not count). `limit`, `text_line`: octets
    (text_line 0 = any). `tolerant`: bare LF ends a line and bare CR is kept (for listed peers; CRLF.CRLF alone still
    ends content).
    """

    __slots__ = ("_bare", "_held", "_limit", "_line", "_line_too_long", "_skip", "_text_line", "_tolerant", "octets")

    def __init__(self, *, limit: int, text_line: int, tolerant: bool) -> None:
        self._limit = limit
        self._text_line = text_line
        self._tolerant = tolerant
        self.octets = 0
        self._bare = False
        self._line_too_long = False
        # An end of data may stand at the very beginning: content starts as if a CRLF had come before it.
        self._held = b"\r\n"
        self._skip = 2  # leading octets of _held that are not content
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
    def endless(self) -> bool:
        """Twice the limit has come: there is no use in waiting for the end."""
        return self.octets > 2 * self._limit

    def feed_data(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """Take octets of DATA.

        Returns a block of content (LF ends, maybe empty), and what followed the end of data, or None when the end has
        not come.
        """
        buffer = self._held + octets if self._held else octets
        dot = buffer.find(_STUFFED)  # most blocks have none: one search for stuffing and end (benchmarks/session.py)
        end = buffer.find(_END_OF_DATA, dot) if dot >= 0 else -1
        if end >= 0:
            cut, rest = end + 2, buffer[end + 5 :]
        else:
            cut, rest = len(buffer) - _begun_end(buffer), None
            self._held = buffer[cut:]
        block = buffer[:cut]
        if 0 <= dot < cut:
            # Nothing that begins with CR can begin within this, so that each dot is found whatever stands around it.
            block = block.replace(_STUFFED, _CRLF)
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
        whole = block.endswith(_CRLF)
        lines = block.splitlines()
        if whole:
            lines.append(b"")
        body = b"\n".join(lines)
        # Every line end is CRLF if and only if each shrank by one octet, and none vanished at the end of the block.
        if len(block) - len(body) != len(lines) - 1 or (not whole and block.endswith((b"\r", b"\n"))):
            if not self._tolerant:
                self._bare = True
                return b""
            body = block.replace(_CRLF, b"\n")
        if self._text_line and not self._line_too_long:
            self._line_too_long = self._too_long(body)
        return body if self.fault is None else b""

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

"""What was heard and not yet read: octets, given out as command lines, as counted octets, or all at once."""

from typing import Final

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

# ContentType handshake of TLSPlaintext (RFC 8446 5.1): the peer took a port that begins in plain text for another.
_TLS_HANDSHAKE: Final = 0x16
_CR: Final = 0x0D


class Heard:
    """`limit`: octets that a command line may have, with its CRLF. Of a longer one nothing is held."""

    # Whether LF alone ends a line as well; else the session ends there.
    lf_ends = False

    __slots__ = ("at", "limit", "octets", "overlong")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.octets = b""
        self.at = 0  # what comes before is read
        self.overlong = False  # the beginning of the present line was thrown away

    def __bool__(self) -> bool:
        return self.at < len(self.octets)

    def add(self, octets: bytes) -> None:
        """More was heard."""
        self.octets = self.octets[self.at :] + octets if self.at < len(self.octets) else octets
        self.at = 0

    def drop(self) -> None:
        """Forget all."""
        self.octets = b""
        self.at = 0

    def is_done(self) -> bool:
        """Whether all was taken. What was taken is not held any longer then."""
        if self.at < len(self.octets):
            return False
        self.octets = b""
        self.at = 0
        return True

    def take_all(self) -> bytes:
        """Everything."""
        octets = self.octets[self.at :]
        self.drop()
        return octets

    def take(self, most: int) -> bytes:
        """Up to `most` octets."""
        octets = self.octets[self.at : self.at + most]
        self.at += len(octets)
        return octets

    def take_line(self) -> bytes | Reply | None:
        """The next command line without its CRLF; the reply to what is no line; None while it is unfinished."""
        octets, at = self.octets, self.at
        end = octets.find(b"\n", at)
        if end < 0:
            return self._unfinished(octets, at)
        self.at = end + 1
        if self.overlong or end + 1 - at > self.limit:
            self.overlong = False
            return codes.LINE_TOO_LONG
        if octets[at] == _TLS_HANDSHAKE:
            return codes.NOT_SMTP
        if end == at or octets[end - 1] != _CR:
            return octets[at:end] if self.lf_ends else codes.BARE_LF_IN_COMMAND
        return octets[at : end - 1]

    def _unfinished(self, octets: bytes, at: int) -> Reply | None:
        if at == len(octets):
            self.drop()  # an idle session holds no packet that it has read
            return None
        if octets[at] == _TLS_HANDSHAKE and not self.overlong:
            self.drop()
            return codes.NOT_SMTP
        if len(octets) - at >= self.limit:
            self.drop()
            self.overlong = True
        return None

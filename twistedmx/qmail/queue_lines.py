"""What a queue program says on its descriptor 2, as lines for our log: bounded in length, and in all, and without octets
that would move a cursor: scanners tell what a peer has sent."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.qmail.log_lines import safe_text

LONGEST: Final = 1000  # octets: with a stamp and a name it stays one write of a log that many write to (PIPE_BUF)
MOST: Final = 65_536  # octets of one program; who says more says it to nobody
MORE: Final = b"(it says more, which is not shown)"


@implementer(IReadDescriptor)
class Lines:
    """`descriptor`: non-blocking; to be closed by whoever gave it, after `end`. `tell`: hears each line, without its end."""

    def __init__(self, reactor: Any, descriptor: int, tell: Callable[[bytes], None]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._tell = tell
        self._line = b""
        self._said = 0
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "queue program"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has stopped."""

    def doRead(self) -> None:
        """As much as a pipe holds."""
        octets = b""
        with suppress(BlockingIOError):
            octets = os.read(self._descriptor, MOST)
            if not octets:
                self._reactor.removeReader(self)
        self._hear(octets)

    def _hear(self, octets: bytes) -> None:
        if self._said > MOST:
            return
        self._said += len(octets)
        *lines, self._line = (self._line + octets).split(b"\n")
        if len(self._line) > LONGEST:
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self._tell(safe_text(line, most=LONGEST))
        if self._said > MOST:
            self._line = b""
            self._tell(MORE)

    def end(self) -> None:
        """The program has ended: its last words."""
        self.doRead()
        self._reactor.removeReader(self)
        if self._line:
            self._hear(b"\n")

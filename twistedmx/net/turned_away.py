"""What meets a connection from a blocked host: one line or none, before any session, look-up or TLS."""

from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.net.doorstep import Doorstep
from twistedmx.net.eager import EagerWriter
from twistedmx.net.readers import Connection
from twistedmx.smtp.reply import Reply


@implementer(IHalfCloseableProtocol)
class TurnedAway(Protocol):
    """`words`: what is said before we close; None: nothing. Until then it waits `seconds` at the `doorstep`, if not `most` do."""

    transport: Any

    def __init__(self, words: Reply | None, doorstep: Doorstep, seconds: float, most: int) -> None:
        self._words = words
        self._doorstep = doorstep
        self._seconds, self._most = seconds, most

    def connectionMade(self) -> None:
        """Nothing of what comes is heard: it is read, behind all others, to notice when the client goes, and because closing a
        socket with unread octets in it takes our words back."""
        if not self._doorstep.wait(self._leave, self._seconds, self._most):
            self._leave()
        elif isinstance(self.transport, Connection):
            self.transport.fall_behind()

    def readConnectionLost(self) -> None:
        """It says no more, but listens still."""
        self._doorstep.forget(self._leave)
        self._leave()

    def writeConnectionLost(self) -> None:
        """We have said our line."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It did not wait for our words, or has them."""
        self._doorstep.forget(self._leave)

    def _leave(self) -> None:
        if self._words is None:
            self.transport.abortConnection()
            return
        out = EagerWriter(self.transport)
        out.write(self._words.octets)
        if out.all_sent and isinstance(self.transport, Connection):
            self.transport.close()
        else:
            self.transport.loseConnection()

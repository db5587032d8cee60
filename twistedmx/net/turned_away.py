"""What meets a connection from a blocked host: one line or none, before any session, look-up or TLS."""

from twisted.internet.protocol import Protocol

from twistedmx.net.eager import EagerWriter
from twistedmx.net.readers import Connection
from twistedmx.smtp.reply import Reply


class TurnedAway(Protocol):
    """`words`: what is said before we close; None: nothing."""

    def __init__(self, words: Reply | None) -> None:
        self._words = words

    def connectionMade(self) -> None:
        """And at once no more."""
        if self._words is None:
            self.transport.abortConnection()  # type: ignore[union-attr]  # there is one by now
            return
        out = EagerWriter(self.transport)
        out.write(self._words.octets)
        if out.all_sent and isinstance(self.transport, Connection):
            self.transport.close()
        else:
            self.transport.loseConnection()  # type: ignore[union-attr]

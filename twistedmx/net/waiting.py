"""A connection in the anteroom, until its session begins."""

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twistedmx.model.peer import Peer
from twistedmx.net.readers import Connection
from twistedmx.net.wheel import Deadline
from twistedmx.policy.admission import Full
from twistedmx.policy.record import Terms
from twistedmx.smtp.reply import Reply

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

_KEPT: Final = 512  # octets that one may say meanwhile: the commands of a packet


class Waiting(Protocol):
    """What meets a connection from who waits; then it is a Shell's. `terms`: of its client. `secure`: TLS comes first.
    `full`: what it waits for; None: for its turn.

    It is read meanwhile, to notice when the client goes. A client that ends its side has gone.
    """

    transport: Any
    under_tls = False
    attending = None  # nobody: there is no session yet

    def __init__(
        self,
        factory: "ServerFactory",
        peer: Peer,
        terms: Terms,
        *,
        secure: bool,
        full: Full | None = None,
    ) -> None:
        self._factory = factory
        self._peer = peer
        self._secure = secure
        self._full = full
        self._heard = b""
        self._paused = False
        self._deadline = Deadline(self.give_up)
        self.terms, self.known = terms, terms.known
        self.address = peer.address

    def connectionMade(self) -> None:
        """It is there."""
        factory = self._factory
        if isinstance(self.transport, Connection):
            self.transport.fall_behind()
        factory.connections.add(self, self.address)
        factory.wheel.set(self._deadline, factory.door.patience)
        factory.door.anteroom.wait(self)

    def dataReceived(self, octets: bytes) -> None:
        """Kept for its session; who says much is not read any more until then."""
        self._heard += octets
        if len(self._heard) > _KEPT and not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It did not wait."""
        self._leave()

    def begin(self) -> None:
        """Its turn has come."""
        self._leave()
        factory, transport = self._factory, self.transport
        if self._secure and factory.tls is None:
            transport.abortConnection()  # a reload took the certificate away meanwhile
            return
        self._become(factory.door.meet(self._peer, secure=self._secure, has_waited=self))
        if self._heard:
            transport.protocol.dataReceived(self._heard)  # that is not who was met, if TLS is between them by now

    def give_up(self) -> None:
        """It has waited long enough, or gives its place here to one whose turn is before its own."""
        self._leave()
        door = self._factory.door
        self._become(door.send_away(self._peer, self.known, self._full or Full.STRANGERS, secure=self._secure))

    def _become(self, met: Any) -> None:
        transport = self.transport
        if self._paused:
            transport.resumeProducing()
        if isinstance(transport, Connection):
            transport.catch_up()  # who belongs behind falls there again
        transport.protocol = met
        met.makeConnection(transport)

    def turn_away(self, words: Reply) -> None:
        """It was blocked meanwhile. `words` are for who was greeted: it is met as the blocked are."""
        self._factory.door.anteroom.let_in(self)

    def finish(self) -> Deferred[None]:
        """The server stops. It has not been greeted: there is nobody to say goodbye to."""
        self._leave()
        self.transport.abortConnection()
        return succeed(None)

    def hurry(self) -> None:
        """It has finished."""

    def _leave(self) -> None:
        factory = self._factory
        factory.wheel.clear(self._deadline)
        factory.door.anteroom.leave(self)
        factory.connections.discard(self, self.address)

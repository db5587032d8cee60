"""What stands before a session from a balancer: the header of the PROXY protocol, and not an octet before or instead of it."""

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.net.peers import peer_at
from twistedmx.net.proxy_header import BadHeader, Header, parse_header
from twistedmx.net.wheel import Deadline
from twistedmx.policy.receiver import Receiver
from twistedmx.smtp.reply import Reply

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory


class Entrance(Protocol):
    """A connection until its header is there; then it is a Shell's. `secure`: TLS begins behind the header."""

    transport: Any
    under_tls = False

    def __init__(self, factory: "ServerFactory", *, secure: bool) -> None:
        self._factory = factory
        self._secure = secure
        self._heard = b""
        self._over = False
        self._deadline = Deadline(self._expired)

    def connectionMade(self) -> None:
        """The balancer is there."""
        factory = self._factory
        factory.connections.add(self)
        factory.wheel.set(self._deadline, factory.timeouts.handshake)

    def dataReceived(self, octets: bytes) -> None:
        """The header, or a part of it; or something else."""
        if self._over:
            return
        self._heard += octets
        try:
            header = parse_header(self._heard)
        except BadHeader:
            self._cut(Reason.PROXY_FAILED)
        else:
            if header is None:
                return
            if self._secure and self._factory.tls is None and self._factory.visits is None:
                self._cut(Reason.TLS_FAILED)  # a reload took the certificate away since the balancer connected
            else:
                self._hand_over(header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The balancer is gone."""
        self._leave()
        self._tell(Reason.PROXY_FAILED)

    address = ""  # of the client: not known yet
    attending = None  # nobody: there is no session yet

    def turn_away(self, words: Reply) -> None:
        """Nobody is known to be here."""

    def finish(self) -> Deferred[None]:
        """The server stops: there is nothing to finish."""
        self._cut(Reason.SHUTDOWN)
        return succeed(None)

    def hurry(self) -> None:
        """It has finished."""

    def _hand_over(self, header: Header) -> None:
        self._over = True
        self._leave()
        balancer = peer_at(self.transport.getPeer())
        peer = balancer
        if header.address:
            peer = Peer(address=header.address, port=header.port, via=balancer.address)
        transport = self.transport
        met = transport.protocol = self._factory.door.meet(peer, secure=self._secure)
        met.makeConnection(transport)  # type: ignore[no-untyped-call]
        if header.rest:
            transport.protocol.dataReceived(header.rest)  # that is not who was met, if TLS is between them by now

    def _expired(self) -> None:
        self._cut(Reason.PROXY_FAILED)

    def _cut(self, reason: Reason) -> None:
        """Without a word: who does not know our protocol would not know our words."""
        if not self._over:
            self._factory.wheel.clear(self._deadline)
            self._tell(reason)
            self.transport.abortConnection()

    def _leave(self) -> None:
        self._factory.wheel.clear(self._deadline)
        self._factory.connections.discard(self)

    def _tell(self, reason: Reason) -> None:
        if not self._over:
            self._over = True
            peer = peer_at(self.transport.getPeer())
            session = self._factory.session(peer, secure=self._secure)
            Receiver(self._factory.site, session, peer).ended(None, reason)

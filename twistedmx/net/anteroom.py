"""Where hosts wait for their greeting that were hung up on a moment ago.

In the first seconds of an attack nobody is blocked yet, and each host that is hung up on is back at once: two thousand of them are
again as many sessions to be made, while a first-time sender waits to be accepted behind them (benchmarks, victim-2000). So they
are accepted for a fifth of what a session costs. Some have theirs at a time, at a pace that leaves most of the processor to others,
and are read in the back lane (`net.readers`) from its beginning. One that comes back alone waits for nothing.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.peer import Peer
from twistedmx.smtp.reply import Reply

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

# So many sessions begin at a time, and so many seconds later the next ones: four hundred a second, which take a fifth of a core
# if each guesses until it is hung up on.
_AT_ONCE: Final = 2
_PACE: Final = 0.005


class Anteroom:
    """Of one server."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._line: deque[Waiting] = deque()  # also of some who have gone
        self._call: IDelayedCall | None = None

    def wait(self, waiting: "Waiting") -> None:
        """It begins when its turn has come: in the next one of the reactor, where nobody is before it."""
        self._line.append(waiting)
        if self._call is None:
            self._call = self._clock.callLater(0, self._turn)

    def close(self) -> None:
        """The server stops: nobody begins any more."""
        self._line.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _turn(self) -> None:
        line, left = self._line, _AT_ONCE
        # Before anything can go wrong: the line is everybody's.
        self._call = self._clock.callLater(_PACE, self._turn) if line else None
        while line and left:
            waiting = line.popleft()
            if waiting.over:
                continue
            left -= 1
            try:
                waiting.begin()
            except Exception:
                self._log.failure("a session failed at its beginning")
                waiting.transport.abortConnection()


class Waiting(Protocol):
    """A connection until its session begins; then it is a Shell's. `secure`: TLS comes first. `over`: it has begun, or is gone."""

    transport: Any
    under_tls = False
    attending = None  # nobody: there is no session yet

    def __init__(self, factory: "ServerFactory", peer: Peer, *, secure: bool) -> None:
        self._factory = factory
        self._peer = peer
        self._secure = secure
        self._heard = b""
        self.address = peer.address
        self.over = False

    def connectionMade(self) -> None:
        """Nothing is read until then: what it says waits in the kernel."""
        factory = self._factory
        self.transport.pauseProducing()
        factory.connections.add(self, self.address)
        factory.anteroom.wait(self)

    def dataReceived(self, octets: bytes) -> None:
        """What came in the packet of a balancer's header."""
        self._heard += octets

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It was cut."""
        self._leave()

    def begin(self) -> None:
        """Its turn has come."""
        self._leave()
        factory, transport = self._factory, self.transport
        if self._secure and factory.tls is None:
            transport.abortConnection()  # a reload took the certificate away meanwhile
            return
        transport.protocol = factory.meet(self._peer, secure=self._secure, has_waited=True)
        transport.resumeProducing()
        transport.protocol.makeConnection(transport)
        if self._heard:
            transport.protocol.dataReceived(self._heard)  # that is not who was met, if TLS is between them by now

    def turn_away(self, words: Reply) -> None:
        """It was blocked meanwhile. `words` are for who was greeted: when its turn comes, it is met as the blocked are."""

    def finish(self) -> Deferred[None]:
        """The server stops: there is nothing to finish."""
        self._leave()
        self.transport.abortConnection()
        return succeed(None)

    def hurry(self) -> None:
        """It has finished."""

    def _leave(self) -> None:
        if not self.over:
            self.over = True
            self._factory.connections.discard(self, self.address)

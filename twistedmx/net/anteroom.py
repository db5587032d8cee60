"""Where hosts wait for their greeting that were hung up on lately for their conduct.

In the first seconds of an attack nobody is blocked yet, and each host that is hung up on is back at once: two thousand of them are
again as many sessions, each half a millisecond of work, and a first-time sender waits behind them (benchmarks, victim-2000). So
they have theirs some at a time, at a pace that leaves most of the processor to others, and are read in the back lane
(`net.readers`) from its beginning. Each host has its turn, whatever the others have of connections: one that comes back alone waits
for some milliseconds.

A place is a descriptor, which is everybody's: there are so many and no more, and whoever goes gives his back at once.

BUGS: who has said more than some commands is not read any more, and is noticed to be gone in his turn. If the clock is set back,
those who wait go on when somebody else comes.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.peer import Peer
from twistedmx.net.readers import Connection
from twistedmx.policy.host_key import host_key
from twistedmx.smtp.reply import Reply

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

# So many sessions begin at a time, and so many seconds later the next ones: four hundred a second, which take a fifth of a core
# if each guesses until it is hung up on.
_AT_ONCE: Final = 2
_PACE: Final = 0.005
_LATE: Final = 1.0  # seconds: the clock was set back
_KEPT: Final = 512  # octets that one may say meanwhile: the commands of a packet


class Anteroom:
    """Of one server. `places`: how many may wait at most; beyond that a session begins at once."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, places: int) -> None:
        self._clock = clock
        self._places = places
        self._hosts: OrderedDict[bytes, dict[Waiting, None]] = OrderedDict()  # in the order of their turns
        self._waiting = 0
        self._call: IDelayedCall | None = None
        self._asked_at = 0.0

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting

    @property
    def has_room(self) -> bool:
        """For one more."""
        return self._waiting < self._places

    def wait(self, waiting: "Waiting") -> None:
        """It begins when its host's turn has come: in the next one of the reactor, where nobody is before it."""
        self._hosts.setdefault(host_key(waiting.address), {})[waiting] = None
        self._waiting += 1
        if self._call is not None and abs(self._clock.seconds() - self._asked_at) > _LATE:
            self._call.cancel()
            self._call = None
        if self._call is None:
            self._ask(0)

    def leave(self, waiting: "Waiting") -> None:
        """It has gone, or begun."""
        host = host_key(waiting.address)
        crowd = self._hosts.get(host)
        if crowd is not None and waiting in crowd:
            del crowd[waiting]
            self._waiting -= 1
            if not crowd:
                del self._hosts[host]

    def close(self) -> None:
        """The server stops: nobody begins any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ask(self, seconds: float) -> None:
        self._asked_at = self._clock.seconds()
        self._call = self._clock.callLater(seconds, self._turn)

    def _turn(self) -> None:
        self._call = None
        if self._hosts:
            self._ask(_PACE)  # before anything can go wrong: the line is everybody's
        for _ in range(_AT_ONCE):
            if not self._hosts:
                break
            host, crowd = next(iter(self._hosts.items()))
            self._hosts.move_to_end(host)
            self.let_in(next(iter(crowd)))

    def let_in(self, waiting: "Waiting") -> None:
        """Now, whoever is before it. A fault of its beginning leaves no connection that is nobody's."""
        try:
            waiting.begin()
        except Exception:
            self._log.failure("a session failed at its beginning")
            waiting.transport.abortConnection()


class Waiting(Protocol):
    """A connection until its session begins; then it is a Shell's. `secure`: TLS comes first.

    It is read meanwhile, to notice when the client goes. A client that ends its side has gone.
    """

    transport: Any
    under_tls = False
    attending = None  # nobody: there is no session yet

    def __init__(self, factory: "ServerFactory", peer: Peer, *, secure: bool) -> None:
        self._factory = factory
        self._peer = peer
        self._secure = secure
        self._heard = b""
        self._paused = False
        self.address = peer.address

    def connectionMade(self) -> None:
        """It is there."""
        factory = self._factory
        if isinstance(self.transport, Connection):
            self.transport.fall_behind()
        factory.connections.add(self, self.address)
        factory.anteroom.wait(self)

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
        if self._paused:
            transport.resumeProducing()
        transport.protocol = factory.meet(self._peer, secure=self._secure, has_waited=True)
        transport.protocol.makeConnection(transport)
        if self._heard:
            transport.protocol.dataReceived(self._heard)  # that is not who was met, if TLS is between them by now

    def turn_away(self, words: Reply) -> None:
        """It was blocked meanwhile. `words` are for who was greeted: it is met as the blocked are."""
        self._factory.anteroom.let_in(self)

    def finish(self) -> Deferred[None]:
        """The server stops. It has not been greeted: there is nobody to say goodbye to."""
        self._leave()
        self.transport.abortConnection()
        return succeed(None)

    def hurry(self) -> None:
        """It has finished."""

    def _leave(self) -> None:
        self._factory.anteroom.leave(self)
        self._factory.connections.discard(self, self.address)

"""Which connections have something to be read: an epoll of our own, which the reactor watches as one descriptor.

The reactor puts a logging context around each event and asks its tables several times; that costs more than a refused recipient
(benchmarks, reject-580). Here a turn of the reactor reads from all connections that are ready, some hundred at most, so that
timers and all else of the reactor have their turn as before. Writing, and where there is no epoll all of it, stays the reactor's.

There are two lanes. Who has only failed so far is read in the back one, and of these only some in a turn: else a first-time sender
would wait, at each of his commands, for all of a botnet (benchmarks, victim-2000).
"""

import contextlib
import os
import select
from collections.abc import Callable, Sized
from functools import partial
from typing import Any, Final, cast

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IListeningPort, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.net.arrivals import Arrivals
from twistedmx.net.eager import EagerWriter
from twistedmx.net.shares import Share, Shares

READ: Final = 65_536  # octets, at once
# The same of a large message: what a read costs beside its octets was a fourth of all (benchmarks, big). Of commands as many would
# be held by each of those that wait for their turn; content is read so while turns are not short (net.turns).
READ_OF_CONTENT: Final = 262_144
_DONE: Final = Failure(ConnectionDone())
_LOST: Final = Failure(ConnectionLost())
_log = Logger()


def _nothing() -> None: ...


class Turn:
    """`holding`: who holds what he writes, while several sessions go on in turn; else None. The kernel's code and ours push
    each other out of the processor's caches: to send many replies at once is faster by a twentieth (benchmarks, reject-580)."""

    __slots__ = ("holding",)

    def __init__(self) -> None:
        self.holding: list[EagerWriter] | None = None


def _found(find: Callable[[Any], object]) -> Any:
    """What Twisted gives to each connection, and can be found when somebody asks (benchmarks, idle: a twelfth of a session)."""
    return property(find, lambda self, value: None, lambda self: None)


class Connection(Server):
    """A connection that was accepted, read by `Readers`. `most`: octets that are read at once. `lane`: in which of the two."""

    most = READ
    # Twisted's own: to close is enough, for nobody else holds the descriptor (benchmarks, churn).
    _shouldShutdown = False

    def __init__(self, readers: "Readers", *accepted: Any) -> None:
        self.lane = readers.front
        super().__init__(*accepted)

    @_found
    def logstr(self) -> str:
        """Who serves whom."""
        protocol = self.__dict__.get("protocol")  # of one that is closed none
        name = type(getattr(protocol, "wrappedProtocol", protocol)).__name__ if protocol is not None else "closed"
        return f"{name},{self.sessionno},{self.hostname}"

    repstr = logstr

    @_found
    def fileno(self) -> Callable[[], int]:
        """Of the socket; of one that is closed -1, as ever."""
        return self.socket.fileno if "socket" in self.__dict__ else super().fileno

    def startReading(self) -> None:
        self.lane.add(self)

    def stopReading(self) -> None:
        self.lane.remove(self)

    def fall_behind(self) -> None:
        """From now on it is read in the back lane."""
        self._change_to(self.lane.readers.back)

    def catch_up(self) -> None:
        """And now in front again."""
        self._change_to(self.lane.readers.front)

    def _change_to(self, lane: "Lane") -> None:
        before, self.lane = self.lane, lane
        if before is not lane and before.remove(self):
            lane.add(self)

    def abortConnection(self) -> None:
        self.disconnecting = 1  # it hears nothing more in this turn either
        super().abortConnection()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """loseConnection for who has nothing left to send: it need not wait until it may write."""
        if self.connected and not self.disconnecting:
            self.disconnecting = 1
            self.lane.close(self)


class Readers:
    """Both lanes of one server. `reactor`: watches them, from `open` on: an epoll made before daemonising would be shared with who
    forks. `begin`, `end`: are called around what several sessions go on in; `end` after their replies.
    `is_awaited`: whether somebody waits for what another thread does; `give_way`: to that."""

    def __init__(
        self, reactor: IReactorFDSet, *, begin: Callable[[], None] = _nothing, end: Callable[[], None] = _nothing
    ) -> None:
        self.begin, self.end = begin, end
        self.reactor = reactor
        self.turn = Turn()
        self.is_awaited: Callable[[], bool] = lambda: False
        self.give_way: Callable[[], None] = getattr(os, "sched_yield", _nothing)
        self.arrivals = Arrivals(reactor, partial(Connection, self), self.together)
        shares = Shares()
        self.front = Lane(reactor, self, shares.front)
        self.back = Lane(
            reactor, self, lambda now: shares.back(now, self.front.heard), self._look_ahead, self._is_over_early
        )
        # What threads have called, which begins the reactor's next turn.
        self._called: Sized = getattr(reactor, "threadCallQueue", ())

    def open(self) -> None:
        """Be watched; harmless twice. Before there are connections: of one that was closed in this turn the reactor may still have
        to tell that it can be written to, and would tell that to a lane which has its descriptor now, and never again anything."""
        for one in (self.arrivals, self.front, self.back):
            one.open()

    def serve(self, port: IListeningPort) -> None:
        """Read from what comes to `port`. One that is not TCP's own stays as it is."""
        self.open()
        self.arrivals.serve(port)

    def stop(self) -> None:
        """End what is left, accept and read no more."""
        for one in (self.arrivals, self.front, self.back):
            one.stop()

    def _look_ahead(self) -> None:
        """Before some of the back lane have their turn."""
        # Who is always busy gets Python back at once after each call of the kernel, and a thread that wants it waits, at times for
        # milliseconds, twice for each message (benchmarks, unpunished-2000: 4.4 to 4.6 ms for a transaction, like this 3.8 to 4.3).
        if self.is_awaited():
            self.give_way()
        self.front.doRead()
        self.arrivals.look()

    def _is_over_early(self) -> bool:
        """Whether somebody may wait for the next turn of the reactor: what he waited for was done."""
        return bool(self._called) and self.is_awaited()

    def together(self, hear: Callable[..., object], *arguments: Any) -> None:
        """Call `hear`, in which several sessions go on: what they answer is sent when all have heard."""
        turn = self.turn
        if turn.holding is not None:
            hear(*arguments)
            return
        holding: list[EagerWriter] = []
        turn.holding = holding
        self.begin()
        try:
            hear(*arguments)
        finally:
            turn.holding = None
            try:
                for writer in holding:
                    _send(writer)
            finally:
                self.end()


def _send(writer: EagerWriter) -> None:
    try:
        writer.flush()
    except Exception:
        _log.failure("a reply could not be sent")
        writer.give_up()


@implementer(IReadDescriptor)
class Lane:
    """One of the two of `readers`. `share`: of a turn, by the time. `look_ahead`: called before each of its batches;
    `is_over_early`: whether that was the last one. `heard`: packets, since the start."""

    def __init__(
        self,
        reactor: IReactorFDSet,
        readers: Readers,
        share: Callable[[float], Share],
        look_ahead: Callable[[], None] = _nothing,
        is_over_early: Callable[[], bool] = lambda: False,
    ) -> None:
        self.readers = readers
        self.heard = 0
        self._reactor: Any = reactor
        self._seconds = cast(IReactorTime, reactor).seconds
        self._share, self._look_ahead, self._is_over_early = share, look_ahead, is_over_early
        self._connections: dict[int, Connection] = {}
        self._closing: list[Connection] = []
        self._in_turn = False
        self._epoll: select.epoll | None = None

    def open(self) -> None:
        """Be watched; harmless twice."""
        if self._epoll is None and hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._reactor.addReader(self)

    def stop(self) -> None:
        """End what is left, and read no more."""
        self.connectionLost(_LOST)
        if self._epoll is not None:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    def add(self, connection: Connection) -> None:
        """Listen to it; harmless twice."""
        if self._epoll is None:
            self.readers.open()
        descriptor = connection.fileno()
        if self._epoll is not None and descriptor not in self._connections:
            self._epoll.register(descriptor, select.EPOLLIN)
            self._connections[descriptor] = connection

    def remove(self, connection: Connection) -> bool:
        """Listen to it no more; harmless twice. Whether it was listened to."""
        descriptor = connection.fileno()
        if self._connections.pop(descriptor, None) is None or self._epoll is None:
            return False
        if not connection.disconnected:  # else it is about to be closed, and an epoll forgets what is closed
            self._epoll.unregister(descriptor)
        return True

    def forget(self, descriptor: int) -> None:
        """It is about to be closed, and others have it as well: the epoll would tell of it until they too have closed it."""
        with contextlib.suppress(OSError):
            if self._epoll is not None:
                self._epoll.unregister(descriptor)

    def close(self, connection: Connection) -> None:
        """Close it when this turn is over: it may be in the middle of something. Our epoll forgets it then."""
        self._connections.pop(connection.fileno(), None)
        self._closing.append(connection)
        if not self._in_turn and len(self._closing) == 1:
            self._reactor.callLater(0, self._close)

    def _close(self) -> None:
        closing, self._closing = self._closing, []
        for connection in closing:
            self._lose(connection, _DONE)

    def _lose(self, connection: Connection, reason: Failure) -> None:
        """A fault of one session's end must not reach the reactor: it would read from none of us any more."""
        try:
            connection.connectionLost(reason)
        except Exception:
            _log.failure("a session failed at its end: {connection}", connection=connection.logstr)

    # -- what the reactor calls --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._epoll.fileno() if self._epoll is not None else -1

    def logPrefix(self) -> str:
        return "readers"

    def doRead(self) -> None:
        """Read from those that have something, as long as this lane's share of the turn lasts."""
        epoll = self._epoll
        if epoll is None:
            return
        self._in_turn = True
        try:
            at = self._seconds()
            self._look_ahead()
            turn, batch = self._share(at)
            # Whom the kernel tells of goes to the end of its line: who is not read in this turn must not be among them. Of who was
            # closed in this turn it may tell again and again.
            while ready := epoll.poll(0, batch):
                heard = self._serve(ready)
                self.heard += heard
                if heard < batch or self._is_over_early() or abs(self._seconds() - at) >= turn:
                    break
                self._look_ahead()
        finally:
            self._in_turn = False
        if self._closing:
            self._close()

    def _serve(self, ready: list[tuple[int, int]]) -> int:
        """Read from these, then hear them, then send what they are answered (`EagerWriter.write_soon`). How many there were."""
        connections = self._connections
        heard: list[tuple[int, Connection, bytes | None]] = []  # None: it is lost
        for descriptor, _ in ready:
            connection = connections.get(descriptor)
            if connection is None:
                continue  # one of those before has closed it, has it wait, or has it change lanes
            try:
                octets = connection.socket.recv(connection.most)
            except BlockingIOError:
                continue
            except OSError:
                octets = None
            heard.append((descriptor, connection, octets))
        if heard:
            try:
                self.readers.together(self._hear, heard)
            except Exception:  # the reactor would look at this lane no more
                _log.failure("what follows from what was heard failed")
        return len(heard)

    def _hear(self, heard: list[tuple[int, Connection, bytes | None]]) -> None:
        connections = self._connections
        for descriptor, connection, octets in heard:
            if connections.get(descriptor) is not connection and (connection.disconnecting or connection.disconnected):
                continue  # it was closed by one of those before; one that waits or changes lanes still hears this
            try:
                if octets:
                    connection.protocol.dataReceived(octets)
                else:
                    self._read_all(connection, CONNECTION_LOST if octets is None else CONNECTION_DONE)
            except Exception as error:
                _log.failure("a session failed at what it heard: {connection}", connection=connection.logstr)
                self._lose(connection, Failure(error))

    def _read_all(self, connection: Connection, why: Exception) -> None:
        """There is no more to be read. After the end of its side, a peer may still be written to."""
        connection.stopReading()
        if why is CONNECTION_DONE:
            connection.readConnectionLost(_DONE)
        else:
            connection.connectionLost(_LOST)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops: so do all connections."""
        closing, self._closing = self._closing, []
        for connection in (*closing, *self._connections.values()):
            self._lose(connection, reason)

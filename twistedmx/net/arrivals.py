"""Connections that come: the listening ports, looked at also between those who have only failed (`net.readers`).

The reactor tells in one turn of what has become ready, in the order in which it did; and in a siege the back lane always is. Who
comes would wait for the rest of one turn and for that lane's part of the next before anybody knows of him: 2.5 ms, and like this
it is 0.8 (benchmarks, unpunished-2000).
"""

import select
from collections.abc import Callable
from functools import partial
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any, Final, cast

from twisted.internet.interfaces import IListeningPort, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

# Connections accepted in a turn, of each port: some two milliseconds.
_ACCEPTED: Final = 32
# Who comes is accepted at once where no more than so many do in so many seconds; a crowd has its part of a turn.
_FEW: Final = 4
_WINDOW: Final = 0.006


@implementer(IReadDescriptor)
class Arrivals:
    """The ports of one server. `reactor`: also `IReactorTime`, whose clock may be set back. `make`: the transport of what was
    accepted; `together`: in which several sessions begin."""

    _log = Logger()

    def __init__(self, reactor: IReactorFDSet, make: Callable[..., object], together: Callable[..., None]) -> None:
        self._reactor: Any = reactor
        self._make, self._together = make, together
        self._served: list[Port] = []
        self._accepts = True
        self._seconds = cast(IReactorTime, reactor).seconds
        self._since = 0.0
        self._came = 0  # since then
        self._epoll: select.epoll | None = None
        self._ports: dict[int, Port] = {}  # that the epoll watches

    def open(self) -> None:
        """Be watched; harmless twice."""
        if self._epoll is None and hasattr(select, "epoll"):
            self._epoll = select.epoll()
            self._reactor.addReader(self)

    def stop(self) -> None:
        """Accept no more."""
        self._ports.clear()
        if self._epoll is not None:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    def serve(self, port: IListeningPort) -> None:
        """Accept what comes to `port`, once this is open. A port that is not TCP's own stays as it is."""
        if type(port) is not Port:  # those of Unix sockets inherit from it
            return
        # What is accepted inherits it. A late answer must not wait for the peer to acknowledge an earlier one.
        port.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
        self._served = [*(one for one in self._served if one.connected), port]
        if self._epoll is not None:
            port.stopReading()
            port.transport = self._connect  # type: ignore[assignment]  # it is called, and nothing else
            port.startReading = partial(self._watch, port)  # type: ignore[method-assign]
            port.stopReading = partial(self._unwatch, port)  # type: ignore[method-assign]
            port.startReading()
        if not self._accepts:
            port.stopReading()

    def accept(self, on: bool) -> None:
        """Whether connections are accepted; else they wait in the queues of the ports, where nothing is known of them."""
        self._accepts = on
        for port in self._served:
            if port.connected and on and not port.disconnecting:
                port.startReading()
            elif port.connected:
                port.stopReading()

    def look(self) -> None:
        """Accept the few that have come."""
        now = self._seconds()
        if abs(now - self._since) >= _WINDOW:
            self._since, self._came = now, 0
        if self._came < _FEW:
            self._accept(_FEW - self._came)

    def _connect(self, *accepted: Any) -> object:
        self._came += 1
        return self._make(*accepted)

    def _watch(self, port: Port) -> None:
        descriptor = port.fileno()
        if self._epoll is not None and descriptor not in self._ports:
            self._epoll.register(descriptor, select.EPOLLIN)
            self._ports[descriptor] = port

    def _unwatch(self, port: Port) -> None:
        if self._ports.pop(port.fileno(), None) is not None and self._epoll is not None:
            self._epoll.unregister(port.fileno())  # others may listen there as well: to be closed is not enough

    def _accept(self, most: int) -> None:
        """So many of each port at the most; Twisted itself takes twenty more each time it could take all that it may, without end:
        who is turned away and comes back at once would have it take a thousand, and everybody else wait for these."""
        if self._epoll is None or not self._ports:
            return
        before = self._came
        ready = self._epoll.poll(0, len(self._ports))
        for descriptor, _ in ready:
            port = self._ports.get(descriptor)
            if port is not None:  # else one of those before has stopped it
                port.numberAccepts = most
                self._begin(port)
        if ready and self._came == before:  # for want of descriptors, perhaps: to try again at once would be in vain
            self._came += _FEW

    def _begin(self, port: Port) -> None:
        """A fault there must not reach who called: nobody would be accepted any more, or nobody read."""
        try:
            self._together(port.doRead)
        except Exception:
            self._log.failure("connections could not be accepted")

    # -- what the reactor calls --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._epoll.fileno() if self._epoll is not None else -1

    def logPrefix(self) -> str:
        return "arrivals"

    def doRead(self) -> None:
        """Accept what has come, as far as a turn goes."""
        self._accept(_ACCEPTED)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops: so do the ports."""
        for port in list(self._ports.values()):
            port.connectionLost(reason)

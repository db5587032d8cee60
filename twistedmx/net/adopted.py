"""Connections that another process has accepted, read like all others."""

import select
from collections.abc import Callable
from functools import partial
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any, Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IProtocol
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

from twistedmx.net.readers import Connection, Readers

_Address = IPv4Address | IPv6Address


class CameWith(Protocol):
    """What came with a connection that another process has accepted."""

    def gone(self) -> None:
        """The connection is."""


class Adopted(Connection):
    """A connection that another process has accepted, and may hold for a moment more: the kernel does not close it with us.
    `came_with`: what that process told of it, as `adopt` has it."""

    _shouldShutdown = True
    came_with: CameWith | None = None

    def connectionLost(self, reason: Failure) -> None:
        try:
            super().connectionLost(reason)
        finally:  # a program waits for it, with a place of tcpserver's
            if self.came_with is not None:
                self.came_with.gone()

    def _closeSocket(self, orderly: bool) -> None:
        self.lane.forget(self.socket.fileno())
        super()._closeSocket(orderly)  # type: ignore[no-untyped-call]


def adopt(
    readers: Readers,
    accepted: socket,
    address: _Address,
    build: Callable[[_Address], IProtocol | None],
    came_with: CameWith | None = None,
) -> bool:
    """Read from `accepted`, which another process has accepted from `address`; it does not block. What `build` returns hears
    it. `came_with`: is kept with the transport, and told when that is gone. False: `build` gave None, and `accepted` is closed.
    What `build` raises is raised, and `accepted` is still open."""
    protocol = build(address)
    if protocol is None:
        accepted.close()
        return False
    accepted.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)  # as in `serve`
    six = (address.flowInfo, address.scopeID) if isinstance(address, IPv6Address) else ()
    kind: Any = partial(Adopted, readers) if hasattr(select, "epoll") else Server
    transport = kind(accepted, protocol, (address.host, address.port, *six), None, address.port, readers.reactor)
    transport.came_with = came_with
    readers.together(protocol.makeConnection, transport)
    return True

"""A connection from an address of our choice to the one target."""

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

# From this address, for this protocol; fires when it is connected, fails with why it cannot be.
Connect: TypeAlias = Callable[[str, Protocol], Deferred[Any]]


def connect_to(reactor: Any, host: str, port: int, *, within: float) -> Connect:
    """`within`: seconds."""

    def connect(source: str, protocol: Protocol) -> Deferred[Any]:
        endpoint = TCP4ClientEndpoint(reactor, host, port, timeout=within, bindAddress=(source, 0))
        connected: Deferred[Any] = connectProtocol(endpoint, protocol)
        return connected

    return connect

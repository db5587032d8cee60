"""Where a port listens, and who can reach it."""

from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IListeningPort


def place_of(port: IListeningPort) -> str:
    """As people write it: "192.0.2.1:25", "[::]:25"."""
    address: Any = port.getHost()
    if not hasattr(address, "host"):
        return str(address)
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def is_loopback(port: IListeningPort) -> bool:
    """Whether this machine alone can reach it. A Unix socket is of this machine."""
    host = getattr(port.getHost(), "host", None)
    return host is None or ip_address(host.partition("%")[0]).is_loopback

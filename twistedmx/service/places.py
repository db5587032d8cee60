"""Where a port listens, who can reach it, and how many may wait there."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import attrs
from twisted.internet.interfaces import IListeningPort


@attrs.frozen(kw_only=True)
class Place:
    """Where to listen. `text`: an endpoint of Twisted's. `secure`: TLS comes first."""

    text: str
    secure: bool

    @property
    def says_backlog(self) -> bool:
        """Whether it has a number of its own of connections that may wait to be accepted."""
        return any(word.startswith("backlog=") for word in self.text.split(":"))


def is_of_systemd(place: Place) -> bool:
    """Whether it was opened before us, and is passed at the start."""
    return place.text.startswith("systemd:")


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


def let_wait(listening: Mapping[Place, IListeningPort], backlog: int) -> None:
    """So many connections may wait to be accepted, where the place itself does not say how many. listen(2) on a socket that listens
    sets that number, and loses nobody who waits; who has opened the socket, we or systemd, is all the same."""
    for place, port in listening.items():
        opened = getattr(port, "socket", None)  # what a plugin brought may have none
        if opened is not None and not place.says_backlog:
            opened.listen(backlog)

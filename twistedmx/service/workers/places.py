"""The places of a server with workers: the supervisor opens them, as groups of sockets, while it still may."""

import socket
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from zope.interface import implementer

from twistedmx.net.port_group import Division, PortGroup, open_group
from twistedmx.service.faults import Faults
from twistedmx.service.opening import port_of, stay_within
from twistedmx.service.places import Place, is_of_systemd
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.settings.endpoints import backlog_of, kind_of, place_of


@implementer(IListeningPort)
@attrs.frozen(kw_only=True, eq=False)
class Opened:
    """A place, and the sockets there. To who asks where we listen it is a port as any."""

    place: Place
    group: PortGroup

    def getHost(self) -> IPv4Address | IPv6Address:
        """Where it is bound."""
        first = self.group.sockets[0]
        kind = IPv6Address if first.family == socket.AF_INET6 else IPv4Address
        return kind("TCP", *first.getsockname()[:2])

    def startListening(self) -> None:
        """It does."""

    def stopListening(self) -> None:
        """Workers that have copies go on."""
        self.group.close()


def open_places(
    settings: Settings,
    world: World,
    listening: Mapping[Place, IStreamServerEndpoint],
    *,
    workers: int,
    becomes: str,
    left: dict[Place, PortGroup] | None = None,
) -> tuple[Opened, ...]:
    """All of them, or none: raises Faults, in the words of a server without workers. `listening`: by place, the endpoints that were
    made of its words. `becomes`: the user that we become, "" for none. `left`: those that are there; they are taken out."""
    opened: list[Opened] = []
    try:
        for place, endpoint in listening.items():
            if left is not None and place in left:
                opened.append(Opened(place=place, group=left.pop(place)))
                continue
            group = (
                _passed(place, endpoint)
                if is_of_systemd(place)
                else _group(place, workers=workers, backlog=settings.backlog)
            )
            opened.append(Opened(place=place, group=group))
        stay_within(_ports(opened), settings, world, becomes)
    except Faults:
        for each in opened:
            each.stopListening()
        raise
    return tuple(opened)


def _ports(opened: Sequence[Opened]) -> list[IListeningPort]:
    ports: list[Any] = list(opened)
    return ports


def _group(place: Place, *, workers: int, backlog: int) -> PortGroup:
    """Raises Faults. Twisted: tcp6 without an interface is all of them, of IPv6."""
    where = place_of(place.text)
    host = where.interface or ("::" if kind_of(place.text) == "tcp6" else "")
    port = where.port or 0
    try:
        return open_group(host, port, workers=workers, backlog=backlog_of(place.text) or backlog)
    except OSError as error:
        raise Faults([f"cannot listen on {place.text}: {CannotListenError(host, port, error)}"]) from None


def _passed(place: Place, endpoint: IStreamServerEndpoint) -> PortGroup:
    """The one socket that systemd has opened. Raises Faults."""
    port: Any = port_of(endpoint.listen(Factory()), place.text)
    port.stopReading()  # whoever comes is for the workers
    copy = port.socket.dup()
    port.stopListening()
    return PortGroup(sockets=(copy,), division=Division.SHARED, why="systemd opened it, as one socket for all workers")

"""What a server of one process leaves to who follows, and how it ends."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import tcp
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from twistedmx.net.port_group import let_go
from twistedmx.net.systemd import Systemd
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.places import Place
from twistedmx.service.reloading import Reloading
from twistedmx.service.succession.estate import Estate, Left
from twistedmx.service.succession.launching import CHANNEL, FIRST_SOCKET
from twistedmx.service.users import users_of
from twistedmx.settings import Settings

if TYPE_CHECKING:
    from twistedmx.service.server import Server

_log = Logger(namespace="twistedmx")

_LOOK: Final = 1.0  # seconds between two looks at who is left


def no_agent(settings: Settings, becomes: str) -> None:
    """Raises Faults where root has started what we need, and nobody could start it again."""
    if becomes and users_of(settings) is not None:
        raise Faults(["mailboxes.passwd: root alone can start the agent that writes to users: restart the server"])
    if settings.qmail.home:
        raise Faults(
            ["qmail.home: a qmail host has what cannot be passed on: restart the server, its clients come again"]
        )


class ServerBequest:
    """Of `server`."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self.reloading: Reloading = server.reloading

    @property
    def systemd(self) -> Systemd:
        """Who hears which process is the server."""
        return self._server.systemd

    def bequeath(self) -> tuple[Estate, list[int]]:
        """As `handover.Bequeathing`."""
        server = self._server
        settings = server.parts.settings
        no_agent(settings, server.becomes)
        ports = dict(server.listening)
        if server.metrics is not None:
            ports[metrics_place(settings)] = server.metrics
        left: list[Left] = []
        descriptors: list[int] = []
        faults: list[str] = []
        for place, port in ports.items():
            if type(port) is not tcp.Port:  # those of Unix sockets inherit from it, and remove a file
                faults.append(f"{place.text}: no port of TCP, which could be handed over: restart the server")
                continue
            left.append(Left(place=place, descriptors=(FIRST_SOCKET + len(descriptors),)))
            descriptors.append(port.fileno())
        if faults:
            raise Faults(faults)
        metrics = left.pop() if server.metrics is not None else None
        limit = server.lasting.governing.governor.limit
        return Estate(
            channel=CHANNEL, places=tuple(left), metrics=metrics, user=settings.user, limit=limit
        ), descriptors

    @inlineCallbacks
    def rest(self) -> Any:
        """As `handover.Bequeathing`."""
        server = self._server
        if server.control is not None:
            yield server.control.stopListening()
            server.control = None
        yield server.lasting.blocking.rest()

    def wake(self) -> None:
        """As `handover.Bequeathing`."""
        server = self._server
        server.lasting.blocking.wake()
        hear_again(server.open_control)

    @inlineCallbacks
    def retire(self) -> Any:
        """As `handover.Bequeathing`."""
        server = self._server
        server.lasting.blocking.give_up()
        leaving: list[IListeningPort] = [*server.ports, *filter(None, [server.metrics])]
        server.listening.clear()
        server.metrics = None
        yield DeferredList([let_go(port) for port in leaving])
        yield ended(server)


def hear_again(open_control: Callable[[], None]) -> None:
    """Open the control socket, which was let go. Mail is served without it, too."""
    try:
        open_control()
    except CannotStart as error:
        for fault in error.faults:
            _log.error("no command is heard until a restart: {fault}", fault=fault)


def ended(server: "Server") -> "Deferred[Any]":
    """Fires when a server that listens nowhere has no session any more, or these have had their time."""
    clock = server.lasting.world.reactor
    until = clock.seconds() + server.parts.settings.timeouts.followed

    def look() -> None:
        # The first look is a second late: who has asked for the upgrade has his answer by then.
        if server.reloading.stops or not server.factory.connections or clock.seconds() >= until:
            looking.stop()

    looking = LoopingCall(look)
    looking.clock = clock
    over: Deferred[Any] = looking.start(_LOOK, now=False)
    return over


def metrics_place(settings: Settings) -> Place:
    """Where they are scraped."""
    return Place(text=settings.metrics.listen, secure=False)

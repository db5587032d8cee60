"""What a server with workers leaves to who follows, and how it ends: the workers finish their sessions, each by itself."""

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks

from twistedmx.net.port_group import let_go
from twistedmx.net.systemd import Systemd
from twistedmx.service.reloading import Reloading
from twistedmx.service.succession.estate import Estate, Left
from twistedmx.service.succession.launching import CHANNEL, FIRST_SOCKET
from twistedmx.service.succession.of_server import hear_again, metrics_place, no_agent

if TYPE_CHECKING:
    from twistedmx.service.workers.supervisor import Supervisor

_HEARD: Final = 1.0  # seconds, for who has asked for the upgrade to have his answer


class SupervisorBequest:
    """Of `supervisor`."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self.reloading: Reloading = supervisor.reloading

    @property
    def systemd(self) -> Systemd:
        """Who hears which process is the server."""
        return self._supervisor.systemd

    def bequeath(self) -> tuple[Estate, list[int]]:
        """As `handover.Bequeathing`."""
        supervisor = self._supervisor
        settings = supervisor.settings
        no_agent(settings, supervisor.becomes)
        places: list[Left] = []
        descriptors: list[int] = []
        for opened in supervisor.opened:
            sockets = opened.group.sockets
            first = FIRST_SOCKET + len(descriptors)
            places.append(
                Left(
                    place=opened.place,
                    descriptors=tuple(range(first, first + len(sockets))),
                    division=opened.group.division,
                    why=opened.group.why,
                )
            )
            descriptors += [each.fileno() for each in sockets]
        metrics = None
        if supervisor.metrics is not None:
            port: Any = supervisor.metrics
            metrics = Left(place=metrics_place(settings), descriptors=(FIRST_SOCKET + len(descriptors),))
            descriptors.append(port.fileno())
        return Estate(
            channel=CHANNEL,
            places=tuple(places),
            metrics=metrics,
            workers=len(supervisor.crew.posts),
            user=settings.user,
            limit=supervisor.side.limit,
        ), descriptors

    @inlineCallbacks
    def rest(self) -> Any:
        """As `handover.Bequeathing`."""
        supervisor = self._supervisor
        if supervisor.control is not None:
            yield supervisor.control.stopListening()
            supervisor.control = None
        yield supervisor.crew.ask("rest")
        yield supervisor.side.rest()

    def wake(self) -> None:
        """As `handover.Bequeathing`."""
        supervisor = self._supervisor
        supervisor.side.wake()
        supervisor.crew.tell("wake")
        hear_again(supervisor.open_control)

    @inlineCallbacks
    def retire(self) -> Any:
        """As `handover.Bequeathing`."""
        supervisor = self._supervisor
        supervisor.side.give_up()
        gone = supervisor.crew.retire()
        supervisor.close_places()
        metrics, supervisor.metrics = supervisor.metrics, None
        if metrics is not None:
            yield let_go(metrics)
        heard: Deferred[None] = Deferred()
        supervisor.world.reactor.callLater(_HEARD, heard.callback, None)
        yield heard
        yield gone

"""What workers share beside their sockets, seen from each side of the channels: two seams, and what stands there when nothing is
shared. What stands there in a server is `worker_side.WorkerSide` and `supervisor_side.SupervisorSide`."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed

from twistedmx.net.control import Command
from twistedmx.report.stream import Subscriber
from twistedmx.service.workers.channel import Channel
from twistedmx.settings import Settings

Hear = Mapping[str, Callable[[Any], Any]]


class AnyWorkerSide(Protocol):
    """In a worker. `channel`: put here before a server is made. `hear`: what it hears of what is shared. `known`: fires once it
    knows what there is to know; nobody is served before."""

    channel: Channel | None
    hear: Hear
    known: "Deferred[None]"


class AnySupervisorSide(Protocol):
    """In the supervisor. Started after privileges were dropped and before the first worker, stopped behind the last."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """Of the control socket, in place of those that ask the workers; by name."""

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """Of events."""

    def configure(self, settings: Settings) -> None:
        """From now on these hold: called before the start, and at each reload."""

    def hear_from(self, number: int) -> Hear:
        """What is heard from this worker, and from all that come after it."""

    def joined(self, number: int, channel: Channel) -> None:
        """It is made, and waits to be told what there is to know."""

    def left(self, number: int) -> None:
        """Its process is gone. Told also of one that never joined."""

    def put_right(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """What workers answered to `command`, put together, with what is known here in place of what none of them knows."""

    def before_opinion(self, number: int, address: str) -> None:
        """A worker is going to be asked for its opinion of an address."""

    def gauges(self) -> Mapping[str, Callable[[], Any]]:
        """Of `report.prometheus.Gauges`: what is so for all, once."""

    @property
    def limit(self) -> int:
        """Of the governor."""

    def begin_at(self, limit: int) -> None:
        """As the process had it that is followed."""

    def rest(self) -> "Deferred[Any]":
        """Another process is to read what is kept: write nothing more, until `wake`. Fires when what was asked is written."""

    def wake(self) -> None:
        """Write again."""

    def give_up(self) -> None:
        """What was kept is the other process's."""

    def startService(self) -> None:
        """Raises CannotStart."""

    def stopService(self) -> Any:
        """May come to a Deferred."""


class Nothing:
    """Both sides, where each worker keeps what it knows."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.hear: Hear = {}
        self.known: Deferred[None] = succeed(None)
        self.limit = 1
        self.commands: Mapping[str, Command] = {}
        self.subscribers: tuple[Subscriber, ...] = ()

    def configure(self, settings: Settings) -> None:
        """Nothing."""

    def hear_from(self, number: int) -> Hear:
        """Nothing."""
        return {}

    def joined(self, number: int, channel: Channel) -> None:
        """It has."""

    def left(self, number: int) -> None:
        """It has."""

    def put_right(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """It is."""
        return told

    def before_opinion(self, number: int, address: str) -> None:
        """Nothing."""

    def gauges(self) -> Mapping[str, Callable[[], Any]]:
        """None."""
        return {}

    def begin_at(self, limit: int) -> None:
        """Nothing."""

    def rest(self) -> "Deferred[Any]":
        """Nothing is kept here."""
        return succeed(None)

    def wake(self) -> None:
        """Nothing."""

    def give_up(self) -> None:
        """Nothing."""

    def startService(self) -> None:
        """Nothing."""

    def stopService(self) -> None:
        """Nothing."""

"""What workers share beside their sockets, seen from each side of the channels: two seams, and what stands there when nothing is
shared."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twistedmx.net.control import Command
from twistedmx.net.server import ServerFactory
from twistedmx.service.parts import Lasting
from twistedmx.service.workers.channel import Channel

Hear = Mapping[str, Callable[[Any], Any]]


class WorkerSide(Protocol):
    """In a worker. `hear`: kinds that it hears, known before there is a server."""

    @property
    def hear(self) -> Hear:
        """By kind."""

    def serves(self, lasting: Lasting, factory: ServerFactory, channel: Channel) -> None:
        """The server is there, and about to start."""

    def stop(self) -> None:
        """The server has stopped, or never was."""


class SupervisorSide(Protocol):
    """In the supervisor. `commands`: of the control socket, in place of those that ask the workers."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """By name."""

    def hear_from(self, number: int) -> Hear:
        """Kinds that are heard from this worker, and from all that come after it."""

    def joined(self, number: int, channel: Channel) -> None:
        """It serves."""

    def left(self, number: int) -> None:
        """Its process is gone. Told also of one that never joined."""

    def start(self) -> None:
        """Before the first worker; after privileges were dropped. Raises CannotStart."""

    def stop(self) -> Any:
        """All workers are gone. May come to a Deferred."""


class Alone:
    """Both sides, where each worker keeps what it knows."""

    commands: Mapping[str, Command] = {}
    hear: Hear = {}

    def hear_from(self, number: int) -> Hear:
        """Nothing."""
        return {}

    def serves(self, lasting: Lasting, factory: ServerFactory, channel: Channel) -> None:
        """It does."""

    def joined(self, number: int, channel: Channel) -> None:
        """It has."""

    def left(self, number: int) -> None:
        """It has."""

    def start(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

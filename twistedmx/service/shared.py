"""What a server may have together with others: its blocklist, what is under attack, and limits of sessions and handshakes.

`Alone` has all of it to itself. A worker's is `service.workers.worker_side`.
"""

from collections.abc import Callable
from typing import Protocol

from twisted.application.service import Service

from twistedmx.policy.handshakes import Handshakes
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import Known
from twistedmx.policy.tarpit import Tarpit
from twistedmx.ports import Events
from twistedmx.service.blocking import Blocking
from twistedmx.service.governing import Governing
from twistedmx.service.watching import Watching
from twistedmx.service.workers.attack_sides import WatchingHere
from twistedmx.service.world import World
from twistedmx.settings import Settings

AnyWatching = Watching | WatchingHere


class Shared(Protocol):
    """Makes what a server has of each, in this order."""

    def blocking(self, settings: Settings, world: World, events: Events) -> Blocking:
        """The blocklist, and what is known of clients."""

    def watching(
        self,
        settings: Settings,
        world: World,
        events: Events,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> AnyWatching:
        """What is under attack, and flooded."""

    def governing(
        self, settings: Settings, world: World, events: Events, alertness: Alertness, tarpit: Tarpit
    ) -> Governing:
        """The limit of sessions."""

    def handshakes(self, settings: Settings, world: World) -> Handshakes:
        """Limits of handshakes."""

    @property
    def services(self) -> tuple[Service, ...]:
        """What is to run beside all of these."""


class Alone:
    """A single process."""

    def blocking(self, settings: Settings, world: World, events: Events) -> Blocking:
        return Blocking(settings, world, events)

    def watching(
        self,
        settings: Settings,
        world: World,
        events: Events,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> AnyWatching:
        return Watching(settings, world, events, proven, known)

    def governing(
        self, settings: Settings, world: World, events: Events, alertness: Alertness, tarpit: Tarpit
    ) -> Governing:
        return Governing(settings, world, events, alertness, tarpit)

    def handshakes(self, settings: Settings, world: World) -> Handshakes:
        return Handshakes(settings.handshakes, world.reactor.seconds)

    @property
    def services(self) -> tuple[Service, ...]:
        return ()

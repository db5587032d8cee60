"""A server that has workers do its work: it opens the places, starts the workers, and serves no mail itself.

bind        places, as groups of sockets; the metrics; then twistd gives up privileges
serve       the workers are started; when all listen, systemd is told
reload      all workers make ready, then all take up; where one cannot, nobody does
stop        all workers stop in good order; who does not is killed

It keeps all sockets as long as it serves: who comes while a worker is started anew waits for him.

BUGS: a fault that shows in the workers alone is told in the log, and tried again and again. A certificate's key that root alone may
read will not do: workers read it as who they are.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.application.service import MultiService
from twisted.internet import defer
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger

from twistedmx import __version__
from twistedmx.delivery.agent_disk import Agent, start_agent
from twistedmx.delivery.owner_disks import name_of
from twistedmx.net.port_group import Division, PortGroup
from twistedmx.net.systemd import Systemd
from twistedmx.ports import Events
from twistedmx.report.counters import Counters
from twistedmx.report.destination import Destination
from twistedmx.report.losses import Losses
from twistedmx.report.prometheus import Gauges, registry_of
from twistedmx.report.stream import Stream
from twistedmx.service.commands import cannot_upgrade
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.opening import give_data, open_control, open_metrics
from twistedmx.service.parts import lasting, log_for, parts_of
from twistedmx.service.places import Place, place_of
from twistedmx.service.reloading import Reloading
from twistedmx.service.source import Source
from twistedmx.service.users import users_of
from twistedmx.service.workers.asking import commands
from twistedmx.service.workers.crew import Crew
from twistedmx.service.workers.exchange import Exchange
from twistedmx.service.workers.launching import FIRST_SOCKET, Launch
from twistedmx.service.workers.places import Opened, open_places
from twistedmx.service.workers.post import Post
from twistedmx.service.workers.setting import OfAll
from twistedmx.service.workers.sides import AnySupervisorSide, Nothing
from twistedmx.service.workers.totals import families_told, registry_of_all
from twistedmx.service.world import World
from twistedmx.settings import Settings

_log = Logger(namespace="twistedmx")

# What the workers of a server have together, of so many.
Share = Callable[[Settings, World, Events, int], AnySupervisorSide]


class Supervisor(MultiService):
    """Raises CannotStart with all faults of the settings. `octets`: the file of the settings, as `settings` were made of it.
    `workers`: how many. `launch`: starts one. `share`: what they share, given what a server is. `becomes`: the user that we become
    once the ports are bound, "" for none. `left`: places that are there, of a server that is followed. `upgrade`, `served`,
    `refused`: as of a `Server`."""

    def __init__(
        self,
        source: Source,
        octets: bytes,
        settings: Settings,
        world: World,
        *,
        workers: int,
        launch: Launch,
        becomes: str = "",
        share: Share = lambda settings, world, events, workers: Nothing(),
        left: dict[Place, PortGroup] | None = None,
    ) -> None:
        super().__init__()
        self.events = Stream([])
        self.counters = Counters()
        self.losses = Losses(world.reactor.seconds)
        self.side = share(settings, world, self.events, workers)
        self._log: Destination | None = None
        self.since = world.now()
        self._left = left if left is not None else {}
        self.upgrade: Callable[[Mapping[str, Any]], Awaitable[Any]] = cannot_upgrade
        self.served: Callable[[], None] = lambda: None
        self.refused: Callable[[Sequence[str]], None] = lambda faults: None
        self._source, self.world = source, world
        self._workers, self._launch, self.becomes = workers, launch, becomes
        self.opened: tuple[Opened, ...] = ()
        self._agents: list[Agent] = []
        self.control: IListeningPort | None = None
        self.metrics: IListeningPort | None = None
        self.systemd = Systemd(world.environment, world.pid())
        self.crew = Crew((), clock=world.reactor, ready=_nothing)
        self._exchange = Exchange(source, octets, settings, lambda: self.crew, self._heed)
        self.reloading = Reloading(self._exchange.at_once, source=source.path, events=self.events, now=world.now)
        self.settings = settings
        self.set = OfAll(self)
        self._heed(settings)
        self._listening = self._judge()

    @property
    def places(self) -> list[str]:
        """Where it listens, as people write it."""
        ports: list[Any] = list(self.opened)
        return [place_of(port) for port in ports]

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.world.now()

    def told(self) -> dict[str, Any]:
        """Of a status, what is ours."""
        now = self.world.now()
        return {
            "version": __version__,
            "pid": self.world.pid(),
            "settings": self._source.path,
            "since": self.since,
            "uptime": now - self.since,
            "reloaded": self.reloading.at,
            "listening": self.places,
        }

    def _heed(self, settings: Settings) -> None:
        """From now on these hold, of what is ours."""
        before, self._log = self._log, log_for(settings, self.world, self.losses)
        self.settings = settings
        self.set.reloaded(settings)
        self.events.replace([self._log, self.counters, *self.side.subscribers])
        if before is not None:
            before.close()
        self.side.configure(settings)

    # -- bind --------------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        world, settings = self.world, self.settings
        try:
            self.opened = open_places(
                settings, world, self._listening, workers=self._workers, becomes=self.becomes, left=self._left
            )
            self.metrics = open_metrics(settings, world, self.becomes, self._gather)
        except Faults as error:
            self.close_places()
            raise CannotStart(*error.faults) from None
        if world.uid() == 0:
            if not self.becomes:
                _log.warn("{words}", words="runs as root: loopback only; give it a user before it faces the world")
            give_data(settings, self.becomes)
            self._start_agents()

    def _start_agents(self) -> None:
        """One for each worker, which asks it over a socket that we keep for whoever follows. Where we stay root, so do workers, and
        start their own. Raises CannotStart."""
        users = users_of(self.settings)
        if users is None or not self.becomes:
            return
        try:
            for _ in range(self._workers):
                self._agents.append(start_agent(least_uid=users[0], maildirs=users[1]))
        except (OSError, ValueError) as error:
            raise CannotStart(f"mailboxes.passwd: the agent that writes to users cannot start: {error}") from None

    def close_places(self) -> None:
        """Nobody listens here any more, but who has copies."""
        for each in self.opened:
            each.stopListening()

    # -- serve -------------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Start the workers: after daemonising, and without privileges. Raises CannotStart."""
        super().startService()
        if not self.opened:  # started by something that does not know privileges
            self.privilegedStartService()
        if self.becomes:
            self._judge(f"as user {self.becomes}, whom workers are: ")  # what root could read, they may not
        self.side.startService()
        self.crew = Crew(
            [self._post(number) for number in range(self._workers)], clock=self.world.reactor, ready=self._ready
        )
        self.open_control()
        for each in self.opened:
            if each.group.division is not Division.STEERED:
                _log.warn(
                    "{place}: hosts are not steered to workers ({why}); each worker knows some of what a host does",
                    place=each.place.text,
                    why=each.group.why,
                )
        self.crew.start()

    def open_control(self) -> None:
        """Hear commands, if nobody hears them yet. Raises CannotStart."""
        if self.control is None and not self.reloading.stops:
            self.control = open_control(self.settings, self.world, commands(self))

    def begin_at(self, limit: int) -> None:
        """The governor's limit is what it was in the process that is followed."""
        self.side.begin_at(limit)

    def _judge(self, words: str = "") -> dict[Place, IStreamServerEndpoint]:
        """Where to listen. Raises CannotStart with every fault, each behind `words`; nobody listens then."""
        try:
            parts = parts_of(self.settings, self._source.path, lasting(self.settings, self.world))
        except Faults as error:
            self.close_places()
            raise CannotStart(*(f"{self._source.path}: {words}{fault}" for fault in error.faults)) from None
        parts.close()
        return parts.listening

    def _post(self, number: int) -> Post:
        return Post(
            number,
            clock=self.world.reactor,
            now=self.world.now,
            launch=self._launch,
            side=self.side,
            sockets=[
                *(each.group.socket_of(number) for each in self.opened),
                *(agent.peer for agent in self._agents[number : number + 1]),
            ],
            first=self._first,
            served=self._served,
            emptied=lambda post: self.crew.emptied(),
            refused=lambda faults: self.refused(faults),
        )

    def _first(self, number: int) -> dict[str, Any]:
        """What a worker is asked to begin with."""
        source = self._source
        return {
            "number": number,
            "workers": self._workers,
            "source": {
                "path": source.path,
                "data": source.data,
                "ports": list(source.ports),
                "tls_ports": list(source.tls_ports),
            },
            "octets": self._exchange.octets,
            "listening": [
                [each.place.text, each.place.secure, FIRST_SOCKET + at] for at, each in enumerate(self.opened)
            ],
            "agent": FIRST_SOCKET + len(self.opened) if self._agents else None,
            "user": name_of(self.world.uid()) or str(self.world.uid()),
        }

    def _served(self, post: Post) -> None:
        self._exchange.catch_up(post).addCallback(lambda _: self.set.catch_up(post))
        self.crew.served()

    def _ready(self) -> None:
        """All listen."""
        _log.info(
            "{line}",
            line=f"twistedmx {__version__} listens on {', '.join(self.places)} with {self._workers} workers",
        )
        self.systemd.ready(self.world.reactor)
        self.served()

    @defer.inlineCallbacks
    def _gather(self) -> Any:
        """For a scrape."""
        answers = yield self.crew.ask("metrics")
        ours = Gauges(
            sessions=int,
            secured=int,
            certificates=tuple,
            free_octets=lambda: None,
            log_lines_lost=lambda: self.losses.lines,
            **self.side.gauges(),
        )
        told = [answer.value for answer in answers if answer.refused is None]
        registry: CollectorRegistry = registry_of_all(
            [*told, families_told(registry_of(self.counters, ours).collect())]
        )
        return registry

    # -- reload ------------------------------------------------------------------------------------------------------

    def reload(self) -> Any:
        """As `Reloading.reload`."""
        return self.reloading.reload()

    def reload_by_signal(self) -> None:
        """As `Reloading.by_signal`."""
        self.reloading.by_signal()

    # -- stop --------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        self.reloading.stops = True
        self.systemd.stopping()
        if self.control is not None:
            yield self.control.stopListening()
        self.close_places()
        yield self.crew.stop(self.settings.timeouts.grace)
        for agent in self._agents:
            agent.stop()
        yield defer.maybeDeferred(self.side.stopService)
        if self._log is not None:
            self._log.close()
        if self.metrics is not None:
            yield self.metrics.stopListening()
        self.systemd.gone()
        yield super().stopService()


def _nothing() -> None: ...

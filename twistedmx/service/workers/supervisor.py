"""A server that has workers do its work: it opens the places, starts the workers, and serves no mail itself.

bind        places, as groups of sockets; the metrics; then twistd gives up privileges
serve       the workers are started; when all listen, systemd is told
reload      all workers make ready, then all take up; where one cannot, nobody does
stop        all workers stop in good order; who does not is killed

It keeps all sockets as long as it serves: who comes while a worker is started anew waits for him.

BUGS: a fault that shows in the workers alone is told in the log, and tried again and again. A certificate's key that root alone may
read will not do: workers read it as who they are.
"""

from typing import Any

from prometheus_client import CollectorRegistry
from twisted.application.service import MultiService
from twisted.internet import defer
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from twistedmx import __version__
from twistedmx.delivery.owner_disks import name_of
from twistedmx.net.port_group import Division
from twistedmx.net.systemd import Systemd
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.opening import give_data, open_control, open_metrics
from twistedmx.service.parts import lasting, parts_of
from twistedmx.service.places import place_of
from twistedmx.service.reloading import cannot_change, logged
from twistedmx.service.source import Source
from twistedmx.service.workers.asking import commands
from twistedmx.service.workers.crew import Crew
from twistedmx.service.workers.launching import FIRST_SOCKET, Launch
from twistedmx.service.workers.places import Opened, open_places
from twistedmx.service.workers.post import Post
from twistedmx.service.workers.sides import Alone, SupervisorSide
from twistedmx.service.workers.totals import registry_of_all
from twistedmx.service.world import World
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.difference import beyond_reload, changed

_log = Logger(namespace="twistedmx")

# What a group of sockets cannot take up: its sockets are made by who we were.
_FIXED = ("listen", "listen_tls")


class Supervisor(MultiService):
    """`octets`: the file of the settings, as `settings` were made of it. `workers`: how many. `launch`: starts one. `side`: what
    they share. `becomes`: the user that we become once the ports are bound, "" for none."""

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
        side: SupervisorSide | None = None,
    ) -> None:
        super().__init__()
        self.side: SupervisorSide = side if side is not None else Alone()
        self.since = world.now()
        self.reloaded: float | None = None  # seconds since the epoch
        self._source, self._octets, self.settings, self._world = source, octets, settings, world
        self._workers, self._launch, self._becomes = workers, launch, becomes
        self._opened: tuple[Opened, ...] = ()
        self._control: IListeningPort | None = None
        self._metrics: IListeningPort | None = None
        self._systemd = Systemd(world.environment, world.pid())
        self._reloading = False
        self._hung_up = False  # a hangup came meanwhile
        self._stops = False
        self.crew = Crew((), clock=world.reactor, ready=_nothing)

    @property
    def places(self) -> list[str]:
        """Where it listens, as people write it."""
        ports: list[Any] = list(self._opened)
        return [place_of(port) for port in ports]

    def told(self) -> dict[str, Any]:
        """Of a status, what is ours."""
        now = self._world.now()
        return {
            "version": __version__,
            "pid": self._world.pid(),
            "settings": self._source.path,
            "since": self.since,
            "uptime": now - self.since,
            "reloaded": self.reloaded,
            "listening": self.places,
        }

    # -- bind --------------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        world, settings = self._world, self.settings
        try:
            parts = parts_of(settings, self._source.path, lasting(settings, world))
        except Faults as error:
            raise CannotStart(*(f"{self._source.path}: {fault}" for fault in error.faults)) from None
        try:
            self._opened = open_places(settings, world, parts.listening, workers=self._workers, becomes=self._becomes)
            self._metrics = open_metrics(settings, world, self._becomes, self._gather)
        except Faults as error:
            self._close_places()
            raise CannotStart(*error.faults) from None
        finally:
            parts.close()
        if world.uid() == 0:
            if not self._becomes:
                _log.warn("{words}", words="runs as root: loopback only; give it a user before it faces the world")
            give_data(settings, self._becomes)

    def _close_places(self) -> None:
        for each in self._opened:
            each.stopListening()

    # -- serve -------------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Start the workers: after daemonising, and without privileges. Raises CannotStart."""
        super().startService()
        if not self._opened:  # started by something that does not know privileges
            self.privilegedStartService()
        if self._becomes:
            self._judge_again()
        self.side.start()
        self.crew = Crew(
            [self._post(number) for number in range(self._workers)], clock=self._world.reactor, ready=self._ready
        )
        self._control = open_control(self.settings, self._world, commands(self))
        for each in self._opened:
            if each.group.division is not Division.STEERED:
                _log.warn(
                    "{place}: hosts are not steered to workers ({why}); each worker knows some of what a host does",
                    place=each.place.text,
                    why=each.group.why,
                )
        self.crew.start()

    def _judge_again(self) -> None:
        """What root could read, its workers may not. Raises CannotStart."""
        try:
            parts_of(self.settings, self._source.path, lasting(self.settings, self._world)).close()
        except Faults as error:
            self._close_places()
            words = f"as user {self._becomes}, whom workers are: "
            raise CannotStart(*(f"{self._source.path}: {words}{fault}" for fault in error.faults)) from None

    def _post(self, number: int) -> Post:
        return Post(
            number,
            clock=self._world.reactor,
            now=self._world.now,
            launch=self._launch,
            side=self.side,
            sockets=[each.group.socket_of(number) for each in self._opened],
            first=self._first,
            served=self._served,
            emptied=lambda post: self.crew.emptied(),
        )

    def _first(self, number: int) -> dict[str, Any]:
        """What a worker is asked to begin with."""
        source = self._source
        return {
            "number": number,
            "source": {
                "path": source.path,
                "data": source.data,
                "ports": list(source.ports),
                "tls_ports": list(source.tls_ports),
            },
            "octets": _text(self._octets),
            "listening": [
                [each.place.text, each.place.secure, FIRST_SOCKET + at] for at, each in enumerate(self._opened)
            ],
            "user": name_of(self._world.uid()) or str(self._world.uid()),
        }

    def _served(self, post: Post) -> None:
        if post.begun_with["octets"] != _text(self._octets):
            self._catch_up(post)  # the others have taken up newer settings meanwhile
        self.crew.served()

    @defer.inlineCallbacks
    def _catch_up(self, post: Post) -> Any:
        for kind, value in (("prepare", _text(self._octets)), ("take", None)):
            (answer,) = (yield self.crew.ask(kind, value, of=[post], within=None)) or (None,)
            if answer is None or answer.refused is not None:
                post.kill()  # whoever follows begins with them
                return

    def _ready(self) -> None:
        """All listen."""
        _log.info(
            "{line}",
            line=f"twistedmx {__version__} listens on {', '.join(self.places)} with {self._workers} workers",
        )
        self._systemd.ready(self._world.reactor)

    @defer.inlineCallbacks
    def _gather(self) -> Any:
        """For a scrape."""
        answers = yield self.crew.ask("metrics")
        registry: CollectorRegistry = registry_of_all([answer.value for answer in answers if answer.refused is None])
        return registry

    # -- reload ------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def reload(self) -> Any:
        """Have all workers take up what the settings, tables and certificates are now. Fires with the keys that changed. Fails with
        Faults, and then nothing has changed."""
        if self._reloading:
            raise Faults(["a reload is under way: wait for it"])
        if self._stops:
            raise Faults(["the server stops"])
        self._reloading = True
        try:
            keys = yield self._take_up()
        except Faults as error:
            self._tell_one("kept", list(error.faults))
            raise
        finally:
            self._reloading = False
            if self._hung_up:
                self._hung_up = False
                self.reload_by_signal()
        self._tell_one("reloaded", keys)
        return keys

    def reload_by_signal(self) -> None:
        """As `reload`; what comes of it is told in the log. While another is under way it waits."""
        if self._reloading:
            self._hung_up = True
            return
        _log.info("{words}", words="SIGHUP: reads the settings again")
        self.reload().addErrback(logged)

    @defer.inlineCallbacks
    def _take_up(self) -> Any:
        before = self.settings
        try:
            octets = self._source.octets()
            after = self._source.settings(octets)
        except BadSettings as error:
            raise Faults(error.faults) from None
        fixed = beyond_reload(before, after)
        fixed += [key for key in changed(before, after) if key in _FIXED]
        if fixed:
            raise cannot_change(fixed)
        answers = yield self.crew.ask("prepare", _text(octets), within=None)
        refused = [answer.refused for answer in answers if answer.refused is not None]
        if refused or not answers or self._stops:
            self.crew.tell("drop")
            lines = [line for words in refused for line in words.splitlines()]
            raise Faults(list(dict.fromkeys(lines)) or ["no worker serves just now: try again in a moment"])
        self._octets, self.settings = octets, after
        taken = yield self.crew.ask("take", of=[self.crew.posts[answer.number] for answer in answers], within=None)
        for answer in taken:
            if (
                answer.refused is not None
            ):  # it was started meanwhile, or failed: whoever follows begins with the new ones
                self.crew.posts[answer.number].kill()
        self.reloaded = self._world.now()
        return changed(before, after)

    def _tell_one(self, kind: str, value: Any) -> None:
        """An event is told once: by the first worker."""
        for post in self.crew.serving()[:1]:
            if post.channel is not None:
                post.channel.tell(kind, value)

    # -- stop --------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        self._stops = True
        self._systemd.stopping()
        if self._control is not None:
            yield self._control.stopListening()
        self._close_places()
        yield self.crew.stop(self.settings.timeouts.grace)
        yield defer.maybeDeferred(self.side.stop)
        if self._metrics is not None:
            yield self._metrics.stopListening()
        self._systemd.gone()
        yield super().stopService()


def _nothing() -> None: ...


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")

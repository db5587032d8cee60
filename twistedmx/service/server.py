"""The running server.

bind        ports, while we still may; then twistd gives up privileges
serve       the writer, the control socket; systemd is told
reload      other parts in place of those in use, all or nothing
upgrade     another process in place of this one (`succession`)
stop        no new connections; sessions finish, or hear 421 when their time is over; what is being written is finished
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import MultiService
from twisted.internet import defer
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger

from twistedmx import __version__
from twistedmx.net.server import ImplicitTls, ServerFactory
from twistedmx.net.systemd import Systemd
from twistedmx.report.prometheus import registry_of
from twistedmx.service.commands import cannot_upgrade, commands
from twistedmx.service.exchange import Exchange
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.opening import give_data, open_control, open_metrics, port_of, stay_within
from twistedmx.service.parts import Lasting, Parts
from twistedmx.service.places import Place, let_wait, place_of
from twistedmx.service.reloading import Read, Reloading
from twistedmx.service.state import gauges
from twistedmx.service.users import users_of
from twistedmx.settings import Settings

_log = Logger(namespace="twistedmx")

# What else is said when the server listens: of its settings and its first port, lines.
FirstWords = Callable[[Settings, IListeningPort], list[str]]


class Server(MultiService):
    """`becomes`: the user that it is once its ports are bound, "" when it stays who it is. `read`: the settings as they
    are written now; raises BadSettings. `listening`: what is bound, by place. `announces`: it says where it listens.
    `upgrade`: the command that has another process follow; `served`, `refused`: told to who follows another (`succession.heir`)."""

    def __init__(
        self,
        lasting: Lasting,
        parts: Parts,
        *,
        first_words: FirstWords | None,
        read: Read,
        becomes: str,
        announces: bool = True,
    ) -> None:
        super().__init__()
        self.lasting = lasting
        self.parts = parts
        self.since = lasting.world.now()
        self._first_words = first_words
        self.becomes = becomes
        self._announces = announces
        self.exchange = Exchange(self)
        self.reloading = Reloading(
            lambda: self.exchange.at_once(read), source=parts.source, events=lasting.events, now=lasting.world.now
        )
        self.upgrade: Callable[[Mapping[str, Any]], Awaitable[Any]] = cannot_upgrade
        self.served: Callable[[], None] = lambda: None
        self.refused: Callable[[Sequence[str]], None] = lambda faults: None
        self.control: IListeningPort | None = None
        self.metrics: IListeningPort | None = None
        self.listening: dict[Place, IListeningPort] = {}
        self._is_bound = False
        self.systemd = Systemd(lasting.world.environment, lasting.world.pid())
        self.factory = ServerFactory(
            site=parts.site,
            timeouts=parts.settings.timeouts,
            wheel=lasting.wheel,
            tls=parts.tls,
            governor=parts.settings.governor,
            descriptors=lasting.world.descriptors(),
        )
        self._implicit_tls = ImplicitTls(self.factory)
        lasting.serve_beside(self.factory, self)
        self.factory.door.accept = lasting.readers.arrivals.accept
        self.adopt(parts)

    @property
    def ports(self) -> list[IListeningPort]:
        """Where it listens."""
        return list(self.listening.values())

    # -- bind --------------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        try:
            self._is_bound = True
            self.listening = self.bind(self.parts.listening)
            let_wait(self.listening, self.parts.settings.backlog)
            self.metrics = self._bind_metrics()
            if self.lasting.qmail is not None:
                self.lasting.qmail.prepare(self.becomes)
        except (Faults, CannotStart) as error:
            for port in self.ports:
                port.stopListening()
            self.listening.clear()
            self.lasting.readers.stop()
            raise CannotStart(*error.faults) from None
        if self.lasting.world.uid() == 0:
            if not self.becomes:
                _log.warn("{words}", words="runs as root: loopback only; give it a user before it faces the world")
            self._prepare_for_others()

    def bind(self, listening: dict[Place, IStreamServerEndpoint]) -> dict[Place, IListeningPort]:
        """Listen at every place, or at none: raises Faults."""
        self.lasting.readers.open()
        bound: dict[Place, IListeningPort] = {}
        for place, endpoint in listening.items():
            try:
                opening = endpoint.listen(self._implicit_tls if place.secure else self.factory)
                bound[place] = port_of(opening, place.text)
                self.lasting.readers.serve(bound[place])
            except Faults:
                for port in bound.values():
                    port.stopListening()
                raise
        stay_within(bound.values(), self.parts.settings, self.lasting.world, self.becomes)
        return bound

    def _prepare_for_others(self) -> None:
        """What only root can: a data folder for who we become, and the agent that writes to system users. Raises CannotStart."""
        give_data(self.parts.settings, self.becomes)
        users = users_of(self.parts.settings)
        if users is not None:
            try:
                self.lasting.owners.start(least_uid=users[0], maildirs=users[1])
            except (OSError, ValueError) as error:
                raise CannotStart(f"mailboxes.passwd: the agent that writes to users cannot start: {error}") from None

    def _bind_metrics(self) -> IListeningPort | None:
        """Raises Faults."""
        registry = registry_of(self.lasting.counters, gauges(self))
        return open_metrics(self.parts.settings, self.lasting.world, self.becomes, lambda: defer.succeed(registry))

    # -- serve -------------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to write and to serve: after daemonising, and without privileges."""
        super().startService()
        if not self._is_bound:  # started by something that does not know privileges
            self.privilegedStartService()
        self.open_control()
        self.parts.events.release(self.lasting.events)
        self.warn()
        if self.lasting.qmail is not None:
            self.lasting.qmail.begin(self.factory, self.parts.site, self.parts.settings.timeouts, self.parts.tls)
        self.lasting.acceptance.start()
        self.lasting.blocking.start()
        for line in self._first_lines():
            _log.info("{line}", line=line)
        self.systemd.ready(self.lasting.world.reactor)
        self.lasting.world.reactor.callWhenRunning(lambda: self.served())

    def open_control(self) -> None:
        """Hear commands, if nobody hears them yet. Raises CannotStart."""
        if self.control is None and not self.reloading.stops:
            self.control = open_control(self.parts.settings, self.lasting.world, commands(self))

    def begin_at(self, limit: int) -> None:
        """The governor's limit is what it was in the process that is followed."""
        governor = self.lasting.governing.governor
        governor.begin_at(limit)
        self.factory.door.admission.limit = governor.limit

    def warn(self) -> None:
        """Of what the backends cannot do now."""
        for warning in self.parts.backends.warnings:
            _log.warn("{warning}", warning=warning)

    def _first_lines(self) -> list[str]:
        if not self._announces:
            return []
        lines = [f"twistedmx {__version__} listens on {', '.join(self.places)}"]
        if self._first_words is not None and self.ports:
            lines += self._first_words(self.parts.settings, self.ports[0])
        return lines

    @property
    def places(self) -> list[str]:
        """Where mail comes in, as words: ADDRESS:PORT, or the path of a socket."""
        qmail = self.lasting.qmail
        return [*map(place_of, self.ports), *(qmail.places if qmail is not None else ())]

    # -- reload ------------------------------------------------------------------------------------------------------

    def reload(self) -> Any:
        """As `Reloading.reload`."""
        return self.reloading.reload()

    def reload_by_signal(self) -> None:
        """As `Reloading.by_signal`."""
        self.reloading.by_signal()

    def adopt(self, parts: Parts) -> None:
        """From now on these hold: for new sessions, and of the mailboxes for all."""
        self.parts = parts
        lasting = self.lasting
        parts.backends.put_into(lasting.mailboxes)
        lasting.world.reactor.suggestThreadPoolSize(parts.backends.threads)
        lasting.counters.keep_sources([backend.name for backend in lasting.mailboxes.describe()])
        lasting.events.replace([parts.log, *lasting.subscribers])
        lasting.policies.keep(parts.site.chain, conduct_in_shadow=bool(parts.settings.conduct.shadow))
        lasting.configure(parts.settings)
        if lasting.qmail is not None:
            lasting.qmail.configure(parts.site, parts.settings.timeouts, parts.tls)
        self.factory.adopt(
            site=parts.site, timeouts=parts.settings.timeouts, tls=parts.tls, governor=parts.settings.governor
        )

    # -- stop --------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        self.reloading.stops = True
        self.systemd.stopping()
        if self.control is not None:
            yield self.control.stopListening()
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in self.ports])
        self.listening.clear()
        if self.lasting.qmail is not None:
            self.lasting.qmail.stop_accepting()
        yield self.factory.shut_down(self.parts.settings.timeouts.grace)
        yield self.factory.gone()
        self.lasting.readers.stop()
        yield self.lasting.acceptance.stop()
        if self.lasting.qmail is not None:
            yield self.lasting.qmail.stop()
        yield self.lasting.blocking.stop()
        self.lasting.owners.stop()
        self.lasting.mailboxes.close()
        self.parts.log.close()
        self.lasting.wheel.stop()
        if self.metrics is not None:
            yield self.metrics.stopListening()
        self.systemd.gone()
        yield super().stopService()

"""The running server.

bind        ports, while we still may; then twistd gives up privileges
serve       the writer, the control socket; systemd is told
reload      other parts in place of those in use, all or nothing
stop        no new connections; sessions finish, or hear 421 when their time is over; what is being written is finished
"""

import os
from collections.abc import Callable, Collection
from typing import Any, Final

from twisted.application.service import MultiService
from twisted.internet import defer, threads
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx import __version__
from twistedmx.model.event import Event, SettingsKept, SettingsReloaded
from twistedmx.net.control import AnotherServer, Control
from twistedmx.net.control import listen as listen_control
from twistedmx.net.metrics import listen as listen_metrics
from twistedmx.net.server import ImplicitTls, ServerFactory
from twistedmx.net.systemd import Systemd
from twistedmx.report.prometheus import registry_of
from twistedmx.service.commands import commands
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.parts import Lasting, Parts, parts_of
from twistedmx.service.places import Place, is_loopback, is_of_systemd, let_wait, place_of
from twistedmx.service.privileges import root_faces_the_world
from twistedmx.service.state import gauges
from twistedmx.service.users import give_folder, users_of
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.difference import beyond_reload, changed

_log = Logger(namespace="twistedmx")

_STOPS: Final = "the server stops"

# What else is said when the server listens: of its settings and its first port, lines.
FirstWords = Callable[[Settings, IListeningPort], list[str]]


class Server(MultiService):
    """`becomes`: the user that it is once its ports are bound, "" when it stays who it is. `read`: the settings as they
    are written now; raises BadSettings. `listening`: what is bound, by place."""

    def __init__(
        self,
        lasting: Lasting,
        parts: Parts,
        *,
        first_words: FirstWords | None,
        read: Callable[[], Settings],
        becomes: str,
    ) -> None:
        super().__init__()
        self.lasting = lasting
        self.parts = parts
        self.since = lasting.world.now()
        self._first_words = first_words
        self._read = read
        self._becomes = becomes
        self._reloading = False
        self._hung_up = False  # a hangup came meanwhile
        self._stopping = False
        self.reloaded: float | None = None  # seconds since the epoch
        self._control: IListeningPort | None = None
        self._metrics: IListeningPort | None = None
        self.listening: dict[Place, IListeningPort] = {}
        self._systemd = Systemd(lasting.world.environment, lasting.world.pid())
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
        self.factory.door.accept = lasting.readers.accept
        self._adopt(parts)

    @property
    def ports(self) -> list[IListeningPort]:
        """Where it listens."""
        return list(self.listening.values())

    # -- bind --------------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        try:
            self.listening = self._bind(self.parts.listening)
            let_wait(self.listening, self.parts.settings.backlog)
            self._metrics = self._bind_metrics()
        except Faults as error:
            for port in self.ports:
                port.stopListening()
            self.listening.clear()
            raise CannotStart(*error.faults) from None
        if self.lasting.world.uid() == 0:
            if not self._becomes:
                _log.warn("{words}", words="runs as root: loopback only; give it a user before it faces the world")
            self._prepare_for_others()

    def _bind(self, listening: dict[Place, IStreamServerEndpoint]) -> dict[Place, IListeningPort]:
        """Listen at every place, or at none: raises Faults."""
        bound: dict[Place, IListeningPort] = {}
        for place, endpoint in listening.items():
            try:
                opening = endpoint.listen(self._implicit_tls if place.secure else self.factory)
                bound[place] = _port_of(opening, place.text)
                self.lasting.readers.serve(bound[place])
            except Faults:
                for port in bound.values():
                    port.stopListening()
                raise
        self._stay_within(bound.values())
        return bound

    def _stay_within(self, ports: Collection[IListeningPort]) -> None:
        """As root we serve this machine alone: whoever finds a way into a server that faces the world must not be root.

        Raises Faults, and then `ports` are closed.
        """
        if self._becomes or self.lasting.world.uid() != 0:
            return
        outside = [place_of(port) for port in ports if not is_loopback(port)]
        if outside:
            for port in ports:
                port.stopListening()
            raise Faults([root_faces_the_world(outside, self.parts.settings.user)])

    def _prepare_for_others(self) -> None:
        """What only root can: a data folder for who we become, and the agent that writes to system users. Raises CannotStart."""
        data = self.parts.settings.data
        try:
            give_folder(data, self._becomes)
        except OSError as error:
            raise CannotStart(
                f"data: {data}: cannot be made: {error.strerror}; make it, for the server's user"
            ) from None
        users = users_of(self.parts.settings)
        if users is not None:
            try:
                self.lasting.owners.start(least_uid=users[0], maildirs=users[1])
            except (OSError, ValueError) as error:
                raise CannotStart(f"mailboxes.passwd: the agent that writes to users cannot start: {error}") from None

    def _bind_metrics(self) -> IListeningPort | None:
        """Raises Faults."""
        settings = self.parts.settings.metrics
        if not settings.listen:
            return None
        registry = registry_of(self.lasting.counters, gauges(self))
        try:
            listening = listen_metrics(self.lasting.world.reactor, settings, registry)
        except ValueError as error:
            raise Faults([f"metrics.listen: {settings.listen!r}: {error}"]) from None
        port = _port_of(listening, settings.listen, "metrics.listen: ")
        self._stay_within([port])
        return port

    # -- serve -------------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to write and to serve: after daemonising, and without privileges."""
        super().startService()
        if not self.listening:  # started by something that does not know privileges
            self.privilegedStartService()
        self._listen_for_commands()
        self.parts.events.release(self.lasting.events)
        self._warn()
        self.lasting.acceptance.start()
        self.lasting.blocking.start()
        for line in self._first_lines():
            _log.info("{line}", line=line)
        self._systemd.ready(self.lasting.world.reactor)

    def _listen_for_commands(self) -> None:
        """As who we are from now on: the socket is the server's user's. Raises CannotStart."""
        settings = self.parts.settings
        if not settings.control.socket:
            return
        path = os.path.join(settings.data, settings.control.socket)
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            self._control = listen_control(
                self.lasting.world.reactor, path, int(settings.control.mode, 8), Control(commands(self))
            )
        except AnotherServer:
            raise CannotStart(f"another server runs with this data folder: it answers on {path}") from None
        except OSError as error:
            raise CannotStart(f"control.socket: {path}: {error.strerror}") from None
        except CannotListenError as error:
            raise CannotStart(f"control.socket: {path}: {error.socketError}") from None

    def _warn(self) -> None:
        """Of what the backends cannot do now."""
        for warning in self.parts.backends.warnings:
            _log.warn("{warning}", warning=warning)

    def _first_lines(self) -> list[str]:
        lines = [f"twistedmx {__version__} listens on {', '.join(map(place_of, self.ports))}"]
        if self._first_words is not None:
            lines += self._first_words(self.parts.settings, self.ports[0])
        return lines

    # -- reload ------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def reload(self) -> Any:
        """Take up what the settings, tables and certificates are now. Sessions go on; new ones follow the new settings.

        Fires with the keys that changed. Fails with Faults, and then nothing has changed.
        """
        if self._reloading:
            raise Faults(["a reload is under way: wait for it"])
        if self._stopping:
            raise Faults([_STOPS])
        self._reloading = True
        try:
            result = yield self._take_up()
        except Faults as error:
            self._tell(SettingsKept(at=self._now(), source=self.parts.source, faults=error.faults))
            raise
        finally:
            self._reloading = False
            if self._hung_up:
                self._hung_up = False
                self.reload_by_signal()
        self._tell(SettingsReloaded(at=self._now(), source=self.parts.source, changed=tuple(result)))
        return result

    def reload_by_signal(self) -> None:
        """As `reload`; what comes of it is told as an event, and in the log of twistd. While another is under way it waits: what
        that one has read may be older than the hangup."""
        if self._reloading:
            self._hung_up = True
            return
        _log.info("{words}", words="SIGHUP: reads the settings again")
        self.reload().addErrback(self._not_reloaded)

    def _not_reloaded(self, failure: Failure) -> None:
        if not isinstance(failure.value, Faults):
            _log.failure("a reload failed by a fault of ours", failure=failure)
            return
        for fault in failure.value.faults:
            _log.error("not reloaded: {fault}", fault=fault)

    @defer.inlineCallbacks
    def _take_up(self) -> Any:
        world = self.lasting.world
        parts = yield threads.deferToThreadPool(world.reactor, world.reactor.getThreadPool(), self._prepare)
        if self._stopping:
            parts.close()
            raise Faults([_STOPS])
        before = self.parts
        new = {place: endpoint for place, endpoint in parts.listening.items() if place not in self.listening}
        fixed = beyond_reload(before.settings, parts.settings)
        fixed += [
            place.text for place in new if is_of_systemd(place)
        ]  # what it passed at the start may be closed by now
        if users_of(parts.settings) not in (None, users_of(before.settings)):
            fixed.append("mailboxes.passwd")  # the agent was told at its start whom it may serve
        if fixed:
            parts.close()
            raise Faults([f"{key}: cannot change while the server runs: restart it" for key in fixed])
        try:
            bound = self._bind(new)
        except Faults:
            parts.close()
            raise
        self._adopt(parts)
        self.listening |= bound
        let_wait(self.listening, parts.settings.backlog)
        gone = [self.listening.pop(place) for place in list(self.listening) if place not in parts.listening]
        before.log.close()
        parts.events.release(self.lasting.events)
        self._warn()
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in gone])
        self.reloaded = self._now()
        return changed(before.settings, parts.settings)

    def _prepare(self) -> Parts:
        """In a thread: it reads files."""
        try:
            return parts_of(self._read(), self.parts.source, self.lasting)
        except BadSettings as error:
            raise Faults(error.faults) from None

    def _adopt(self, parts: Parts) -> None:
        """From now on these hold: for new sessions, and of the mailboxes for all."""
        self.parts = parts
        lasting = self.lasting
        parts.backends.put_into(lasting.mailboxes)
        lasting.world.reactor.suggestThreadPoolSize(parts.backends.threads)
        lasting.counters.keep_sources([backend.name for backend in lasting.mailboxes.describe()])
        lasting.events.replace([parts.log, *lasting.subscribers])
        lasting.policies.keep(parts.site.chain, conduct_in_shadow=bool(parts.settings.conduct.shadow))
        lasting.configure(parts.settings)
        self.factory.adopt(
            site=parts.site, timeouts=parts.settings.timeouts, tls=parts.tls, governor=parts.settings.governor
        )

    def _tell(self, event: Event) -> None:
        self.lasting.events.tell(event)

    def _now(self) -> float:
        return self.lasting.world.now()

    # -- stop --------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        self._stopping = True
        self._systemd.stopping()
        if self._control is not None:
            yield self._control.stopListening()
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in self.ports])
        self.listening.clear()
        yield self.factory.shut_down(self.parts.settings.timeouts.grace)
        yield self.factory.gone()
        self.lasting.readers.stop()
        yield self.lasting.acceptance.stop()
        yield self.lasting.blocking.stop()
        self.lasting.owners.stop()
        self.lasting.mailboxes.close()
        self.parts.log.close()
        self.lasting.wheel.stop()
        if self._metrics is not None:
            yield self._metrics.stopListening()
        self._systemd.gone()
        yield super().stopService()


def _port_of(listening: "defer.Deferred[IListeningPort]", text: str, key: str = "") -> IListeningPort:
    """The port, which every endpoint of Twisted's own gives at once. Raises Faults. `key`: what stands before the words."""
    results: list[Any] = []
    listening.addBoth(results.append)
    (result,) = results or [Failure(CannotListenError(None, None, "this kind of endpoint takes its time"))]
    if isinstance(result, Failure):
        raise Faults([f"{key}cannot listen on {text}: {result.getErrorMessage()}"])
    return result  # type: ignore[no-any-return]

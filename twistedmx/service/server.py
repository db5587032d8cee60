"""The running server.

    bind        ports, while we still may; then twistd gives up privileges
    serve       the writer, the control socket; systemd is told
    reload      other parts in place of those in use, all or nothing
    stop        no new connections; sessions finish, or hear 421 when their time is over; what is being written is finished
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.application.service import MultiService
from twisted.internet import defer, threads
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from twistedmx import __version__
from twistedmx.model.event import Event, SettingsKept, SettingsReloaded
from twistedmx.net.server import ServerFactory
from twistedmx.net.systemd import Systemd
from twistedmx.service.parts import CannotStart, Faults, Lasting, Parts, Place, parts_of
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.difference import beyond_reload, changed

# What else is said when the server listens: of its settings and its first port, lines.
FirstWords = Callable[[Settings, IListeningPort], list[str]]


class Server(MultiService):
    """`becomes`: the user that it is once its ports are bound, "" when it stays who it is. `read`: the settings as they
    are written now; raises BadSettings."""

    _log = Logger(namespace="twistedmx")

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
        self._listening: dict[Place, IListeningPort] = {}
        self._systemd = Systemd(lasting.world.environment, lasting.world.pid())
        self.factory = ServerFactory(
            site=parts.site,
            timeouts=parts.settings.timeouts,
            wheel=lasting.wheel,
            tls=parts.tls,
            tolerant=parts.tolerant,
        )
        lasting.events.replace([parts.log])

    @property
    def ports(self) -> list[IListeningPort]:
        """Where it listens."""
        return list(self._listening.values())

    # -- bind --------------------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        try:
            self._listening = self._bind(self.parts.listening)
        except Faults as error:
            raise CannotStart(*error.faults) from None
        if self.lasting.world.uid() == 0 and not self._becomes:
            self._stay_within()

    def _bind(self, listening: dict[Place, IStreamServerEndpoint]) -> dict[Place, IListeningPort]:
        """Listen at every place, or at none: raises Faults."""
        bound: dict[Place, IListeningPort] = {}
        for place, endpoint in listening.items():
            results: list[Any] = []
            factory = TLSMemoryBIOFactory(self.parts.tls, False, self.factory) if place.secure else self.factory
            endpoint.listen(factory).addBoth(results.append)
            for result in results:  # at once, for every endpoint that Twisted has
                if isinstance(result, Failure):
                    for port in bound.values():
                        port.stopListening()
                    raise Faults([f"cannot listen on {place.text}: {result.getErrorMessage()}"])
                bound[place] = result
        return bound

    def _stay_within(self) -> None:
        """As root we serve this machine alone: whoever finds a way into a server that faces the world must not be root."""
        outside = [place_of(port) for port in self.ports if not _is_loopback(port)]
        if outside:
            for port in self.ports:
                port.stopListening()
            self._listening.clear()
            raise CannotStart(
                f"started as root, with no user to become, and {', '.join(outside)} can be reached from elsewhere: "
                'write user = "mail" (or a user of its own) into the settings, or start twistd with --uid'
            )
        self._log.warn("{words}", words="runs as root: loopback only; give it a user before it faces the world")

    # -- serve -------------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to write and to serve: after daemonising, and without privileges."""
        super().startService()
        if not self._listening:  # started by something that does not know privileges
            self.privilegedStartService()
        self.lasting.acceptance.start()
        for line in self._first_lines():
            self._log.info("{line}", line=line)
        self._systemd.ready(self.lasting.world.reactor)

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
        self._reloading = True
        try:
            result = yield self._take_up()
        except Faults as error:
            self._tell(SettingsKept(at=self._now(), source=self.parts.source, faults=error.faults))
            raise
        finally:
            self._reloading = False
        self._tell(SettingsReloaded(at=self._now(), source=self.parts.source, changed=tuple(result)))
        return result

    @defer.inlineCallbacks
    def _take_up(self) -> Any:
        world, held = self.lasting.world, Held()
        parts = yield threads.deferToThreadPool(world.reactor, world.reactor.getThreadPool(), self._prepare, held)
        before = self.parts
        fixed = beyond_reload(before.settings, parts.settings)
        if fixed:
            parts.close()
            raise Faults([f"{key}: cannot change while the server runs: restart it" for key in fixed])
        try:
            bound = self._bind({place: end for place, end in parts.listening.items() if place not in self._listening})
        except Faults:
            parts.close()
            raise
        self._adopt(parts)
        self._listening |= bound
        gone = [self._listening.pop(place) for place in list(self._listening) if place not in parts.listening]
        before.close()
        for event in held.events:
            self._tell(event)
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in gone])
        return changed(before.settings, parts.settings)

    def _prepare(self, held: "Held") -> Parts:
        """In a thread: it reads files."""
        try:
            return parts_of(self._read(), self.parts.source, self.lasting, held)
        except BadSettings as error:
            raise Faults(error.faults) from None

    def _adopt(self, parts: Parts) -> None:
        self.parts = parts

    def _tell(self, event: Event) -> None:
        self.lasting.events.tell(event)

    def _now(self) -> float:
        return self.lasting.world.now()

    # -- stop --------------------------------------------------------------------------------------------------------

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        self._systemd.stopping()
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in self.ports])
        self._listening.clear()
        yield self.factory.shut_down()
        yield self.lasting.acceptance.stop()
        self.lasting.wheel.stop()
        self._systemd.gone()
        yield super().stopService()


class Held:
    """Events of what may come to nothing: told when it did not."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Keep it. In a thread; nobody else looks until that has ended."""
        self.events.append(event)


def place_of(port: IListeningPort) -> str:
    """Where a port listens, as people write it."""
    address: Any = port.getHost()
    if not hasattr(address, "host"):
        return str(address)
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"


def _is_loopback(port: IListeningPort) -> bool:
    host = getattr(port.getHost(), "host", None)
    return host is None or ip_address(host.partition("%")[0]).is_loopback  # a Unix socket is of this machine

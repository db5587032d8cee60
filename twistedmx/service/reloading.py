"""Other settings for a running server: all of them or none, and no session notices.

In two steps, for who must know that others can do it too: `prepare` makes parts and changes nothing, `take_up` puts them in place
of those in use.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet import defer, threads
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.event import Event, SettingsKept, SettingsReloaded
from twistedmx.service.faults import Faults
from twistedmx.service.parts import Parts, parts_of
from twistedmx.service.places import is_of_systemd, let_wait
from twistedmx.service.users import users_of
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.difference import beyond_reload, changed

if TYPE_CHECKING:
    from twistedmx.service.server import Server

_log = Logger(namespace="twistedmx")

_STOPS: Final = "the server stops"

# Gives the settings as they are written now. Raises BadSettings.
Read = Callable[[], Settings]


def logged(failure: Failure) -> None:
    """Of a reload by a signal, which nobody hears of."""
    if not isinstance(failure.value, Faults):
        _log.failure("a reload failed by a fault of ours", failure=failure)
        return
    for fault in failure.value.faults:
        _log.error("not reloaded: {fault}", fault=fault)


def cannot_change(keys: list[str]) -> Faults:
    """What a running server cannot take up."""
    return Faults([f"{key}: cannot change while the server runs: restart it" for key in keys])


class Reloading:
    """Of one server. `at`: when it was last done, in seconds since the epoch."""

    def __init__(self, server: "Server", read: Read) -> None:
        self.at: float | None = None
        self.under_way = False
        self._server = server
        self._read = read
        self._hung_up = False  # a hangup came meanwhile

    @defer.inlineCallbacks
    def reload(self) -> Any:
        """Take up what the settings, tables and certificates are now. Sessions go on; new ones follow the new settings.

        Fires with the keys that changed. Fails with Faults, and then nothing has changed.
        """
        if self.under_way:
            raise Faults(["a reload is under way: wait for it"])
        if self._server.stops:
            raise Faults([_STOPS])
        self.under_way = True
        try:
            parts = yield self.prepare(self._read)
            result = yield self.take_up(parts)
        except Faults as error:
            self.tell_kept(error.faults)
            raise
        finally:
            self.under_way = False
            if self._hung_up:
                self._hung_up = False
                self.by_signal()
        self.tell_reloaded(result)
        return result

    def by_signal(self) -> None:
        """As `reload`; what comes of it is told as an event, and in the log of twistd. While another is under way it waits: what
        that one has read may be older than the hangup."""
        if self.under_way:
            self._hung_up = True
            return
        _log.info("{words}", words="SIGHUP: reads the settings again")
        self.reload().addErrback(logged)

    @defer.inlineCallbacks
    def prepare(self, read: Read) -> Any:
        """Fires with parts that can be taken up, or are to be closed; nothing has changed. Fails with Faults."""
        server = self._server
        world = server.lasting.world
        parts = yield threads.deferToThreadPool(world.reactor, world.reactor.getThreadPool(), self._make, read)
        if server.stops:
            parts.close()
            raise Faults([_STOPS])
        before = server.parts.settings
        fixed = beyond_reload(before, parts.settings)
        fixed += [
            place.text for place in parts.listening if place not in server.listening and is_of_systemd(place)
        ]  # what it passed at the start may be closed by now
        if users_of(parts.settings) not in (None, users_of(before)):
            fixed.append("mailboxes.passwd")  # the agent was told at its start whom it may serve
        if fixed:
            parts.close()
            raise cannot_change(fixed)
        return parts

    def _make(self, read: Read) -> Parts:
        """In a thread: it reads files."""
        try:
            return parts_of(read(), self._server.parts.source, self._server.lasting)
        except BadSettings as error:
            raise Faults(error.faults) from None

    @defer.inlineCallbacks
    def take_up(self, parts: Parts) -> Any:
        """Fires with the keys that changed. Fails with Faults where a new place cannot be had, and then the parts are closed."""
        server = self._server
        before = server.parts
        try:
            bound = server.bind(
                {place: endpoint for place, endpoint in parts.listening.items() if place not in server.listening}
            )
        except Faults:
            parts.close()
            raise
        server.adopt(parts)
        server.listening |= bound
        let_wait(server.listening, parts.settings.backlog)
        gone = [server.listening.pop(place) for place in list(server.listening) if place not in parts.listening]
        before.log.close()
        parts.events.release(server.lasting.events)
        server.warn()
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in gone])
        self.at = self._now()
        return changed(before.settings, parts.settings)

    def tell_reloaded(self, keys: list[str]) -> None:
        """To who subscribes to events."""
        self._tell(SettingsReloaded(at=self._now(), source=self._server.parts.source, changed=tuple(keys)))

    def tell_kept(self, faults: tuple[str, ...]) -> None:
        """That it came to nothing."""
        self._tell(SettingsKept(at=self._now(), source=self._server.parts.source, faults=faults))

    def _tell(self, event: Event) -> None:
        self._server.lasting.events.tell(event)

    def _now(self) -> float:
        return self._server.lasting.world.now()

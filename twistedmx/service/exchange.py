"""Other parts in the place of those that a server uses: all of them or none, and no session notices.

In two steps, for who must know that others can do it too: `prepare` makes parts and changes nothing, `take_up` has them used.
"""

from typing import TYPE_CHECKING, Any

from twisted.internet import defer, threads

from twistedmx.service.faults import Faults
from twistedmx.service.parts import Parts, parts_of
from twistedmx.service.places import is_of_systemd, let_wait
from twistedmx.service.reloading import STOPS, Read, cannot_change
from twistedmx.service.users import users_of
from twistedmx.settings import BadSettings
from twistedmx.settings.difference import beyond_reload, changed

if TYPE_CHECKING:
    from twistedmx.service.server import Server


class Exchange:
    """Of one server."""

    def __init__(self, server: "Server") -> None:
        self._server = server

    @defer.inlineCallbacks
    def at_once(self, read: Read) -> Any:
        """Both steps."""
        parts = yield self.prepare(read)
        keys = yield self.take_up(parts)
        return keys

    @defer.inlineCallbacks
    def prepare(self, read: Read) -> Any:
        """Fires with parts that can be taken up, or are to be closed; nothing has changed. Fails with Faults."""
        server = self._server
        world = server.lasting.world
        parts = yield threads.deferToThreadPool(world.reactor, world.reactor.getThreadPool(), self._make, read)
        if server.reloading.stops:
            parts.close()
            raise Faults([STOPS])
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
        new = {place: endpoint for place, endpoint in parts.listening.items() if place not in server.listening}
        try:
            bound = server.bind(new)
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
        return changed(before.settings, parts.settings)

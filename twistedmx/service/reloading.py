"""Reloads of a running server: one after the other, and what comes of each is told."""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet import defer
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.event import SettingsKept, SettingsReloaded
from twistedmx.ports import Events
from twistedmx.service.faults import Faults
from twistedmx.settings import Settings

_log = Logger(namespace="twistedmx")

STOPS: Final = "the server stops"

# Gives the settings as they are written now. Raises BadSettings.
Read = Callable[[], Settings]


class Reloading:
    """`take_up`: does it; fires with the keys that changed, or fails with Faults, and then nothing has changed. `source`: the file.
    `at`: when it was last done, in seconds since the epoch. `stops`: the server does, and takes up nothing any more.
    `held`: why not now, or ""."""

    def __init__(
        self,
        take_up: Callable[[], "defer.Deferred[list[str]]"],
        *,
        source: str,
        events: Events,
        now: Callable[[], float],
    ) -> None:
        self.at: float | None = None
        self.stops = False
        self.held = ""
        self.under_way = False
        self._take_up, self._source, self._events, self._now = take_up, source, events, now
        self._hung_up = False  # a hangup came meanwhile

    @defer.inlineCallbacks
    def reload(self) -> Any:
        """Take up what the settings, tables and certificates are now. Sessions go on; new ones follow the new settings.

        Fires with the keys that changed. Fails with Faults, and then nothing has changed.
        """
        if self.under_way:
            raise Faults(["a reload is under way: wait for it"])
        if self.stops:
            raise Faults([STOPS])
        if self.held:
            raise Faults([self.held])
        self.under_way = True
        try:
            keys = yield self._take_up()
        except Faults as error:
            self._events.tell(SettingsKept(at=self._now(), source=self._source, faults=error.faults))
            raise
        finally:
            self.under_way = False
            if self._hung_up:
                self._hung_up = False
                self.by_signal()
        self.at = self._now()
        self._events.tell(SettingsReloaded(at=self.at, source=self._source, changed=tuple(keys)))
        return keys

    def by_signal(self) -> None:
        """As `reload`; what comes of it is told as an event, and in the log of twistd. While another is under way it waits: what
        that one has read may be older than the hangup."""
        if self.under_way:
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


def cannot_change(keys: list[str]) -> Faults:
    """What a running server cannot take up."""
    return Faults([f"{key}: cannot change while the server runs: restart it" for key in keys])

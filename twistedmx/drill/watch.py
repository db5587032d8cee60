"""How the server is while it is besieged: what its own `status` says, asked every second in a thread."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from twistedmx.drill.limits import Limits

EVERY: Final = 1.0  # seconds
# Asks the server; raises where it does not answer.
Ask = Callable[[], Mapping[str, Any]]


class Watch:
    """`before`, `most`: octets of memory, as it was first told and at the most; None where they are not told. `limits`: of
    sessions, in the phase that is on. `now`: seconds of a clock that nobody sets."""

    def __init__(self, reactor: Any, ask: Ask | None, now: Callable[[], float]) -> None:
        self.before: int | None = None
        self.most: int | None = None
        self._reactor = reactor
        self._ask = ask
        self._asking = False
        self._now = now
        self.begin()

    def begin(self) -> None:
        """A phase: `limits` are other ones from now on."""
        self.limits = Limits()
        self._began = self._now()

    def look(self) -> Deferred[None] | None:
        """Ask, unless the last question is still open; fires when it was answered, or was not."""
        if self._ask is None or self._asking:
            return None
        self._asking = True
        asked = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._ask)
        return asked.addCallbacks(self._told, self._not_told)

    def _told(self, status: Mapping[str, Any]) -> None:
        self._asking = False
        memory = status.get("memory")
        octets = memory.get("resident_octets") if isinstance(memory, Mapping) else None
        if isinstance(octets, int):
            self.before = octets if self.before is None else self.before
            self.most = octets if self.most is None else max(octets, self.most)
        self.limits.told(status.get("governor"), self._now() - self._began)

    def _not_told(self, failure: Failure) -> None:
        self._asking = False

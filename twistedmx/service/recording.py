"""The history of a running server: recorded every second, and once more for whoever asks."""

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.report.counters import Counters
from twistedmx.report.history import History
from twistedmx.service.looking import Looking
from twistedmx.service.world import World


class Recording(Looking):
    """`most_open`: connections at once since it was asked last, at the most; `turned_away`: those of blocked hosts, since the
    start. Given by who knows them."""

    _log = Logger()

    def __init__(self, world: World, counters: Counters) -> None:
        super().__init__(world.reactor)
        self.most_open: Callable[[], int] = int  # none
        self.turned_away: Callable[[], int] = int
        self._world = world
        self._history = History(counters)

    def told(self, seconds: float) -> dict[str, Any]:
        """The last so many seconds, a day at most, up to this moment; as JSON can say it: docs/history.md has the fields."""
        if self._looking.running:
            self._look()
        now = self._world.now()
        return {"now": now, "cpus": self._world.cpus(), "minutes": self._history.told(now, seconds)}

    def _look(self) -> None:
        world, load = self._world, self._world.load()
        self._history.record(
            world.now(),
            most_open=self.most_open(),
            turned_away=self.turned_away(),
            load=None if load is None else load * world.cpus(),
        )

    def _failed(self, failure: Failure) -> None:
        """By a fault of ours; what was recorded is told on."""
        self._log.failure("history is recorded no more, until a restart", failure=failure)

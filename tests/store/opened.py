"""A database on a real file, whose answers a test takes when it wants them; and what was logged meanwhile."""

import os
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.store.database import Database
from twistedmx.store.schema import SCHEMA

T = TypeVar("T")

_LONGEST = 30.0  # seconds until a thread that does not answer is a fault


class Opened(SynchronousTestCase):
    """Databases on `path`, stopped after the test. `anew`: how often a file was begun anew."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp()) + "/store.sqlite"
        self.clock = Clock()
        self.anew = 0
        self.events: list[LogEvent] = []
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def database(self, **arguments: Any) -> Database:
        """Not yet started."""
        values: dict[str, Any] = {"path": self.path, "schema": SCHEMA, "most": 1000, "patience": 0.0}
        database = Database(
            **values | arguments,
            clock=self.clock,
            call_in_reactor=self.call_in_reactor,
            begun_anew=self._begun_anew,
        )
        self.addCleanup(lambda: self.finish(database.stop()))
        return database

    def started(self, **arguments: Any) -> Database:
        database = self.database(**arguments)
        database.start()
        return database

    def call_in_reactor(self, function: Callable[..., object], *arguments: object) -> None:
        """In the thread."""
        self._calls.put(lambda: function(*arguments))

    def finish(self, deferred: "Deferred[T]") -> T:
        """What it fires with."""
        results: list[T] = []
        deferred.addCallback(results.append)
        self.until(lambda: bool(results))
        return results[0]

    def until(self, true: Callable[[], bool]) -> None:
        """Hear the thread until something is so."""
        while not true():
            self._calls.get(timeout=_LONGEST)()

    def words(self, *levels: LogLevel) -> list[str]:
        """What the operator was told, at these levels or at warn and error."""
        levels = levels or (LogLevel.warn, LogLevel.error)
        return [
            formatEvent(event)
            for event in self.events
            if event["log_level"] in levels and event["log_namespace"].startswith("twistedmx.store")
        ]

    def _begun_anew(self) -> None:
        self.anew += 1

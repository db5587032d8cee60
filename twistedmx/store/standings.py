"""What is known of clients, kept across restarts: hosts, networks, HELO shapes, campaigns, and the time by which they fade.

Written in the store's own thread, in pieces, what has changed since the last time: SIGKILL loses what came since then. This is no
look-up: all of it is in memory (`policy.reputation`), and is read back once.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar, overload

from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.logger import Logger

from twistedmx.policy.reputation import Reputation
from twistedmx.policy.segments import Changes
from twistedmx.store.database import Database
from twistedmx.store.jobs import Done, NotDone, Outcome, Row
from twistedmx.store.standing_tables import StandingTable, tables_of

_AT_ONCE: Final = 2000  # rows of a job: of more the reactor's thread notices
PUT_TIME: Final = "INSERT OR REPLACE INTO steady_time (one, seconds, clock) VALUES (1, ?, ?)"
TIME: Final = "SELECT seconds, clock FROM steady_time"

T = TypeVar("T")


class Standings:
    """Of `reputation`, in `database`. Every Deferred fires with an Outcome, and never fails. `saving`: something is under way."""

    _log = Logger()

    def __init__(self, reputation: Reputation, database: Database) -> None:
        self._reputation = reputation
        self._database = database
        self._tables = tuple(tables_of(reputation))
        self.saving = False
        self._waiting: list[Deferred[Outcome]] = []  # for the end of what is under way

    def load(self) -> Deferred[Outcome]:
        """Read all of it. Asked before the database starts, it is done then. Until it is, nobody is condemned: the good record
        of whom it would hit may be what is missing.

        After a failure in the middle all is given again, which changes nothing; what was counted meanwhile stays.
        """
        self._reputation.condemnation.ready = False
        read = self._database.read
        asked = [read(TIME, (), make=times_of, take=self._take_time)]
        asked += [read(table.all, (), make=partial(self._items_of, table), take=table.take) for table in self._tables]
        return _all_done(asked).addCallback(self._loaded)

    def save(self) -> Deferred[Outcome]:
        """Write what has changed by now, a piece when the last one is safe. While that is under way nothing more is asked for."""
        if not self._reputation.condemnation.ready:  # what is kept must not be replaced by less
            return succeed(Done())
        waiting: Deferred[Outcome] = Deferred()
        self._waiting.append(waiting)
        if not self.saving:
            self.saving = True
            self._save().addCallback(self._saved)
        return waiting

    def save_at_once(self) -> None:
        """Ask for all that has changed to be written: the database is going to stop."""
        if not self._reputation.condemnation.ready:
            return
        for table in self._tables:
            self._write(table, table.segments.take_changes(table.segments.changed))
        self._write_time()

    def save_anew(self) -> None:
        """The file is another one: the next time all of it is written."""
        for table in self._tables:
            table.segments.have_changed()

    def _loaded(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, NotDone):
            self._log.error(
                "what is known of clients cannot be read, and nobody is condemned for his conduct: {fault}; mend the file, or "
                "move it away, and restart",
                fault=outcome.detail,
            )
        else:
            self._reputation.condemnation.ready = True
        return outcome

    @inlineCallbacks
    def _save(self) -> "Generator[Deferred[Outcome], Outcome, Outcome]":
        outcome: Outcome = Done()
        written = False
        for table in self._tables:
            left = table.segments.changed  # what comes meanwhile waits for the next time
            while left > 0:
                left -= _AT_ONCE
                outcome = yield self._write(table, table.segments.take_changes(_AT_ONCE))
                if isinstance(outcome, NotDone):
                    return outcome
                written = True
        if written:
            outcome = yield self._write_time()
        return outcome

    def _saved(self, outcome: Outcome) -> None:
        self.saving = False
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(outcome)

    def _write(self, table: StandingTable, changes: "Changes[Any, Any]") -> Deferred[Outcome]:
        write, asked = self._database.write, []
        if changes.put:
            asked.append(write(table.put, InThread(changes.put, lambda item: table.row_of(*item))))
        if changes.gone:
            asked.append(write(table.remove, InThread(changes.gone, lambda key: (table.text_of(key),))))
        return _all_done(asked).addCallback(_or_back, table, changes)

    def _write_time(self) -> Deferred[Outcome]:
        return self._database.write(PUT_TIME, (self._reputation.time.state,))

    def _take_time(self, times: Sequence[tuple[float, float]]) -> None:
        for seconds, clock in times:
            self._reputation.time.resume(seconds, clock)

    def _items_of(self, table: StandingTable, rows: Sequence[Any]) -> list[tuple[Any, Any]]:
        """In the thread. A row that is none is passed over: somebody wrote it by hand, and it must not cost the others."""
        items, faults = [], []
        for row in rows:
            try:
                items.append(table.of_row(row))
            except Exception as error:
                faults.append(f"{row[0]!r}: {error}")
        if faults:
            self._log.warn(
                "{table}: {number} rows are none of it and left out; the first: {fault}",
                table=table.name,
                number=len(faults),
                fault=faults[0],
            )
        return items


class InThread(Sequence[Row], Generic[T]):
    """Rows that are made when they are asked for: in the thread that writes them."""

    def __init__(self, items: Sequence[T], make: Callable[[T], Row]) -> None:
        self._items = items
        self._make = make

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, self._items)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "InThread[T]": ...
    def __getitem__(self, index: int | slice) -> "Row | InThread[T]":
        if isinstance(index, slice):
            return InThread(self._items[index], self._make)
        return self._make(self._items[index])


def times_of(rows: Sequence[Any]) -> list[tuple[float, float]]:
    """Of a row that was not made by us, none."""
    return [row for row in rows if all(isinstance(value, float) for value in row)]


@inlineCallbacks
def _all_done(asked: Sequence[Deferred[Outcome]]) -> "Generator[Deferred[Outcome], Outcome, Outcome]":
    """Fires when all have: with the first that was not done, or Done."""
    first: Outcome = Done()
    for one in asked:
        outcome = yield one
        if isinstance(outcome, NotDone) and isinstance(first, Done):
            first = outcome
    return first


def _or_back(outcome: Outcome, table: StandingTable, changes: "Changes[Any, Any]") -> Outcome:
    if isinstance(outcome, NotDone):
        table.segments.give_back(changes)
    return outcome

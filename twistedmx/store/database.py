"""What is remembered across restarts: one SQLite file, used by a thread of its own, many changes in a transaction.

There is no waiting for more: while one transaction is synced the next one gathers by itself. Whatever the disk does, the
mail goes on: what could not be done waits, within a limit, and is tried again; the operator is told once, and once more when all is
well. A damaged file is moved aside and begun anew, a removed one is begun anew. No table is known here.

BUGS: `start` waits for a disk that hangs, and `stop` does. Two servers must not use one file: each believes its own memory.
"""

from collections.abc import Callable, Sequence
from functools import partial
from queue import Queue, SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from twistedmx.setting import at_least, setting
from twistedmx.store.jobs import Answers, Job, NotDone, Outcome, Read, Row, Word, Write
from twistedmx.store.worker import Worker

_FIRST_PAUSE: Final = 1.0  # seconds until what failed is tried again; doubled each time
_LONGEST_PAUSE: Final = 60.0
_PATIENCE: Final = 5.0  # seconds for another program's lock, as Python's sqlite3 has it
_GIVEN_UP: Final = "another process has the file"
_PIECES: Final = 2  # that are made before the last one was taken: a million rows must not be in memory twice

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class StoreSettings:
    """Settings `[store]`."""

    file: str = setting(
        "store.sqlite",
        unit="",
        why="SQLite file of what is remembered across restarts; relative to `data`.",
        precedent="Postfix postscreen_cache_map",
        restart=True,
    )
    waiting: int = setting(
        100_000,
        unit="rows",
        why="So many changes wait in memory while the file cannot be written; what is more is not saved.",
        restart=True,
        validator=at_least(1),
    )


@attrs.frozen(kw_only=True)
class StoreState:
    """`waiting`: rows not yet safe. `failures`: tries that failed. `lost`: rows that are not saved, and will not be.

    `fault`: what is wrong now, in words for the operator, or "".
    """

    path: str
    waiting: int
    failures: int
    lost: int
    fault: str


class Database:
    """`path`: absolute. `schema`: as `schema.SCHEMA`. `most`: rows that may wait. `call_in_reactor`: `reactor.callFromThread`.

    `begun_anew`: called when the file is a new or another one: who keeps anything in it writes all of that again.
    `patience`: seconds for another program's lock. All methods are for the reactor's thread.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        path: str,
        schema: Sequence[str],
        most: int,
        clock: IReactorTime,
        call_in_reactor: Callable[..., None],
        begun_anew: Callable[[], None],
        patience: float = _PATIENCE,
    ) -> None:
        self._path = path
        self._most = most
        self._clock = clock
        self._begun_anew = begun_anew
        self._jobs: SimpleQueue[Job | Word] = SimpleQueue()
        self._worker = Worker(
            path=path,
            schema=schema,
            patience=patience,
            jobs=self._jobs,
            call_in_reactor=call_in_reactor,
            listener=self,
        )
        self._thread: Thread | None = None
        self._waiting = self._failures = self._lost = 0
        self._fault = ""
        self._last_loss = ""  # as it was told
        self._full = False
        self._pause = _FIRST_PAUSE
        self._again: IDelayedCall | None = None
        self._stopping = False
        self._ended = False
        self._held: list[Write] | None = None  # what is asked while nothing is to be written
        self._given_up = False
        self._stopped: list[Deferred[None]] = []

    @property
    def state(self) -> StoreState:
        return StoreState(
            path=self._path, waiting=self._waiting, failures=self._failures, lost=self._lost, fault=self._fault
        )

    # -- begin and end -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, after daemonising: a thread does not survive a fork.

        Comes back when all that was asked before has been tried once, and been told: who reads before the start knows it
        before the first connection is taken. Raises NotOurs.
        """
        first: Queue[Callable[[], None] | None] = Queue(maxsize=_PIECES)
        # A daemon thread: an interpreter that ends without `stop` must not hang on it; to us that is a power cut.
        self._thread = Thread(target=self._worker.run, args=(first,), name="twistedmx store", daemon=True)
        self._thread.start()
        while (told := first.get()) is not None:
            told()
        if self._worker.not_ours is not None:
            self._stopping = True  # the thread has ended by itself
            raise self._worker.not_ours

    def stop(self) -> Deferred[None]:
        """Take no more. Fires when all that was asked has been tried and answered, and the thread has ended."""
        if self._ended:
            return succeed(None)
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        if not self._stopping:
            self._stopping = True
            if self._again is not None and self._again.active():
                self._again.cancel()
            self.go_on()
            self._jobs.put(Word.STOP)
            if self._thread is None:
                self._refuse_all()
        return stopped

    def _refuse_all(self) -> None:
        """Answer for the thread that never was."""
        while isinstance(job := self._jobs.get(), Write | Read):
            self.answered([(job, NotDone(detail="it was never opened"))])
        self.ended()

    # -- ask -----------------------------------------------------------------------------------------------------------

    def write(self, statement: str, rows: Sequence[Row]) -> Deferred[Outcome]:
        """Execute `statement` for each of `rows`: for all, or for none. Fires when that is safe on disk, or given up; never fails.

        The statement must bear being done twice. Many rows at once are taken whenever one would be.
        """
        if self._stopping:
            self._lost += len(rows)
            return succeed(NotDone(detail="the server stops"))
        if self._given_up:
            return succeed(NotDone(detail=_GIVEN_UP))
        if self._waiting >= self._most:
            self._lost += len(rows)
            if not self._full:
                self._full = True
                self._log.error(
                    "{path}: {most} changes wait to be written: others are not saved", path=self._path, most=self._most
                )
            return succeed(NotDone(detail=f"{self._most} changes wait already"))
        done: Deferred[Outcome] = Deferred()
        self._waiting += len(rows)
        write = Write(statement=statement, rows=rows, done=done)
        if self._held is None:
            self._jobs.put(write)
        else:
            self._held.append(write)
        return done

    def read(
        self, statement: str, values: Row, *, make: Callable[[Sequence[Any]], T], take: Callable[[T], None]
    ) -> Deferred[Outcome]:
        """Hand on what `statement` finds, in pieces. Fires after the last one, or when it was given up; never fails.

        `make`: something of some rows, in the thread. `take`: what was made, in the reactor's thread; after a failure in the middle
        it is given everything again, from the first row on.
        """
        if self._stopping:
            return succeed(NotDone(detail="the server stops"))
        done: Deferred[Outcome] = Deferred()
        self._jobs.put(Read(statement=statement, values=values, make=make, take=partial(self._safely, take), done=done))
        return done

    # -- another process ---------------------------------------------------------------------------------------------

    def hold(self) -> "Deferred[Outcome]":
        """Write nothing from now on: another process is to read all of it. Fires when what was asked before is safe."""
        all_: Deferred[Outcome] = self.read("SELECT 1", (), make=len, take=lambda number: None)
        self._held = []
        return all_

    def go_on(self) -> None:
        """And now write what was asked meanwhile."""
        held, self._held = self._held or [], None
        for write in held:
            self._jobs.put(write)

    def give_up(self) -> None:
        """The file is another process's: what is asked is not done."""
        held, self._held = self._held or [], None
        self._given_up = True
        for write in held:
            self._waiting -= len(write.rows)
            write.done.callback(NotDone(detail=_GIVEN_UP))

    # -- hear: worker.Listener -----------------------------------------------------------------------------------------

    def answered(self, answers: Answers) -> None:
        faults = [outcome.detail for _, outcome in answers if isinstance(outcome, NotDone)]
        if faults and faults[0] != self._last_loss:
            self._last_loss = faults[0]
            self._log.error(
                "{path}: {number} changes are not saved: {fault}", path=self._path, number=len(faults), fault=faults[0]
            )
        for job, outcome in answers:
            if isinstance(job, Write):
                self._waiting -= len(job.rows)
                self._lost += len(job.rows) if isinstance(outcome, NotDone) else 0
        self._full = self._full and self._waiting >= self._most
        for job, outcome in answers:
            job.done.callback(outcome)

    def failed(self, fault: str) -> None:
        self._failures += 1
        if fault != self._fault:
            self._fault = fault
            self._log.error("{fault}; until then what should be remembered waits in memory", fault=fault)
        if not self._stopping:
            self._again = self._clock.callLater(self._pause, self._jobs.put, Word.AGAIN)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def recovered(self) -> None:
        self._fault = ""
        self._pause = _FIRST_PAUSE
        self._log.info("{path}: written again", path=self._path)

    def begun_anew(self, loss: str) -> None:
        if loss:
            self._log.warn("{loss}", loss=loss)
        self._safely(self._begun_anew)

    def ended(self) -> None:
        if self._thread is not None:
            self._thread.join()  # this call was its last act
        self._ended = True
        stopped, self._stopped = self._stopped, []
        for deferred in stopped:
            deferred.callback(None)

    def _safely(self, call: Callable[..., None], *arguments: Any) -> None:
        try:
            call(*arguments)
        except Exception:
            # The fault of one who keeps something here must keep nobody else's from being heard.
            self._log.failure("Taking what the store holds failed")

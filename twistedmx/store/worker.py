"""The thread's side of the database: one transaction of all that waits, one message to the reactor's thread about it.

After a failure nothing is tried until the word AGAIN, and then with the file opened anew: what a connection believes of a
disk that erred is worth nothing. What is pending stays in its order.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from queue import Empty, Queue, SimpleQueue
from typing import Final, Protocol

from twisted.logger import Logger

from twistedmx.store.jobs import Answers, Done, Job, NotDone, Outcome, Read, Word, Write
from twistedmx.store.sqlite_file import NotOurs, SqliteFile, is_damage, move_aside, open_file

_MOST_ROWS: Final = 10_000  # a transaction; who waits for one row should not wait for a million
_ROWS_READ: Final = 10_000  # a piece: some megabytes of values
# Errors that are the fault of one job, whose neighbours in the transaction go on.
_OF_A_JOB: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
_WHAT_TO_DO: Final = {
    sqlite3.SQLITE_BUSY: "another program holds it; end that one",
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_IOERR: "look for a full or failing disk",
    sqlite3.SQLITE_READONLY: "the server's user must be able to write to it and to its folder",
    sqlite3.SQLITE_CANTOPEN: "the server's user must be able to write to it and to its folder",
}


class Listener(Protocol):
    """Who hears of it, in the reactor's thread."""

    def answered(self, answers: Answers) -> None: ...

    def failed(self, fault: str) -> None:
        """Nothing goes on until AGAIN."""

    def recovered(self) -> None: ...

    def begun_anew(self, loss: str) -> None:
        """The file is another one. `loss`: what became of the last, in words for the operator, or "" when there was none."""

    def ended(self) -> None:
        """The thread's last act."""


class Worker:
    """All but `__init__` is for the thread. `not_ours`: why `run` ended without having begun, to be read once it says so."""

    _log = Logger()

    def __init__(
        self,
        *,
        path: str,
        schema: Sequence[str],
        patience: float,
        jobs: "SimpleQueue[Job | Word]",
        call_in_reactor: Callable[..., None],
        listener: Listener,
    ) -> None:
        self.not_ours: NotOurs | None = None
        self._path = path
        self._schema = schema
        self._patience = patience
        self._jobs = jobs
        self._call_in_reactor = call_in_reactor
        self._tell: Callable[[Callable[[], None]], None] = call_in_reactor
        self._listener = listener
        self._pending: deque[Job] = deque()
        self._file: SqliteFile | None = None
        self._held = False  # until AGAIN
        self._faulty = False  # as the listener believes
        self._loss = ""  # what became of the last file, to be told with the next

    def run(self, first: "Queue[Callable[[], None] | None]") -> None:
        """`first`: takes what is to be told of the first try, and then None; the reactor may not run yet."""
        self._tell = first.put
        going = self._gather(wait=False)
        self._work(first=True)
        self._tell = self._call_in_reactor
        first.put(None)
        while going and self.not_ours is None:
            going = self._gather(wait=True)
            if not (self._held and going):
                self._work()
        self._end()

    def _gather(self, *, wait: bool) -> bool:
        """Take what is queued. False: it is time to end."""
        try:
            job = self._jobs.get(wait)
            while job is not Word.STOP:
                if job is Word.AGAIN:
                    self._held = False
                elif isinstance(job, Write | Read):
                    self._pending.append(job)
                job = self._jobs.get_nowait()
        except Empty:
            return True
        return False

    def _end(self) -> None:
        self._close()
        fault = NotDone(detail=f"{self._path}: not written before the end")
        if self._pending:
            self._tell(partial(self._listener.answered, [(job, fault) for job in self._pending]))
        self._tell(self._listener.ended)

    # -- try, and fail -------------------------------------------------------------------------------------------------

    def _work(self, *, first: bool = False) -> None:
        """Do all that is pending, or say why not. Never raises: the thread must not die."""
        try:
            try:
                self._do_all()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                self._put_aside(error)
                self._do_all()
        except NotOurs as error:
            if first:
                self.not_ours = error
            else:
                self._fail(str(error))
        except (sqlite3.Error, OSError) as error:
            self._fail(f"{self._path}: {_words(error)}")
        except Exception as error:
            self._log.failure("The store failed by a fault of ours")
            self._fail(f"{self._path}: a fault of ours: {error}")
        else:
            if self._faulty:
                self._faulty = False
                self._tell(self._listener.recovered)

    def _fail(self, fault: str) -> None:
        self._close()
        self._held = self._faulty = True
        self._tell(partial(self._listener.failed, fault))

    def _put_aside(self, error: sqlite3.Error) -> None:
        """Raises OSError."""
        self._close()
        aside = move_aside(self._path)
        self._loss = f"{self._path}: {error}: it was moved to {aside} and begun anew"

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> sqlite3.Connection:
        """Raises NotOurs, OSError, sqlite3.Error."""
        if self._file is not None and not self._file.is_there():
            self._close()
            self._loss = f"{self._path}: somebody removed or replaced it while it was in use"
        if self._file is None:
            self._file = open_file(self._path, self._schema, patience=self._patience)
            if self._file.anew or self._loss:
                self._tell(partial(self._listener.begun_anew, self._loss))
                self._loss = ""
        return self._file.connection

    # -- do ------------------------------------------------------------------------------------------------------------

    def _do_all(self) -> None:
        connection = self._open()
        while self._pending:
            job = self._pending[0]
            if isinstance(job, Read):
                self._read(connection, job)
            else:
                self._write(connection)

    def _read(self, connection: sqlite3.Connection, job: Read) -> None:
        outcome: Outcome = Done()
        try:
            with closing(connection.execute(job.statement, job.values)) as cursor:
                while rows := cursor.fetchmany(_ROWS_READ):
                    self._tell(partial(job.take, job.make(rows)))
        except Exception as error:
            outcome = _unless_of_all(error)
        self._pending.popleft()
        self._tell(partial(self._listener.answered, [(job, outcome)]))

    def _write(self, connection: sqlite3.Connection) -> None:
        batch: list[Write] = []
        rows = 0
        for job in self._pending:
            if isinstance(job, Read) or rows >= _MOST_ROWS:
                break
            batch.append(job)
            rows += len(job.rows)
        connection.execute("BEGIN IMMEDIATE")
        answers = [(job, _execute(connection, job)) for job in batch]
        connection.execute("COMMIT")
        for _ in batch:
            self._pending.popleft()
        self._tell(partial(self._listener.answered, answers))


def _execute(connection: sqlite3.Connection, job: Write) -> Outcome:
    """Raises what is not the fault of this job."""
    connection.execute("SAVEPOINT job")
    outcome: Outcome = Done()
    try:
        connection.executemany(job.statement, job.rows)
    except Exception as error:
        outcome = _unless_of_all(error)
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")
    return outcome


def _unless_of_all(error: Exception) -> NotDone:
    """What the job is answered whose own fault this is; raises `error` when all others would meet it too."""
    of_sqlite = isinstance(error, sqlite3.Error) and not isinstance(error, _OF_A_JOB)
    if of_sqlite and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
        raise error
    return NotDone(detail=str(error) or type(error).__name__)


def _words(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return str(error.strerror)
    what_to_do = _WHAT_TO_DO.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
    return f"{error}; {what_to_do}" if what_to_do else str(error)

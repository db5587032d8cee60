"""Records of hosts, taken over when another number of processes serves: each has those of the hosts that come to it now.

One process keeps them in its own file, `store.sqlite`, beside all else; worker N of M in `store-N-of-M.sqlite`, where nothing else
is. At the start, before any of them serves, one process takes what there is in files of another number; nobody else writes then:

    of this number   others   what it is                        what is done
    any              none     settled                           nothing
    none             some     the number is another one         each record goes to the file whose host it is; when that is safe in
                                                                all of them, the others are removed
    any              some     a start was killed in between,    the same: what was taken already is taken again, which changes
                              or another was in use then        nothing (`Standing.joined`)

So at each moment every record is on disk, in a file that is there at the next start. In `store.sqlite`, which stays, rows are
removed in one transaction instead. Tallies of HELO shapes and campaigns, which are of no one host, go to the first file; networks
are known to `store.sqlite` alone. Whose time stood elsewhere has its records' times moved by as much.

A file that another process has open is left for the next start: old workers may live on, each for its last sessions. A damaged one
is moved aside. Nothing here keeps a server from its start.

BUGS: what is taken over is read by one process, some 50,000 hosts a second, and mail waits for it.
"""

import os
import re
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, suppress
from typing import Any, Final

import attrs
from twisted.logger import Logger

from twistedmx.store.schema import SCHEMA
from twistedmx.store.sqlite_file import NotOurs, SqliteFile, is_damage, move_aside, open_file, rows_of
from twistedmx.store.standing_tables import StandingTable
from twistedmx.store.standings import PUT_TIME, TIME, times_of

_log = Logger()

_AT_ONCE: Final = 10_000  # rows
_LOOKED_UP: Final = 500  # keys of a statement: older SQLite has 999 places
_PATIENCE: Final = 0.2  # seconds, for another process to close a file
_LONGEST_ABSENCE: Final = 86_400.0  # as `SteadyTime.resume`
_SAME: Final = 60.0  # seconds: files that were written at other moments are of one time
# Before there was `-of-M`, workers had `store-N.sqlite`.
_NUMBERS: Final = r"-(\d{1,3})(?:-of-(\d{1,3}))?"

HOSTS: Final = "hosts"
_TALLIES: Final = ("helos", "campaigns")


def file_of(file: str, number: int, workers: int) -> str:
    """Of worker `number` of so many. `file`: the server's."""
    name, dot, kind = file.rpartition(".")
    return f"{name or kind}-{number}-of-{workers}{dot}{kind}" if name else f"{kind}-{number}-of-{workers}"


def files_of_workers(path: str) -> dict[str, int]:
    """Those that are there beside `path`, the server's, by path; each with the number of workers of which it is, 0: not known."""
    folder, file = os.path.split(path)
    name, dot, kind = file.rpartition(".")
    first, last = (name, dot + kind) if name else (kind, "")
    shape = re.compile(re.escape(first) + _NUMBERS + re.escape(last))
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    found = [(name, shape.fullmatch(name)) for name in names]
    return {os.path.join(folder, name): int(match[2] or 0) for name, match in found if match is not None}


@attrs.frozen(kw_only=True)
class Moving:
    """`path`: of `store.sqlite`. `tables`: as `tables_of` has them. `worker_of`: the number of the worker of a host, of so many.
    `now`: seconds since the epoch."""

    path: str
    tables: Sequence[StandingTable]
    worker_of: Callable[[str, int], int]
    now: float

    def settle(self, workers: int) -> int:
        """So many processes are going to serve. How many rows were taken over. Raises nothing."""
        there = files_of_workers(self.path)
        others = [path for path, of in there.items() if workers == 1 or of != workers]
        if workers == 1:
            own = [self.path]
        else:
            folder, file = os.path.split(self.path)
            own = [os.path.join(folder, file_of(file, number, workers)) for number in range(workers)]
            if os.path.exists(self.path):
                others.append(self.path)
        if not others:
            return 0
        try:
            with ExitStack() as stack:
                return self._move(stack, own, others)
        except (sqlite3.Error, OSError, NotOurs) as error:
            _log.error(
                "{path}: records of hosts could not be taken over from {others}: {error}; the next start tries again",
                path=self.path,
                others=", ".join(map(os.path.basename, others)),
                error=error,
            )
            return 0

    def _move(self, stack: ExitStack, own: Sequence[str], others: Sequence[str]) -> int:
        """Raises sqlite3.Error, OSError, NotOurs; what was written then is written again."""
        opened = [file for path in others if (file := self._opened(path)) is not None]
        for file in opened:
            stack.callback(file.close)
        sources = [file for file in opened if file.path != self.path or self._has_any(file)]
        if not sources:
            return 0
        targets = []
        for path in own:
            targets.append(open_file(path, SCHEMA, patience=_PATIENCE, alone=True))
            stack.callback(targets[-1].close)
        latest = max(filter(None, (self._time_of(source) for source in sources)), default=self.now)
        for target in targets:
            if self._time_of(target) is None:
                target.connection.execute(PUT_TIME, (latest, self.now))
        taken = sum(self._take(source, targets) for source in sources)
        for source in sources:
            if source.path == self.path:
                self._empty(source)
            else:
                source.close()
                for end in ("", "-wal", "-shm"):
                    with suppress(FileNotFoundError):
                        os.remove(source.path + end)
        _log.info(
            "{number} records of hosts and of what they have in common were taken over from {others}",
            number=taken,
            others=", ".join(os.path.basename(source.path) for source in sources),
        )
        return taken

    def _opened(self, path: str) -> SqliteFile | None:
        """None where it cannot be: it is in use, of another program, or damaged. What is wrong with `store.sqlite` is told by who
        uses it."""
        try:
            return open_file(path, SCHEMA, patience=_PATIENCE, alone=True)
        except (sqlite3.Error, OSError, NotOurs) as error:
            if path == self.path:
                return None
            if isinstance(error, sqlite3.Error) and is_damage(error):
                with suppress(OSError):
                    _log.error(
                        "{path}: {error}: it was moved to {aside}", path=path, error=error, aside=move_aside(path)
                    )
            else:
                later = (
                    "nothing is taken over from it"
                    if isinstance(error, NotOurs)
                    else "it is taken over at the next start"
                )
                _log.warn("{path}: {error}: {later}", path=path, error=error, later=later)
            return None

    def _has_any(self, file: SqliteFile) -> bool:
        return any(
            rows_of(file.connection, f"SELECT 1 FROM {name} LIMIT 1")  # noqa: S608  # names of ours
            for name in (HOSTS, *_TALLIES)
        )

    def _empty(self, file: SqliteFile) -> None:
        file.connection.execute("BEGIN IMMEDIATE")
        for name in (HOSTS, *_TALLIES):
            file.connection.execute(f"DELETE FROM {name}")  # noqa: S608
        file.connection.execute("COMMIT")

    def _time_of(self, file: SqliteFile) -> float | None:
        """The steady time that it has by now."""
        for seconds, clock in times_of(rows_of(file.connection, TIME)):
            return seconds + min(max(self.now - clock, 0.0), _LONGEST_ABSENCE)
        return None

    def _take(self, source: SqliteFile, targets: Sequence[SqliteFile]) -> int:
        """All rows of `source`, to where they belong, in one transaction of each. How many."""
        taken, theirs = 0, self._time_of(source)
        shifts = [0.0 if theirs is None else (self._time_of(target) or theirs) - theirs for target in targets]
        for target in targets:
            target.connection.execute("BEGIN IMMEDIATE")
        for table in self.tables:
            if table.name != HOSTS and table.name not in _TALLIES:
                continue
            with closing(_pieces(source.connection, table.all)) as pieces:
                for rows in pieces:
                    by_target = self._by_target(source, table, rows, len(targets))
                    for target, items, shift in zip(targets, by_target, shifts, strict=True):
                        _put(target.connection, table, items, round(shift) if abs(shift) > _SAME else 0)
                        taken += len(items)
        for target in targets:
            target.connection.execute("COMMIT")
        return taken

    def _by_target(
        self, source: SqliteFile, table: StandingTable, rows: Sequence[Any], targets: int
    ) -> list[list[tuple[Any, Any]]]:
        by_target: list[list[tuple[Any, Any]]] = [[] for _ in range(targets)]
        for row in rows:
            try:
                item = table.of_row(row)
                number = self._number(row[0], targets) if table.name == HOSTS else 0
            except Exception as error:  # as `Standings` has it
                _log.warn(
                    "{path}: {key!r} is no row of {table}, and left out: {error}",
                    path=source.path,
                    key=row[0],
                    table=table.name,
                    error=error,
                )
                continue
            by_target[number].append(item)
        return by_target

    def _number(self, host: str, targets: int) -> int:
        """Raises ValueError."""
        return self.worker_of(host.partition("/")[0], targets) if targets > 1 else 0


def _pieces(connection: sqlite3.Connection, statement: str) -> Generator[list[Any], None, None]:
    with closing(connection.execute(statement)) as cursor:
        while rows := cursor.fetchmany(_AT_ONCE):
            yield rows


def _put(connection: sqlite3.Connection, table: StandingTable, items: Sequence[tuple[Any, Any]], shift: int) -> None:
    """Beside what is there, joined to it."""
    for at in range(0, len(items), _LOOKED_UP):
        piece = {key: table.shifted(value, shift) if shift else value for key, value in items[at : at + _LOOKED_UP]}
        texts = [table.text_of(key) for key in piece]
        for row in rows_of(connection, table.some(len(texts)), texts):
            with suppress(Exception):  # what is none is replaced
                key, value = table.of_row(row)
                piece[key] = table.joined(value, piece[key])
        connection.executemany(table.put, [table.row_of(key, value) for key, value in piece.items()])

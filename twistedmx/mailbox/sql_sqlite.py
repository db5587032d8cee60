"""SQLite, opened for reading alone.

BUGS: a database in WAL mode needs its -shm file, which whoever writes to it has made; while nobody has it open, the folder
must be writable for us, or the database is not readable.
"""

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Final
from urllib.parse import quote

from twistedmx.mailbox.entry import BadEntry
from twistedmx.mailbox.remembered import SourceFailed
from twistedmx.mailbox.sql_query import sqlite_query
from twistedmx.mailbox.sql_source import BadSource, ConnectionLost, Row

_STEPS: Final = 1000  # of SQLite's machine, between two looks at the clock
_MOST_ROWS: Final = 1001  # one more than can be obeyed


class SqliteDatabase:
    """`path`: absolute. `time`: seconds for a look-up. `seconds`: a clock for it. Raises BadQuery."""

    def __init__(self, path: str, query: str, *, time: float, seconds: Callable[[], float]) -> None:
        self._path = path
        self._query = sqlite_query(query)
        self._time = time
        self._seconds = seconds

    def connect(self) -> "SqliteConnection":
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            raise BadSource(f"database: there is no file {self._path}; mend its name") from None
        except OSError as error:
            raise SourceFailed(f"{self._path}: {error.strerror}") from None
        try:
            connection = sqlite3.connect(
                f"file:{quote(self._path)}?mode=ro",
                uri=True,
                timeout=self._time,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise SourceFailed(f"{self._path}: {error}") from None
        # SQLite takes any octets for text; what is not UTF-8 is the fault of one row, which `entry.py` tells.
        connection.text_factory = lambda octets: octets.decode("utf-8", "surrogateescape")
        return SqliteConnection(
            connection,
            self._path,
            (status.st_dev, status.st_ino),
            self._query.text,
            time=self._time,
            seconds=self._seconds,
        )


class SqliteConnection:
    """See `sql_source.Connection`."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        file: tuple[int, int],
        query: str,
        *,
        time: float,
        seconds: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._path = path
        self._file = file
        self._query = query
        self._time = time
        self._seconds = seconds
        self._late = 0.0
        self._columns: Sequence[str] = ()
        connection.set_progress_handler(self._is_late, _STEPS)

    def rows(self, values: Mapping[str, str]) -> Sequence[Row]:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise SourceFailed(f"{self._path}: {error.strerror}") from None
        if (status.st_dev, status.st_ino) != self._file:  # another one was renamed into its place
            raise ConnectionLost(f"{self._path} is another file by now")
        self._late = self._seconds() + self._time
        try:
            with closing(self._connection.execute(self._query, values)) as cursor:
                found = cursor.fetchmany(_MOST_ROWS)
                self._columns = [name for name, *_ in cursor.description or ()]
        except (sqlite3.DataError, UnicodeError) as error:
            raise BadEntry(f"{self._path}: {error}") from None
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if isinstance(error, sqlite3.ProgrammingError) or code == sqlite3.SQLITE_ERROR:
                raise BadSource(f"query: {self._path} says: {error}; mend the query") from None
            if code == sqlite3.SQLITE_NOTADB:
                raise BadSource(f"database: {self._path} is no SQLite database; mend its name") from None
            raise SourceFailed(f"{self._path}: {error}") from None
        except sqlite3.Warning as error:  # more than one statement, until Python 3.12
            raise BadSource(f"query: {error}; write one SELECT") from None
        return [dict(zip(self._columns, row, strict=True)) for row in found]

    def columns(self) -> Sequence[str]:
        return self._columns

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def _is_late(self) -> bool:
        return self._seconds() >= self._late

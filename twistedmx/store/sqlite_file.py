"""The SQLite file itself: made for us alone, opened, brought to our schema; moved aside when it is damaged.

Write-ahead log with synchronous=FULL: what was committed survives a power cut, at one sync for each transaction
(sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous). It knows no table.

BUGS: a file system without shared memory (NFS) has no write-ahead log: SQLite then keeps the rollback journal that it has
by itself, which is as safe and some times slower. Damage is found when SQLite meets it, and no sooner.
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any, Final

import attrs

_APPLICATION: Final = 0x746D7831  # "tmx1", so that the database of another program is not taken for ours
_MOST_OCTETS_OF_LOG: Final = 67_108_864  # what is kept of the write-ahead log after a large import
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class NotOurs(Exception):
    """A newer version or another program wrote it: it is left alone. The text is for the operator."""


@attrs.frozen(kw_only=True)
class SqliteFile:
    """An open file. `anew`: nothing was in it. Used in the thread that opened it, and in no other.

    `identity`: device and inode.
    """

    path: str
    connection: sqlite3.Connection
    anew: bool
    identity: tuple[int, int]

    def is_there(self) -> bool:
        """Whether the path still leads to it: what is written to a removed file is written for nobody."""
        try:
            return _identity(self.path) == self.identity
        except OSError:
            return False

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()


def open_file(path: str, schema: Sequence[str], *, patience: float, alone: bool = False) -> SqliteFile:
    """Open it, or make it. `patience`: seconds to wait for another program's lock. `alone`: nobody else has it open, or will as
    long as this one is (sqlite.org/wal.html, "Use of WAL Without Shared-Memory").

    Raises NotOurs, OSError, sqlite3.Error; `is_damage` tells which of these a `move_aside` helps against.
    """
    _make(path)
    identity = _identity(path)
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
    connection.text_factory = _any_text
    try:
        if alone:  # before anything is read
            rows_of(connection, "PRAGMA locking_mode=EXCLUSIVE")
        version = _version(connection, path, len(schema))
        rows_of(connection, "PRAGMA journal_mode=WAL")
        rows_of(connection, "PRAGMA synchronous=FULL")
        rows_of(connection, f"PRAGMA journal_size_limit={_MOST_OCTETS_OF_LOG}")
        for number, step in enumerate(schema[version:], version + 1):
            connection.executescript(
                f"BEGIN IMMEDIATE; {step}; PRAGMA application_id={_APPLICATION}; PRAGMA user_version={number}; COMMIT;"
            )
        if alone:  # where there is no write-ahead log, whoever reads has no lock against others
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return SqliteFile(path=path, connection=connection, anew=version == 0, identity=identity)


def rows_of(connection: sqlite3.Connection, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """What one statement gives, which has ended then: no transaction can be committed while one has not, and that is when its
    cursor is collected; in PyPy some time later. Raises sqlite3.Error."""
    with closing(connection.execute(statement, values)) as cursor:
        return cursor.fetchall()


def is_damage(error: Exception) -> bool:
    """Whether the file is not, or no longer, what SQLite can read."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE  # the rest of it is detail: sqlite.org/rescode.html


def move_aside(path: str) -> str:
    """Make room for a new file. Where the old one is now: the last damaged one is kept, so that there are never many.

    Raises OSError.
    """
    aside = f"{path}.corrupt"
    os.replace(path, aside)
    try:
        os.replace(f"{path}-wal", f"{aside}-wal")
    except FileNotFoundError:
        with suppress(FileNotFoundError):  # an older one's log must not be played into this one
            os.remove(f"{aside}-wal")
    with suppress(FileNotFoundError):
        os.remove(f"{path}-shm")
    return aside


def _make(path: str) -> None:
    """An empty file, unless there is one: SQLite would make it readable for all. Raises OSError.

    One that is there is not opened here: closing it would drop the locks that this process has on it (fcntl(2)).
    """
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise OSError(0, "is no regular file") from None
        return
    os.close(descriptor)
    # SQLite syncs the folder when it makes its log there, and with it this name.


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _any_text(octets: bytes) -> str:
    """SQLite takes any octets for text, and sqlite3 would end a whole query for one that is not UTF-8."""
    return octets.decode("utf-8", "backslashreplace")


def _version(connection: sqlite3.Connection, path: str, known: int) -> int:
    """How many steps of the schema it has. Raises NotOurs, sqlite3.Error."""
    ((application,),) = rows_of(connection, "PRAGMA application_id")
    ((version,),) = rows_of(connection, "PRAGMA user_version")
    ((tables,),) = rows_of(connection, "SELECT count(*) FROM sqlite_master")
    if application != _APPLICATION and (application or version or tables):
        raise NotOurs(f"{path}: is the database of another program; name a file that is not there yet, and it is made")
    if not 0 <= version <= known:
        raise NotOurs(
            f"{path}: a newer version wrote it: its schema has the number {version}, and {known} is the last one known here; "
            "install that version again, or move the file away to begin anew"
        )
    return int(version)

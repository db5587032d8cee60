"""Mailboxes from a query: a row says where mail for an address goes, no row that there is no such address.

The columns are the words of `entry.py`, by name. Several rows are the targets of one alias, and have nothing but that
column. A name without a row is served by the row that the same query finds for an empty local part (:local is '', :address
is '@example.org'), if it finds one.

Asked in threads, each look-up on a connection that is its own for so long; answers are remembered, see `remembered.py`.

What it does not: write, follow aliases to other backends, ask which domains are ours (that must be known while the
database is down).
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.mailbox.backend import Means
from twistedmx.mailbox.entry import NO_ENTRY, WORDS, BadEntry, Entry, keyed, read_entry
from twistedmx.mailbox.faults import shown
from twistedmx.mailbox.following import follow_one, rest_of
from twistedmx.mailbox.keys import are_domains, domain_key, domain_keys
from twistedmx.mailbox.remembered import Remembered, Remembering, SourceFailed
from twistedmx.mailbox.secret_file import read_secret
from twistedmx.mailbox.sql_query import BadQuery
from twistedmx.mailbox.sql_source import BadSource, Connection, ConnectionLost, Database, Row
from twistedmx.mailbox.sql_sqlite import SqliteDatabase
from twistedmx.model.mailbox import NOT_OURS, UNKNOWN, Lookup, Outcome
from twistedmx.setting import setting
from twistedmx.smtp.path import Path

_SQLITE: Final = "sqlite:"
_POSTGRESQL: Final = ("postgresql://", "postgres://")
_MOST_ROWS: Final = 1000


def sqlite_file(database: str) -> str:
    """The file that the setting `database` names, "" when it is no SQLite."""
    return database.removeprefix(_SQLITE) if database.startswith(_SQLITE) else ""


def _is_database(instance: Any, attribute: Any, value: str) -> None:
    if value.startswith(_SQLITE + "/"):
        return
    if not value.startswith(_POSTGRESQL):
        scheme, colon, _ = value.partition(":")  # no more of it: what follows may be a password
        found = f"{scheme}:" if colon and scheme.isalnum() else "without one of these schemes"
        found = f"{_SQLITE} with a relative path" if found == _SQLITE else found
        raise ValueError(f"must be sqlite:/absolute/path or postgresql://user@host/name, is {found}")
    authority = value.partition("://")[2].partition("/")[0]
    if ":" in authority.rpartition("@")[0] or "password=" in value.partition("?")[2]:
        raise ValueError("has a password in it; put that alone into a file, and name the file in password_file")


@attrs.frozen(kw_only=True)
class SqlSettings(Remembering):
    """Settings `[[mailboxes.sql]]`."""

    domains: tuple[str, ...] = setting(
        attrs.NOTHING,
        unit="domains",
        why="Whose mailboxes the query knows.",
        precedent="Postfix virtual_mailbox_domains",
        validator=are_domains,
    )
    database: str = setting(
        attrs.NOTHING,
        unit="",
        why='"sqlite:/path/to/file", opened for reading, or "postgresql://user@host/name", without a password.',
        precedent="SQLAlchemy's URLs",
        validator=_is_database,
    )
    password_file: str = setting(
        "",
        unit="",
        why="File that holds the password of the database, and nothing else; read at the start.",
        precedent="PostgreSQL passfile",
        path=True,
    )
    query: str = setting(
        attrs.NOTHING,
        unit="",
        why="One SELECT with :address, or :local and :domain, whose values are bound; docs/backends-remote.md has its columns.",
        precedent="Postfix pgsql_table query, Dovecot user_query",
    )


class SqlMailboxes:
    """The backend. Raises ValueError with words for the operator; connects to nothing yet."""

    def __init__(self, settings: SqlSettings, *, means: Means, name: str = "sql") -> None:
        self.name = name
        self._means = means
        self._domains = domain_keys(settings.domains)
        self._serves = frozenset(self._domains)
        self._remembered = Remembered(self._look_up, settings=settings, means=means, name=name)
        try:
            self._database = _database(settings, means)
        except BadQuery as wrong:
            raise BadSource(f"query: {wrong}") from None
        # Whoever has taken a slot owns its connection. A look-up that was given up keeps it until its thread is done: that
        # many threads may hang in the database, and no more.
        self._slots = deque(_Slot() for _ in range(settings.most_at_once))
        self._time = settings.time
        self._closed = False

    def check(self) -> None:
        """Ask the database once, off the reactor's thread. Raises BadSource when the settings are wrong, and SourceFailed when
        it cannot be asked now, which is no reason not to start."""
        connection = self._database.connect()
        try:
            connection.rows(_values(rest_of(self._domains[0])))
            _check_columns(connection.columns())
        except BadEntry as wrong:
            raise SourceFailed(str(wrong)) from None
        finally:
            connection.close()

    def refresh(self) -> None:
        """Answers grow old by themselves."""

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        """Each is remembered by itself."""
        return False

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        domain = domain_key(path.domain)
        if domain not in self._serves:
            return NOT_OURS
        if not _can_be_there(path):
            return UNKNOWN
        # Remembered by domain, not by guess: strangers cannot fill the memory of what is there by means of a catch-all.
        answer = self._remembered.find(path)
        if isinstance(answer, Lookup):
            return self._remembered.find(rest_of(domain)) if answer is UNKNOWN else answer
        return answer.addCallback(lambda found: self._remembered.find(rest_of(domain)) if found is UNKNOWN else found)

    def domains(self) -> Sequence[bytes]:
        return self._domains

    def state(self) -> str:
        return self._remembered.state()

    def close(self) -> None:
        self._closed = True
        self._remembered.close()
        while self._slots:
            self._slots.pop().disconnect()

    def _look_up(self, path: Path) -> Deferred[Lookup]:
        if not self._slots:
            raise SourceFailed("every connection is held by a look-up that has not ended")
        slot = self._slots.pop()
        try:
            return self._means.run_in_thread(self._look_up_with, slot, path)
        except Exception:  # the threads are being stopped
            self._slots.append(slot)
            raise

    # What follows runs in threads.

    def _look_up_with(self, slot: "_Slot", path: Path) -> Lookup:
        asked = keyed(path, self._means.case.key_of) if path.local_part else path
        try:
            if slot.connection is not None:
                try:
                    return self._follow(slot.connection, asked)
                except ConnectionLost:  # the server may have been started anew since it was used
                    slot.disconnect()
            slot.connection = self._database.connect()
            return self._follow(slot.connection, asked)
        except BadEntry as wrong:
            return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"{self.name}: {wrong}")
        except BadSource as wrong:
            slot.disconnect()
            raise SourceFailed(str(wrong)) from None
        except Exception:
            slot.disconnect()
            raise
        finally:
            self._slots.append(slot)
            if self._closed:
                slot.disconnect()

    def _follow(self, connection: Connection, asked: Path) -> Lookup:
        following = follow_one(asked, domains=self._serves, catch_all=True)
        late = self._means.clock.seconds() + self._time
        try:
            wanted = next(following)
            while True:
                wanted = following.send(self._entry(connection, wanted))
                if self._means.clock.seconds() >= late:  # nobody waits any more
                    raise SourceFailed(f"the aliases of {asked} could not be followed within {self._time:g} s")
        except StopIteration as end:
            found: Lookup = end.value
            return found

    def _entry(self, connection: Connection, asked: Path) -> Entry:
        rows = connection.rows(_values(asked))
        if not rows:
            return NO_ENTRY
        row = rows[0] if len(rows) == 1 else _joined(rows)
        return read_entry(row, asked=asked, template=self._means.template, key_of=self._means.case.key_of)


@attrs.define(eq=False)
class _Slot:
    """Room for one connection."""

    connection: Connection | None = None

    def disconnect(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def _database(settings: SqlSettings, means: Means) -> Database:
    path = sqlite_file(settings.database)
    if path:
        return SqliteDatabase(path, settings.query, time=settings.time, seconds=means.clock.seconds)
    from twistedmx.mailbox.sql_postgres import PostgresDatabase

    password = read_secret(settings.password_file, "password_file")
    return PostgresDatabase(settings.database, settings.query, password=password, time=settings.time)


def _can_be_there(path: Path) -> bool:
    """No database has text that is not UTF-8, or has a NUL in it; the empty local part is no address."""
    try:
        path.address.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in path.address and bool(path.local_part)


def _values(asked: Path) -> dict[str, str]:
    return {
        "local": asked.local_part.decode(),
        "domain": asked.domain.decode(),
        "address": asked.address.decode(),
    }


def _joined(rows: Sequence[Row]) -> Row:
    """Several rows as one: each a target, or targets, of the same alias."""
    if len(rows) > _MOST_ROWS:
        raise BadEntry(f"more than {_MOST_ROWS} rows for one address")
    for row in rows:
        if not row.get("alias") or any(row.get(word) for word in WORDS if word != "alias"):
            raise BadEntry(f"{len(rows)} rows for one address, which may have an alias each and nothing else")
    return {"alias": ",".join(str(row["alias"]) for row in rows)}


def _check_columns(columns: Sequence[str]) -> None:
    if not columns:
        raise BadSource("query: gives no columns; write a SELECT")
    for column in columns:
        if column not in WORDS:
            raise BadSource(f"query: gives a column {shown(column)}; known are {', '.join(WORDS)}: rename it with AS")
    if len(set(columns)) < len(columns):
        raise BadSource("query: gives a column twice; name each once")

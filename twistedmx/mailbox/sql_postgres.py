"""PostgreSQL through psycopg 3, which comes with `twistedmx[postgresql]`.

The server is told to end what takes too long, and to let us write nothing.

BUGS: an answer is fetched whole; the query should find few rows. Nothing is prepared, so that PgBouncer may stand between.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import TYPE_CHECKING, Any

from twistedmx.mailbox.entry import BadEntry
from twistedmx.mailbox.remembered import SourceFailed
from twistedmx.mailbox.sql_query import postgresql_query
from twistedmx.mailbox.sql_source import BadSource, ConnectionLost, Row

if TYPE_CHECKING:
    import psycopg

_LIMITS = "SELECT set_config('statement_timeout', %s, false), set_config('default_transaction_read_only', 'on', false)"


class PostgresDatabase:
    """`uri`: postgresql://, without a password. `time`: seconds for a look-up. Raises BadQuery and BadSource."""

    def __init__(self, uri: str, query: str, *, password: str, time: float) -> None:
        self._query = postgresql_query(query)
        try:
            import psycopg  # costs 100 ms, and most servers do without
            from psycopg.conninfo import conninfo_to_dict
        except ImportError:
            raise BadSource("database: PostgreSQL needs psycopg; pip install 'twistedmx[postgresql]'") from None
        self._psycopg = psycopg
        milliseconds = str(ceil(time * 1000))
        try:
            # Their text may hold what the URI holds.
            self._parameters: dict[str, Any] = conninfo_to_dict(uri)
        except psycopg.Error:
            raise BadSource("database: is no URI that libpq can read; postgresql://user@host/name") from None
        self._parameters |= {
            "connect_timeout": str(max(2, ceil(time))),  # libpq takes no less
            "tcp_user_timeout": milliseconds,
            "client_encoding": "UTF8",
        }
        self._parameters.setdefault("application_name", "twistedmx")
        if password:
            self._parameters["password"] = password
        self._password = password
        self._milliseconds = milliseconds

    def connect(self) -> "PostgresConnection":
        try:
            connection = self._psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=None)
        except self._psycopg.Error as error:
            raise SourceFailed(self._words(error)) from None
        try:
            connection.execute(_LIMITS, (self._milliseconds,))
        except self._psycopg.Error as error:
            connection.close()
            raise SourceFailed(self._words(error)) from None
        return PostgresConnection(connection, self._psycopg, self._query.text, self._words)

    def _words(self, error: Exception) -> str:
        """What the server or libpq says, without the password, which neither is known to repeat."""
        words = " ".join(str(error).split()) or type(error).__name__
        return words.replace(self._password, "(secret)") if self._password else words


class PostgresConnection:
    """See `sql_source.Connection`."""

    def __init__(self, connection: "psycopg.Connection[Any]", driver: Any, query: str, words: Any) -> None:
        self._connection = connection
        self._driver = driver
        self._query = query
        self._words = words
        self._columns: Sequence[str] = ()

    def rows(self, values: Mapping[str, str]) -> Sequence[Row]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(self._query, values)
                self._columns = [column.name for column in cursor.description or ()]
                found = cursor.fetchall() if self._columns else []
        except self._driver.DataError as error:
            raise BadEntry(self._words(error)) from None
        except self._driver.ProgrammingError as error:
            raise BadSource(f"query: PostgreSQL says: {self._words(error)}; mend the query") from None
        except self._driver.Error as error:
            kind = ConnectionLost if self._connection.closed else SourceFailed
            raise kind(self._words(error)) from None
        return [dict(zip(self._columns, row, strict=True)) for row in found]

    def columns(self) -> Sequence[str]:
        return self._columns

    def close(self) -> None:
        with suppress(self._driver.Error):
            self._connection.close()

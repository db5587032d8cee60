"""What a kind of SQL database is to `sql.py`: how to connect, and how to ask."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from twistedmx.mailbox.remembered import SourceFailed

Row = Mapping[str, Any]


class BadSource(ValueError):
    """The database cannot be used as the settings have it. The text is for the operator, and holds no secret."""


class ConnectionLost(SourceFailed):
    """Another connection may do."""


class Connection(Protocol):
    """One connection, used by one thread at a time, not always the same one. All calls may wait."""

    def rows(self, values: Mapping[str, str]) -> Sequence[Row]:
        """What the query finds. `values`: of all placeholders.

        Raises BadEntry when the database cannot take the values; BadSource when it does not understand the query, and
        SourceFailed for all else, after both of which the connection is of no use.
        """

    def columns(self) -> Sequence[str]:
        """Names of the columns of the last answer."""

    def close(self) -> None:
        """Never raises."""


class Database(Protocol):
    """A database and the query that is asked of it."""

    def connect(self) -> Connection:
        """Raises BadSource or SourceFailed. May wait."""

"""Networks that the operator allows, kept across restarts.

Each is safe a moment after it was put, as entries of the blocklist are (`store.blocks`). Its key is the network.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from twistedmx.model.allowance import Allowance
from twistedmx.model.peer import Network
from twistedmx.store.columns import made_of, network_of, text_of
from twistedmx.store.database import Database
from twistedmx.store.jobs import Outcome, Row

_PUT: Final = "INSERT OR REPLACE INTO allowed (network, evidence, since, expiry) VALUES (?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM allowed WHERE network = ?"
_ALL: Final = "SELECT network, evidence, since, expiry FROM allowed WHERE expiry IS NULL OR expiry > ?"
_FORGET: Final = "DELETE FROM allowed WHERE expiry <= ?"


class AllowedNetworks:
    """Kept in `database`. Every Deferred fires with an Outcome, and never fails."""

    _log = Logger()

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, take: Callable[[Sequence[Allowance]], None], *, now: float) -> Deferred[Outcome]:
        """Give all that hold at `now`, in no order; the others are deleted. Asked before the database starts, it is done then."""
        loaded = self._database.read(_ALL, (now,), make=self._allowances_of, take=take)
        self._database.write(_FORGET, ((now,),))
        return loaded

    def put(self, *allowances: Allowance) -> Deferred[Outcome]:
        """Keep them, each in place of what was said of its network. Fires when they are safe."""
        return self._database.write(_PUT, tuple(map(_row_of, allowances)))

    def remove(self, networks: Iterable[Network]) -> Deferred[Outcome]:
        """Forget them; those that are not there are fine. Fires when that is safe."""
        return self._database.write(_REMOVE, tuple((str(network),) for network in networks))

    def _allowances_of(self, rows: Sequence[Any]) -> Sequence[Allowance]:
        """In the thread."""
        return made_of(rows, _allowance_of, "allowed networks", self._log)


def _row_of(allowance: Allowance) -> Row:
    return str(allowance.network), text_of(allowance.evidence), allowance.since, allowance.expiry


def _allowance_of(network: str, evidence: str, since: float, expiry: float | None) -> Allowance:
    """Raises what it likes: SQLite gives anything for any column."""
    if not isinstance(evidence, str):
        raise TypeError("evidence is no text")
    return Allowance(
        network=network_of(network),
        evidence=evidence,
        since=float(since),
        expiry=None if expiry is None else float(expiry),
    )

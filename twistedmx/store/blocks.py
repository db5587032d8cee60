"""Entries of the blocklist, kept across restarts.

Each is safe a moment after it was put: what was confirmed survives SIGKILL and a power cut. This is no look-up: the
blocklist in memory is asked, and tells every change here. Its key is the `id`: whoever replaces an entry by one of another
id removes the old one.

BUGS: text that is no Unicode (a lone surrogate) is kept with backslashes.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import islice
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from twistedmx.model.block import Block
from twistedmx.store.columns import made_of, network_of, text_of
from twistedmx.store.database import Database
from twistedmx.store.jobs import Done, NotDone, Outcome, Row

_PUT: Final = (
    "INSERT OR REPLACE INTO blocks (id, network, reason, evidence, origin, since, expiry, relapse)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_REMOVE: Final = "DELETE FROM blocks WHERE id = ?"
_ALL: Final = (
    "SELECT id, network, reason, evidence, origin, since, expiry, relapse FROM blocks"
    " WHERE expiry IS NULL OR expiry >= ?"
)
_FORGET: Final = "DELETE FROM blocks WHERE expiry < ?"
_AT_ONCE: Final = 1000  # of many: some milliseconds of the reactor's thread


class Blocks:
    """Kept in `database`. Every Deferred fires with an Outcome, and never fails."""

    _log = Logger()

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, take: Callable[[Sequence[Block]], None], *, expired_before: float) -> Deferred[Outcome]:
        """Give all of them, in pieces and in no order; fires after the last. Asked before the database starts, it is done then.

        What expired before `expired_before`, seconds since the epoch, is deleted instead. After a failure in the middle all are
        given again.
        """
        loaded = self._database.read(_ALL, (expired_before,), make=self._blocks_of, take=take)
        self._database.write(_FORGET, ((expired_before,),))
        return loaded

    def put(self, block: Block) -> Deferred[Outcome]:
        """Keep it, in place of another with its id. Fires when it is safe."""
        return self._database.write(_PUT, (_row_of(block),))

    @inlineCallbacks
    def put_all(self, blocks: Iterable[Block]) -> Generator[Deferred[Outcome], Outcome, Outcome]:
        """Keep many, as of an import, or of a file begun anew. Fires when all are safe, or with the first piece that is not.

        `blocks`: iterated over many turns of the reactor, a piece when the last one is safe; what is removed meanwhile must not
        come out of it any more, or it would be kept after all.
        """
        coming = iter(blocks)
        while piece := tuple(map(_row_of, islice(coming, _AT_ONCE))):
            outcome = yield self._database.write(_PUT, piece)
            if isinstance(outcome, NotDone):
                return outcome
        return Done()

    def remove(self, *ids: str) -> Deferred[Outcome]:
        """Forget them; those that are not there are fine. Fires when that is safe."""
        return self._database.write(_REMOVE, tuple((text_of(id),) for id in ids))

    def _blocks_of(self, rows: Sequence[Any]) -> Sequence[Block]:
        """In the thread."""
        return made_of(rows, _block_of, "blocks", self._log)


def _row_of(block: Block) -> Row:
    return (
        text_of(block.id),
        str(block.network),
        text_of(block.reason),
        text_of(block.evidence),
        text_of(block.origin),
        block.since,
        block.expiry,
        block.relapse,
    )


def _block_of(
    id: str, network: str, reason: str, evidence: str, origin: str, since: float, expiry: float | None, relapse: int
) -> Block:
    """Raises what it likes: SQLite gives anything for any column."""
    if not isinstance(id, str) or not isinstance(evidence, str):
        raise TypeError("not text")
    return Block(
        id=id,
        network=network_of(network),
        reason=sys.intern(reason),  # one string for a million
        evidence=evidence,
        origin=sys.intern(origin),
        since=float(since),
        expiry=None if expiry is None else float(expiry),
        relapse=int(relapse),
    )

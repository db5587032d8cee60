"""What the supervisor does with the blocklist for its workers: takes what they propose, and tells all of them what has changed.

A worker that begins hears all that there is, expired entries that are remembered among it (its next block of such a network is a
relapse), a piece when the last one was taken; what changes meanwhile is told beside that.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.allowance import Allowance
from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.service.blocking import Blocking
from twistedmx.service.workers.block_words import change_heard, each_heard, said_allowance, said_change
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.workers.outbox import Outbox

PROPOSED: Final = "block-proposed"
CHANGED: Final = "block-changed"
ALLOWED: Final = "allow-changed"
KNOWN: Final = "block-known"
_PIECE: Final = 100


@attrs.frozen
class _Worker:
    channel: Channel
    changes: Outbox
    words: Outbox


class BlockMaster:
    """Of `blocking`, whose store and events it has."""

    _log = Logger()

    def __init__(self, blocking: Blocking) -> None:
        self._blocking = blocking
        self._workers: dict[int, _Worker] = {}
        blocking.changed = self._changed
        blocking.allowing.changed = self._said

    def joined(self, number: int, channel: Channel) -> None:
        """A worker has begun: it hears all of it, and `KNOWN` when that is so."""
        worker = _Worker(channel, Outbox(channel, CHANGED, piece=_PIECE), Outbox(channel, ALLOWED, piece=_PIECE))
        self._workers[number] = worker
        for allowance in self._blocking.allowing.allowed:
            worker.words.put(allowance.network, said_allowance(allowance.network, allowance))
        self._tell_piece(worker, self._blocking.blocklist.with_remembered())

    def left(self, number: int) -> None:
        """It is no more."""
        self._workers.pop(number, None)

    def hear_proposed(self, number: int, said: Any) -> None:
        """Entries that a worker has made or lengthened. Raises ValueError."""
        for id_, block in each_heard(said, change_heard):
            if block is not None:
                self._take(number, id_, block)

    def _take(self, number: int, id_: str, block: Block) -> None:
        worker = self._workers.get(number)
        try:
            taken = self._blocking.blocklist.add(block)
        except ValueError as error:  # it is full, or the operator has just allowed it
            self._log.info("not blocked: {error}", error=error)
            if worker is not None:
                worker.changes.put(id_, said_change(id_, None))
            return
        if taken != block and worker is not None:  # it had more to say of it, or another id
            worker.changes.put(taken.id, said_change(taken.id, taken))

    def _changed(self, id_: str, block: Block | None) -> None:
        said = said_change(id_, block)
        for worker in self._workers.values():
            worker.changes.put(id_, said)

    def _said(self, network: Network, allowance: Allowance | None) -> None:
        said = said_allowance(network, allowance)
        for worker in self._workers.values():
            worker.words.put(network, said)

    def _tell_piece(self, worker: _Worker, blocks: Iterator[Block]) -> None:
        piece = [said_change(block.id, block) for block in islice(blocks, _PIECE)]
        asked: Deferred[Any] = worker.channel.ask(CHANGED, piece) if piece else worker.channel.ask(KNOWN)
        if piece:
            asked.addCallback(lambda answer: self._tell_piece(worker, blocks))
        asked.addErrback(self._not_taken)

    def _not_taken(self, failure: Failure) -> None:
        if not isinstance(failure.value, ChannelLost):
            self._log.failure("a worker does not know all blocks", failure)

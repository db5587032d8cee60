"""The blocklist of a worker: a copy in memory of the supervisor's, which has the store and tells what happens.

Whom the worker condemns is put here and hung up on at once, and proposed to the supervisor, who has the last word: it may know the
network under another id, or have no room. What the operator says comes from there. The store that a worker has, a file of its own,
holds what is known of its hosts, and no blocks.
"""

from collections.abc import Callable
from typing import Any

from twistedmx.model.allowance import Allowance
from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.ports import Events
from twistedmx.service.blocking import Blocking
from twistedmx.service.workers.block_words import allowance_heard, change_heard, each_heard
from twistedmx.service.world import World
from twistedmx.settings import Settings


class BlockCopy(Blocking):
    """`propose`: told of each block that is new here, or was lengthened."""

    def __init__(self, settings: Settings, world: World, events: Events, propose: Callable[[Block], None]) -> None:
        super().__init__(settings, world, events)
        self._propose = propose

    def hear_changes(self, said: Any) -> None:
        """Entries that the supervisor has, or has no more. Raises ValueError."""
        for id_, block in each_heard(said, change_heard):
            self._take_over(id_, block)

    def hear_allowances(self, said: Any) -> None:
        """Networks of which the operator says something, or nothing any more. Raises ValueError."""
        for network, allowance in each_heard(said, allowance_heard):
            self._take_word(network, allowance)

    def _take_over(self, id_: str, block: Block | None) -> None:
        if block is None:
            before = self.blocklist.by_id(id_)
            if before is not None:
                self.blocklist.remove(before.network)
            return
        try:
            self.blocklist.copy(block)
        except ValueError as error:  # there is no room, where the supervisor has some
            self._log.warn("a block of the supervisor is left out: {error}", error=error)
            return
        if block.holds(self.now()):
            self.hang_up(block.network)

    def _take_word(self, network: Network, allowance: Allowance | None) -> None:
        allowed = self.allowing.allowed
        if allowance is None:
            allowed.remove(network)
            self.hang_up(network)
            return
        try:
            allowed.add(allowance)
        except ValueError as error:
            self._log.warn("a network that was allowed is left out: {error}", error=error)

    # In the place of what the master does

    def _take_hosts(self) -> None:
        """Nothing: it was done by the supervisor, before there was a worker."""

    def _load(self) -> None:
        """Nothing: it comes from the supervisor."""

    def _sweep(self) -> None:
        self.blocklist.sweep()  # allowances end when the supervisor says so

    def _keep_all(self) -> None:
        self.remembering.standings.save_anew()

    def _blocked(self, block: Block) -> None:
        self._propose(block)
        self.hang_up(block.network)

"""The entries of the blocklist in memory: by address, by network, by id, and in the order in which they expire.

Each is kept packed (`block_record`), once, whoever points to it; benchmarks/blocklist.py measures it. Expired ones stay until they
are taken. What an entry may be, and how long it lasts, is the blocklist's to decide.
"""

import math
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.policy.block_record import expiry_of, id_of, packed, unpacked
from twistedmx.policy.expiries import Expiries, minute_of
from twistedmx.policy.prefixes import Prefixes
from twistedmx.policy.records_by_id import RecordsById

OPERATOR: Final = "operator"  # the origin of what stays when others have to go
_SIGNS: Final = "0123456789BCDFGHJKLMNPQRSTVWXYZ"  # without vowels: there shall be no words
_LENGTH: Final = 8
_is_id = re.compile(rf"[{_SIGNS}]{{{_LENGTH}}}").fullmatch
_STALE: Final = 1000  # so many ids in vain are no burden


def is_id(text: str) -> bool:
    """Whether it looks like one of ours."""
    return _is_id(text) is not None


class BlockTable:
    """`now`: seconds since the epoch. `chance`: for ids."""

    def __init__(self, now: Callable[[], float], chance: Random) -> None:
        self._now = now
        self._chance = chance
        self._by_network: Prefixes[bytes] = Prefixes()
        self._by_id = RecordsById()
        self._expiries = Expiries()
        self._operators = Expiries()
        self._stale = 0  # ids in these, at most, that are in vain

    def find(self, address: str) -> Block | None:
        """The entry that holds for `address`, of the smallest network."""
        record = self._by_network.find(address, self._holds)
        return None if record is None else unpacked(record)

    def at(self, network: Network) -> Block | None:
        """The entry of exactly this network, whether it holds or not."""
        record = self._by_network.get(network)
        return None if record is None else unpacked(record)

    def by_id(self, id_: str) -> Block | None:
        """The entry with this id, in any case of its letters, whether it holds or not."""
        id_ = id_.upper()
        record = self._by_id.get(id_.encode()) if _is_id(id_) else None
        return None if record is None else unpacked(record)

    def about(self, network: Network) -> list[Block]:
        """All whose networks have all of `network` in them, whether they hold or not; the smallest first."""
        return [unpacked(record) for record in self._by_network.covering(network)]

    def page(
        self, after: Network | None, most: int, within: Network | None = None
    ) -> tuple[list[Block], Network | None]:
        """Those that hold behind `after`, at most `most`, and the network behind which to go on; None: these were the last.

        In the order of `Prefixes.page`. There may be none, and yet more behind them, where all of a page have expired.
        """
        records = self._by_network.page(after, most, within)
        if not records:
            return [], None
        return [unpacked(record) for record in records if self._holds(record)], unpacked(records[-1]).network

    def __iter__(self) -> Iterator[Block]:
        """All that hold, those of wider networks first, then in the order in which they came; as it is when this begins."""
        for record in list(self._by_network):
            if self._holds(record):
                yield unpacked(record)

    def with_expired(self) -> Iterator[Block]:
        """All, in the same order; what is removed or replaced meanwhile does not come any more."""
        for record in list(self._by_network):
            if self._by_id.get(id_of(record)) is record:
                yield unpacked(record)

    def __len__(self) -> int:
        """With the expired."""
        return len(self._by_id)

    def put(self, block: Block) -> None:
        """Put in an entry, or replace the one with its id, which must have the same network."""
        record = packed(block)
        before = self._by_id.put(record)
        self._by_network[block.network] = record
        if before is None:
            self._put_expiry(block)  # of one that is lengthened, that is found out when its time comes
        elif unpacked(before).origin != block.origin:
            self._put_expiry(block)
            self._have_stale()

    def remove(self, block: Block) -> None:
        """Take an entry out."""
        self._drop(block)
        self._have_stale()

    def drop_expired(self, until: float, most: int) -> list[str]:
        """Drop those that expired by `until`, a minute late at most. `most`: to be looked at. The ids of those dropped."""
        dropped: list[str] = []
        for expiries in (self._expiries, self._operators):
            for _ in range(most):
                taken = expiries.take(until)
                if taken is None:
                    break
                record = self._by_id.get(taken[0])
                if record is None:
                    continue
                if expiry_of(record) <= until:
                    self._drop(unpacked(record))
                    dropped.append(taken[0].decode("ascii"))
                else:
                    self._put_expiry(unpacked(record))
        return dropped

    def evict(self) -> Block | None:
        """Drop the entry nearest its expiry, to the minute, that is not the operator's; None: there is none."""
        while taken := self._expiries.take():
            id_, minute = taken
            record = self._by_id.get(id_)
            if record is None:
                continue
            block = unpacked(record)
            if block.origin != OPERATOR and minute_of(expiry_of(record)) <= minute:
                self._drop(block)
                return block
            self._put_expiry(block)  # it was lengthened, or is the operator's by now
        return None

    def is_free(self, id_: str) -> bool:
        """May an entry that comes have this id?"""
        return _is_id(id_) is not None and self._by_id.get(id_.encode()) is None

    def new_id(self) -> str:
        """One that nobody has."""
        while True:
            id_ = "".join(self._chance.choices(_SIGNS, k=_LENGTH))
            if self.is_free(id_):
                return id_

    def _holds(self, record: bytes) -> bool:
        return self._now() < expiry_of(record)

    def _put_expiry(self, block: Block) -> None:
        expiries = self._operators if block.origin == OPERATOR else self._expiries
        expiries.put(block.id.encode(), math.inf if block.expiry is None else block.expiry)

    def _have_stale(self) -> None:
        """One more id is in vain, or twice, where the expiries are."""
        self._stale += 1
        if self._stale > len(self) + _STALE:
            self._expiries, self._operators, self._stale = Expiries(), Expiries(), 0
            for record in self._by_network:
                self._put_expiry(unpacked(record))

    def _drop(self, block: Block) -> None:
        self._by_id.remove(block.id.encode())
        self._by_network.pop(block.network)

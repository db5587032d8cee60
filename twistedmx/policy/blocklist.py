"""Whom we do not talk to: networks, each with its reason and how long; in memory, a million of them in 260 MB.

`find` is asked at every connection. It never waits; an entry that has expired does not hold, and what is never blocked is never
found: the networks of `never`, and hosts that `proven` is true for (unless the operator blocked just that host, by force).

An expired entry stays for `[blocklist] remember`, so that the next one for its network is a relapse and lasts longer. Entries
are bounded in number: when there are `most`, the one nearest its expiry goes (to the minute; the expired first), and the
operator's never do.

Counts keyed by recipient or by sender are no ground for an entry, and a network is one only when several of its hosts are:
whoever calls `block` sees to that. Nothing here is on disk: `on_block` is told what to store, `on_forget` what not to store any
more, `add` takes what was stored.
Not for several threads at a time.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

import attrs

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.policy.block_table import OPERATOR, BlockTable, is_id
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import WIDEST, host_or_wider, is_host, is_too_wide, network_of
from twistedmx.policy.never_block import NeverBlock
from twistedmx.smtp.reply import Reply, reply

_SETTINGS: Final = "[blocklist] never"  # sources of what is never blocked
LOOPBACK: Final = "loopback"
_LOOPBACKS: Final = (network_of("127.0.0.0/8"), network_of("::1"))


class Blocklist:
    """`now`: seconds since the epoch. `chance`: for ids.

    `never`: whom nobody blocks; more sources may be put into it. `proven`: whether the host at an address has a good record.
    `on_block`: told at once of each block that is new, was lengthened or became the operator's, so that it is stored, and open
    sessions in its network are closed (those whose address `find` finds). `on_forget`: told the id of each that was evicted, or
    is remembered no more. `evicted`: how many went before their time because there were too many.
    """

    def __init__(self, settings: BlocklistSettings, now: Callable[[], float], chance: Random) -> None:
        self.never = NeverBlock()
        self.proven: Callable[[str], bool] = lambda address: False
        self.on_block: Callable[[Block], None] = lambda block: None
        self.on_forget: Callable[[str], object] = lambda id_: None
        self.evicted = 0
        self._now = now
        self._table = BlockTable(now, chance)
        self.configure(settings)

    def configure(self, settings: BlocklistSettings) -> None:
        """From now on these hold. Entries stay as they are; if there are too many, `sweep` takes them away."""
        self._settings = settings
        self.never.replace(_SETTINGS, map(network_of, settings.never))
        self.never.replace(LOOPBACK, () if settings.loopback else _LOOPBACKS)

    # At every connection

    def find(self, address: str) -> Block | None:
        """The entry that holds for `address`, of the smallest network; None also for what is no address."""
        block = self._table.find(address)
        if block is None or self.never.find(address) is not None:
            return None
        if self.proven(address) and not (block.origin == OPERATOR and is_host(block.network)):
            return None
        return self._redated(block)

    def refusal(self, block: Block, address: str) -> Reply | None:
        """What the peer at `address` hears instead of a greeting, if anything. RFC 5321 3.1; RFC 2034 4: no enhanced code."""
        if self._settings.answer == "none":
            return None
        return reply(554, "", self._settings.text_for(block.id, address), closes=True)

    @property
    def hold(self) -> float:
        """Seconds that it waits for that."""
        return self._settings.hold

    @property
    def held(self) -> int:
        """How many may wait so at once; whoever comes beyond hears it at once."""
        return self._settings.held

    def parting(self, block: Block, address: str) -> Reply:
        """What it hears in the middle of a session. RFC 5321 3.8: 421, for nothing is said of what it was just doing."""
        return reply(421, "4.7.0", self._settings.text_for(block.id, address))

    # Changes

    def check(self, network: Network) -> None:
        """Raises ValueError with words for the operator if `network` should not be blocked."""
        if is_too_wide(network):
            widest = WIDEST[network.version]
            raise ValueError(
                f"{network} is wider than a /{widest}, and most hosts in it are innocent; block parts of it, or force it"
            )
        touched = self.never.touching(network)
        if touched:
            raise ValueError(
                f"{network} touches {touched[0].network}, which is never blocked ({touched[0].source}); block what is beside "
                "it, or force it: what is never blocked stays so"
            )
        if is_host(network) and self.proven(str(network.network_address)):
            raise ValueError(f"{network} is a host of good record; force it, if you know better than its record")

    def block(
        self,
        network: Network,
        *,
        reason: str,
        evidence: str,
        origin: str,
        seconds: float | None = None,
        force: bool = False,
    ) -> Block:
        """Block `network` from now on. The entry as it now is.

        `seconds`: how long; infinity: until it is removed; None: by its relapses. One that is blocked already is lengthened,
        never shortened, and that is no relapse: twenty sessions of a host end in the same second. A part of a host (an IPv6
        /128) is the host. `force`: though `check` says no. Raises ValueError with words for the operator.
        """
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a block lasts for more than 0 seconds, not for {seconds:g}")
        network = host_or_wider(network)
        if not force:
            self.check(network)
        now = self._now()
        before = self._at(network)
        relapse = self._relapse(before, now)
        expiry = now + (self._settings.seconds(relapse) if seconds is None else seconds)
        block = Block(
            id=self._table.new_id() if before is None else before.id,
            network=network,
            reason=reason,
            evidence=evidence,
            origin=origin,
            since=now,
            expiry=None if expiry == math.inf else expiry,
            relapse=relapse,
        )
        return self._take(block, before)

    def add(self, block: Block, *, force: bool = False) -> Block:
        """Take in an entry from storage (`force`: it was admitted once) or from an import. The entry as it now is.

        It keeps its id, unless its network has an entry here, another has this id, or it is none of ours. Raises ValueError
        with words for the operator.
        """
        network = host_or_wider(block.network)
        if not force:
            self.check(network)
        before = self._at(network)
        if before is not None:
            block = attrs.evolve(block, id=before.id, network=network)
        elif network is not block.network or not self._table.is_free(block.id):
            id_ = block.id if self._table.is_free(block.id) else self._table.new_id()
            block = attrs.evolve(block, id=id_, network=network)
        return self._take(block, before)

    def copy(self, block: Block) -> None:
        """Have an entry as the blocklist has it of which this is a copy: in place of whatever has its network, or its id.

        `on_block` is not told. Raises ValueError for what no blocklist has, with words for the operator.
        """
        if host_or_wider(block.network) != block.network or not is_id(block.id):
            raise ValueError(f"{block.id!r}, {block.network}: no blocklist has such an entry")
        for other in (self._table.at(block.network), self._table.by_id(block.id)):
            if other is not None and (other.id, other.network) != (block.id, block.network):
                self._table.remove(other)
        if self._table.at(block.network) is None:
            self._make_room()
        self._table.put(block)

    def remove(self, network: Network) -> Block | None:
        """Forget the entry of exactly this network, and its relapses. What it was, which may have expired."""
        block = self._at(host_or_wider(network))
        if block is not None:
            self._table.remove(block)
        return block

    def sweep(self, most: int = 1000) -> int:
        """Drop what expired and is remembered no more, and what is too many. To be called every second or so.

        `most`: of how many entries at a time. How many were dropped.
        """
        forgotten = self._table.drop_expired(self._now() - self._settings.remember, most)
        for id_ in forgotten:
            self.on_forget(id_)
        dropped = len(forgotten)
        while dropped < most and len(self._table) > self._settings.most and self._evict():
            dropped += 1
        return dropped

    # For the operator

    def by_id(self, id_: str) -> Block | None:
        """The entry that a peer was told of, in any case of its letters; it may have expired."""
        return self._table.by_id(id_)

    def about(self, network: Network) -> list[Block]:
        """All whose networks have all of `network` in them, the smallest first; some may have expired, or not hold for who is
        never blocked."""
        return self._table.about(host_or_wider(network))

    def page(
        self, after: Network | None, most: int, within: Network | None = None
    ) -> tuple[list[Block], Network | None]:
        """Those that hold behind `after`, at most `most`, and the network behind which to go on; None: these were the last.

        The shorter prefixes first, then by address. There may be none, and yet more behind them. `within`: in this network alone.
        """
        return self._table.page(after, most, None if within is None else host_or_wider(within))

    def __iter__(self) -> Iterator[Block]:
        """All that hold, those of wider networks first, then in the order in which they came; as it is when this begins."""
        return iter(self._table)

    def with_remembered(self) -> Iterator[Block]:
        """All that hold and, among them, the expired that are remembered: what storage keeps. In the same order."""
        return self._table.with_expired()

    def __len__(self) -> int:
        """With the expired that are remembered."""
        return len(self._table)

    def _at(self, network: Network) -> Block | None:
        block = self._table.at(network)
        return None if block is None else self._redated(block)

    def _redated(self, block: Block) -> Block:
        """One that begins in the future was made before the clock was put back: it lasts as long as was meant, from now on."""
        now = self._now()
        if block.since <= now or block.expiry is None:
            return block
        block = attrs.evolve(block, since=now, expiry=now + max(block.expiry - block.since, 1.0))
        self._table.put(block)
        return block

    def _relapse(self, before: Block | None, now: float) -> int:
        if before is None:
            return 0
        if before.expiry is None or now < before.expiry:
            return before.relapse
        return before.relapse + 1 if now < before.expiry + self._settings.remember else 0

    def _take(self, block: Block, before: Block | None) -> Block:
        """Put in a block that is new or there. `before`: the entry of its network, with the same id."""
        now = self._now()
        if before is None:
            self._make_room()
        elif before.holds(now) or not block.holds(now):
            block = _joined(before, block)
            if block == before:
                return before
        self._table.put(block)
        if block.holds(now):
            self.on_block(block)
        return block

    def _make_room(self) -> None:
        while len(self._table) >= self._settings.most:
            if not self._evict():
                raise ValueError(
                    f"the blocklist is full ([blocklist] most is {self._settings.most}), and all of it is the operator's; "
                    "remove some, or raise it"
                )

    def _evict(self) -> bool:
        evicted = self._table.evict()
        if evicted is None:
            return False
        self.evicted += evicted.holds(self._now())
        self.on_forget(evicted.id)
        return True


def _joined(before: Block, block: Block) -> Block:
    """Two blocks of one network: the later expiry; what the later says of it, but the operator's word stays."""
    longer = before.expiry is not None and (block.expiry is None or block.expiry > before.expiry)
    if longer:
        before = attrs.evolve(before, expiry=block.expiry, relapse=max(before.relapse, block.relapse))
    if before.origin != OPERATOR and (longer or block.origin == OPERATOR):
        before = attrs.evolve(before, reason=block.reason, evidence=block.evidence, origin=block.origin)
    return before

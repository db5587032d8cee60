"""Whom the operator has allowed while the server runs: networks that nobody blocks, some of them for a time.

What is allowed stands in the never-block list, under the source "operator". Blocks within it stay where they are and hold for
nobody in it; they hold again when it is taken back, or has expired. Nothing here is on disk, and nobody is told: that is
`service.allowing`.
"""

import math
from collections.abc import Callable, Iterator
from typing import Final

from twistedmx.model.allowance import Allowance
from twistedmx.model.peer import Network
from twistedmx.policy.block_table import OPERATOR
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import WIDEST, host_or_wider, is_too_wide
from twistedmx.policy.never_block import Never, NeverBlock
from twistedmx.policy.prefixes import Prefixes

_EVIDENCE: Final = 400  # characters that are kept


class Allowed:
    """`settings`: may be replaced. `now`: seconds since the epoch. `never`: where they stand while they hold."""

    def __init__(self, settings: BlocklistSettings, never: NeverBlock, now: Callable[[], float]) -> None:
        self.settings = settings
        self._never = never
        self._now = now
        self._table: Prefixes[Allowance] = Prefixes()
        self._next_expiry = math.inf

    def check(self, network: Network) -> None:
        """Raises ValueError with words for the operator if `network` should not be allowed."""
        if is_too_wide(network):
            raise ValueError(
                f"{network} is wider than a /{WIDEST[network.version]}, and nobody in it could be blocked; allow parts of it, or "
                "force it"
            )

    def allow(self, network: Network, *, evidence: str, seconds: float | None = None, force: bool = False) -> Allowance:
        """Let nobody block `network` from now on, in place of what was said of it before. What stands there now.

        `seconds`: how long; None: until it is taken back. A part of a host (an IPv6 /128) is the host. `force`: though `check` says
        no. Raises ValueError with words for the operator.
        """
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a network is allowed for more than 0 seconds, not for {seconds:g}")
        network = host_or_wider(network)
        if not force:
            self.check(network)
        now = self._now()
        expiry = None if seconds is None or seconds == math.inf else now + seconds
        return self.add(Allowance(network=network, evidence=evidence[:_EVIDENCE], since=now, expiry=expiry))

    def add(self, allowance: Allowance) -> Allowance:
        """Take in one, as from storage. Raises ValueError with words for the operator when there are too many."""
        if self._table.get(allowance.network) is None and len(self._table) >= self.settings.most_allowed:
            raise ValueError(
                f"as many networks are allowed as may be ([blocklist] most_allowed is {self.settings.most_allowed}); take some "
                "back, or raise it"
            )
        self._table[allowance.network] = allowance
        self._never.put(Never(network=allowance.network, source=OPERATOR))
        if allowance.expiry is not None:
            self._next_expiry = min(self._next_expiry, allowance.expiry)
        return allowance

    def remove(self, network: Network) -> Allowance | None:
        """Exactly this network may be blocked again. What was said of it."""
        network = host_or_wider(network)
        self._never.pop(OPERATOR, network)
        return self._table.pop(network)

    def sweep(self) -> list[Allowance]:
        """Those that have expired since it was last called; they are no more. To be called every second or so."""
        now = self._now()
        if now < self._next_expiry:
            return []
        expired = [allowance for allowance in self._table if not allowance.holds(now)]
        for allowance in expired:
            self.remove(allowance.network)
        self._next_expiry = min(
            (allowance.expiry for allowance in self._table if allowance.expiry is not None), default=math.inf
        )
        return expired

    def at(self, network: Network) -> Allowance | None:
        """What is said of exactly this network."""
        return self._table.get(host_or_wider(network))

    def __iter__(self) -> Iterator[Allowance]:
        """All, IPv4 first, the wider first."""
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

"""A process's part of what is judged elsewhere: sums of what was refused and accepted here, and what is under attack, as told.

What it has taken note of since it was asked last is bounded (`attack_sums`): of a flood, names in each domain are a sample, and of
addresses those go first that were tried most; the others wait, and are forgotten if there are too many.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from typing import Final

from twistedmx.model.attack import Attack, Flood, Pressure
from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_facts import AttackFacts
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attack_sums import AttackSums, DomainSum, FloodSum
from twistedmx.policy.attacked_domains import HOSTS, NAMES, SAMPLES
from twistedmx.policy.distinct import EVER, Distinct
from twistedmx.policy.flooded_addresses import thinned

_ADDRESSES: Final = 8192  # that are counted at a time: 2 MB, or 20 of the longest names
_TAKEN: Final = 1024  # of these at a time


class _Row:
    """One domain."""

    __slots__ = ("hosts", "known", "names", "samples", "tries")

    def __init__(self) -> None:
        self.names = Distinct(NAMES)
        self.hosts = Distinct(HOSTS)
        self.known = Distinct(HOSTS)
        self.tries = 0
        self.samples: deque[bytes] = deque(maxlen=SAMPLES)


class _Flood:
    """One address that is flooded."""

    __slots__ = ("hosts", "tries")

    def __init__(self) -> None:
        self.tries = 0
        self.hosts = Distinct(HOSTS)


class AttackSumming(AttackFacts):
    """In the place of `Attacks`, which is elsewhere and knows more. `any`, `any_flooded`: as there."""

    def __init__(self, settings: AttackSettings, domain_key: Callable[[bytes], bytes]) -> None:
        super().__init__(domain_key)
        self.any = False
        self.any_flooded = False
        self._settings = settings
        self._under_attack: frozenset[bytes] = frozenset()
        self._domains: dict[bytes, _Row] = {}
        self._tries: dict[bytes, int] = {}
        self._floods: dict[bytes, _Flood] = {}
        self._ends: dict[Reason, int] = {}

    def configure(self, settings: AttackSettings) -> None:
        """From now on these hold."""
        self._settings = settings

    # At a refused RCPT

    def under_attack(self, domain: bytes) -> bool:
        """Whether `domain` is: in lower case, or `NOT_OURS`."""
        return (domain if domain.isascii() else self._domain_key(domain)) in self._under_attack

    def is_flooded(self, address: bytes) -> bool:
        """Whether `address` is: `Path.key`, in lower case."""
        return address in self._floods

    # For who judges, and of him

    def take(self) -> AttackSums:
        """What was seen since this was asked last."""
        self._names = 0
        domains, self._domains = self._domains, {}
        ends, self._ends = self._ends, {}
        return AttackSums(
            domains=tuple(_sum_of(domain, row) for domain, row in domains.items()),
            tries=self._take_tries(),
            floods=self._take_floods(),
            hung_up=tuple(ends.items()),
        )

    def mark(self, domains: Iterable[bytes], addresses: Iterable[bytes]) -> None:
        """These are under attack, and flooded, and no others."""
        self._under_attack = frozenset(domains)
        before, self._floods = self._floods, {}
        for address in addresses:
            self._floods[address] = before.pop(address) if address in before else _Flood()
        for address, flood in before.items():
            if flood.tries:
                self._tries[address] = self._tries.get(address, 0) + flood.tries
        self.any, self.any_flooded = bool(self._under_attack), bool(self._floods)

    def stand_down(self) -> None:
        """Nothing is under attack or flooded, as far as we know."""
        self.mark((), ())

    # What goes on is known elsewhere

    flooded_tries = 0

    def attacks(self) -> list[tuple[Attack, Pressure]]:
        """None that we would know more of."""
        return []

    def floods(self) -> list[tuple[Flood, int]]:
        """As `attacks`."""
        return []

    def recent_attacks(self) -> list[Attack]:
        """As `attacks`."""
        return []

    def recent_floods(self) -> list[Flood]:
        """As `attacks`."""
        return []

    # Of events

    def _names_refused(self, names: Sequence[bytes], host: int, weight: int) -> None:
        tries, floods = self._tries, self._floods
        for name in names:
            flood = floods.get(name) if floods else None
            if flood is None:
                tries[name] = tries.get(name, 0) + 1
            else:
                flood.tries += weight
                flood.hosts.add(EVER, (host,))
        if len(tries) > _ADDRESSES:
            self._tries = thinned(tries, _ADDRESSES // 2)

    def _refused_in(self, domain: bytes, names: Sequence[bytes], host: int, weight: int) -> None:
        row = self._row(domain)
        if row is None:
            return
        row.names.add(EVER, map(hash, names))
        row.hosts.add(EVER, (host,))
        row.tries += len(names) * weight
        row.samples.append(names[0])

    def _accepted_in(self, domain: bytes, mailbox: bytes) -> None:
        row = self._row(domain)
        if row is not None:
            row.known.add(EVER, (hash(mailbox),))

    def _hung_up(self, reason: Reason) -> None:
        self._ends[reason] = self._ends.get(reason, 0) + 1

    def _row(self, domain: bytes) -> _Row | None:
        row = self._domains.get(domain)
        if row is None and self._settings.names and len(self._domains) < self._settings.domains:
            row = self._domains[domain] = _Row()
        return row

    def _take_tries(self) -> tuple[tuple[bytes, int], ...]:
        tries = self._tries
        if len(tries) <= _TAKEN:
            self._tries = {}
            return tuple(tries.items())
        most = nlargest(_TAKEN, tries.items(), key=lambda item: item[1])
        for address, _ in most:
            del tries[address]
        return tuple(most)

    def _take_floods(self) -> tuple[FloodSum, ...]:
        taken = tuple(
            FloodSum(address, flood.tries, flood.hosts.sample())
            for address, flood in self._floods.items()
            if flood.tries
        )
        for one in taken:
            self._floods[one.address] = _Flood()
        return taken


def _sum_of(domain: bytes, row: _Row) -> DomainSum:
    return DomainSum(domain, row.tries, row.names.sample(), row.hosts.sample(), row.known.sample(), tuple(row.samples))

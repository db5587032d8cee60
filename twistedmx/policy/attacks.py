"""What goes on over all peers: domains under attack (Siege 1) and flooded addresses (Siege 3), noticed from events alone.

    under attack   different unknown names of a domain in a minute pass a floor, and are several times the known ones. What hosts of
                   good record name is not among them: a newsletter to a list that died is no attack. A catch-all has none
    flooded        one address, unknown or not ours, is refused many times a minute, by whomever: real mail servers with bounces too

This notices and tells, and answers what is asked of it; what follows for a session is decided elsewhere (`policy.conduct`). It
condemns nobody: counts by recipient are no ground for that.

An event carries up to some hundred refused names and is told up to three seconds late: an attack is noticed up to four seconds
after its mark was passed. Beyond 50,000 names a second one event of eight is looked at, and stands for eight: tries are then
estimates, and fewer different names are seen than there are. benchmarks/attacks.py has what a name costs.

BUGS: a botnet of hosts of good record attacks no domain. As in the two modules below it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from twistedmx.model.attack import Attack, Flood, Pressure
from twistedmx.model.event import Event
from twistedmx.model.network_event import NetworkBlocked
from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_facts import AttackFacts
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attack_sums import AttackSums
from twistedmx.policy.attacked_domains import AttackedDomains, Helped
from twistedmx.policy.distinct import SLOT
from twistedmx.policy.flooded_addresses import FloodedAddresses
from twistedmx.ports import Events

_LONGEST: Final = 120.0  # seconds between two ticks; more is a clock that was set, and longer than all that is counted


class Attacks(AttackFacts):
    """Tells its own events to `events` at each `tick`.

    `any`, `any_flooded`: whether anything is under attack, or flooded; in calm nothing else need be asked.
    """

    def __init__(self, settings: AttackSettings, events: Events, domain_key: Callable[[bytes], bytes]) -> None:
        super().__init__(domain_key)
        self.any = False
        self.any_flooded = False
        self._events = events
        self._domains = AttackedDomains(settings)
        self._addresses = FloodedAddresses(settings)
        self._helped = Helped()
        self._ticked: float | None = None  # by the clock of who ticks
        self._time = 0.0  # seconds, of a clock that is never put back
        self._slot = 0

    def configure(self, settings: AttackSettings) -> None:
        """From now on these hold."""
        self._domains.settings = self._addresses.settings = settings

    def stand_down(self) -> None:
        """Nothing is under attack or flooded, as far as we know: who ticked ticks no more."""
        self.any = self.any_flooded = False
        self._domains = AttackedDomains(self._domains.settings)
        self._addresses = FloodedAddresses(self._addresses.settings)

    # At a refused RCPT

    def under_attack(self, domain: bytes) -> bool:
        """Whether `domain` is: in lower case, or `NOT_OURS`."""
        return (domain if domain.isascii() else self._domain_key(domain)) in self._domains.under_attack

    def is_flooded(self, address: bytes) -> bool:
        """Whether `address` is: `Path.key`, in lower case."""
        return address in self._addresses.flooded

    # At each event, and each second

    def __call__(self, event: Event) -> None:
        if isinstance(event, NetworkBlocked):
            self._helped.blocks += 1
        else:
            super().__call__(event)

    def add(self, sums: AttackSums) -> None:
        """What another process summed of its events, `sums`, was so. ValueError if it cannot have been."""
        for domain in sums.domains:
            self._domains.add(domain, self._slot)
        self._addresses.add(sums.tries, sums.floods, self._slot)
        for reason, count in sums.hung_up:
            self._helped.hung_up[reason] = self._helped.hung_up.get(reason, 0) + count

    def marked(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Domains under attack, and flooded addresses."""
        return tuple(self._domains.under_attack), tuple(self._addresses.flooded)

    def tick(self, now: float) -> None:
        """Judge what was told, and tell what began and what is over. To be called every second. `now`: seconds since the epoch."""
        if self._ticked is not None:
            self._time += min(max(now - self._ticked, 0.0), _LONGEST)
        self._ticked = now
        self._slot = int(self._time / SLOT)
        self._names = 0
        events = self._domains.judge(now, self._time, self._slot, self._helped)
        events += self._addresses.judge(now, self._time, self._slot)
        self.any = bool(self._domains.under_attack)
        self.any_flooded = bool(self._addresses.flooded)
        for event in events:
            self._events.tell(event)

    # For the operator

    @property
    def flooded_tries(self) -> int:
        """Tries at flooded addresses, since the start."""
        return self._addresses.tries

    def attacks(self) -> list[tuple[Attack, Pressure]]:
        """Each that goes on, as far as it went."""
        return self._domains.present(self._slot, self._helped)

    def floods(self) -> list[tuple[Flood, int]]:
        """Each that goes on, as far as it went, and its tries in the last minute."""
        return self._addresses.present(self._slot)

    def recent_attacks(self) -> list[Attack]:
        """Those that are over, the last one first."""
        return list(reversed(self._domains.recent))

    def recent_floods(self) -> list[Flood]:
        """As `recent_attacks`."""
        return list(reversed(self._addresses.recent))

    def _names_refused(self, names: Sequence[bytes], host: int, weight: int) -> None:
        self._addresses.refused(names, host, self._slot, weight)

    def _refused_in(self, domain: bytes, names: Sequence[bytes], host: int, weight: int) -> None:
        self._domains.refused(domain, names, host, self._slot, weight)

    def _accepted_in(self, domain: bytes, mailbox: bytes) -> None:
        self._domains.accepted(domain, mailbox, self._slot)

    def _hung_up(self, reason: Reason) -> None:
        self._helped.hung_up[reason] = self._helped.hung_up.get(reason, 0) + 1

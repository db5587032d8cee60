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
from twistedmx.model.envelope import Recipient, Refused
from twistedmx.model.event import Event, NetworkBlocked, NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.peer import host_of
from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attacked_domains import NOT_OURS, AttackedDomains, Helped
from twistedmx.policy.distinct import SLOT
from twistedmx.policy.flooded_addresses import FloodedAddresses
from twistedmx.ports import Events

# Ends of sessions that are no doing of ours.
_BY_THEMSELVES: Final = frozenset(
    (
        Reason.QUIT,
        Reason.LOST,
        Reason.IDLE,
        Reason.TOO_SLOW,
        Reason.TLS_FAILED,
        Reason.PROXY_FAILED,
        Reason.SHUTDOWN,
        Reason.FAULT,
    )
)
_AT_ONCE: Final = 50_000  # names between two ticks of which all are looked at
_ONE_OF: Final = 8  # events, beyond that
_LONGEST: Final = 120.0  # seconds between two ticks; more is a clock that was set, and longer than all that is counted


class Attacks:
    """A subscriber of events, which tells its own to `events` at each `tick`.

    `any`, `any_flooded`: whether anything is under attack, or flooded; in calm nothing else need be asked. `domain_key`: the
    A-labels of a domain that is not in ASCII (`mailbox.keys`). `proven`: whether the host at an address has a good record; to be
    put there by who knows.
    """

    def __init__(self, settings: AttackSettings, events: Events, domain_key: Callable[[bytes], bytes]) -> None:
        self.any = False
        self.any_flooded = False
        self.proven: Callable[[str], bool] = lambda address: False
        self._events = events
        self._domain_key = domain_key
        self._domains = AttackedDomains(settings)
        self._addresses = FloodedAddresses(settings)
        self._helped = Helped()
        self._ticked: float | None = None  # by the clock of who ticks
        self._time = 0.0  # seconds, of a clock that is never put back
        self._slot = 0
        self._names = 0  # since the last tick
        self._events_beyond = 0

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
        match event:
            case NobodyAccepted():
                self._refused(event.peer.address, event.refused)
            case TransactionEnded():
                if event.refused.count:
                    self._refused(event.peer.address, event.refused)
                self._accepted(event.envelope.recipients)
            case SessionEnded():
                if event.reason not in _BY_THEMSELVES:
                    hung_up = self._helped.hung_up
                    hung_up[event.reason] = hung_up.get(event.reason, 0) + 1
            case NetworkBlocked():
                self._helped.blocks += 1

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

    def _refused(self, address: str, refused: Refused) -> None:
        weight = 1
        if self._names > _AT_ONCE:
            self._events_beyond += 1
            if self._events_beyond % _ONE_OF:
                return
            weight = _ONE_OF
        host = hash(host_of(address))
        proven: bool | None = None  # not asked yet
        for verdict, addresses in refused.runs:
            reason = verdict.reason
            if (reason is not Reason.UNKNOWN_MAILBOX and reason is not Reason.NOT_OURS) or not addresses:
                continue
            names = [each.lower() for each in addresses]
            self._names += len(names)
            self._addresses.refused(names, host, self._slot, weight)
            if proven is None:
                proven = self.proven(address)
            if proven:
                continue
            if reason is Reason.NOT_OURS:
                self._domains.refused(NOT_OURS, names, host, self._slot, weight)
                continue
            for domain, of_domain in _by_domain(names):
                key = domain if domain.isascii() else self._domain_key(domain)
                self._domains.refused(key, of_domain, host, self._slot, weight)

    def _accepted(self, recipients: Sequence[Recipient]) -> None:
        for recipient in recipients:
            domain = recipient.path.domain
            key = domain.lower() if domain.isascii() else self._domain_key(domain)
            # One mailbox, however it is spelled: else who knows one would seem to know a thousand.
            destinations = recipient.destinations
            mailbox = destinations[0].address if destinations else recipient.path.address
            self._domains.accepted(key, mailbox.lower(), self._slot)


def _by_domain(names: list[bytes]) -> list[tuple[bytes, list[bytes]]]:
    """Addresses, by what is behind their "@". A guesser names one domain in a run: counting line ends behind it in one search costs
    half of looking at each (benchmarks/attacks.py)."""
    domain = names[0].rpartition(b"@")[2]
    lines = b"%b\n" % b"\n".join(names)
    if lines.count(b"@%b\n" % domain) == len(names):
        return [(domain, names)]
    groups: dict[bytes, list[bytes]] = {}
    for name in names:
        groups.setdefault(name.rpartition(b"@")[2], []).append(name)
    return list(groups.items())

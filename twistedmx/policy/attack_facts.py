"""What events say of unknown names, of names that are not ours and of known ones: for whoever sums it, or judges it."""

from collections.abc import Callable, Sequence
from typing import Final

from twistedmx.model.envelope import Recipient, Refused
from twistedmx.model.event import Event, NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.peer import host_of
from twistedmx.model.verdict import Reason
from twistedmx.policy.attacked_domains import NOT_OURS

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


class AttackFacts:
    """A subscriber of events. What they say comes to the methods with a bar in front, which others give.

    `domain_key`: the A-labels of a domain that is not in ASCII (`mailbox.keys`). `proven`: whether the host at an address has a
    good record; to be put there by who knows.
    """

    def __init__(self, domain_key: Callable[[bytes], bytes]) -> None:
        self.proven: Callable[[str], bool] = lambda address: False
        self._domain_key = domain_key
        self._names = 0  # since the last tick
        self._events_beyond = 0

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
                    self._hung_up(event.reason)

    def _names_refused(self, names: Sequence[bytes], host: int, weight: int) -> None:
        """Whole addresses, in lower case. `host`: a hash of it. `weight`: this event stands for so many."""
        raise NotImplementedError

    def _refused_in(self, domain: bytes, names: Sequence[bytes], host: int, weight: int) -> None:
        """The same of one domain (in A-labels, or `NOT_OURS`), by a host that has no good record."""
        raise NotImplementedError

    def _accepted_in(self, domain: bytes, mailbox: bytes) -> None:
        """A mailbox was."""
        raise NotImplementedError

    def _hung_up(self, reason: Reason) -> None:
        """On a session, by us."""
        raise NotImplementedError

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
            self._names_refused(names, host, weight)
            if proven is None:
                proven = self.proven(address)
            if proven:
                continue
            if reason is Reason.NOT_OURS:
                self._refused_in(NOT_OURS, names, host, weight)
                continue
            for domain, of_domain in _by_domain(names):
                key = domain if domain.isascii() else self._domain_key(domain)
                self._refused_in(key, of_domain, host, weight)

    def _accepted(self, recipients: Sequence[Recipient]) -> None:
        for recipient in recipients:
            domain = recipient.path.domain
            key = domain.lower() if domain.isascii() else self._domain_key(domain)
            # One mailbox, however it is spelled: else who knows one would seem to know a thousand.
            destinations = recipient.destinations
            mailbox = destinations[0].address if destinations else recipient.path.address
            self._accepted_in(key, mailbox.lower())


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

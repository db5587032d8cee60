"""Which own domains are under attack: different unknown names in the last minute, over all peers, against those that are known.

A domain is watched from its first unknown name until a minute has passed without one; what is known of it is counted while it is
watched, so that both are of the same time. All domains that are not ours are one row.

BUGS: a domain most of whose names died long ago is under attack for ever; raise `[attacks] names`. Of a transaction, names beyond
the first hundred are not known here (`Refused.others`). A restart forgets.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from twistedmx.model.attack import Attack, Pressure
from twistedmx.model.event import AttackBegan, AttackEnded, Event
from twistedmx.model.verdict import Reason
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attack_sums import DomainSum
from twistedmx.policy.distinct import EVER, Count, Distinct
from twistedmx.policy.latch import Latch

NOT_OURS: Final = b""  # the row of all domains that are not ours
# So many are kept of each kind, and of more a sample: 5 % and 8 % off. 100 KB for a domain that is attacked by so many.
NAMES: Final = 512
HOSTS: Final = 256
SAMPLES: Final = 5
_SAMPLE_OCTETS: Final = 100


class Helped:
    """What the server did against whoever it was, since its start. `hung_up`: sessions, by reason. `blocks`: of the blocklist."""

    __slots__ = ("blocks", "hung_up")

    def __init__(self, hung_up: Mapping[Reason, int] | None = None, blocks: int = 0) -> None:
        self.hung_up: dict[Reason, int] = dict(hung_up or {})
        self.blocks = blocks

    def since(self, before: "Helped") -> tuple[tuple[tuple[Reason, int], ...], int]:
        """Both, the most frequent reason first."""
        more = {reason: count - before.hung_up.get(reason, 0) for reason, count in self.hung_up.items()}
        hung_up = sorted(((reason, count) for reason, count in more.items() if count), key=lambda each: -each[1])
        return tuple(hung_up), self.blocks - before.blocks

    def copy(self) -> "Helped":
        """As it is now."""
        return Helped(self.hung_up, self.blocks)


class _Totals:
    """Of an attack, from the minute before it on. `start`: seconds since the epoch."""

    __slots__ = ("before", "hosts", "names", "peak", "start", "tries")

    def __init__(self, start: float, row: "_Row", slot: int, before: Helped) -> None:
        self.start = start
        self.before = before
        self.peak = row.different(slot)
        self.tries = row.tries.total(slot)
        self.names = row.names.forever()
        self.hosts = row.hosts.forever()


class _Row:
    """One domain in the last minute; `totals`: of its attack, if it is under one. `samples`: names, the last ones."""

    __slots__ = ("hosts", "known", "latch", "names", "samples", "totals", "tries")

    def __init__(self) -> None:
        self.names = Distinct(NAMES)
        self.known = Distinct(HOSTS)
        self.hosts = Distinct(HOSTS)
        self.tries = Count()
        self.samples: deque[bytes] = deque(maxlen=SAMPLES)
        self.latch = Latch()
        self.totals: _Totals | None = None

    def pressure(self, slot: int) -> Pressure:
        return Pressure(
            names=self.different(slot),
            known=self.known.count(slot),
            hosts=min(self.hosts.count(slot), self.tries.total(slot)),
        )

    def different(self, slot: int) -> int:
        """Unknown names. An estimate of many may be above the tries that there were, and what is shown side by side must add up."""
        return min(self.names.count(slot), self.tries.total(slot))


class AttackedDomains:
    """`under_attack`: those that are now. `recent`: attacks that are over, the last one last. `settings`: may be replaced.

    Domains and names are given in lower case, domains in A-labels. `slot`: of `distinct`.
    """

    def __init__(self, settings: AttackSettings) -> None:
        self.settings = settings
        self.under_attack: dict[bytes, _Row] = {}
        self.recent: deque[Attack] = deque()
        self._watched: OrderedDict[bytes, _Row] = OrderedDict()  # and not under attack; longest ago first

    def refused(self, domain: bytes, names: Sequence[bytes], host: int, slot: int, weight: int = 1) -> None:
        """Unknown names of `domain`, as whole addresses. `host`: a hash of it. `weight`: this event stands for so many."""
        row = self._row(domain)
        if row is None:
            return
        hashes = [hash(name) for name in names]
        row.names.add(slot, hashes)
        row.hosts.add(slot, (host,))
        row.tries.add(slot, len(names) * weight)
        row.samples.append(names[0])
        totals = row.totals
        if totals is not None:
            totals.names.add(EVER, hashes)
            totals.hosts.add(EVER, (host,))
            totals.tries += len(names) * weight

    def accepted(self, domain: bytes, mailbox: bytes, slot: int) -> None:
        """A mailbox of `domain` was."""
        row = self._row_there(domain)
        if row is not None:
            row.known.add(slot, (hash(mailbox),))

    def add(self, sums: DomainSum, slot: int) -> None:
        """What another process summed. Raises ValueError if it cannot be."""
        row = self._row(sums.domain) if sums.tries else self._row_there(sums.domain)
        if row is None:
            return
        row.known.add_sample(slot, sums.known)
        if not sums.tries:
            return
        row.names.add_sample(slot, sums.names)
        row.hosts.add_sample(slot, sums.hosts)
        row.tries.add(slot, sums.tries)
        row.samples.extend(sums.samples)
        totals = row.totals
        if totals is not None:
            totals.names.add_sample(EVER, sums.names)
            totals.hosts.add_sample(EVER, sums.hosts)
            totals.tries += sums.tries

    def judge(self, now: float, time: float, slot: int, helped: Helped) -> list[Event]:
        """What began and what is over. To be called every second. `now`: seconds since the epoch; `time`: of a clock that is never
        put back. `helped`: what the server did by now."""
        events: list[Event] = []
        for domain, row in list(self.under_attack.items()):
            totals = row.totals
            if totals is not None and not self._goes_on(row, totals, time, slot):
                attack = _attack(domain, row, totals, max(totals.start, now - (time - row.latch.last)), helped)
                events.append(AttackEnded(at=now, attack=attack))
                self.recent.append(attack)
                row.totals = None
                del self.under_attack[domain]
                self._watched[domain] = row
        for domain, row in list(self._watched.items()):
            if not self.settings.names or not row.names.count(slot):
                del self._watched[domain]
            elif self._begins(row, time, slot):
                row.totals = _Totals(now, row, slot, helped.copy())
                del self._watched[domain]
                self.under_attack[domain] = row
                events.append(AttackBegan(at=now, domain=_text(domain), pressure=row.pressure(slot)))
        self._keep_bounds()
        return events

    def present(self, slot: int, helped: Helped) -> list[tuple[Attack, Pressure]]:
        """Each attack that goes on, as far as it went."""
        return [
            (_attack(domain, row, row.totals, None, helped), row.pressure(slot))
            for domain, row in self.under_attack.items()
            if row.totals is not None
        ]

    def _row_there(self, domain: bytes) -> _Row | None:
        return self.under_attack.get(domain) or self._watched.get(domain)

    def _row(self, domain: bytes) -> _Row | None:
        """The row of `domain`; None: all are under attack that can be watched."""
        row = self.under_attack.get(domain)
        if row is not None:
            return row
        watched = self._watched
        row = watched.get(domain)
        if row is not None:
            watched.move_to_end(domain)
            return row
        if not self.settings.names or len(self.under_attack) >= self.settings.domains:
            return None
        while watched and len(watched) + len(self.under_attack) >= self.settings.domains:
            watched.popitem(last=False)
        row = watched[domain] = _Row()
        return row

    def _goes_on(self, row: _Row, totals: _Totals, time: float, slot: int) -> bool:
        settings, pressure = self.settings, row.pressure(slot)
        totals.peak = max(totals.peak, pressure.names)
        least = settings.leave * max(settings.names, settings.ratio * pressure.known)
        stays = bool(settings.names) and pressure.names >= least
        return row.latch.judge(time, enters=False, stays=stays, calm=settings.calm if settings.names else 0.0)

    def _begins(self, row: _Row, time: float, slot: int) -> bool:
        settings, names = self.settings, row.different(slot)
        enters = names >= settings.names and names >= settings.ratio * row.known.count(slot)
        return row.latch.judge(time, enters=enters, stays=False, calm=0.0)

    def _keep_bounds(self) -> None:
        while self._watched and len(self._watched) + len(self.under_attack) > self.settings.domains:
            self._watched.popitem(last=False)
        while len(self.recent) > self.settings.recent:
            self.recent.popleft()


def _attack(domain: bytes, row: _Row, totals: _Totals, end: float | None, helped: Helped) -> Attack:
    hung_up, blocks = helped.since(totals.before)
    return Attack(
        domain=_text(domain),
        start=totals.start,
        end=end,
        peak=totals.peak,
        hosts=min(totals.hosts.count(EVER), totals.tries),
        names=min(totals.names.count(EVER), totals.tries),
        tries=totals.tries,
        hung_up=hung_up,
        blocks=blocks,
        samples=tuple(dict.fromkeys(_texts(row.samples))),
    )


def _texts(names: Iterable[bytes]) -> list[str]:
    return [_text(name[:_SAMPLE_OCTETS]) for name in names]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")

"""Which addresses are flooded: one that is unknown, or not ours, and is refused again and again, over all peers.

To find them, names are counted in a table of a slot, exactly, until it is full; then those seen least go, which are those seen once
(lossy counting: Manku and Motwani, 2002). A dictionary never names one twice in the moment that it takes to fill the table, so that
it throws out itself, and what is repeated stays. Why not the others: of a count-min sketch nobody can say whose a count is, and at
150,000 names a second each cell of half a megabyte is full of others'; space-saving takes every new name in, at the place of the
rarest, and under a dictionary the rarest is the flooded one.

Once an address is flooded it has a row of its own, which nothing pushes out. It is given up when it has become quiet.

BUGS: two that are one by `mailbox.keys` and are written otherwise (U-labels, "ä" and "Ä") are two. While a dictionary of 50,000
names a second goes on, an address is found that is tried five times a second, and one that is tried twice a second is not. Hosts
are counted from when the flood was noticed.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

from twistedmx.model.attack import Flood
from twistedmx.model.event import Event, FloodBegan, FloodEnded, FloodGoesOn
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attack_sums import FloodSum
from twistedmx.policy.distinct import EVER, SLOTS, Count, Distinct
from twistedmx.policy.latch import Latch

NAMES: Final = 8192  # in the slot that is under way, at most: 2 MB, or 20 of the longest names
_KEPT: Final = 1024  # of each slot before: 3 MB, or 25
HOSTS: Final = 256
_MINUTE: Final = 60.0


class _Row:
    """One flooded address. `said`: when it was last told of; `tries_then`: how many tries it had then. `hosts_since`: then."""

    __slots__ = ("hosts", "hosts_since", "latch", "lately", "peak", "said", "start", "tries", "tries_then")

    def __init__(self, start: float, time: float) -> None:
        self.start = start
        self.said = time
        self.tries = 0
        self.tries_then = 0
        self.peak = 0
        self.lately = Count()
        self.hosts = Distinct(HOSTS)
        self.hosts_since = Distinct(HOSTS)
        self.latch = Latch()


class FloodedAddresses:
    """`flooded`: those that are now. `tries`: all those at one, since the start. `recent`: floods that are over, the last one last.

    `settings`: may be replaced at any time. `most`: names that are counted in a slot. Addresses are given in lower case; `slot`: of
    `distinct`.
    """

    def __init__(self, settings: AttackSettings, *, most: int = NAMES) -> None:
        self.settings = settings
        self._most = most
        self.flooded: dict[bytes, _Row] = {}
        self.tries = 0
        self.recent: deque[Flood] = deque()
        self._slot = 0
        self._counts: dict[bytes, int] = {}  # in the slot that is under way
        self._before: deque[tuple[int, dict[bytes, int]]] = deque()  # slots, and counts in them

    def refused(self, names: Sequence[bytes], host: int, slot: int, weight: int = 1) -> None:
        """These were. `host`: a hash of it. `weight`: this event stands for so many."""
        if slot != self._slot:
            self._turn(slot)
        counts, flooded = self._counts, self.flooded
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        if len(counts) > self._most:
            self._counts = thinned(counts, self._most // 2)
        if flooded:
            for name in names:
                row = flooded.get(name)
                if row is not None:
                    self.tries += weight
                    row.tries += weight
                    row.lately.add(slot, weight)
                    row.hosts.add(EVER, (host,))
                    row.hosts_since.add(EVER, (host,))

    def add(self, tries: Sequence[tuple[bytes, int]], floods: Sequence[FloodSum], slot: int) -> None:
        """What another process summed: tries at addresses, and at those that it knew to be flooded. Raises ValueError if it cannot
        be."""
        if slot != self._slot:
            self._turn(slot)
        counts = self._counts
        for address, count in (*tries, *((one.address, one.tries) for one in floods)):
            counts[address] = counts.get(address, 0) + count
            row = self.flooded.get(address)
            if row is not None:
                self.tries += count
                row.tries += count
                row.lately.add(slot, count)
        for one in floods:
            row = self.flooded.get(one.address)
            if row is not None:
                row.hosts.add_sample(EVER, one.hosts)
                row.hosts_since.add_sample(EVER, one.hosts)
        if len(counts) > self._most:
            self._counts = thinned(counts, self._most // 2)

    def judge(self, now: float, time: float, slot: int) -> list[Event]:
        """What began, what is over, and once a minute what goes on. As `AttackedDomains.judge`."""
        if slot != self._slot:
            self._turn(slot)
        events: list[Event] = []
        for address, row in list(self.flooded.items()):
            if not self._goes_on(row, time):
                flood = _flood(address, row, max(row.start, now - (time - row.latch.last)))
                events.append(FloodEnded(at=now, flood=flood))
                self.recent.append(flood)
                del self.flooded[address]
            elif time - row.said >= _MINUTE:
                tries, hosts = row.tries - row.tries_then, row.hosts_since.count(EVER)
                row.said, row.tries_then, row.hosts_since = time, row.tries, Distinct(HOSTS)
                events.append(FloodGoesOn(at=now, address=_text(address), tries=tries, hosts=hosts))
        if self.settings.tries:
            events += self._begun(now, time)
        while len(self.recent) > self.settings.recent:
            self.recent.popleft()
        return events

    def present(self, slot: int) -> list[tuple[Flood, int]]:
        """Each flood that goes on, as far as it went, and its tries in the last minute."""
        return [(_flood(address, row, None), row.lately.total(slot)) for address, row in self.flooded.items()]

    def _turn(self, slot: int) -> None:
        self._before.append((self._slot, thinned(self._counts, _KEPT)))
        while self._before and self._before[0][0] <= slot - SLOTS:
            self._before.popleft()
        self._counts = {}
        self._slot = slot

    def _goes_on(self, row: _Row, time: float) -> bool:
        settings, lately = self.settings, row.lately.total(self._slot)
        row.peak = max(row.peak, lately)
        stays = bool(settings.tries) and lately >= settings.leave * settings.tries
        return row.latch.judge(time, enters=False, stays=stays, calm=settings.calm if settings.tries else 0.0)

    def _begun(self, now: float, time: float) -> list[Event]:
        settings = self.settings
        events: list[Event] = []
        # Who is refused so often in a minute is so at least in one of its slots; half of that, for this one is not over.
        least = max(settings.tries / SLOTS / 2, 1)
        for address, count in self._counts.items():
            if count < least or address in self.flooded or len(self.flooded) >= settings.addresses:
                continue
            row = _Row(now, time)
            for slot, counts in (*self._before, (self._slot, self._counts)):
                row.lately.add(slot, counts.get(address, 0))
            row.tries = row.tries_then = row.peak = row.lately.total(self._slot)
            if row.latch.judge(time, enters=row.tries >= settings.tries, stays=False, calm=0.0):
                self.flooded[address] = row
                events.append(FloodBegan(at=now, address=_text(address), tries=row.tries))
        return events


def thinned(counts: dict[bytes, int], most: int) -> dict[bytes, int]:
    """At most so many: those seen least often are left out, all that were seen as often as they."""
    least = 1
    while len(counts) > most:
        counts = {name: count for name, count in counts.items() if count > least}
        least *= 2
    return counts


def _flood(address: bytes, row: _Row, end: float | None) -> Flood:
    return Flood(
        address=_text(address),
        start=row.start,
        end=end,
        peak=row.peak,
        tries=row.tries,
        hosts=row.hosts.count(EVER),
    )


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")

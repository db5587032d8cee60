"""Who has a session now, where several processes serve, each of them other hosts: a network's hosts are at all of them.

So of the shares of a network each process has a part, in whole sessions: an even one as long as few of it are there, and then what
was dealt to it. A session enters only where all of it is within the part, so that those of all processes are never more than the
share; a host's share, and what is dealt of the limit, are as in `policy.admission`.
"""

from collections.abc import Callable
from typing import NamedTuple

from twistedmx.policy.admission import WHOLE, Admission, Full, Place, most_of_networks, networks_of
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.record import Known, Record


class Counted(NamedTuple):
    """A network, or a wider one, whose sessions are counted: `number` as in `networks_of`."""

    is_wide: bool
    number: int


class SharedAdmission(Admission):
    """`processes`: how many there are. `changed`: told each network of which others should hear what is `used` here."""

    def __init__(
        self, settings: GovernorSettings, *, limit: int, processes: int, changed: Callable[[Counted], None]
    ) -> None:
        self._processes = processes
        self._changed = changed
        self._even = (0, 0)
        self._parts: dict[Counted, int] = {}  # that were dealt
        self._missed: dict[Counted, int] = {}  # who found none left, since it was asked
        self._heard_of: set[Counted] = set()  # elsewhere, as of some who are here
        super().__init__(settings, limit=limit)

    def _reckon(self) -> None:
        super()._reckon()
        network, wide = most_of_networks(self.settings, max(self.limit, self.whole))
        self._even = network // self._processes, wide // self._processes

    def _part(self, key: Counted) -> int:
        part = self._parts.get(key)
        return self._even[key.is_wide] if part is None else part

    def _used(self, key: Counted) -> int:
        return (self._in_wide_ones if key.is_wide else self._in_networks).get(key.number, 0)

    def share_used_up(self, host: bytes, known: Known, of_host: int) -> Full | None:
        """As `Admission` has it."""
        if of_host >= self._of_host * known.trust:
            return Full.HOST
        if known.record is Record.PROVEN:
            return None
        weight, is_full = WHOLE // known.trust, False
        for key in map(Counted, (False, True), networks_of(host)):
            if self._used(key) + weight > self._part(key) * WHOLE:
                self._missed[key] = self._missed.get(key, 0) + 1
                self._changed(key)
                is_full = True
        return Full.NETWORK if is_full else None

    def enter(self, host: bytes, known: Known, *, shared: bool) -> Place:
        """As `Admission` has it."""
        place = super().enter(host, known, shared=shared)
        if place.weight:
            for key in map(Counted, (False, True), networks_of(host)):
                if key in self._heard_of or key in self._parts or self._is_many(key):
                    self._changed(key)
        return place

    def leave(self, host: bytes, place: Place) -> None:
        """As `Admission` has it."""
        super().leave(host, place)
        if place.weight:
            for key in map(Counted, (False, True), networks_of(host)):
                if key in self._heard_of:
                    self._changed(key)

    def _is_many(self, key: Counted) -> bool:
        """Half of the part, or more: soon it is too little."""
        used = self._used(key)
        return used > 0 and used * 2 >= self._part(key) * WHOLE

    # -- what others hear, and say -----------------------------------------------------------------------------------

    def take_use(self, key: Counted) -> tuple[int, int]:
        """To be told: whole sessions of a network that are here, and how many found none left since this was asked."""
        held = self.held(key)
        if held or key in self._parts:
            self._heard_of.add(key)
        else:
            self._heard_of.discard(key)  # with this they hear the last of it
        return held, self._missed.pop(key, 0)

    def held(self, key: Counted) -> int:
        """Whole sessions of a network that are here; a part of one is one."""
        return -(-self._used(key) // WHOLE)

    def deal(self, key: Counted, part: int | None) -> int:
        """From now on this one holds of a network; None: an even one. How much is held of it."""
        if part is None:
            self._parts.pop(key, None)
            if not self.held(key):  # else they may have heard of it again meanwhile, and are to hear the last of it
                self._heard_of.discard(key)
        else:
            self._parts[key] = part
            self._heard_of.add(key)
        return self.held(key)

    def forget(self, key: Counted) -> None:
        """Others know nothing of what is here of a network, as it was told last."""
        if key not in self._parts and not self._is_many(key):
            self._heard_of.discard(key)

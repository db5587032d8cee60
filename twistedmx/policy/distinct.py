"""How many, and how many different ones, in the last minute: in memory that does not grow, at a cost that does not either.

Time comes in slots of five seconds, as numbers that never fall; the last minute is the slot under way and the eleven before.

`Distinct` is exact up to a bound. Beyond it, only those are kept whose hash has n certain bits zero, and each stands for 2**n
(adaptive sampling: Wegman; Flajolet, Computing 43, 1990), so that of a flood of new names most cost a look at their hash. Its
standard error is 1.2 / sqrt(bound): 5 % of 512. Python's hash of octets is keyed anew for each process: no peer can choose names
that are kept, or that are not. Where several processes serve, all are given one key (PYTHONHASHSEED), so that what is kept in one
can be added to what is kept in another.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

SLOT: Final = 5.0  # seconds
SLOTS: Final = 12  # a minute
EVER: Final = 0  # the slot of what is counted from its beginning on, and never forgotten

_BITS: Final = 11  # where the bits are that sampling looks at: a dict of so many looks at the lower ones
_MOST_BITS: Final = 20  # there are no more where a hash has 32; each of 512 then stands for a million
_SPARSE: Final = 2  # when there are so many times fewer than half of the bound, sampling becomes finer


class Count:
    """How many in the last minute."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}  # by slot, in their order

    def add(self, slot: int, count: int) -> None:
        """So many more."""
        counts = self._counts
        if slot in counts:
            counts[slot] += count
        else:
            counts[slot] = count
            for old in [old for old in counts if old <= slot - SLOTS]:
                del counts[old]

    def total(self, slot: int) -> int:
        """In the minute that ends with `slot`."""
        return sum(count for at, count in self._counts.items() if at > slot - SLOTS)


class Sample(NamedTuple):
    """Different ones: `hashes`, each of which stands for 2**`bits`."""

    bits: int = 0
    hashes: tuple[int, ...] = ()


class Distinct:
    """How many different ones in the last minute; or ever, when the slot is always `EVER`. `most`: are kept, 72 octets each.

    Each that is kept stands for as many as the sampling of the slot in which it was last seen says: so sampling can become finer
    again while what it was coarse for is remembered.
    """

    __slots__ = ("_bits", "_coarser", "_mask", "_most", "_seen", "_slot")

    def __init__(self, most: int) -> None:
        self._most = most
        self._slot = EVER
        self._seen: dict[int, int] = {}  # the slot in which each was last seen
        self._bits = 0  # each that is seen now stands for 2**this
        self._mask = 0
        self._coarser: dict[int, int] = {}  # slots before, in which it was more bits

    def add(self, slot: int, hashes: Iterable[int]) -> None:
        """These were seen. `slot`: not before the last one."""
        if slot != self._slot:
            self._turn(slot)
        seen, mask = self._seen, self._mask
        for each in hashes:
            if not each & mask:
                seen[each] = slot
        while len(seen) > self._most and self._bits < _MOST_BITS:
            seen = self._sample(self._bits + 1)

    def add_sample(self, slot: int, sample: Sample) -> None:
        """These were, counted elsewhere: from here on it is sampled at least as coarsely. ValueError if it is coarser than any."""
        if not 0 <= sample.bits <= _MOST_BITS:
            raise ValueError(f"{sample.bits} bits are no sampling: 0 to {_MOST_BITS} are")
        if slot != self._slot:
            self._turn(slot)
        if sample.bits > self._bits:
            self._sample(sample.bits)
        self.add(slot, sample.hashes)

    def sample(self) -> Sample:
        """What a Distinct that counts for ever has by now, for another one."""
        return Sample(self._bits, tuple(self._seen))

    def count(self, slot: int) -> int:
        """How many different ones, in the minute that ends with `slot`."""
        if slot != self._slot:
            self._turn(slot)
        if not self._coarser:
            return len(self._seen) << self._bits
        return sum(1 << self._coarser.get(at, self._bits) for at in self._seen.values())

    def forever(self) -> "Distinct":
        """One that counts for ever, and begins with what this has now."""
        other = Distinct(self._most)
        other._seen = dict.fromkeys(self._seen, EVER)
        other._sample(max(self._bits, *self._coarser.values()) if self._coarser else self._bits)
        return other

    def _turn(self, slot: int) -> None:
        self._slot = slot
        if not self._seen:
            self._bits = self._mask = 0
            self._coarser = {}
            return
        over = slot - SLOTS
        self._seen = {each: at for each, at in self._seen.items() if at > over}
        room = self._most // max(2 * len(self._seen), 1)
        if self._bits and room >= _SPARSE:
            for at in set(self._seen.values()):
                self._coarser.setdefault(at, self._bits)
            self._set_bits(max(self._bits - room.bit_length() + 1, 0))
        if self._coarser:
            self._coarser = {at: bits for at, bits in self._coarser.items() if at > over}

    def _sample(self, bits: int) -> dict[int, int]:
        self._set_bits(bits)
        mask = self._mask
        self._seen = {each: at for each, at in self._seen.items() if not each & mask}
        self._coarser = {at: coarser for at, coarser in self._coarser.items() if coarser > bits}
        return self._seen

    def _set_bits(self, bits: int) -> None:
        self._bits = bits
        self._mask = ((1 << bits) - 1) << _BITS

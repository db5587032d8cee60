"""How many different things were seen, in 128 octets, whatever their number: a HyperLogLog.

Right to about a tenth, and exact or nearly so for a few (Flajolet, Fusy, Gandouet, Meunier 2007, with linear counting below).
The hash is no secret: who chooses his things with care can make the estimate wrong, so nothing may rest on it but what is shown.
"""

from math import log
from typing import Final

Spot = tuple[int, int]

NONE: Final = bytes(128)
_REGISTERS: Final = len(NONE)
_INDEX: Final = _REGISTERS.bit_length() - 1
_BITS: Final = 64 - _INDEX
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_ALPHA: Final = 0.7213 / (1 + 1.079 / _REGISTERS)
_WEIGHTS: Final = tuple(2.0**-rank for rank in range(_BITS + 2))


def spot_of(thing: bytes) -> Spot:
    """Where a thing leaves its mark, and which. `thing`: of any length; the first 8 octets and the length tell it."""
    bits = (int.from_bytes(thing[:8], "big") + len(thing)) * 0x9E3779B97F4A7C15 & _MASK
    bits = (bits ^ bits >> 32) * 0xBF58476D1CE4E5B9 & _MASK
    bits = (bits ^ bits >> 29) * 0x94D049BB133111EB & _MASK
    bits ^= bits >> 32
    return bits & _REGISTERS - 1, _BITS + 1 - (bits >> _INDEX).bit_length()


def with_spot(seen: bytes, spot: Spot) -> bytes:
    """The same, when the thing of that spot was seen as well."""
    index, rank = spot
    if seen[index] >= rank:
        return seen
    return seen[:index] + bytes((rank,)) + seen[index + 1 :]


def joined(one: bytes, two: bytes) -> bytes:
    """What was seen by either."""
    return bytes(map(max, one, two))


def number(seen: bytes) -> int:
    """About how many."""
    estimate = _ALPHA * _REGISTERS * _REGISTERS / sum(_WEIGHTS[min(rank, _BITS + 1)] for rank in seen)
    empty = seen.count(0)
    if estimate <= 2.5 * _REGISTERS and empty:
        estimate = _REGISTERS * log(_REGISTERS / empty)
    return round(estimate)


def are_several(seen: bytes) -> bool:
    """Two or more: then it is certain. Of a hundred pairs one is taken for a single thing."""
    return seen.count(0) < _REGISTERS - 1

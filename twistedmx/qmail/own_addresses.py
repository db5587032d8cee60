"""Which IPv4 addresses are this host's own: those of its interfaces, moreipme and notipme (qmail's ipme.c and its patch).

A line of either list is `ip` or `ip/mask`, the mask dotted, or a number of bits. The longest mask that fits wins, and notipme
where both are as long. 0.0.0.0 and the loopback network are ours, as in the patch.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

import attrs

from twistedmx.qmail.lists import Lines

_Range = tuple[int, int]  # network, mask
_ALWAYS: Final[tuple[_Range, ...]] = ((0, 0xFFFFFFFF), (0x7F000000, 0xFF000000))
_dotted = re.compile(rb"([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})")


def bracketed(literal: bytes) -> bytes | None:
    """The four octets of `[d.d.d.d]`; None where that is not all there is. As ip_scan of ip.c, a number is taken in 8 bits."""
    if not literal.startswith(b"[") or not literal.endswith(b"]"):
        return None
    numbers = _dotted.fullmatch(literal[1:-1])
    return None if numbers is None else bytes(int(number) & 255 for number in numbers.groups())


@attrs.frozen(kw_only=True)
class OwnAddresses:
    """What both lists say. `faults`: sentences about lines that are neither, which count for nothing."""

    mine: tuple[_Range, ...] = _ALWAYS
    not_mine: tuple[_Range, ...] = ()
    faults: tuple[str, ...] = ()

    def are(self, address: bytes, interfaces: Collection[bytes] = ()) -> bool:
        """Whether `address`, four octets, is ours. `interfaces`: those of this host, each four octets."""
        number = int.from_bytes(address, "big")
        longest = 32 if address in interfaces else _longest(number, self.mine)
        return longest > _longest(number, self.not_mine)

    def among(self, interfaces: Collection[bytes]) -> Callable[[bytes], bool]:
        """`are` for a host with these interfaces, as the parser of addresses asks for it."""
        return lambda address: self.are(address, interfaces)


def own_addresses(moreipme: Lines, notipme: Lines) -> OwnAddresses:
    """Both lists, read."""
    faults: list[str] = []
    return OwnAddresses(
        mine=_ALWAYS + _ranges(moreipme, faults), not_mine=_ranges(notipme, faults), faults=tuple(faults)
    )


def _ranges(lines: Lines, faults: list[str]) -> tuple[_Range, ...]:
    found = []
    for place, line in zip(lines.places, lines, strict=True):
        address, slash, mask = line.partition(b"/")
        begin, width = _number(address), _mask(mask) if slash else 0xFFFFFFFF
        if begin is None or width is None:
            shown = line.decode("ascii", "backslashreplace")
            faults.append(f"{lines.file}:{place}: {shown!r} is neither 192.0.2.1 nor 192.0.2.0/255.255.255.0")
        else:
            found.append((begin, width))
    return tuple(found)


def _number(dotted: bytes) -> int | None:
    numbers = _dotted.fullmatch(dotted)
    parts = [] if numbers is None else [int(number) for number in numbers.groups()]
    return int.from_bytes(bytes(parts), "big") if parts and max(parts) < 256 else None


def _mask(text: bytes) -> int | None:
    if text.isdigit() and len(text) <= 2 and int(text) <= 32:
        return 0xFFFFFFFF << 32 - int(text) & 0xFFFFFFFF
    return _number(text)


def _longest(number: int, ranges: tuple[_Range, ...]) -> int:
    # -1 without any: so a mask of no bits is longer than none.
    return max((mask.bit_count() for network, mask in ranges if number & mask == network), default=-1)

"""A table from networks to values, searched by address: of the networks that an address is in, the longest is found.

One dict for each length of prefix that there is, from the first bits of an address to the value: a look-up asks them from the
longest on. That is one dict access for each length (at most 33 for IPv4, rarely more than five), whatever the number of
networks; benchmarks/blocklist.py measures it. A value that no longer holds is passed over, so that it hides no shorter network.

Not for several threads at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final, Generic, TypeVar

from twistedmx.model.peer import Network

V = TypeVar("V")

_SAMPLE: Final = 1000  # keys that stand for all


class Prefixes(Generic[V]):
    """Values may be anything but None."""

    def __init__(self) -> None:
        # By length of prefix, by the bits of the prefix.
        self._tables: dict[int, dict[int, dict[int, V]]] = {4: {}, 6: {}}
        # The same for `find`: how many bits to shift out of an address, and its table's get; the longest prefix first.
        self._search_4: Sequence[tuple[int, Callable[[int], V | None]]] = ()
        self._search_6: Sequence[tuple[int, Callable[[int], V | None]]] = ()

    def find(self, address: str, holds: Callable[[V], bool] | None = None) -> V | None:
        """The value of the longest network with `address` in it, of those that `holds` is true for. What is no address is in none.

        On the hot path: inet_pton takes a tenth of the time of `ipaddress`.
        """
        try:
            if ":" in address:
                search, octets = self._search_6, inet_pton(AF_INET6, address)
            else:
                search, octets = self._search_4, inet_pton(AF_INET, address)
        except (OSError, ValueError):  # of a Unix socket; ValueError: NUL, or what is not Unicode
            return None
        bits = int.from_bytes(octets, "big")
        for shift, get in search:
            value = get(bits >> shift)
            if value is not None and (holds is None or holds(value)):
                return value
        return None

    def get(self, network: Network) -> V | None:
        """The value of exactly this network."""
        table = self._tables[network.version].get(network.prefixlen)
        return table.get(_bits(network)) if table else None

    def __setitem__(self, network: Network, value: V) -> None:
        tables = self._tables[network.version]
        if network.prefixlen not in tables:
            tables[network.prefixlen] = {}
            self._order()
        tables[network.prefixlen][_bits(network)] = value

    def pop(self, network: Network) -> V | None:
        """Remove exactly this network. The value that it had."""
        tables = self._tables[network.version]
        table = tables.get(network.prefixlen)
        if table is None:
            return None
        value = table.pop(_bits(network), None)
        if not table:
            del tables[network.prefixlen]
            self._order()
        return value

    def __iter__(self) -> Iterator[V]:
        """IPv4 first, the shorter prefixes first, then in the order in which they came."""
        for tables in self._tables.values():
            for length in sorted(tables):
                yield from tables[length].values()

    def __len__(self) -> int:
        return sum(len(table) for tables in self._tables.values() for table in tables.values())

    def covering(self, network: Network) -> Iterator[V]:
        """Of the networks that have all of `network` in them, itself among them; the longest first."""
        tables = self._tables[network.version]
        for length in sorted(tables, reverse=True):
            if length <= network.prefixlen:
                value = tables[length].get(_bits(network) >> (network.prefixlen - length))
                if value is not None:
                    yield value

    def within(self, network: Network) -> list[V]:
        """Of all networks that are in `network`, itself among them; in the order of their addresses, the wider first."""
        first = _bits(network)
        found: list[tuple[int, int, V]] = []
        for length, table in self._tables[network.version].items():
            more = length - network.prefixlen
            if more < 0:
                continue
            # Whichever is shorter: all prefixes that could be there, or all that are.
            if 1 << more <= len(table):
                begin = first << more
                bits = [candidate for candidate in range(begin, begin + (1 << more)) if candidate in table]
            else:
                bits = [candidate for candidate in table if candidate >> more == first]
            shift = network.max_prefixlen - length
            found += [(prefix << shift, length, table[prefix]) for prefix in bits]
        return [value for _, _, value in sorted(found, key=_by_place)]

    def page(self, after: Network | None, most: int, within: Network | None = None) -> list[V]:
        """The next values behind `after`: IPv4 first, the shorter prefixes first, then by address; none when there are no more.

        At most `most`, and perhaps fewer though there are more. `after`: need not be there any more; None: from the first on.
        `within`: of networks in this one alone.
        """
        found: list[V] = []
        for version, tables in self._tables.items():
            if within is not None and version != within.version:
                continue
            for length in sorted(tables):
                begin, end = 0, 1 << length
                if within is not None:
                    if length < within.prefixlen:
                        continue
                    begin = _bits(within) << (length - within.prefixlen)
                    end = begin + (1 << (length - within.prefixlen))
                if after is not None:
                    if (version, length) < (after.version, after.prefixlen):
                        continue
                    if (version, length) == (after.version, after.prefixlen):
                        begin = max(begin, _bits(after) + 1)
                bits, are_all = _lowest(tables[length], begin, end, most - len(found))
                found += [tables[length][each] for each in bits]
                if not are_all or len(found) >= most:
                    return found
        return found

    def _order(self) -> None:
        self._search_4, self._search_6 = (
            [(bits - length, tables[length].get) for length in sorted(tables, reverse=True)]
            for bits, tables in ((32, self._tables[4]), (128, self._tables[6]))
        )


def _bits(network: Network) -> int:
    """Of its prefix alone."""
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen)


def _lowest(table: dict[int, V], begin: int, end: int, most: int) -> tuple[list[int], bool]:
    """Of the keys from `begin` up to `end` the lowest, in order, `most` or fewer; and whether they are all.

    To sort a million for each page would take a second of it: what is above a bound, guessed from a sample, is left for later.
    """
    if end - begin <= len(table):
        bits = [candidate for candidate in range(begin, end) if candidate in table]
    else:
        bits = [candidate for candidate in table if begin <= candidate < end]
        if len(bits) > 2 * most:
            sample = sorted(bits[:: max(1, len(bits) // _SAMPLE)])
            bound = sample[most * len(sample) // len(bits)]
            return sorted(candidate for candidate in bits if candidate <= bound)[:most], False
        bits.sort()
    return bits[:most], len(bits) <= most


def _by_place(found: tuple[int, int, Any]) -> tuple[int, int]:
    return found[:2]

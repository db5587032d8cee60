"""The connections that are there, by the host at their other end, so that a block of a host costs one look-up.

A host is an IPv4 address, or an IPv6 /64. One whose client may change (a balancer before its header, a filter that says XCLIENT),
or who has no address, stands apart (`NOBODY`) and is among those that are asked about for every network. A wide network is compared
with each host, which is a shift and a comparison; benchmarks/blocklist.py measures it.
"""

from collections.abc import Callable, Iterator, Set
from typing import Any, Final

from twistedmx.model.peer import Network
from twistedmx.policy.host_key import NOBODY, host_key

_HOST_BITS: Final = {4: 32, 6: 64}


class Connections(Set[Any]):
    """A set. Of a host with one connection, as ten thousand idle ones may be, only that is kept, without a set of its own."""

    def __init__(self) -> None:
        self._by_host: dict[bytes, Any] = {}  # a connection, or a set of several
        self._length = 0
        self._highest = 0
        self.emptied: Callable[[], None] | None = None  # called when the last one is gone

    def add(self, connection: Any, address: str = "") -> None:
        """It is there, once. `address`: of its client, if that stays who it is."""
        host = host_key(address)
        there = self._by_host.get(host)
        if there is None:
            self._by_host[host] = connection
        elif type(there) is set:
            there.add(connection)
        else:
            self._by_host[host] = {there, connection}
        self._length += 1
        if self._length > self._highest:
            self._highest = self._length

    def number_of(self, host: bytes) -> int:
        """How many are there of the host with this key."""
        there = self._by_host.get(host)
        return 0 if there is None else len(there) if type(there) is set else 1

    def take_highest(self) -> int:
        """The most that were there at once since this was asked last."""
        highest, self._highest = self._highest, self._length
        return highest

    def discard(self, connection: Any, address: str = "") -> None:
        """It is gone, if it was there. `address`: as it was added; or of one that may have been added without."""
        for host in {host_key(address), NOBODY}:
            there = self._by_host.get(host)
            if there is connection:
                del self._by_host[host]
            elif type(there) is set and connection in there:
                there.discard(connection)
                if len(there) == 1:
                    (self._by_host[host],) = there
            else:
                continue
            self._length -= 1
            if not self._length and self.emptied is not None:
                self.emptied()
            return

    def in_network(self, network: Network) -> list[Any]:
        """All whose client may be in `network`."""
        found = _all_of(self._by_host.get(NOBODY))
        bits = _HOST_BITS[network.version]
        first = network.network_address.packed[: bits // 8]
        if network.prefixlen >= bits:
            return found + _all_of(self._by_host.get(first))
        shift, length = bits - network.prefixlen, bits // 8
        prefix = int.from_bytes(first, "big") >> shift
        for host, there in self._by_host.items():
            if len(host) == length and int.from_bytes(host, "big") >> shift == prefix:
                found += _all_of(there)
        return found

    def __contains__(self, connection: object) -> bool:
        return any(connection is other for other in self)

    def __iter__(self) -> Iterator[Any]:
        """As they are when this begins."""
        for there in list(self._by_host.values()):
            yield from _all_of(there)

    def __len__(self) -> int:
        return self._length


def _all_of(there: Any) -> list[Any]:
    if there is None:
        return []
    return list(there) if type(there) is set else [there]

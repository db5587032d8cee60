"""Whom the blocklist never blocks: networks by their source.

Most sources are replaced whole. The settings are one, loopback is one; the networks of a named provider, as its SPF record (RFC
7208) lists them, become one more as soon as somebody asks for that record: `replace("provider example.com", networks)`, again when
its TTL is over. What the operator allows while the server runs (`policy.allowed`) is one too, network by network.
"""

from collections.abc import Iterable, Iterator

import attrs

from twistedmx.model.peer import Network
from twistedmx.policy.prefixes import Prefixes


@attrs.frozen(kw_only=True)
class Never:
    """`network`: is not blocked. `source`: who says so, in words for the operator."""

    network: Network
    source: str


class NeverBlock:
    """Asked only when an entry was found, so it may take a little longer than that."""

    def __init__(self) -> None:
        self._sources: dict[str, Prefixes[Never]] = {}

    def replace(self, source: str, networks: Iterable[Network]) -> None:
        """All that `source` says from now on; nothing, to take it away."""
        prefixes: Prefixes[Never] = Prefixes()
        for network in networks:
            prefixes[network] = Never(network=network, source=source)
        self._sources.pop(source, None)
        if len(prefixes):
            self._sources[source] = prefixes

    def put(self, never: Never) -> None:
        """One network more of its source."""
        self._sources.setdefault(never.source, Prefixes())[never.network] = never

    def pop(self, source: str, network: Network) -> None:
        """Exactly this network of `source` no more."""
        prefixes = self._sources.get(source)
        if prefixes is not None:
            prefixes.pop(network)
            if not len(prefixes):
                del self._sources[source]

    def find(self, address: str) -> Never | None:
        """Who says that `address` is not blocked, if anybody does."""
        for prefixes in self._sources.values():
            never = prefixes.find(address)
            if never is not None:
                return never
        return None

    def covering(self, network: Network) -> Never | None:
        """Who says that nobody in `network` is blocked, if one network of theirs has all of it."""
        for prefixes in self._sources.values():
            for never in prefixes.covering(network):
                return never
        return None

    def touching(self, network: Network) -> list[Never]:
        """All that shares an address with `network`, each once."""
        touching = (
            never
            for prefixes in self._sources.values()
            for never in (*prefixes.covering(network), *prefixes.within(network))
        )
        return list(dict.fromkeys(touching))

    def __iter__(self) -> Iterator[Never]:
        for prefixes in list(self._sources.values()):
            yield from prefixes

"""Whom the blocklist never blocks: networks by their source.

A source is replaced whole. The settings are one, loopback is one; the networks of a named provider, as its SPF record (RFC 7208)
lists them, become one more as soon as somebody asks for that record: `replace("provider example.com", networks)`, again when
its TTL is over.
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

    def find(self, address: str) -> Never | None:
        """Who says that `address` is not blocked, if anybody does."""
        for prefixes in self._sources.values():
            never = prefixes.find(address)
            if never is not None:
                return never
        return None

    def touching(self, network: Network) -> list[Never]:
        """All that shares an address with `network`."""
        return [
            never
            for prefixes in self._sources.values()
            for never in (*prefixes.covering(network), *prefixes.within(network))
        ]

    def __iter__(self) -> Iterator[Never]:
        for prefixes in list(self._sources.values()):
            yield from prefixes

"""Networks as an operator writes them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network


def networks(words: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """ "192.0.2.0/24", "2001:db8::/32" or a single address each. Raises ValueError that names the one at fault."""
    return [ip_network(word) for word in words]

"""Networks as an operator writes them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network


def read_networks(words: Iterable[str]) -> tuple[list[IPv4Network | IPv6Network], list[str]]:
    """Those that are networks, and what is wrong with each of the others, for the operator."""
    good: list[IPv4Network | IPv6Network] = []
    faults: list[str] = []
    for word in words:
        try:
            good.append(ip_network(word))
        except ValueError as error:
            faults.append(f"{error}; write {_meant(word)}")
    return good, faults


def _meant(word: str) -> str:
    try:
        return str(ip_network(word, strict=False))
    except ValueError:
        return "an address, or a network as 192.0.2.0/24 or 2001:db8::/32"


def networks(words: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """ "192.0.2.0/24", "2001:db8::/32" or a single address each. Raises ValueError that names the one at fault."""
    return [ip_network(word) for word in words]

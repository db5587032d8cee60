"""Networks as operators, lists and policies speak of them. A host is an IPv4 address or an IPv6 /64 (RFC 4291 2.5.4)."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from twistedmx.model.peer import Network

WIDEST: Final = {4: 8, 6: 19}  # as much as one holder ever got
_HOST_BITS: Final = {4: 32, 6: 64}
_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291 2.5.5.2: an IPv4 client of an IPv6 socket
_SHOWN: Final = 60  # characters of what is none


def network_of(text: str) -> Network:
    """ "192.0.2.0/24", "2001:db8::/32", or one address. Raises ValueError with words for the operator."""
    try:
        network = ip_network(text, strict=False)
        if "%" in text:
            raise ValueError("a zone is no part of a network")
    except ValueError:
        raise ValueError(
            f"{_shown(text)} is neither an address nor a network as 192.0.2.0/24 or 2001:db8::/32"
        ) from None
    if "/" in text and network.network_address != ip_address(text.partition("/")[0]):
        raise ValueError(f"{_shown(text)} has bits beyond its /{network.prefixlen}; write {network}")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - 96))
    return network


def host_or_wider(network: Network) -> Network:
    """The network, or the host that it is a part of."""
    most = _HOST_BITS[network.version]
    return network if network.prefixlen <= most else network.supernet(new_prefix=most)


def is_host(network: Network) -> bool:
    """Is it one host, or a part of one?"""
    return network.prefixlen >= _HOST_BITS[network.version]


def is_too_wide(network: Network) -> bool:
    """Is it more than one holder ever got?"""
    return network.prefixlen < WIDEST[network.version]


def _shown(text: str) -> str:
    shown = ascii(text)
    return shown if len(text) <= _SHOWN >= len(shown) - 2 else f"'{shown[1:-1][:_SHOWN]}...'"

"""Who is at the other end of a session."""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import AF_INET6, inet_ntop, inet_pton
from typing import Final

import attrs

Network = IPv4Network | IPv6Network

NOWHERE: Final = "0.0.0.0"  # noqa: S104  # the address of who has none, or whose nobody knows


@attrs.frozen(kw_only=True)
class Peer:
    """The client as the network shows it, or as a listed balancer tells it.

    `address`: IPv4 or IPv6 in text, without port. `port`: 0 when it is not known. `name`: of the host, as the balancer gave
    it, or "". `via`: the address of the balancer that told us, or "".
    """

    address: str
    port: int
    name: str = ""
    via: str = ""

    @property
    def literal(self) -> str:
        """As in a Received field: RFC 5321 4.1.3."""
        return f"[IPv6:{self.address}]" if ":" in self.address else f"[{self.address}]"

    def among(self, networks: Collection[Network]) -> bool:
        """Whether it is in one of `networks`."""
        if not networks:
            return False
        address = ip_address(self.address)
        return any(address in network for network in networks)


def canonical_address(text: str) -> str:
    """One host has one address: an IPv4 client of an IPv6 socket is an IPv4 client, a zone names no host. Raises ValueError."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)  # RFC 4291 2.5.5.2
    return str(address)


def host_of(address: str) -> str:
    """The host at an address: an IPv4 address, or the /64 that an IPv6 address is in (RFC 4291 2.5.4), as "2001:db8::/64": one
    machine may fill it with addresses."""
    if ":" not in address:
        return address
    return f"{inet_ntop(AF_INET6, inet_pton(AF_INET6, address)[:8] + bytes(8))}/64"


@attrs.frozen(kw_only=True)
class Tls:
    """What a handshake agreed on. `protocol`: "TLSv1.3". `cipher`: OpenSSL's name of it.

    `server_name`: the name that the peer asked for (SNI, RFC 6066 3), or "". `client`: the name that its certificate was
    verified for, or "".
    """

    protocol: str
    cipher: str
    server_name: str = ""
    client: str = ""

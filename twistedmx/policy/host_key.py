"""Hosts and networks as octets: what tables of millions are keyed by.

    host               4 octets of IPv4, 8 of IPv6: a /64 (RFC 4291 2.5.4)
    network            3 octets, a /24; 6 of IPv6, a /48
    announced prefix   the octets of a host, and one with its length

So the length of a key tells what it is of.
"""

from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

from twistedmx.model.peer import NOWHERE, Network

NOBODY: Final = b""  # the key of what has no address
_MAPPED: Final = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2
_BITS: Final = {3: 24, 4: 32, 6: 48, 8: 64}
_ALLOCATION: Final = 4  # octets of a /32: what a registry gives to one holder


def host_key(address: str) -> bytes:
    """Of the host at an address; NOBODY for what is none."""
    try:
        if ":" in address:
            octets = inet_pton(AF_INET6, address)
            return octets[12:] if octets.startswith(_MAPPED) else octets[:8]
        return inet_pton(AF_INET, address) if address != NOWHERE else NOBODY
    except (OSError, ValueError):  # of a Unix socket; ValueError: NUL, or what is not Unicode
        return NOBODY


def network_key(host: bytes) -> bytes:
    """Of the /24 or /48 that a host is in."""
    return host[:3] if len(host) == 4 else host[:6]


def prefix_key(prefix: Network) -> bytes:
    """Of an announced prefix; one that is a network or a host has the key of that."""
    octets, length = prefix.network_address.packed, prefix.prefixlen
    for known in (3, 4) if prefix.version == 4 else (6, 8):
        if length == _BITS[known]:
            return octets[:known]
    return octets[: 4 if prefix.version == 4 else 8] + bytes((length,))


def network_at(key: bytes) -> Network:
    """What a key is of. Raises ValueError for what is none."""
    if len(key) in (5, 9):
        octets, length = key[:-1], key[-1]
    elif len(key) in _BITS:
        octets, length = key, _BITS[len(key)]
    else:
        raise ValueError(f"{len(key)} octets are no network")
    if len(key) < 6:
        return IPv4Network((octets.ljust(4, b"\0"), length))
    return IPv6Network((octets.ljust(16, b"\0"), length))


def allocation_of(key: bytes) -> bytes:
    """The /32 that an IPv6 key is in; b"" for IPv4, where no holder has that many."""
    return key[:_ALLOCATION] if len(key) >= 6 else b""

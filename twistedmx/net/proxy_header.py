"""The header of the PROXY protocol, versions 1 and 2: which client a balancer has at its other side.

    PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 CRLF
    12 octets of signature, version and command, family, length, addresses, TLVs

(haproxy.org/download/3.0/doc/proxy-protocol.txt.) Pure: octets in, the client out, whatever the cut. TLVs are skipped.

BUGS: the checksum of PP2_TYPE_CRC32C is not looked at.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import attrs

from twistedmx.model.peer import canonical_address


@attrs.frozen(kw_only=True)
class Header:
    """`address`, `port`: of the client; "" and 0 where the balancer speaks for itself or does not know. `rest`: what stands
    behind the header."""

    address: str
    port: int
    rest: bytes


class BadHeader(ValueError):
    """The octets are no header, nor the beginning of one."""


_V1: Final = b"PROXY "
_V1_OCTETS: Final = 107  # "the maximum line lengths the receiver must support including the CRLF" (2.1)
_port = rb"(0|[1-9][0-9]{0,4})"
_v1 = re.compile(rb"PROXY (TCP4|TCP6) ([0-9.]+|[0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) " + _port + b" " + _port)
_UNKNOWN: Final = b"PROXY UNKNOWN"

_V2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED: Final = 16  # octets before the addresses
_V2_OCTETS: Final = 4096  # with its TLVs; the longest that is sent has a certificate's names in it
_LOCAL, _PROXY = 0x20, 0x21  # version 2, and the command
_TCP4, _TCP6 = 0x11, 0x21
_FAMILIES: Final = frozenset(family << 4 | transport for family in range(4) for transport in range(3))
_PORTS: Final = 65_536


def parse_header(octets: bytes) -> Header | None:
    """The header that `octets` begin with; None when they are a part of one. Raises BadHeader."""
    if octets[: len(_V1)] == _V1[: len(octets)]:
        return _parse_v1(octets)
    if octets[: len(_V2)] == _V2[: len(octets)]:
        return _parse_v2(octets)
    raise BadHeader("begins as neither version does")


def _parse_v1(octets: bytes) -> Header | None:
    end = octets.find(b"\r\n", 0, _V1_OCTETS)
    if end < 0:
        if len(octets) >= _V1_OCTETS:
            raise BadHeader("longer than the protocol allows")
        return None
    line, rest = octets[:end], octets[end + 2 :]
    if line == _UNKNOWN or line.startswith(_UNKNOWN + b" "):
        return Header(address="", port=0, rest=rest)  # "must ignore anything presented before the CRLF"
    found = _v1.fullmatch(line)
    if found is None:
        raise BadHeader("malformed")
    family, source, destination = (part.decode("ascii") for part in found.groups()[:3])
    kind = IPv4Address if family == "TCP4" else IPv6Address
    try:
        kind(source), kind(destination)
    except AddressValueError:
        raise BadHeader(f"no address of {family}") from None
    ports = int(found[4]), int(found[5])
    if max(ports) >= _PORTS:
        raise BadHeader("no port")
    return Header(address=canonical_address(source), port=ports[0], rest=rest)


def _parse_v2(octets: bytes) -> Header | None:
    command, family = octets[12:13], octets[13:14]
    if command and command[0] not in (_LOCAL, _PROXY):
        raise BadHeader("another version, or a command that nobody knows")
    if family and family[0] not in _FAMILIES:
        raise BadHeader("a family or transport that nobody knows")
    if len(octets) < _V2_FIXED:
        return None
    end = _V2_FIXED + int.from_bytes(octets[14:_V2_FIXED])
    if end > _V2_OCTETS:
        raise BadHeader("too long")
    if len(octets) < end:
        return None
    block, rest = octets[_V2_FIXED:end], octets[end:]
    if command[0] == _LOCAL:
        return Header(address="", port=0, rest=rest)
    if family[0] == _TCP4:
        return _client(block, 4, rest)
    if family[0] == _TCP6:
        return _client(block, 16, rest)
    return Header(address="", port=0, rest=rest)


def _client(block: bytes, size: int, rest: bytes) -> Header:
    """The source of source, destination, source port, destination port; of addresses of `size` octets."""
    if len(block) < 2 * size + 4:
        raise BadHeader("shorter than its addresses")
    source = block[:size]
    address = IPv4Address(source) if size == 4 else IPv6Address(source)
    port = int.from_bytes(block[2 * size : 2 * size + 2])
    return Header(address=canonical_address(str(address)), port=port, rest=rest)

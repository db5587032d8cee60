"""The header of the PROXY protocol, from whoever claims to be a balancer."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.model.peer import canonical_address
from twistedmx.net.proxy_header import BadHeader, Header, parse_header

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_port = st.integers(0, 65_535)
_ends = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
)
_Ends = tuple[IPv4Address, IPv4Address] | tuple[IPv6Address, IPv6Address]


def version_1(ends: _Ends, port: int) -> bytes:
    return f"PROXY TCP{ends[0].version} {ends[0]} {ends[1]} {port} 25\r\n".encode()


def version_2(ends: _Ends, port: int, tlvs: bytes = b"") -> bytes:
    block = ends[0].packed + ends[1].packed + port.to_bytes(2) + (25).to_bytes(2) + tlvs
    family = 0x11 if ends[0].version == 4 else 0x21
    return _SIGNATURE + bytes([0x21, family]) + len(block).to_bytes(2) + block


_good = st.builds(version_1, _ends, _port) | st.builds(version_2, _ends, _port, st.binary(max_size=30))
_other = st.sampled_from(
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2",
        b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        b"PROXY " + b"x" * 120 + b"\r\n",
        _SIGNATURE + b"\x20\x00\x00\x00",
        _SIGNATURE + b"\x20\x11\x00\x0c" + b"x" * 12,
        _SIGNATURE + b"\x21\x00\x00\x03abc",
        _SIGNATURE + b"\x21\x31\x00\xd8" + b"/" * 216,
        _SIGNATURE + b"\x21\x11\x00\x05abcde",
        _SIGNATURE + b"\x22\x11\x00\x0c" + b"x" * 12,
        _SIGNATURE + b"\x11\x11\x00\x0c" + b"x" * 12,
        _SIGNATURE + b"\x21\x41\x00\x00",
        _SIGNATURE + b"\x21\x13\x00\x00",
        _SIGNATURE + b"\x21\x11\xff\xff",
        _SIGNATURE,
    ]
)
_octets = st.builds(bytes.__add__, _good | _other, st.binary(max_size=12)) | st.binary(max_size=20)


def heard(octets: bytes, step: int) -> tuple[Header | None, bool]:
    """What comes of `octets` in pieces of `step`: the header with all that stands behind it, and whether it is malformed."""
    for end in range(step, len(octets) + step, step):
        try:
            found = parse_header(octets[:end])
        except BadHeader:
            return None, True
        if found is not None:
            return Header(address=found.address, port=found.port, rest=found.rest + octets[end:]), False
    return None, False


class TestAnyHeader(SynchronousTestCase):
    @EXAMPLES
    @given(_octets)
    def test_any_octets_in_any_cut(self, octets: bytes) -> None:
        """Whole or octet by octet: the same client and the same rest, or malformed, or unfinished; nothing else is raised."""
        whole = heard(octets, max(1, len(octets)))
        self.assertEqual(heard(octets, 1), whole)
        self.assertEqual(heard(octets, 5), whole)
        if len(octets) > 4096:
            self.assertNotEqual(whole, (None, False), "waits for ever")

    @EXAMPLES
    @given(_ends, _port, st.binary(max_size=300), st.binary(max_size=20))
    def test_what_is_written_is_read(self, ends: _Ends, port: int, tlvs: bytes, rest: bytes) -> None:
        """Both versions tell the client that was put into them, by its one address, and keep what follows."""
        expected = Header(address=canonical_address(str(ends[0])), port=port, rest=rest)
        self.assertEqual(parse_header(version_1(ends, port) + rest), expected)
        self.assertEqual(parse_header(version_2(ends, port, tlvs) + rest), expected)

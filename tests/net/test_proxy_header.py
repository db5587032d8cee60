"""The header of the PROXY protocol: what the document says beyond what the fuzz tests hold."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.proxy_header import BadHeader, Header, parse_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
OWN = Header(address="", port=0, rest=b"")


class TestVersion1(SynchronousTestCase):
    def test_the_examples_of_the_document(self):
        """proxy-protocol.txt 2.1."""
        self.assertEqual(
            parse_header(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\nEHLO"),
            Header(address="255.255.255.255", port=65535, rest=b"EHLO"),
        )
        longest = b"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n".replace(
            b"ffff:f...f:ffff", b"ffff" + b":ffff" * 7
        )
        found = parse_header(longest)
        self.assertEqual(found, Header(address="ffff:" * 7 + "ffff", port=65535, rest=b""))
        self.assertEqual(parse_header(b"PROXY UNKNOWN\r\n"), OWN)
        worst = b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n"
        self.assertEqual(len(worst), 107)
        self.assertEqual(parse_header(worst), OWN)

    def test_a_line_longer_than_107_octets_is_not_waited_for(self):
        """Else a balancer gone wrong fills our memory."""
        self.assertIsNone(parse_header(b"PROXY UNKNOWN " + b"x" * 92))
        self.assertRaises(BadHeader, parse_header, b"PROXY UNKNOWN " + b"x" * 93)

    def test_an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client(self):
        """Lists of networks count on it."""
        found = parse_header(b"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:192.0.2.1 5 25\r\n")
        self.assertEqual(found, Header(address="192.0.2.9", port=5, rest=b""))

    def test_what_is_malformed(self):
        """Half understood, a header is somebody else's address."""
        for line in (
            b"PROXY",
            b"PROXY TCP4",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 5",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 5 25 more",
            b"PROXY TCP4  192.0.2.9 192.0.2.1 5 25",
            b"PROXY TCP4 192.0.2.09 192.0.2.1 5 25",
            b"PROXY TCP4 192.0.2.256 192.0.2.1 5 25",
            b"PROXY TCP4 192.0.2.9 mx 5 25",
            b"PROXY TCP4 2001:db8::9 2001:db8::1 5 25",
            b"PROXY TCP6 192.0.2.9 192.0.2.1 5 25",
            b"PROXY TCP6 fe80::1%eth0 2001:db8::1 5 25",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 65536 25",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 5 65536",
            b"PROXY TCP4 192.0.2.9 192.0.2.1 -5 25",
            b"PROXY UDP4 192.0.2.9 192.0.2.1 5 25",
            b"PROXY UNKNOWN4",
            b"proxy TCP4 192.0.2.9 192.0.2.1 5 25",
            b"EHLO client.example.net",
        ):
            self.assertRaises(BadHeader, parse_header, line + b"\r\n")


class TestVersion2(SynchronousTestCase):
    def header(self, command, family, block):
        return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2) + block

    def test_tcp4_tcp6_and_what_follows(self):
        """TLVs are skipped: whatever they will say one day."""
        block = bytes([192, 0, 2, 9, 192, 0, 2, 1, 0x14, 0xEA, 0, 25])
        expected = Header(address="192.0.2.9", port=5354, rest=b"EHLO")
        for tlvs in (b"", b"\x04\x00\x01x", b"not even a TLV"):
            self.assertEqual(parse_header(self.header(0x21, 0x11, block + tlvs) + b"EHLO"), expected)
        block = bytes.fromhex("20010db8000000000000000000000009" * 2) + b"\0\5\0\x19"
        self.assertEqual(parse_header(self.header(0x21, 0x21, block)), Header(address="2001:db8::9", port=5, rest=b""))

    def test_where_the_balancer_speaks_for_itself_or_does_not_know_the_connection_s_own_address_holds(self):
        """Health checks are LOCAL, whatever addresses stand in them; a Unix socket has none."""
        for command, family, block in (
            (0x20, 0x00, b""),
            (0x20, 0x11, b"x" * 12),
            (0x21, 0x00, b"anything"),
            (0x21, 0x31, b"/" * 216),
            (0x21, 0x12, b"x" * 12),
        ):
            self.assertEqual(parse_header(self.header(command, family, block)), OWN)

    def test_what_is_malformed_is_seen_at_once(self):
        """Another version, a command or family that nobody knows, addresses that are not there, a length out of all measure."""
        for octets in (
            SIGNATURE + b"\x11",
            SIGNATURE + b"\x22",
            SIGNATURE + b"\x21\x41",
            SIGNATURE + b"\x21\x13",
            self.header(0x21, 0x11, b"x" * 11),
            self.header(0x21, 0x21, b"x" * 35),
            SIGNATURE + b"\x21\x11\x10\x00",
            SIGNATURE[:-1] + b"\r",
        ):
            self.assertRaises(BadHeader, parse_header, octets)
        self.assertIsNone(parse_header(SIGNATURE + b"\x21\x11\x0f\xf0"))

"""Steering: the kernel's program and the rule in Python are one rule, and it spreads hosts evenly."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.net.steering import program, worker_of

_NET = -0x100000  # SKF_NET_OFF of linux/filter.h
_WORD = 0xFFFFFFFF
_workers = st.integers(1, 300)
# RFC 4291 2.5.5.2: these are IPv4 clients to a socket, and nothing that comes over a network.
_sources = st.ip_addresses().filter(lambda source: source.version == 4 or source.ipv4_mapped is None)
_LENGTHS = {0x20: 4, 0x30: 1}


_RECKONS = {0x24: int.__mul__, 0x74: int.__rshift__, 0x94: int.__mod__}


def run(steps: bytes, packet: bytes) -> int:
    """What the kernel's interpreter of classic BPF returns. `packet`: from its IP header on. KeyError: unknown here."""
    a = x = at = 0
    code = list(struct.iter_unpack("HBBI", steps))
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        if operation == 0x16:
            return a
        if operation == 0x15:
            at += if_true if a == k else if_false
        elif operation == 0x07:
            x = a
        elif operation == 0xAC:
            a ^= x
        elif operation in _LENGTHS:
            begin = k - (1 << 32) - _NET
            octets = packet[begin : begin + _LENGTHS[operation]] if begin >= 0 else b""
            if len(octets) < _LENGTHS[operation]:
                return 0  # beyond the packet
            a = int.from_bytes(octets)
        else:
            a = _RECKONS[operation](a, k) & _WORD


def packet_from(source: IPv4Address | IPv6Address, rest: bytes) -> bytes:
    """A packet's header, RFC 791 3.1 and RFC 8200 3. `rest`: 36 octets for all that steering must not look at."""
    if source.version == 4:
        return bytes([0x40 | rest[0] & 15]) + rest[1:12] + source.packed + rest[12:]
    return bytes([0x60 | rest[0] & 15]) + rest[1:8] + source.packed + rest[8:]


class TestProgram(SynchronousTestCase):
    @EXAMPLES
    @given(source=_sources, rest=st.binary(min_size=36, max_size=36), workers=_workers)
    def test_it_finds_who_worker_of_names(self, source, rest, workers):
        """Whatever else the packet says: ports, options, the traffic class."""
        self.assertEqual(run(program(workers), packet_from(source, rest)), worker_of(str(source), workers))

    @EXAMPLES
    @given(octets=st.binary(max_size=60), workers=_workers)
    def test_it_names_a_worker_whatever_it_sees(self, octets, workers):
        """A number beyond the last worker would have the kernel hash ports."""
        self.assertIn(run(program(workers), octets), range(workers))

    @EXAMPLES
    @given(workers=_workers)
    def test_it_ends(self, workers):
        """No step jumps back, nor beyond the end, and the last one returns."""
        code = list(struct.iter_unpack("HBBI", program(workers)))
        self.assertEqual(code[-1][0], 0x16)
        for at, (_, if_true, if_false, _) in enumerate(code):
            self.assertLess(at + max(if_true, if_false), len(code))


class TestWorkerOf(SynchronousTestCase):
    @EXAMPLES
    @given(address=st.ip_addresses(v=6), interface=st.binary(min_size=8, max_size=8), workers=_workers)
    def test_a_64_has_one_worker(self, address, interface, workers):
        """One machine may fill it with addresses, and is one host."""
        other = IPv6Address(address.packed[:8] + interface)
        if address.ipv4_mapped is None and other.ipv4_mapped is None:
            self.assertEqual(worker_of(str(address), workers), worker_of(str(other), workers))

    @EXAMPLES
    @given(address=st.ip_addresses(v=4), workers=_workers)
    def test_an_ipv4_client_has_one_worker_on_sockets_of_either_kind(self, address, workers):
        """The IPv6 socket shows him as ::ffff:192.0.2.1; on the wire he is who he is."""
        self.assertEqual(worker_of(f"::ffff:{address}", workers), worker_of(str(address), workers))

    def test_a_zone_names_no_host(self):
        """It is of our own machine's."""
        self.assertEqual(worker_of("fe80::1%eth0", 7), worker_of("fe80::1", 7))

    def test_one_worker_has_all(self):
        self.assertEqual({worker_of(host, 1) for host in ("192.0.2.1", "192.0.2.2", "2001:db8::1")}, {0})

    def test_what_is_no_address_has_no_worker(self):
        """Of a Unix socket, or of nobody: the caller decides."""
        for none in ("", "host", "192.0.2", "/run/socket"):
            self.assertRaises(ValueError, worker_of, none, 2)

    def test_it_stays_what_it_is(self):
        """Who knows his worker from the log finds it again after an upgrade."""
        known = {"192.0.2.1": 6, "198.51.100.77": 5, "2001:db8::25": 4, "::1": 0}
        self.assertEqual({host: worker_of(host, 8) for host in known}, known)


class TestEvenness(SynchronousTestCase):
    """A worker may have a tenth of hosts more than his share. Chance alone gives some six per cent for eight workers and 10,000."""

    def check(self, hosts):
        for workers in (2, 3, 4, 8):
            counts = [0] * workers
            for host in hosts:
                counts[worker_of(str(host), workers)] += 1
            self.assertLess(max(counts) * workers / len(hosts), 1.1, f"{workers} workers: {counts}")
            self.assertGreater(min(counts) * workers / len(hosts), 0.9, f"{workers} workers: {counts}")

    def test_of_random_hosts(self):
        """A botnet."""
        random = Random(1)
        self.check([IPv4Address(random.getrandbits(32)) for _ in range(10_000)])

    def test_of_neighbours(self):
        """A provider's network."""
        self.check([IPv4Address("198.51.100.0") + number for number in range(10_000)])

    def test_of_hosts_a_multiple_of_the_workers_apart(self):
        """The first host of each /24, each fourth host: the rest of a division alone would send all of them to one worker."""
        for distance in (2, 3, 4, 6, 8, 24, 256, 65_536):
            self.check([IPv4Address("10.0.0.0") + number * distance for number in range(10_000)])

    def test_of_neighbouring_64s(self):
        """A hosting company: /64s of a /48, and the first /64 of each /48 and of each /32."""
        for distance in (64, 80, 96):
            first = int(ip_address("2001:db8::"))
            self.check([IPv6Address((first + (number << distance)) % (1 << 128)) for number in range(10_000)])

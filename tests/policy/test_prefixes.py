"""The table from networks to values: the longest network that an address is in, and whose value holds."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.networks import host_or_wider, is_host, network_of
from twistedmx.policy.prefixes import Prefixes

# Few bits that differ, so that networks lie in one another, and addresses in them.
_v4 = some.builds(
    lambda bits, length: IPv4Network((bits << 24 | bits << 4, length), strict=False),
    some.integers(0, 15),
    some.integers(0, 32),
)
_v6 = some.builds(
    lambda bits, length: IPv6Network((bits << 120 | bits << 62 | bits, length), strict=False),
    some.integers(0, 15),
    some.integers(0, 128),
)
_networks = _v4 | _v6
_addresses = some.builds(
    lambda network, more: network[more % min(network.num_addresses, 300)], _networks, some.integers(0, 299)
)


def table_of(networks):
    """Each network with itself as its value."""
    table = Prefixes()
    for network in networks:
        table[network] = network
    return table


class TestFind(SynchronousTestCase):
    @EXAMPLES
    @given(some.lists(_networks), some.sets(_networks), some.lists(_addresses, min_size=1))
    def test_the_longest_that_holds_is_found_as_ipaddress_says(self, networks, expired, addresses):
        """An expired entry of a host must not hide the entry of its network, nor an entry of a network that of a host."""
        table = table_of([*networks, *expired])
        for address in addresses:
            held = [network for network in {*networks} - expired if address in network]
            longest = max(held, key=lambda network: network.prefixlen, default=None)
            self.assertEqual(table.find(str(address), lambda network: network not in expired), longest)

    @EXAMPLES
    @given(some.lists(_networks), some.lists(_networks), _addresses)
    def test_what_was_removed_is_not_found(self, networks, removed, address):
        """Nor does its length stay behind."""
        table = table_of([*networks, *removed])
        for network in removed:
            table.pop(network)
        left = {*networks} - {*removed}
        self.assertEqual(len(table), len(left))
        self.assertEqual(set(table), left)
        longest = max((each for each in left if address in each), key=lambda each: each.prefixlen, default=None)
        self.assertEqual(table.find(str(address)), longest)

    @given(some.text())
    def test_what_is_no_address_is_in_no_network(self, text):
        """The peer of a Unix socket has none; nothing is raised on the hot path."""
        table = table_of([IPv4Network("0.0.0.0/0"), IPv6Network("::/0")])
        found = table.find(text)
        try:
            address = ip_address(text)
        except ValueError:
            self.assertIsNone(found)
        else:
            self.assertEqual(found is not None, "%" not in str(address))


class TestNetworks(SynchronousTestCase):
    @EXAMPLES
    @given(some.lists(_networks), _networks)
    def test_those_within_and_those_around_are_as_ipaddress_says(self, networks, asked):
        """`list 192.0.2.0/24` shows all of it, and a network that touches the never-block list is seen to."""
        table = table_of(networks)
        same = [network for network in {*networks} if network.version == asked.version]
        within = sorted(network for network in same if network.subnet_of(asked))
        self.assertEqual(table.within(asked), within)
        around = sorted((each for each in same if each.supernet_of(asked)), key=lambda each: -each.prefixlen)
        self.assertEqual(list(table.covering(asked)), around)

    @EXAMPLES
    @given(some.lists(_networks), some.integers(1, 5), some.none() | _networks, some.sets(_networks))
    def test_page_after_page_gives_all_in_one_order_whatever_goes_meanwhile(self, networks, most, within, removed):
        """A list of a million is told some thousands at a time, while entries come and go."""
        table = table_of(networks)
        wanted = [
            each for each in table if within is None or (each.version == within.version and each.subnet_of(within))
        ]
        wanted.sort(key=lambda each: (each.version, each.prefixlen, each.network_address))
        told, after = [], None
        while page := table.page(after, most, within):
            self.assertLessEqual(len(page), most)
            told += page
            after = page[-1]
            if after in removed:
                table.pop(after)  # who goes on behind it finds the place all the same
        self.assertEqual(told, wanted)

    def test_pages_of_many_are_whole(self):
        """What is above a bound guessed from a sample is left for later, and left out never."""
        networks = [IPv4Network((number * 2_654_435_761 % 2**32, 32)) for number in range(5_000)]
        table, told, after = table_of(networks), [], None
        while page := table.page(after, 100):
            self.assertLessEqual(len(page), 100)
            told += page
            after = page[-1]
        self.assertEqual(told, sorted(networks))

    def test_exactly_one_is_got(self):
        """Not the one around it."""
        table = table_of([IPv4Network("192.0.2.0/24")])
        self.assertIsNone(table.get(IPv4Network("192.0.2.0/25")))
        self.assertIsNone(table.pop(IPv4Network("192.0.2.0/25")))
        self.assertEqual(table.get(IPv4Network("192.0.2.0/24")), IPv4Network("192.0.2.0/24"))


class TestWords(SynchronousTestCase):
    def test_a_network_is_read_as_operators_write_it(self):
        """An IPv4 client of an IPv6 socket is an IPv4 client, in a list as well (RFC 4291 2.5.5.2)."""
        for text, network in {
            "192.0.2.1": "192.0.2.1/32",
            "192.0.2.0/24": "192.0.2.0/24",
            "2001:db8::/32": "2001:db8::/32",
            "2001:DB8::1": "2001:db8::1/128",
            "::ffff:192.0.2.1": "192.0.2.1/32",
            "::ffff:192.0.2.0/120": "192.0.2.0/24",
        }.items():
            self.assertEqual(network_of(text), ip_network(network))

    def test_what_is_none_is_told_with_what_to_write(self):
        """A slip of the pen must neither widen a network nor be guessed at."""
        for text, words in {
            "192.0.2.1/24": "has bits beyond its /24; write 192.0.2.0/24",
            "192.0.2": "'192.0.2' is neither an address nor a network",
            "fe80::1%eth0": "is neither",
            "": "is neither",
            "x" * 1000: "xxx...' is neither",
            "1.2.3.4/" + "9" * 5000: "is neither",
        }.items():
            self.assertIn(words, str(self.assertRaises(ValueError, network_of, text)))

    @given(some.text() | some.from_regex(r"[0-9a-f.:%/]{0,20}", fullmatch=True))
    def test_any_text_is_a_network_or_a_value_error(self, text):
        """Lists come from others."""
        try:
            network_of(text)
        except ValueError as wrong:
            self.assertTrue(str(wrong).isprintable())
            self.assertLess(len(str(wrong)), 400)

    def test_an_ipv6_host_has_64_bits(self):
        """RFC 4291 2.5.4: whoever has one address has all of its /64."""
        self.assertEqual(host_or_wider(network_of("2001:db8::1")), network_of("2001:db8::/64"))
        self.assertEqual(host_or_wider(network_of("2001:db8::/48")), network_of("2001:db8::/48"))
        for address in (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")):
            self.assertTrue(is_host(ip_network(address)))
        self.assertFalse(is_host(network_of("192.0.2.0/31")) or is_host(network_of("2001:db8::/63")))

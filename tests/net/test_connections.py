"""The connections that are there, by host: who is in a network is found, and nobody else is asked."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.net.test_server import Transport
from twistedmx.net.balancer import BalancerSettings
from twistedmx.net.connections import Connections
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import host_or_wider, network_of
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

_addresses = some.sampled_from(
    ["192.0.2.1", "192.0.2.2", "192.0.3.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fe80::1", "", "a socket"]
)
_networks = some.builds(
    lambda address, less: host_or_wider(
        IPv4Network((int(address), 32 - less % 33), strict=False)
        if address.version == 4
        else IPv6Network((int(address), 128 - less), strict=False)
    ),
    _addresses.filter(lambda text: text[:1].isalnum() and " " not in text).map(ip_address),
    some.integers(0, 128),
)


class Connection:
    """With the address that it was added with."""

    def __init__(self, address):
        self.address = address


def is_in(address, network):
    try:
        return ip_address(address) in network
    except ValueError:
        return True  # nobody knows: it is asked


class TestHangUp(SynchronousTestCase):
    """The sessions of who is blocked end at once, and no others."""

    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org", balancer=BalancerSettings(xclient_from=("10.0.0.1",))))
        self.blocklist = Blocklist(BlocklistSettings(), lambda: 1e9, Random(1))
        self.factory = self.stage.factory
        self.factory.site = attrs.evolve(self.stage.site, blocklist=self.blocklist)

    def session(self, address, said=b""):
        """What a client there hears is in the transport."""
        shell, transport = self.factory.buildProtocol(None), Transport(IPv4Address("TCP", address, 1024))
        shell.makeConnection(transport)
        shell.dataReceived(said)
        transport.clear()
        return transport

    def block(self, text):
        network = network_of(text)
        self.blocklist.block(network, reason="r", evidence="", origin="operator")
        self.factory.hang_up(network)

    def test_of_a_host_and_of_a_network(self):
        """Siege 1: the other sessions of a host lived on."""
        one, two, other = (self.session(address) for address in ("192.0.2.1", "192.0.2.1", "192.0.3.1"))
        self.block("192.0.2.1")
        self.assertTrue(one.value().startswith(b"421 4.7.0 ") and two.value().startswith(b"421 4.7.0 "))
        self.assertEqual(other.value(), b"")
        self.block("192.0.3.0/24")
        self.assertTrue(other.value().startswith(b"421 4.7.0 "))

    def test_of_a_client_that_a_filter_speaks_for(self):
        """XCLIENT changes who is there in the middle of a session: it is looked at for every block."""
        client = self.session("10.0.0.1", b"EHLO f.example\r\nXCLIENT ADDR=192.0.2.1\r\n")
        other = self.session("10.0.0.1", b"EHLO f.example\r\nXCLIENT ADDR=192.0.2.2\r\n")
        self.block("192.0.2.1")
        self.assertTrue(client.value().startswith(b"421 4.7.0 "))
        self.assertEqual(other.value(), b"")

    def test_all_when_no_network_is_named(self):
        """A start has read who is blocked; somebody may have been quicker."""
        one = self.session("192.0.2.1")
        self.blocklist.block(network_of("192.0.2.0/24"), reason="r", evidence="", origin="operator")
        self.factory.hang_up()
        self.assertTrue(one.value().startswith(b"421 4.7.0 "))


class TestConnections(SynchronousTestCase):
    @EXAMPLES
    @given(some.lists(some.tuples(_addresses, some.booleans())), _networks)
    def test_who_may_be_in_a_network_is_found_as_ipaddress_says(self, steps, network):
        """A block hangs up on all sessions of its network, and asks nobody else."""
        connections, there = Connections(), []
        for address, comes in steps:
            if comes or not there:
                there.append(Connection(address))
                connections.add(there[-1], address)
            else:
                gone = there.pop(0)
                connections.discard(gone, gone.address)
                connections.discard(gone, gone.address)
            self.assertEqual(len(connections), len(there))
        self.assertEqual(set(connections), set(there))
        wanted = {each for each in there if is_in(each.address, network)}
        self.assertEqual(set(connections.in_network(network)), wanted)
        self.assertEqual(len(connections.in_network(network)), len(wanted))

    def test_a_crowd_that_came_and_went_between_two_looks_was_there(self):
        """A flood of short sessions is seen by who looks once a second."""
        connections, crowd = Connections(), [Connection("192.0.2.1") for _ in range(140)]
        for one in crowd:
            connections.add(one, one.address)
        for one in crowd[1:]:
            connections.discard(one, one.address)
        self.assertEqual([connections.take_highest(), connections.take_highest()], [140, 1])

    def test_one_that_was_added_without_its_address_is_found_when_it_goes(self):
        """A filter that says XCLIENT stands apart; a reload may have changed who is one."""
        connections, one = Connections(), Connection("192.0.2.1")
        connections.add(one)
        self.assertIn(one, connections)
        connections.discard(one, one.address)
        self.assertEqual(connections, set())

"""The connections that are there, by host: who is in a network is found, and nobody else is asked."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.net.connections import Connections
from twistedmx.policy.networks import host_or_wider

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

    def test_one_that_was_added_without_its_address_is_found_when_it_goes(self):
        """A filter that says XCLIENT stands apart; a reload may have changed who is one."""
        connections, one = Connections(), Connection("192.0.2.1")
        connections.add(one)
        self.assertIn(one, connections)
        connections.discard(one, one.address)
        self.assertEqual(connections, set())

"""Networks as an operator writes them."""

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.settings.networks import networks


class TestNetworks(SynchronousTestCase):
    def test_networks_and_single_addresses(self):
        """One host is a network too."""
        one, two, three = networks(["192.0.2.0/24", "2001:db8::/32", "198.51.100.1"])
        self.assertIn(ip_address("192.0.2.77"), one)
        self.assertIn(ip_address("2001:db8::1"), two)
        self.assertEqual(three.num_addresses, 1)

    def test_the_one_at_fault_is_named(self):
        """In a list of forty it would have to be searched for."""
        for bad in ("192.0.2.1/24", "x", "192.0.2.0/33", "", "2001:db8::1/32"):
            error = self.assertRaises(ValueError, networks, ["10.0.0.0/8", bad])
            self.assertIn(bad or "''", str(error))

"""Networks as an operator writes them."""

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.settings.networks import networks, read_networks


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

    def test_each_is_judged_by_itself(self):
        """The good ones hold, and each of the others is told with what was meant."""
        good, faults = read_networks(["10.0.0.0/8", "192.0.2.1/24", "x", "2001:db8::1"])
        self.assertEqual(list(map(str, good)), ["10.0.0.0/8", "2001:db8::1/128"])
        self.assertEqual(len(faults), 2)
        self.assertIn("192.0.2.1/24", faults[0])
        self.assertTrue(faults[0].endswith("; write 192.0.2.0/24"), faults[0])
        self.assertIn("'x'", faults[1])
        self.assertTrue(faults[1].endswith("as 192.0.2.0/24 or 2001:db8::/32"), faults[1])

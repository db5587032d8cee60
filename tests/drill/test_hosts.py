"""Who comes from which address."""

from ipaddress import ip_address, ip_network

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.drill.hosts import MOST_HOSTS, attacking, innocent, mail_server

INNOCENT = ip_network("127.200.0.0/16")


class TestHosts(SynchronousTestCase):
    def test_no_two_hosts_share_an_address_and_all_are_loopback(self):
        """A siege whose hosts are the innocent, or those of another siege, blocks the wrong ones."""
        seen = set()
        for siege in (1, 2, 3):
            for number in (*range(5000), MOST_HOSTS - 1):
                address = ip_address(attacking(siege, number).address)
                self.assertIn(address, ip_network("127.0.0.0/8"))
                self.assertNotIn(address, INNOCENT)
                self.assertNotIn(address, ip_network("127.0.0.0/16"))
                self.assertNotIn(address, seen)
                seen.add(address)
        self.assertEqual(len({innocent(number).address for number in range(1000)}), 1000)
        self.assertTrue(all(ip_address(innocent(number).address) in INNOCENT for number in range(1000)))

    def test_neighbours_by_number_are_far_apart(self):
        """As the hosts of a botnet are: no /16 has two of the first sixty, no /24 two of the first thousands."""
        self.assertEqual(len({attacking(1, number).address.split(".")[1] for number in range(60)}), 60)
        self.assertEqual(len({attacking(1, number).address.rpartition(".")[0] for number in range(15_000)}), 15_000)

    def test_a_mail_server_among_the_attackers_is_no_bot(self):
        """As long as there is one."""
        self.assertFalse(any(mail_server(3, number, 50).is_bot for number in range(100)))
        self.assertTrue(mail_server(3, 5, 1).is_bot, "of one host there is no choice")

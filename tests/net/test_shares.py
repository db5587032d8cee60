"""How much of a turn those have who have only failed, by what is heard in front of them."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.shares import Shares

WINDOW = 0.0061  # and a little more


class TestShares(SynchronousTestCase):
    def setUp(self):
        self.shares = Shares()
        self.now, self.heard = 100.0, 0

    def back(self, packets):
        """The back lane's share when a window is over in which so many packets were heard in front."""
        self.now += WINDOW
        self.heard += packets
        return self.shares.back(self.now, self.heard)

    def test_one_sender_in_front_has_few_served_before_him(self):
        """The siege as it mostly is."""
        nothing, little, much = self.back(0), self.back(7), self.back(500)
        self.assertLess(little.batch, nothing.batch)
        self.assertLess(nothing.batch, much.batch)
        self.assertLessEqual(little.turn, nothing.turn)
        self.assertEqual(self.back(0), nothing, "and then he has gone")

    def test_what_holds_is_looked_at_when_a_window_is_over(self):
        """Packets of a transaction come one by one: one turn in which there was none changes nothing."""
        little = self.back(1)
        self.now += WINDOW / 2
        self.assertEqual(self.shares.back(self.now, self.heard), little)
        self.assertNotEqual(self.back(0), little)

    def test_the_first_packet_is_seen_at_once(self):
        """Of a transaction, which is as long as a window."""
        self.back(0)
        self.now += WINDOW / 10
        self.heard += 1
        little = self.shares.back(self.now, self.heard)
        self.assertEqual(little, self.back(1))
        self.assertNotEqual(little, self.back(0))

    def test_a_clock_that_is_set_back_stops_nothing(self):
        """An administrator, or NTP at the start."""
        little = self.back(7)
        self.now -= 3600
        self.heard += 7
        self.assertEqual(self.shares.back(self.now, self.heard), little)
        self.assertNotEqual(self.back(500), little)

    def test_who_is_behind_has_always_some(self):
        """However much is said in front."""
        for packets in (0, 1, 16, 17, 10**6):
            share = self.back(packets)
            self.assertGreater(min(share.turn, share.batch), 0)

    def test_the_front_lane_may_be_long(self):
        """They are the ones that a server is for."""
        self.assertGreater(self.shares.front(self.now).turn, self.back(500).turn)

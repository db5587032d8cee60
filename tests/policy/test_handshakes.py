"""How many handshakes are made: for one host, for all, and at the same time."""

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.handshakes import Handshakes, HandshakeSettings, Refusal

SETTINGS = HandshakeSettings(host_burst=3, host_rate=0.5, burst=5, rate=1.0, under_way=100)


class Limits(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.build(SETTINGS)

    def build(self, settings):
        self.handshakes = Handshakes(settings, self.clock.seconds)

    def admitted(self, address, times):
        """How many of so many, each over at once."""
        count = 0
        for _ in range(times):
            if self.handshakes.admit(address):
                count += 1
                self.handshakes.over()
        return count


class TestHost(Limits):
    def test_a_burst_and_then_its_rate(self):
        """A provider that opens many connections at once is served, one that goes on and on is not."""
        self.assertEqual(self.admitted("192.0.2.1", 9), 3)
        self.clock.advance(1.9)
        self.assertEqual(self.admitted("192.0.2.1", 9), 0)
        self.clock.advance(0.2)
        self.assertEqual(self.admitted("192.0.2.1", 9), 1)
        self.clock.advance(1000)
        self.assertEqual(self.admitted("192.0.2.1", 9), 3)

    def test_hosts_do_not_share(self):
        """One that is refused takes nothing from another."""
        self.admitted("192.0.2.1", 9)
        self.assertEqual(self.admitted("192.0.2.2", 2), 2)

    def test_an_ipv6_host_has_64_bits(self):
        """RFC 4291 2.5.4: whoever has one address has all of its /64."""
        self.assertEqual(sum(self.admitted(f"2001:db8::{number}", 1) for number in range(9)), 3)
        self.assertEqual(self.admitted("2001:db8:0:1::1", 1), 1)

    def test_who_has_no_address_is_a_host_as_well(self):
        """A Unix socket."""
        self.assertEqual(self.admitted("", 9), 3)


class TestAll(Limits):
    def test_a_burst_and_then_its_rate(self):
        """However many hosts there are."""
        hosts = [f"192.0.2.{number}" for number in range(20)]
        self.assertEqual(sum(self.admitted(host, 1) for host in hosts), 5)
        self.clock.advance(2)
        self.assertEqual(sum(self.admitted(host, 1) for host in hosts), 2)

    def test_under_way_are_bounded_until_they_are_over(self):
        """Who begins one and says no more holds memory until its time is over."""
        self.build(attrs.evolve(SETTINGS, under_way=2))
        admitted = [self.handshakes.admit(f"192.0.2.{number}") for number in range(3)]
        self.assertEqual((admitted, self.handshakes.under_way), ([True, True, False], 2))
        self.handshakes.over()
        self.assertTrue(self.handshakes.admit("192.0.2.9"))

    def test_more_ends_than_beginnings_are_a_fault_of_ours(self):
        """Silently there would be no limit any more."""
        self.assertRaises(RuntimeError, self.handshakes.over)


class TestRefusals(Limits):
    def test_each_is_counted_by_its_reason(self):
        """For the metrics."""
        self.build(attrs.evolve(SETTINGS, under_way=4))
        for host in ("192.0.2.1", "192.0.2.2"):
            self.admitted(host, 4)
        for number in range(3, 9):
            self.admitted(f"192.0.2.{number}", 1)
        self.clock.advance(100)
        for number in range(5):
            self.handshakes.admit(f"192.0.2.{number}")
        self.assertEqual(self.handshakes.refused, {Refusal.HOST: 1, Refusal.RATE: 8, Refusal.UNDER_WAY: 1})

    def test_they_cost_nothing_to_the_refused(self):
        """A peer that tries again and again is served as soon as one that waits."""
        self.admitted("192.0.2.1", 3)
        for _ in range(19):
            self.clock.advance(0.1)
            self.admitted("192.0.2.1", 1)
        self.clock.advance(0.11)
        self.assertEqual(self.admitted("192.0.2.1", 1), 1)

    def test_new_settings_hold_at_once_and_nothing_is_forgotten(self):
        """A reload in the middle of a flood."""
        self.admitted("192.0.2.1", 3)
        self.handshakes.settings = attrs.evolve(SETTINGS, host_burst=4)
        self.assertEqual(self.admitted("192.0.2.1", 9), 1)


class TestMemory(Limits):
    def test_a_host_is_forgotten_when_its_bucket_is_full_again(self):
        """It then is as one that never came."""
        self.admitted("192.0.2.1", 3)
        self.clock.advance(6.1)
        self.admitted("192.0.2.2", 1)
        self.assertEqual(len(self.handshakes), 1)

    def test_a_busy_host_does_not_keep_others_in_memory(self):
        """It came first, and is never quite full."""
        for number in range(2, 40):
            self.admitted("192.0.2.1", 1)
            self.admitted(f"192.0.2.{number}", 1)
            self.clock.advance(1.9)
        self.assertLessEqual(len(self.handshakes), 3)

    def test_a_flood_of_strangers_makes_no_more_buckets_than_it_is_admitted(self):
        """And pushes out none that is not full: whoever has spent his is still known."""
        self.build(attrs.evolve(SETTINGS, burst=50))
        self.admitted("203.0.113.1", 3)
        for number in range(10_000):
            self.admitted(f"2001:db8:{number:x}::1", 1)
            self.clock.advance(0.0001)
        self.assertLessEqual(len(self.handshakes), 50)
        self.assertEqual(self.admitted("203.0.113.1", 1), 0)

    def test_there_is_an_end_whatever_the_settings(self):
        """Limits of an operator who wanted none."""
        self.build(HandshakeSettings(host_burst=1000, host_rate=0.01, burst=10**9, rate=10.0**9))
        for number in range(66_000):
            self.admitted(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1", 1)
        self.assertEqual(len(self.handshakes), 65_536)


class TestAnyTraffic(SynchronousTestCase):
    @given(some.lists(some.tuples(some.integers(1, 4), some.floats(0, 3)), max_size=80))
    def test_no_host_and_not_all_together_get_more_than_burst_and_rate(self, arrivals):
        """The invariant: between any two moments, at most the burst and what the rate gives meanwhile."""
        clock = Clock()
        handshakes = Handshakes(SETTINGS, clock.seconds)
        admitted = []
        for number, pause in arrivals:
            clock.advance(pause)
            if handshakes.admit(f"192.0.2.{number}"):
                admitted.append((clock.seconds(), number))
                handshakes.over()
        for start, (since, first) in enumerate(admitted):
            count = 0
            for later, (at, number) in enumerate(admitted[start:], 1):
                self.assertLessEqual(later, SETTINGS.burst + (at - since) * SETTINGS.rate + 1e-3)
                count += number == first
                self.assertLessEqual(count, SETTINGS.host_burst + (at - since) * SETTINGS.host_rate + 1e-3)

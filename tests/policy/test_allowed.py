"""Whom the operator allows: nobody blocks them, for as long as he says."""

import math
from random import Random

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.allowed import Allowed
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import network_of

HOUR = 3600.0
HOST, NETWORK = network_of("192.0.2.1"), network_of("192.0.2.0/24")


class TestAllowed(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1e9)
        self.build(BlocklistSettings())

    def build(self, settings):
        self.blocklist = Blocklist(settings, self.clock.seconds, Random(1))
        self.allowed = Allowed(settings, self.blocklist.never, self.clock.seconds)

    def block(self, network=HOST, **more):
        return self.blocklist.block(network, reason="bad-recipients", evidence="", origin="conduct", **more)

    def test_a_block_holds_for_nobody_who_is_allowed_and_holds_again_when_that_is_over(self):
        """The never-block list wins always; the operator's mind may change."""
        block = self.block()
        self.allowed.allow(NETWORK, evidence="a partner")
        self.assertIsNone(self.blocklist.find("192.0.2.1"))
        self.assertIn("never blocked (operator)", str(self.assertRaises(ValueError, self.block)))
        self.assertEqual(self.allowed.remove(NETWORK).evidence, "a partner")
        self.assertEqual(self.blocklist.find("192.0.2.1"), block)
        self.assertIsNone(self.allowed.remove(NETWORK))

    def test_a_time_ends_by_itself(self):
        """A partner is let in until his server is mended."""
        self.allowed.allow(HOST, evidence="", seconds=HOUR)
        kept = self.allowed.allow(network_of("198.51.100.1"), evidence="", seconds=2 * HOUR)
        self.assertEqual(self.allowed.sweep(), [])
        self.clock.advance(HOUR)
        self.assertEqual([each.network for each in self.allowed.sweep()], [HOST])
        self.assertEqual((list(self.allowed), self.allowed.sweep()), ([kept], []))
        self.block()
        self.assertIsNotNone(self.blocklist.find("192.0.2.1"))

    def test_the_last_word_counts(self):
        """For an hour, no, for ever."""
        self.allowed.allow(HOST, evidence="a", seconds=HOUR)
        self.allowed.allow(HOST, evidence="b", seconds=math.inf)
        self.clock.advance(HOUR)
        self.assertEqual(self.allowed.sweep(), [])
        (kept,) = self.allowed
        self.assertEqual((kept.expiry, kept.evidence), (None, "b"))

    def test_what_is_too_wide_is_refused_unless_forced(self):
        """A slip of the hand must not open for half the world."""
        for text in ("10.0.0.0/7", "2001::/18"):
            network = network_of(text)
            error = self.assertRaises(ValueError, self.allowed.allow, network, evidence="")
            self.assertIn("is wider than a /", str(error))
            self.allowed.allow(network, evidence="", force=True)
        for seconds in (0, -1, math.nan):
            self.assertRaises(ValueError, self.allowed.allow, HOST, evidence="", seconds=seconds)

    def test_they_are_bounded_and_say_so(self):
        """A script in a loop; nobody is pushed out, for whom the operator let in must not be blocked again."""
        self.build(BlocklistSettings(most_allowed=2))
        self.allowed.allow(HOST, evidence="")
        self.allowed.allow(NETWORK, evidence="x" * 1000)
        self.allowed.allow(HOST, evidence="again")
        error = self.assertRaises(ValueError, self.allowed.allow, network_of("198.51.100.1"), evidence="")
        self.assertIn("[blocklist] most_allowed", str(error))
        self.assertEqual((len(self.allowed), len(self.allowed.at(NETWORK).evidence)), (2, 400))

    def test_a_part_of_an_ipv6_host_is_the_host(self):
        """As it is when it is blocked: RFC 4291 2.5.4."""
        self.block(network_of("2001:db8::1"))
        self.allowed.allow(network_of("2001:db8::2"), evidence="")
        self.assertIsNone(self.blocklist.find("2001:db8::1"))
        self.assertIsNotNone(self.allowed.at(network_of("2001:db8::3")))

    def test_the_settings_go_on_beside_it(self):
        """A reload replaces what it said, and nothing else."""
        settings = BlocklistSettings(never=("192.0.2.0/24",))
        self.build(settings)
        self.allowed.allow(HOST, evidence="")
        self.blocklist.configure(attrs.evolve(settings, never=()))
        self.assertEqual(self.blocklist.never.find("192.0.2.1").source, "operator")
        self.assertIsNone(self.blocklist.never.find("192.0.2.2"))
        self.assertEqual(self.blocklist.never.covering(HOST).source, "operator")
        self.assertIsNone(self.blocklist.never.covering(NETWORK))

    @EXAMPLES
    @given(
        some.lists(
            some.tuples(some.sampled_from("ars"), some.integers(0, 3), some.integers(30, 32), some.integers(1, 3))
        )
    )
    def test_what_is_allowed_is_what_is_never_blocked(self, steps):
        """Two tables that must say the same after anything that is done to them."""
        self.setUp()
        for what, host, length, seconds in steps:
            network = network_of(f"192.0.2.{host}").supernet(new_prefix=length)
            if what == "a":
                self.allowed.allow(network, evidence="", seconds=seconds)
            elif what == "r":
                self.allowed.remove(network)
            else:
                self.clock.advance(1)
                self.allowed.sweep()
        theirs = [never.network for never in self.blocklist.never if never.source == "operator"]
        self.assertEqual([each.network for each in self.allowed], theirs)
        if steps and steps[-1][0] == "s":
            self.assertTrue(all(each.holds(self.clock.seconds()) for each in self.allowed))

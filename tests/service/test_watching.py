"""What a running server notices, and tells who asks."""

import json
from random import Random

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import NOBODY, SESSION, UNKNOWN
from twistedmx.model.envelope import Refused
from twistedmx.model.event import AttackBegan, FloodBegan
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.report.stream import Stream
from twistedmx.service.watching import Watching
from twistedmx.service.world import World
from twistedmx.settings import settings_from


def guesses(count, host="192.0.2.7"):
    addresses = tuple(b"guess%d@example.org" % number for number in range(count)) + (b"nobody@example.org",) * count
    refused = Refused(count=2 * count, runs=((UNKNOWN, addresses),))
    return attrs.evolve(NOBODY, peer=Peer(address=host, port=1), refused=refused)


class TestWatching(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.told = []
        self.settings = settings_from({"attacks": {"names": 10, "tries": 10}}, "x")
        self.now = self.clock.seconds
        self.load = lambda: 0.0
        world = World(
            reactor=self.clock,
            disk=None,
            now=lambda: self.now(),
            chance=lambda: Random(1),
            load=lambda: self.load(),
            environment={},
        )
        self.stream = Stream([self.told.append])
        self.proven = set()
        self.watching = Watching(self.settings, world, self.stream, self.proven.__contains__, set().__contains__)
        self.stream.replace([self.told.append, self.watching.attacks])
        self.watching.startService()
        self.addCleanup(self.watching.stopService)

    def test_it_looks_every_second_while_it_runs(self):
        """And no longer: a stop leaves nothing behind."""
        self.stream.tell(guesses(20))
        self.assertFalse(self.watching.attacks.any)
        self.clock.advance(1)
        self.assertTrue(self.watching.attacks.any and self.watching.attacks.any_flooded)
        self.assertEqual([type(event) for event in self.told[1:]], [AttackBegan, FloodBegan])
        self.watching.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_told_is_json(self):
        """Of attacks and floods, under way and over."""
        self.stream.tell(guesses(20))
        self.clock.advance(1)
        self.stream.tell(attrs.evolve(SESSION, reason=Reason.BAD_RECIPIENTS))
        told = json.loads(json.dumps(self.watching.told()))
        (attack,), (flood,) = told["under_attack"], told["flooded"]
        self.assertEqual(
            (attack["domain"], attack["end"], attack["hung_up"]), ("example.org", None, {"bad-recipients": 1})
        )
        self.assertEqual(attack["lately"], {"names": 21, "known": 0, "hosts": 1})
        self.assertEqual((flood["address"], flood["lately"]), ("nobody@example.org", {"tries": 20}))
        for _ in range(500):
            self.clock.advance(1)
        told = json.loads(json.dumps(self.watching.told()))
        self.assertEqual((told["under_attack"], told["flooded"]), ([], []))
        self.assertEqual((told["recent"][0]["samples"], len(told["recent_floods"])), (["guess0@example.org"], 1))

    def test_a_host_of_good_record_attacks_no_domain(self):
        """The newsletter: what reputation knows is heeded."""
        self.proven.add("192.0.2.7")
        self.stream.tell(guesses(20))
        self.clock.advance(1)
        self.assertEqual((self.watching.attacks.any, self.watching.attacks.any_flooded), (False, True))

    def test_a_fault_of_ours_leaves_nobody_under_attack_for_ever(self):
        """It is said in the log, and strangers have their budgets back."""
        self.stream.tell(guesses(20))
        self.clock.advance(1)
        self.now = lambda: "noon"
        self.clock.advance(1)
        self.assertFalse(self.watching.attacks.any or self.watching.attacks.any_flooded)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

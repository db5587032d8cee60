"""Limits of handshakes of all workers: what the settings have is the machine's, and dealt out."""

from random import Random

import attrs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.service.workers.machine import Machine
from tests.service.workers.pair import Pair
from twistedmx.policy.handshakes import Refusal
from twistedmx.service.workers.handshakes_all import HandshakesAll
from twistedmx.service.workers.handshakes_here import HandshakesHere
from twistedmx.service.world import World
from twistedmx.settings import settings_from

DOCUMENT = {"handshakes": {"under_way": 40, "burst": 80, "rate": 8.0, "host_burst": 1000, "host_rate": 1000.0}}


def begin(handshakes, number, ends=True):
    """How many were admitted, each of another host."""
    admitted = 0
    for host in range(number):
        if handshakes.admit(f"192.0.2.{host % 250}"):
            admitted += 1
            if ends:
                handshakes.over()
    return admitted


class TestHandshakes(Machine):
    document = DOCUMENT
    step = 0.1

    @property
    def parts(self):
        return [worker.handshakes.part for worker in self.workers]

    def of_all(self):
        return tuple(sum(one) for one in zip(*self.parts, strict=True))

    def test_they_are_dealt_before_anybody_comes(self):
        """A worker has no limit of its own."""
        self.assertEqual(self.parts, [(10, 20, 2.0)] * 4)

    def test_they_go_where_they_are_asked_for(self):
        """A flood that comes to one worker has nearly all, and no more than all; the others keep a little."""
        flooded = self.workers[1].handshakes
        admitted = 0
        for _ in range(40):
            admitted += begin(flooded, 100)
            self.wait(0.1)
        self.assertGreater(admitted, 80 * 0.7)
        self.assertLessEqual(admitted, 80 + 8 * 4.0 + 1)
        self.assertEqual(self.of_all(), (40, 80, 8.0))
        self.assertGreater(flooded.part.rate, 8.0 * 0.7)
        self.assertGreater(begin(self.workers[0].handshakes, 100), 0)

    def test_those_under_way_are_counted_over_all(self):
        """Whoever begins and says no more, at whichever worker: forty, and then nobody else."""
        for _ in range(20):
            for worker in self.workers[:2]:
                begin(worker.handshakes, 9, ends=False)
            self.wait(0.2)
        self.assertLessEqual(sum(worker.handshakes.under_way for worker in self.workers), 40)
        self.assertGreaterEqual(sum(worker.handshakes.under_way for worker in self.workers), 36)
        self.assertGreater(self.workers[0].handshakes.refused[Refusal.UNDER_WAY], 0)

    def test_what_is_asked_for_no_more_comes_back(self):
        """Within seconds of the end of a flood everybody has an even part."""
        for _ in range(5):
            begin(self.workers[1].handshakes, 100)
            self.wait(0.2)
        self.assertNotEqual(self.parts, [(10, 20, 2.0)] * 4)
        self.wait(30)
        self.assertEqual(self.parts, [(10, 20, 2.0)] * 4)

    def test_a_worker_that_dies_gives_its_part_back(self):
        """And one that begins has some."""
        self.kill(self.workers[0])
        self.wait(1)
        self.assertEqual(self.of_all()[:2], (40, 80))
        self.join()
        self.wait(1)
        self.assertEqual((self.of_all(), self.parts[-1]), ((40, 80, 8.0), (10, 20, 2.0)))

    def test_other_settings_are_dealt_out(self):
        """A reload, with less: at once."""
        self.side.configure(settings_from({**DOCUMENT, "handshakes": {"under_way": 8, "burst": 4, "rate": 2.0}}, "x"))
        self.pump()
        self.assertEqual(self.parts, [(2, 1, 0.5)] * 4)

    def test_a_reload_of_a_worker_leaves_its_part(self):
        """Which is the supervisor's to change."""
        handshakes = self.workers[0].handshakes
        handshakes.settings = attrs.evolve(handshakes.settings, burst=1000)
        self.assertEqual(begin(handshakes, 100), 20)

    def test_nonsense_is_nothing_that_is_asked_for(self):
        """A worker that has gone mad: what it said before is taken to be so."""
        for said in (None, [], {"under_way": -1}, {"spent": 1}):
            self.workers[0].pair.other.tell("handshakes-asked", said)
        self.pump()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 4)
        self.assertEqual(self.of_all(), (40, 80, 8.0))


class TestWhatever(SynchronousTestCase):
    @given(st.integers(0, 2**32), st.integers(1, 6))
    @example(14, 4)  # one is short, and of another's tokens 11 or 12 are spent, by how many it has
    @settings(max_examples=30, deadline=None)
    def test_all_together_never_begin_more_than_the_settings_have(self, seed, number):
        """At whichever workers they are asked for, and whenever a line is heard: `burst`, and `rate` a second; and of those under
        way, `under_way`."""
        chance, clock = Random(seed), Clock()
        document = settings_from(DOCUMENT, "x")
        world = World(reactor=clock, disk=None, now=clock.seconds, environment={})
        of_all = HandshakesAll(document, world)
        pairs, here = [], []
        for one in range(number):
            hear = {}
            pair = Pair({"handshakes-asked": lambda said, one=one: of_all.hear_asked(one, said)}, hear)
            worker = HandshakesHere(document, world, pair.other)
            hear["handshakes-part"] = worker.hear_part
            pairs.append(pair)
            here.append(worker)
            of_all.joined(one, pair.one)
        for _ in range(8):
            for pair in pairs:
                pair.pump()
        self.assertEqual(sum(worker.handshakes.part.under_way for worker in here), 40)
        services = (of_all, *here)
        for service in services:
            service.startService()
        begun = 0
        for _ in range(80):
            worker = chance.choice(here).handshakes
            begun += begin(worker, chance.randrange(30), ends=False)
            self.assertLessEqual(sum(one.handshakes.under_way for one in here), 40)
            self.assertLessEqual(begun, 80 + 8.0 * clock.seconds() + 0.01)
            worker = chance.choice(here).handshakes
            for _ in range(chance.randrange(worker.under_way + 1)):
                worker.over()
            clock.advance(chance.choice((0.0, 0.1, 0.2, 1.0)))
            for pair in pairs:
                if chance.random() < 0.5:
                    pair.pump()
        for service in services:
            service.stopService()

"""One limit of sessions for all workers, judged by what all of them say, and dealt out."""

from functools import partial
from random import Random

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.service.workers.machine import EPOCH, Machine
from tests.service.workers.pair import Pair
from twistedmx.model.governor_event import LimitMoved
from twistedmx.model.vitals import Vitals
from twistedmx.policy.admission import Admission, Full
from twistedmx.policy.load import LoadSettings
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import NOTHING_KNOWN
from twistedmx.policy.tarpit import Tarpit
from twistedmx.report.stream import Stream
from twistedmx.service.workers.governing_all import GoverningAll
from twistedmx.service.workers.governing_here import GoverningHere
from twistedmx.service.workers.shares_here import SharesHere
from twistedmx.service.world import World
from twistedmx.settings import settings_from
from twistedmx.testing.stage import Stage

STAYS = Vitals(load=LoadSettings().target * 0.9)  # the limit does
HOST = b"\xcb\0\x72\x09"


class Sessions(Machine):
    """Sessions of strangers come to workers, as to a door, and go."""

    document = {"governor": {"start": 140, "floor": 40, "heard_out": 0}}
    step = 0.1  # as often as lag is looked at: else the clock of a test is late

    def setUp(self):
        super().setUp()
        self.places = {}

    def come(self, worker, number=1):
        """How many found a place."""
        admission, found = worker.admission, 0
        for _ in range(number):
            if admission.no_place(NOTHING_KNOWN) is Full.STRANGERS:
                admission.missed()
            else:
                self.places.setdefault(worker, []).append(admission.enter(HOST, NOTHING_KNOWN, shared=False))
                found += 1
        return found

    def go(self, worker, number):
        for _ in range(min(number, len(self.places.get(worker, ())))):
            worker.admission.leave(HOST, self.places[worker].pop())

    @property
    def parts(self):
        return [worker.admission.limit for worker in self.workers]

    @property
    def limit(self):
        return self.side.governing.governor.limit

    @property
    def strangers(self):
        return sum(worker.admission.strangers for worker in self.workers)


class TestLimit(Sessions):
    def test_it_is_dealt_before_anybody_comes(self):
        """A worker has no limit of its own, and its hosts' shares are of the whole."""
        self.assertEqual(self.parts, [35, 35, 35, 35])
        self.assertEqual([worker.admission.whole for worker in self.workers], [140] * 4)

    def test_a_worker_that_has_said_nothing_yet_lowers_no_limit(self):
        """Nobody knows yet how many descriptors it has."""
        self.side.governing._look()
        self.join()
        self.side.governing._look()
        self.assertEqual(self.limit, 140)

    def test_a_host_has_its_share_of_the_whole(self):
        """All of it comes to one worker; of a network, each worker has some hosts, and a part of its share."""
        admission = self.workers[0].admission
        used = [admission.share_used_up(HOST, NOTHING_KNOWN, of_host) for of_host in (27, 28)]
        self.assertEqual(used, [None, Full.HOST])

    def test_it_goes_where_sessions_are(self):
        """All that is left over, while others have none; and who comes there has a place at once."""
        self.vitals = STAYS
        self.wait(1.2)  # that is seen
        for _ in range(4):
            self.come(self.workers[0], 500)
            self.wait(1)
        self.assertEqual((self.parts, sum(self.parts)), ([116, 8, 8, 8], 140))
        self.assertEqual([self.come(worker, 100) for worker in self.workers[1:]], [8, 8, 8])
        self.go(self.workers[0], 60)
        self.wait(12)  # what was wanted is forgotten
        self.assertEqual(sum(self.come(worker, 100) for worker in self.workers[1:]), 45, "three of four")
        self.assertEqual(self.come(self.workers[0], 100), 15)
        self.assertEqual(self.strangers, 140)

    def test_it_moves_by_what_all_of_them_need_and_is_told_once(self):
        """Each has its part in use, and somebody is left out: there is need, as there is in a single process."""
        for worker in self.workers:
            self.come(worker, 36)
        self.wait(2.2)
        (told,) = self.heard(LimitMoved)
        self.assertEqual((told.before, told.why, told.strangers), (140, "wanted", 140))
        self.assertGreater(told.limit, 170)  # a fourth, in about a second
        self.assertEqual((sum(self.parts), self.limit), (told.limit, told.limit))
        self.assertFalse(any(type(event) is LimitMoved for worker in self.workers for event in worker.told))

    def test_the_worst_lag_of_all_presses(self):
        """One worker that is late is a machine that is: half a second is high."""
        for worker in self.workers:
            self.come(worker, 30)
        self.workers[2].governing._lag.take = lambda: 0.6
        self.wait(3)
        self.assertLess(self.limit, 100)
        self.assertEqual(sum(self.parts), self.limit)
        self.assertTrue(all(worker.watching.alertness.under_load for worker in self.workers))
        self.assertEqual(self.heard(LimitMoved)[-1].why, "lag")

    def test_load_is_told_to_all_and_taken_back(self):
        """Limits under load hold everywhere or nowhere."""
        self.vitals = Vitals(load=9.0)
        self.wait(2)
        self.assertTrue(all(worker.watching.alertness.under_load for worker in self.workers))
        self.assertTrue(self.join().watching.alertness.under_load)
        self.vitals = Vitals(load=0.1)
        self.wait(40)
        self.assertFalse(any(worker.watching.alertness.under_load for worker in self.workers))

    def test_a_worker_that_dies_gives_its_part_back(self):
        """At once: what it had, nobody has any more."""
        self.come(self.workers[0], 35)
        self.wait(1)
        self.kill(self.workers[0])
        self.assertEqual(sum(self.parts), 140)
        self.kill(self.workers[0])
        self.assertEqual(self.parts, [70, 70])
        self.join()
        self.assertEqual((sum(self.parts), len(self.parts)), (140, 3))
        self.assertGreater(min(self.parts), 40)

    def test_where_the_supervisor_is_silent_a_worker_keeps_what_it_had(self):
        """Neither all of it nor nothing."""
        self.workers[1].pair.stop_reading(0)
        self.workers[1].pair.stop_reading(1)
        self.come(self.workers[1], 10)
        self.wait(30)
        self.assertEqual(self.workers[1].admission.limit, 35)

    def test_status_has_the_governor_of_the_machine(self):
        """Sums, and what those had refused who are no more."""
        for worker in self.workers:
            self.come(worker, 5)
            worker.admission.refused[Full.HOST] += 2
        self.wait(2)
        self.kill(self.workers[0])
        told = self.side.governing.told()
        self.assertEqual((told["limit"], told["strangers"], told["refused"]["host"]), (140, 15, 8))
        self.assertEqual(told["waiting"], {"proven": 0, "familiar": 0, "stranger": 0, "failed": 0, "hung_up": 0})
        single = set(self.workers[0].governing.told())
        self.assertEqual(set(told), single, "as that of a single process")

    def test_nonsense_is_no_demand(self):
        """A worker that has gone mad: what it said before is taken to be so."""
        for said in (None, [], {"strangers": -1}, {"used": 1}):
            self.workers[0].pair.other.tell("demand", said)
        self.pump()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 4)
        self.assertEqual(sum(self.parts), 140)


class TestHeardOut(Sessions):
    document = {"governor": {"start": 140, "floor": 40, "heard_out": 400}}

    def test_each_worker_hears_some_out_and_gets_places_for_them(self):
        """A fourth of those who may be, and of the two hundred a second; places that others do not need go there."""
        self.vitals = STAYS
        self.wait(1.2)
        admission = self.workers[0].admission
        self.assertEqual(self.come(self.workers[0], 45), 45, "35 places, and a fifth of a second")
        self.wait(0.3)
        self.assertEqual((admission.strangers, admission.heard_out), (45, 0), "nobody was held out, and there is need")
        for _ in range(20):
            self.come(self.workers[0], 10)
            self.wait(0.2)
        self.assertEqual(self.come(self.workers[0]), 0)
        self.assertEqual((admission.strangers, admission.heard_out), (116, 100))
        told = self.side.governing.told()
        self.assertEqual((told["limit"], told["strangers"], told["heard_out"]), (140, 216, 100))

    def test_a_ceiling_is_of_all_together(self):
        """Whoever wrote how many sessions there may be meant those of the machine."""
        for worker in self.workers:
            worker.admission.settings = attrs.evolve(worker.admission.settings, ceiling=149)
        self.vitals = STAYS
        self.wait(1.2)
        self.assertEqual([self.come(worker, 50) for worker in self.workers], [37] * 4)

    def test_the_descriptors_that_they_have_are_places_too(self):
        """A limit is no lower than they allow, of all workers together."""
        self.vitals = STAYS
        self.wait(1.2)
        for worker in self.workers:
            self.come(worker, 45)
            worker.governing._descriptors_left = lambda door: -4
        self.wait(1.2)
        self.assertEqual(self.limit, 140)


class TestWhatever(SynchronousTestCase):
    """Whoever comes and goes at whichever worker, and whenever a line is heard."""

    @given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from((0, 400)))
    @settings(max_examples=30, deadline=None)
    def test_all_together_never_let_in_more_than_the_limit(self, seed, number, heard_out):
        """What one loses another has only when the first is known to keep to it. Who is heard out has none of it."""
        chance, dealt = Random(seed), Dealt(number, heard_out)
        dealt.vitals = STAYS
        dealt.settle()
        for _ in range(60):
            chance.choice(dealt.admissions).come(chance.randrange(60))
            self.assertLessEqual(dealt.strangers, 140)
            self.assertLessEqual(sum(each.present for each in dealt.admissions), 140 + heard_out)
            chance.choice(dealt.admissions).go(chance.randrange(40))
            dealt.go_on(chance)
        self.assertEqual(dealt.limit, 140)
        dealt.settle()
        self.assertEqual(sum(each.limit for each in dealt.admissions), 140)
        dealt.stop()

    @given(st.integers(0, 2**32), st.integers(1, 6))
    @settings(max_examples=30, deadline=None)
    def test_wherever_the_limit_moves_the_parts_follow(self, seed, number):
        """They are never more than the limit, once they are heard; and no less, unless somebody has more than his part by now."""
        chance, dealt = Random(seed), Dealt(number)
        for _ in range(60):
            chance.choice(dealt.admissions).come(chance.randrange(60))
            self.assertLessEqual(dealt.strangers, dealt.highest)
            chance.choice(dealt.admissions).go(chance.randrange(40))
            dealt.vitals = Vitals(load=chance.choice((0.1, 1.0, 1.8, 3.0, 5.0)))
            dealt.go_on(chance)
        dealt.settle()
        self.assertLessEqual(sum(each.limit for each in dealt.admissions), dealt.limit)
        self.assertGreaterEqual(sum(max(each.limit, each.strangers) for each in dealt.admissions), dealt.limit)
        dealt.stop()


class Counted(Admission):
    """With sessions of strangers that come and go."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.places = []

    def come(self, number):
        """How many found a place."""
        for found in range(number):
            if self.no_place(NOTHING_KNOWN) is Full.STRANGERS:
                self.missed()
                return found
            self.places.append(self.enter(HOST, NOTHING_KNOWN, shared=False))
        return number

    def go(self, number):
        for _ in range(min(number, len(self.places))):
            self.leave(HOST, self.places.pop())


class Dealt:
    """Governors alone: that of all, and those of workers. `highest`: of its limits so far, also of one that held for a moment."""

    def __init__(self, number, heard_out=0):
        self.clock, self.vitals = Clock(), Vitals()
        self.clock.advance(EPOCH)
        # The clock of a test is late by as much as it is set ahead.
        document = {
            "governor": {**Sessions.document["governor"], "heard_out": heard_out},
            "load": {"lag_target": 0.0, "lag_high": 0.0},
        }
        self.settings = settings_from(document, "x")
        world = World(
            reactor=self.clock, disk=None, now=self.clock.seconds, vitals=lambda time: self.vitals, environment={}
        )
        events = Stream([])
        self.all = GoverningAll(self.settings, world, events, Alertness())
        self.all.startService()
        self.highest = self.limit
        self.pairs, self.admissions, self.here = [], [], []
        for one in range(number):
            hear = {}
            pair = Pair({"demand": partial(self.all.hear_demand, one)}, hear)
            shares = SharesHere(world, pair.other, number)
            here = GoverningHere(self.settings, world, events, Alertness(), Tarpit(self.clock), pair.other, shares)
            hear["limit"] = here.hear_limit
            here.door = Stage(self.settings).factory.door
            here.door.admission = Counted(self.settings.governor, limit=0)
            self.admissions.append(here.door.admission)
            self.pairs.append(pair)
            self.here.append(here)
            self.all.joined(one, pair.one)
            self.pump()
            here.startService()

    @property
    def limit(self):
        return self.all.governor.limit

    @property
    def strangers(self):
        return sum(each.strangers for each in self.admissions)

    def go_on(self, chance):
        """Time does, and some of the lines are heard."""
        for _ in range(chance.choice((1, 2, 5))):
            self.clock.advance(0.1)
            self.highest = max(self.highest, self.limit)
        for pair in self.pairs:
            if chance.random() < 0.5:
                pair.pump()

    def settle(self):
        """For seconds nobody comes or goes, and all is heard."""
        self.vitals = STAYS
        for _ in range(31):
            self.clock.advance(0.1)
            self.pump()

    def pump(self):
        for _ in range(4):
            for pair in self.pairs:
                pair.pump()

    def stop(self):
        for service in (self.all, *self.here):
            service.stopService()

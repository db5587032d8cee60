"""Shares of networks, counted over all workers: the hosts of a network are at all of them."""

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.service.workers.machine import Machine
from tests.service.workers.pair import Pair
from twistedmx.net.steering import worker_of
from twistedmx.policy.admission import Admission, Full
from twistedmx.policy.host_key import host_key
from twistedmx.policy.record import NOTHING_KNOWN, PROVEN, STRANGERS
from twistedmx.service.workers.shares_all import SharesAll
from twistedmx.service.workers.shares_here import SharesHere
from twistedmx.service.world import World
from twistedmx.settings import settings_from

# Of 1000 a /26 has 100 and a /21 200; nothing moves the limit.
LIMIT = {"start": 1000, "floor": 1000, "ceiling": 1000, "shares": [0.1, 0.1, 0.2], "least": [1, 1, 1]}
DOCUMENT = {"governor": LIMIT}


def hosts(network="203.0.113.", number=64):
    return [f"{network}{last}" for last in range(number)]


class TestShares(Machine):
    document = DOCUMENT
    step = 0.05

    def setUp(self):
        super().setUp()
        self.wait(1)
        self.there = []

    def come(self, address, known=NOTHING_KNOWN):
        """To its worker: has it a place?"""
        admission = self.workers[worker_of(address, 4)].admission
        host = host_key(address)
        if admission.share_used_up(host, known, 0) is not None:
            return False
        self.there.append((admission, host, admission.enter(host, known, shared=True)))
        return True

    def go(self, number):
        for _ in range(number):
            admission, host, place = self.there.pop()
            admission.leave(host, place)

    def test_the_hosts_of_a_network_have_one_share(self):
        """However they are spread, and however fast they come: never more; and soon nearly all of it."""
        self.assertEqual(sum(self.come(host) for host in hosts() * 8), 100)
        for _ in range(10):
            self.wait(0.2)
            for host in hosts() * 8:
                self.come(host)
            self.assertLessEqual(len(self.there), 100)
        self.assertEqual(len(self.there), 100)

    def test_a_wider_network_has_one_too(self):
        """Its smaller ones together."""
        for _ in range(10):
            for part in range(8):
                for host in hosts(f"198.51.{96 + part}.", 250):
                    self.come(host)
            self.assertLessEqual(len(self.there), 200)
            self.wait(0.2)
        self.assertEqual(len(self.there), 200)
        self.assertTrue(self.come("192.0.2.1"), "whoever is not of it has a place")
        self.assertTrue(self.come("198.51.97.1", PROVEN))

    def test_those_of_one_worker_have_what_the_others_leave(self):
        """Three of four parts at least: the others keep a little."""
        mine = [host for host in hosts() if worker_of(host, 4) == 2]
        for _ in range(10):
            for host in mine * 20:
                self.come(host)
            self.wait(0.2)
        self.assertGreaterEqual(len(self.there), 75)
        self.assertLessEqual(len(self.there), 100)
        other = next(host for host in hosts() if worker_of(host, 4) == 1)
        self.assertTrue(self.come(other))

    def test_who_has_sent_mail_counts_less_wherever_he_is(self):
        """The record that lets a share grow is known to the worker of the host; what it makes of it is summed."""
        for _ in range(12):
            for host in hosts() * 8:
                self.come(host, STRANGERS[3])
            self.wait(0.2)
            self.assertLessEqual(len(self.there), 400)
        self.assertEqual(len(self.there), 400)

    def test_who_goes_makes_room_at_another_worker(self):
        """Within a second, and what is not crowded any more is forgotten."""
        mine = [host for host in hosts() if worker_of(host, 4) == 2]
        others = [host for host in hosts() if worker_of(host, 4) != 2]
        for _ in range(10):
            for host in mine * 20:
                self.come(host)
            self.wait(0.2)
        self.go(len(self.there))
        for _ in range(20):
            self.wait(0.2)
            for host in others * 4:
                self.come(host)
            self.assertLessEqual(len(self.there), 100)
        self.assertGreaterEqual(len(self.there), 90)
        shares = self.side._shares
        self.assertGreater(len(shares), 0)
        self.go(len(self.there))
        self.wait(30)
        self.assertEqual(len(shares), 0)
        self.assertEqual([worker.admission._parts for worker in self.workers], [{}] * 4)
        self.assertEqual([worker.admission._heard_of for worker in self.workers], [set()] * 4)

    def test_a_network_with_few_sessions_is_not_talked_of_any_more(self):
        """A provider always has some, and once had a crowd."""
        for _ in range(10):
            for host in hosts() * 8:
                self.come(host)
            self.wait(0.2)
        self.go(len(self.there) - 4)
        self.wait(60)
        host = hosts()[9]
        worker = self.workers[worker_of(host, 4)]
        for _ in range(3):
            self.assertTrue(self.come(host))
            self.wait(1)
            self.go(1)
            self.wait(1)
            self.assertEqual((len(self.side._shares), worker.admission._heard_of), (0, set()))

    def test_a_worker_that_follows_another_hears_its_parts_first(self):
        """Else it would let in an even part of what others have."""
        mine = [host for host in hosts() if worker_of(host, 4) == 2]
        for _ in range(10):
            for host in mine * 20:
                self.come(host)
            self.wait(0.2)
        self.kill(self.workers[3])
        self.wait(1)
        for _ in range(10):
            for host in mine * 20:
                self.come(host)
            self.wait(0.2)
        before = len(self.there)
        follows = self.join()
        for host in hosts() * 8:
            if worker_of(host, 4) == 3:
                self.come(host)
        self.assertIs(self.workers[3], follows)
        self.assertLessEqual(len(self.there), 100)
        self.assertGreaterEqual(before, 75)

    def test_in_one_process_nothing_is_counted_elsewhere(self):
        """Its admission knows of no parts."""
        self.assertIs(type(Admission(self.settings.governor, limit=5)), Admission)
        self.assertNotIn("_parts", vars(Admission(self.settings.governor, limit=5)))

    def test_nonsense_is_no_use(self):
        """A worker that has gone mad."""
        for said in (None, [[]], [[False, "1", 2, 3]], [[False, 1, -2, 3]], [[0, 1, 2, 3]], [[False, 2**70, 2, 3]]):
            self.workers[0].pair.other.tell("shares-used", said)
        self.pump()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 6)


class TestKept(Machine):
    document = {"governor": {"kept": 200}}

    def test_kept_descriptors_are_those_of_the_machine(self):
        """Strangers of all workers leave so many alone, and where hosts of good record are there are more of them."""
        self.wait(2)
        kept = [worker.governing._limit.kept for worker in self.workers]
        self.assertEqual(kept, [50] * 4)
        for _ in range(150):
            self.workers[1].admission.enter(b"\xcb\0\x72\x09", PROVEN, shared=True)
        self.wait(3)
        kept = [worker.governing._limit.kept for worker in self.workers]
        self.assertEqual((sum(kept), kept[1] >= 150), (200, True))
        for worker, number in zip(self.workers, kept, strict=True):
            self.assertEqual(worker.governing.door._kept, min(number, worker.governing.door._descriptors // 4))


class TestWhatever(SynchronousTestCase):
    # What was held when a line was made, and said after it had been answered that it is more, was dealt to others as well.
    @example(2759, 3, 2)
    @example(102339, 3, 4)
    # A worker that forgot a network while it was heard of anew did not tell that nobody is left.
    @example(201320, 2, 1)
    @given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 60))
    @settings(max_examples=40, deadline=None)
    def test_a_network_never_has_more_than_its_share(self, seed, number, share):
        """Whoever comes and goes at whichever worker, with whatever record, and whenever a line is heard."""
        chance, clock = Random(seed), Clock()
        document = settings_from({"governor": {**LIMIT, "shares": [0.001] * 3, "least": [1, share, share * 2]}}, "x")
        world = World(reactor=clock, disk=None, now=clock.seconds, environment={})
        of_all = SharesAll(document, world, number, lambda: 1000)
        pairs, admissions, there, here = [], [], [], []
        for one in range(number):
            hear = {}
            pair = Pair({"shares-used": lambda said, one=one: of_all.hear_used(one, said)}, hear)
            worker = SharesHere(world, pair.other, number)
            hear["shares-dealt"] = worker.hear_dealt
            worker.startService()
            admissions.append(worker.in_place_of(Admission(document.governor, limit=1000)))
            pairs.append(pair)
            here.append(worker)
            of_all.joined(one, pair.one)
        of_all.startService()
        for _ in range(120):
            admission = chance.choice(admissions)
            for _ in range(chance.randrange(20)):
                # Two /26 of one /21, of which each has all sorts of hosts.
                host = bytes((203, 0, 113, chance.choice((1, 65)) + chance.randrange(60)))
                known = chance.choice((NOTHING_KNOWN, *STRANGERS))
                used_up = admission.share_used_up(host, known, 0)
                if used_up is None:
                    there.append((admission, host, admission.enter(host, known, shared=True)))
                else:
                    self.assertIs(used_up, Full.NETWORK)
            for first, most in ((1, share), (65, share), (None, share * 2)):
                weight = sum(p.weight for _, h, p in there if first is None or first <= h[3] < first + 63)
                self.assertLessEqual(weight, most * 12)
            chance.shuffle(there)
            for _ in range(chance.choice((0, 3, len(there)))):
                if there:
                    left, host, place = there.pop()
                    left.leave(host, place)
            clock.advance(chance.choice((0.0, 0.02, 0.1, 1.0)))
            for pair in pairs:
                if chance.random() < 0.5:
                    pair.pump()
        for admission, host, place in there:
            admission.leave(host, place)
        for _ in range(30):
            clock.advance(1.0)
            for _ in range(4):
                for pair in pairs:
                    pair.pump()
        self.assertEqual(len(of_all), 0)
        for service in (of_all, *here):
            service.stopService()

"""The governor of a running server: what it looks at, what it moves, and what it tells."""

import json
from random import Random

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.test_connections import Transport
from tests.net.test_door import FULL
from twistedmx.model.governor_event import LimitMoved, NewcomersRefused
from twistedmx.model.vitals import Vitals
from twistedmx.policy.record import PROVEN
from twistedmx.report.stream import Stream
from twistedmx.service.governing import Governing
from twistedmx.service.world import World
from twistedmx.settings import settings_from
from twistedmx.testing.stage import Stage

GUESSES = b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\n"


class Base(SynchronousTestCase):
    settings = {"governor": {"start": 4, "floor": 2, "patience": 60, "heard_out": 0}, "host": "mx.example.org"}

    def setUp(self):
        settings = settings_from(self.settings, "x")
        self.stage = Stage(settings)
        self.addCleanup(self.stage.wheel.stop)
        self.clock: Clock = self.stage.clock
        self.vitals = Vitals(load=0.1, runnable=0.0, free_memory=0.9)
        world = World(
            reactor=self.clock,
            disk=None,
            chance=lambda: Random(1),
            load=lambda: 0.0,
            vitals=lambda time: self.vitals,
            environment={},
        )
        self.told = []
        self.stream = Stream([self.told.append])
        site, factory = self.stage.site, self.stage.factory
        self.governing = Governing(settings, world, self.stream, site.alertness, site.tarpit)
        self.governing.door, self.governing.sessions = factory.door, factory.sessions
        self.door = factory.door
        self.governing.startService()
        self.addCleanup(self.governing.stopService)

    def come(self, host):
        transport = Transport(IPv4Address("TCP", host, 1024))
        transport.protocol = self.stage.factory.meet(transport.getPeer(), secure=False)
        transport.protocol.makeConnection(transport)
        return transport

    def crowd(self, number, network="192.0"):
        return [self.come(f"{network}.{one // 250}.{one % 250}") for one in range(number)]

    def pass_(self, seconds):
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    def of(self, kind):
        return [event for event in self.told if isinstance(event, kind)]


class TestLimit(Base):
    def test_on_a_calm_machine_it_rises_until_nobody_waits(self):
        """Siege 2, in small: and who waited is greeted, in some seconds at most."""
        crowd = self.crowd(40)
        self.assertEqual(sum(bool(transport.value()) for transport in crowd), 4)
        self.pass_(10)
        self.assertEqual(sum(bool(transport.value()) for transport in crowd), 40)
        moved = self.of(LimitMoved)
        self.assertEqual((moved[0].before, moved[0].why), (4, "wanted"))
        self.assertEqual([event.before for event in moved[1:]], [event.limit for event in moved[:-1]])
        self.assertGreaterEqual(moved[-1].limit, 40)
        self.assertEqual((moved[0].load, moved[0].free_memory), (0.1, 0.9))

    def test_on_a_loaded_one_it_falls_to_the_floor_and_limits_under_load_hold(self):
        """And who behaves and is in stays in."""
        crowd = self.crowd(4)
        self.vitals = attrs.evolve(self.vitals, load=50.0)
        self.pass_(120)
        self.assertEqual(self.governing.governor.limit, 2)
        self.assertTrue(self.stage.alertness.under_load)
        self.assertEqual([transport.disconnecting for transport in crowd], [False] * 4)
        self.assertEqual(self.of(LimitMoved)[-1].why, "load")
        self.vitals = attrs.evolve(self.vitals, load=0.1)
        self.pass_(120)
        self.assertFalse(self.stage.alertness.under_load)
        self.assertGreaterEqual(self.governing.governor.limit, 4)

    def test_those_who_have_only_failed_go_when_it_falls(self):
        """They are asked to, some in a second."""
        crowd = self.crowd(4)
        for transport in crowd:
            transport.protocol.dataReceived(GUESSES)
        self.vitals = attrs.evolve(self.vitals, load=50.0)
        self.pass_(120)
        self.assertEqual(self.door.admission.strangers, 2)

    def test_what_cannot_be_read_moves_nothing(self):
        """A container that hides all of it."""
        self.vitals = Vitals()
        self.crowd(40)
        self.pass_(10)
        self.assertFalse(self.stage.alertness.under_load)
        self.assertGreater(self.governing.governor.limit, 4)

    def test_descriptors_bound_it(self):
        """Whatever the load is."""
        self.door._descriptors, self.door._kept = 50, 10
        self.crowd(45)
        self.pass_(10)
        self.assertEqual(self.governing.governor.limit, 40 - len(self.door.anteroom))
        self.assertEqual(self.governing.governor.why.value, "descriptors")


class TestHeardOut(Base):
    """Beyond the limit, until they have named a recipient."""

    settings = {"governor": {"start": 4, "floor": 2, "patience": 60}, "host": "mx.example.org"}

    def setUp(self):
        super().setUp()
        self.vitals = attrs.evolve(self.vitals, load=2.5)  # for each CPU: the limit stays where it is
        self.pass_(1.1)

    def greeted(self, crowd):
        return sum(transport.value().startswith(b"220") for transport in crowd)

    def test_some_begin_each_fifth_of_a_second(self):
        """Two hundred a second, as fast as a siege comes; and no more than may be at a time."""
        self.door.configure(attrs.evolve(self.door.admission.settings, heard_out=100))
        crowd = [self.come(f"198.{one}.0.1") for one in range(200)]  # whom no share of a network keeps out
        self.assertEqual(self.greeted(crowd), 44)
        for _ in range(60):
            self.clock.advance(0.005)  # at the pace of the anteroom
        self.assertEqual(self.greeted(crowd), 84)
        self.pass_(2)
        self.assertEqual(self.greeted(crowd), 104)
        told = self.governing.told()
        self.assertEqual((told["strangers"], told["heard_out"]), (104, 100))

    def test_it_falls_as_well_while_they_fail(self):
        """Each who does is one too many for a moment: no step that is not carried out."""
        self.governing.governor.begin_at(40)
        limits, inside = [], []
        for one in range(600):
            self.clock.advance(0.1)
            for transport in [self.come(f"198.{one % 200}.{one // 200}.{last}") for last in (1, 2)]:
                transport.protocol.dataReceived(GUESSES)
                inside.append(transport)
            for transport in [transport for transport in inside if transport.disconnecting]:
                transport.protocol.connectionLost(None)
                inside.remove(transport)
            limits.append(self.governing.governor.limit)
            if one == 50:
                self.vitals = attrs.evolve(self.vitals, load=9.0)
        self.assertGreater(limits[50], 30)
        self.assertEqual(limits[-1], 2)
        self.assertGreater(self.door.admission.displaced, 1000)

    def test_who_is_to_go_has_gone_before_it_is_judged(self):
        """Also when both are due at once."""
        for transport in self.crowd(10):
            transport.protocol.dataReceived(GUESSES)
        self.assertEqual(self.door.admission.over, 6)
        self.governing._look()
        self.assertEqual(self.door.admission.over, 0)

    def test_no_more_than_a_ceiling_come_also_when_the_limit_falls(self):
        """Who has a place stays, and nobody is heard out in his stead."""
        self.governing.governor.begin_at(40)
        self.door.configure(attrs.evolve(self.door.admission.settings, ceiling=40))
        self.pass_(1.1)
        self.assertEqual(self.greeted(self.crowd(36)), 36)
        self.vitals = attrs.evolve(self.vitals, load=9.0)
        self.pass_(3)
        self.assertLess(self.governing.governor.limit, 36)
        self.assertEqual(self.greeted(self.crowd(10, "198.51")), 4)

    def test_they_want_places(self):
        """The limit rises by them, and who was heard out has one."""
        self.assertEqual(self.greeted(self.crowd(40)), 40)
        self.vitals = attrs.evolve(self.vitals, load=0.1)
        self.pass_(10)
        told = self.governing.told()
        self.assertGreaterEqual(told["limit"], 40)
        self.assertEqual((told["strangers"], told["heard_out"]), (40, 0))

    def test_a_ceiling_is_of_all(self):
        """Whoever wrote how many sessions there may be meant it (tcpserver -c)."""
        self.door.configure(attrs.evolve(self.door.admission.settings, ceiling=10))
        self.pass_(0.2)
        self.assertEqual(self.greeted(self.crowd(40)), 10)

    def test_other_programs_load_holds_nobody_out(self):
        """It is not by them. Our own is: the loop is late, memory is scarce, or a quota holds us back."""
        quiet = {"lag": 0.0}
        for vitals, heard in (
            ({"load": 50.0}, True),
            ({"free_memory": 0.01}, False),
            ({"throttled": 0.9}, False),
            ({}, True),
        ):
            self.vitals = Vitals(**{"load": 0.1, "runnable": 0.0, "free_memory": 0.9, **quiet, **vitals})
            self.pass_(1.1)
            crowd = self.crowd(10)
            self.assertEqual(self.greeted(crowd), 10 if heard else min(self.door.admission.limit, 10), vitals)
            for transport in crowd:
                transport.protocol.connectionLost(None)

    def test_descriptors_bound_them(self):
        """A fourth of all at most, and nobody more where no more than that are left: hosts of good record, who waits, and who was
        displaced and has not gone yet, need some as well."""
        self.door._descriptors, self.door._kept, self.door._places = 100, 10, 25
        self.pass_(0.2)
        crowd = [self.come(f"198.{one}.0.1") for one in range(70)]
        self.assertEqual((self.greeted(crowd), self.door.left), (29, 20))
        for transport in crowd[:10]:
            transport.protocol.connectionLost(None)
        self.pass_(2)
        told = self.governing.told()
        self.assertEqual((told["heard_out"], self.door.left), (25, 30), "those who wait have come in")
        self.door._kept = 26
        self.pass_(0.2)
        for transport in crowd[10:20]:
            transport.protocol.connectionLost(None)
        self.assertEqual((self.governing.told()["heard_out"], self.door.left), (15, 24))
        self.pass_(2)
        self.assertEqual(
            (self.governing.told()["heard_out"], self.door.left), (15, 24), "so many are left, and no more"
        )

    def test_the_descriptors_that_they_have_are_places_too(self):
        """A limit that rises gives them some: it is no higher than descriptors allow, and no lower."""
        self.door._descriptors, self.door._kept = 60, 10
        self.assertEqual(self.greeted(self.crowd(30)), 30)
        self.governing.governor.begin_at(45)
        self.pass_(1.1)
        self.assertGreater(self.governing.governor.limit, 40)  # unused ones are taken back slowly

    def test_who_is_displaced_and_does_not_go_leaves_hosts_of_good_record_theirs(self):
        """He has a descriptor for seconds more, and a bot need not close."""
        self.door._descriptors, self.door._kept, self.door._places, self.door._spare = 100, 10, 25, 5
        for one in range(300):
            transport = self.come(f"198.{one % 200}.{one // 200}.1")
            if transport.value().startswith(b"220"):
                transport.protocol.dataReceived(GUESSES)
            self.clock.advance(0.005)
        self.assertEqual(self.door.left, -5)
        alertness = attrs.evolve(self.stage.site.alertness, known=lambda address: PROVEN)
        self.stage.factory.site = attrs.evolve(self.stage.site, alertness=alertness)
        self.assertEqual(self.greeted([self.come("203.0.113.1")]), 1)

    def test_each_of_many_workers_hears_some_out(self):
        """Of less than one in a look, what is left over goes on to the next one."""
        self.governing._processes = 80
        self.pass_(0.2)
        crowd = [self.come(f"198.{one}.0.1") for one in range(30)]
        before = self.greeted(crowd)
        self.pass_(2)
        self.assertEqual((before, self.greeted(crowd)), (4, 9))

    def test_who_only_talks_holds_up_nobody(self):
        """Twenty commands are enough to name a recipient."""
        crowd = self.crowd(6)
        for transport in crowd:
            transport.protocol.dataReceived(b"EHLO x\r\n" + b"NOOP\r\n" * 19)
        self.pass_(1.1)
        self.assertFalse(any(transport.disconnecting for transport in crowd))
        for transport in crowd:
            transport.protocol.dataReceived(b"NOOP\r\n")
        self.pass_(1.1)
        self.assertTrue(all(transport.value().endswith(FULL) for transport in crowd))
        self.assertEqual(self.door.admission.displaced, 6)

    def test_the_silent_hold_up_nobody(self):
        """Where there are more than places, ten seconds are enough, as where somebody waits; and delays are lifted."""
        crowd = self.crowd(6)
        self.pass_(20)
        self.assertTrue(all(b"421 4.4.2" in transport.value() for transport in crowd))
        self.crowd(6, "198.51")
        self.pass_(1.1)
        self.assertTrue(self.stage.site.tarpit.is_lifted)


class TestCrowded(Base):
    settings = {
        "governor": {"start": 4, "floor": 2, "ceiling": 4, "patience": 60, "idle": 10, "heard_out": 0},
        "host": "mx.example.org",
    }

    def test_who_says_nothing_ends_where_others_wait(self):
        """And delays hold no places meanwhile."""
        silent = self.crowd(4)
        self.pass_(20)
        self.assertFalse(any(transport.disconnecting for transport in silent), "nobody waits")
        self.assertFalse(self.stage.site.tarpit.is_lifted)
        other = self.come("198.51.100.1")
        self.pass_(2)
        self.assertTrue(other.value())
        self.assertIn(b"421 4.4.2", b"".join(transport.value() for transport in silent))

    def test_delays_are_lifted_as_long_as_somebody_waits(self):
        """Each holds a place."""
        crowd = self.crowd(5)
        self.pass_(2)
        self.assertTrue(self.stage.site.tarpit.is_lifted)
        for transport in crowd:
            transport.protocol.connectionLost(None)
        self.pass_(2)
        self.assertFalse(self.stage.site.tarpit.is_lifted)

    def test_who_is_refused_is_told_at_once_and_then_once_a_minute(self):
        """A flood of them is not a flood of lines."""
        self.door.configure(attrs.evolve(self.door.admission.settings, over="refuse"))
        self.crowd(7)
        self.pass_(2)
        self.crowd(5, "198.51")
        self.pass_(30)
        self.assertEqual(
            [(dict(one.refused)["strangers"], one.displaced) for one in self.of(NewcomersRefused)], [(3, 0)]
        )
        self.pass_(40)
        self.assertEqual([dict(one.refused)["strangers"] for one in self.of(NewcomersRefused)], [3, 5])

    def test_what_is_told_of_it_is_json(self):
        """For `status`."""
        self.crowd(6)
        self.pass_(2)
        told = json.loads(json.dumps(self.governing.told()))
        self.assertEqual((told["limit"], told["strangers"], told["ceiling"]), (4, 4, 4))
        self.assertEqual(told["waiting"], {"proven": 0, "familiar": 0, "stranger": 2, "failed": 0, "hung_up": 0})
        self.assertEqual(told["vitals"]["load"], 0.1)

    def test_a_fault_of_ours_leaves_nobody_under_load_for_ever(self):
        """It is said in the log, and the limit stays where it is."""
        self.vitals = attrs.evolve(self.vitals, load=50.0)
        self.pass_(2)
        self.assertTrue(self.stage.alertness.under_load)
        self.vitals = None
        self.pass_(2)
        self.assertFalse(self.stage.alertness.under_load)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_a_stop_leaves_nothing_behind(self):
        """No timer of its own."""
        self.governing.stopService()
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "anteroom" not in str(call.func)], [])
        self.governing.startService()

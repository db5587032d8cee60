"""Who is blocked waits before he is told so, and holds up nobody."""

from random import Random

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.test_connections import Transport
from twistedmx.net.doorstep import Doorstep
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import network_of
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage


class TestDoorstep(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.doorstep = Doorstep(self.clock, places=100)
        self.left = []

    def wait(self, name, seconds=5, most=100):
        def leave():
            self.left.append(name)

        return leave if self.doorstep.wait(leave, seconds, most) else None

    def test_all_leave_in_their_time_and_order(self):
        """Who came first is told first."""
        self.wait("one")
        self.clock.advance(2)
        self.wait("two")
        self.clock.advance(2.9)
        self.assertEqual(self.left, [])
        self.clock.advance(0.1)
        self.assertEqual(self.left, ["one"])
        self.clock.advance(2)
        self.assertEqual((self.left, len(self.doorstep), self.clock.getDelayedCalls()), (["one", "two"], 0, []))

    def test_no_more_than_there_are_places_for(self):
        """A descriptor that a blocked host holds is none for anybody else: what the settings allow, and what the machine does."""
        for number in range(3):
            self.assertIsNotNone(self.wait(number, most=3))
        self.assertIsNone(self.wait("too many", most=3))
        self.doorstep = Doorstep(self.clock, places=1)
        self.assertIsNotNone(self.wait("first"))
        self.assertIsNone(self.wait("second"))

    def test_nobody_waits_where_that_is_off(self):
        """No seconds, or no places."""
        self.assertIsNone(self.wait("no time", seconds=0))
        self.assertIsNone(self.wait("no places", most=0))

    def test_who_has_gone_gives_his_place_back_and_is_told_nothing(self):
        """A client that waits for nobody."""
        gone = self.wait("gone", most=1)
        self.doorstep.forget(gone)
        self.doorstep.forget(gone)
        self.assertIsNotNone(self.wait("next", most=1))
        self.clock.advance(10)
        self.assertEqual(self.left, ["next"])

    def test_a_crowd_leaves_some_at_a_time(self):
        """Two thousand that came together are closed within a second, and everybody else has his turn between them."""
        for number in range(80):
            self.wait(number)
        self.clock.advance(5)
        self.assertEqual(len(self.left), 32)
        self.clock.advance(0.01)
        self.assertEqual(len(self.left), 64)
        self.clock.advance(0.01)
        self.assertEqual(self.left, list(range(80)))

    def test_the_fault_of_one_keeps_nobody_there(self):
        """One traceback; the others are told in their time."""

        def fail():
            raise ZeroDivisionError

        self.doorstep.wait(fail, 5, 100)
        self.wait("one")
        self.clock.advance(1)
        self.wait("two")
        self.clock.advance(4)
        self.assertEqual(self.left, ["one"])
        self.clock.advance(1)
        self.assertEqual(self.left, ["one", "two"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_when_the_server_stops_all_leave(self):
        """And nobody waits any more; one who leaves may make another one go."""
        one = self.wait("one")
        self.doorstep.wait(lambda: self.doorstep.forget(one), 1, 100)
        self.wait("two")
        self.doorstep.let_all_go()
        self.assertEqual((self.left, self.clock.getDelayedCalls()), (["one", "two"], []))
        self.assertIsNone(self.wait("three"))


class TestTurnedAway(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org"))
        self.factory = self.stage.factory
        self.allow()

    def allow(self, **settings):
        blocklist = Blocklist(BlocklistSettings(**settings), lambda: 1e9, Random(1))
        blocklist.block(network_of("192.0.2.0/24"), reason="r", evidence="", origin="operator")
        self.factory.site = attrs.evolve(self.stage.site, blocklist=blocklist)

    def connect(self, *, secure=False):
        address = IPv4Address("TCP", "192.0.2.7", 1024)
        protocol, transport = self.factory.meet(address, secure=secure), Transport(address)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_a_blocked_host_waits_for_its_line(self):
        """What it says meanwhile is not heard; it is closed behind one line."""
        protocol, transport = self.connect()
        protocol.dataReceived(b"EHLO a.example\r\n")
        self.stage.clock.advance(4.9)
        self.assertEqual((transport.value(), transport.disconnecting), (b"", False))
        self.stage.clock.advance(0.1)
        self.assertTrue(transport.value().startswith(b"554 ") and transport.value().endswith(b"\r\n"))
        self.assertEqual((transport.value().count(b"\n"), transport.disconnecting), (1, True))

    def test_one_that_gives_up_is_forgotten(self):
        """Its place is another's."""
        self.allow(held=1)
        protocol, _ = self.connect()
        protocol.connectionLost()
        self.assertEqual(len(self.factory.door.doorstep), 0)
        _, transport = self.connect()
        self.stage.clock.advance(5)
        self.assertTrue(transport.value().startswith(b"554 "))

    def test_one_that_ends_its_side_hears_it_at_once(self):
        """`printf 'QUIT\\r\\n' | nc -N`: it listens still, and waits for our end."""
        protocol, transport = self.connect()
        protocol.readConnectionLost()
        self.assertTrue(transport.value().startswith(b"554 "))
        self.stage.clock.advance(5)
        self.assertEqual((transport.value().count(b"\n"), len(self.factory.door.doorstep)), (1, 0))

    def test_where_no_place_is_left_it_hears_it_at_once(self):
        """The wait costs a descriptor, the line costs nothing."""
        self.allow(held=1)
        self.connect()
        _, transport = self.connect()
        self.assertTrue(transport.value().startswith(b"554 "))
        self.allow(hold=0)
        _, transport = self.connect()
        self.assertTrue(transport.value().startswith(b"554 "))

    def test_no_word_where_none_would_be_understood(self):
        """Where TLS comes first, or none is wanted: it waits all the same."""
        _, transport = self.connect(secure=True)
        self.allow(answer="none")
        _, other = self.connect()
        self.assertFalse(transport.disconnected or other.disconnected)
        self.stage.clock.advance(5)
        self.assertEqual((transport.value(), other.value()), (b"", b""))
        self.assertTrue(transport.disconnected and other.disconnected)

    def test_a_stop_waits_for_none(self):
        """Nobody blocked keeps a server from stopping."""
        _, transport = self.connect()
        self.factory.shut_down()
        self.assertTrue(transport.value().startswith(b"554 "))
        self.assertEqual(len(self.factory.door.doorstep), 0)

"""Who was hung up on a moment ago waits for his session behind the others, and is read in the back lane when he has it."""

from random import Random

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.net.test_connections import Transport
from tests.net.test_lanes import Base as Lanes
from twistedmx.model.event import SessionOpened
from twistedmx.model.peer import Peer
from twistedmx.net.anteroom import Anteroom
from twistedmx.net.balancer import BalancerSettings
from twistedmx.net.litter import Litter
from twistedmx.net.waiting import Waiting
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import network_of
from twistedmx.policy.record import HUNG_UP, NOTHING_KNOWN, Terms
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

OFFENDER, STRANGER, BALANCER = "192.0.2.7", "198.51.100.9", "203.0.113.1"


class Base(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org", balancer=BalancerSettings(proxy_from=(BALANCER,))))
        self.addCleanup(self.stage.wheel.stop)
        self.factory = self.stage.factory
        self.offenders = {OFFENDER}
        alertness = attrs.evolve(self.stage.site.alertness, known=self.known)
        self.factory.site = attrs.evolve(self.stage.site, alertness=alertness)

    def known(self, address):
        return HUNG_UP if address in self.offenders else NOTHING_KNOWN

    def connect(self, host=OFFENDER, *, secure=False):
        address = IPv4Address("TCP", host, 1024)
        transport = Transport(address)
        transport.protocol = self.factory.meet(address, secure=secure)
        transport.protocol.makeConnection(transport)
        return transport

    def opened(self):
        return [event.peer.address for event in self.stage.events if isinstance(event, SessionOpened)]

    def turn(self):
        self.stage.clock.advance(0)


class TestLine(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(10_000)
        self.anteroom = Anteroom(self.clock, places=100)
        self.begun = []

    def wait(self, host):
        one = Waiting(None, Peer(address=host, port=1), Terms(HUNG_UP), secure=False)
        one.begin = lambda: (self.anteroom.leave(one), self.begun.append(host))
        self.anteroom.wait(one)
        return one

    def told(self, *times):
        """Who has begun when so many seconds are over, one after the other."""
        told = []
        for seconds in times:
            self.clock.advance(seconds)
            told.append(len(self.begun))
        return told

    def test_some_at_a_time_in_their_order(self):
        """At a pace that leaves the processor to others; who has gone is not counted."""
        hosts = [f"192.0.2.{number}" for number in range(8)]
        waiting = [self.wait(host) for host in hosts]
        self.anteroom.leave(waiting[1])
        self.anteroom.leave(waiting[1])
        self.anteroom.leave(waiting[2])
        self.assertEqual(len(self.anteroom), 6)
        self.assertEqual(self.told(0, 0.004, 0.001, 0.005, 0.005), [2, 2, 4, 6, 6])
        self.assertEqual(self.begun, hosts[:1] + hosts[3:])
        self.assertEqual((len(self.anteroom), self.clock.getDelayedCalls()), (0, []))

    def test_each_host_has_its_turn(self):
        """A thousand connections of one host hold up no other."""
        for _ in range(50):
            self.wait(OFFENDER)
        self.wait(STRANGER)
        self.told(0)
        self.assertEqual(self.begun, [OFFENDER, STRANGER])

    def test_the_pace_holds_for_those_who_come_one_by_one(self):
        """Two hosts that take turns are a crowd."""
        self.wait(OFFENDER)
        self.told(0)
        self.wait(STRANGER)
        self.assertEqual(self.told(0.004, 0.001), [1, 2])

    def test_a_place_is_a_descriptor(self):
        """There are so many and no more, and who goes gives his back."""
        self.anteroom = Anteroom(self.clock, places=2)
        first = self.wait(OFFENDER)
        self.wait(STRANGER)
        self.assertFalse(self.anteroom.has_room)
        self.anteroom.leave(first)
        self.assertTrue(self.anteroom.has_room)

    def test_a_clock_that_is_set_back_holds_up_nobody_who_comes(self):
        """The call that is asked for would come an hour late."""
        self.wait(OFFENDER)
        self.told(0)
        self.clock.rightNow -= 3600
        self.wait(STRANGER)
        self.assertEqual(self.told(0), [2])


class TestLitter(SynchronousTestCase):
    def test_it_is_swept_up_now_and_then(self):
        """What handshakes leave behind is more than the collector knows."""
        swept = []
        litter = Litter(lambda: swept.append(1))
        for _ in range(499):
            litter.add()
        self.assertEqual(swept, [])
        for _ in range(501):
            litter.add()
        self.assertEqual(swept, [1, 1])


class TestWaiting(Base):
    def test_one_that_comes_back_has_its_session_in_the_next_turn(self):
        """Nobody is made to wait for waiting's sake: a newsletter with dead addresses is back as well."""
        transport = self.connect()
        self.assertEqual((transport.value(), self.opened()), (b"", []))
        self.turn()
        self.assertTrue(transport.value().startswith(b"220 "))
        transport.protocol.dataReceived(b"EHLO a.example\r\n")
        self.assertIn(b"\r\n250 ", transport.value())

    def test_a_stranger_waits_for_none_of_them(self):
        """However many have come before him."""
        crowd = []
        for number in range(100):
            self.offenders.add(f"192.0.2.{number}")
            crowd.append(self.connect(f"192.0.2.{number}"))
        self.assertTrue(self.connect(STRANGER).value().startswith(b"220 "))
        self.turn()
        self.assertEqual([bool(transport.value()) for transport in crowd], [True, True] + [False] * 98)
        for _ in range(49):
            self.stage.clock.advance(0.005)
        self.assertTrue(all(transport.value() for transport in crowd))

    def test_what_it_says_meanwhile_is_heard_in_its_turn(self):
        """And none of it is lost; who says much is not read any more until then."""
        transport = self.connect()
        transport.protocol.dataReceived(b"EHLO a.example\r\n" + b"NOOP hello\r\n" * 30)
        self.assertEqual(transport.producerState, "producing")
        transport.protocol.dataReceived(b"NOOP hello\r\n" * 30)
        self.assertEqual((transport.producerState, transport.value()), ("paused", b""))
        self.turn()
        self.assertEqual(transport.producerState, "producing")
        replies = transport.value().split(b"\r\n")[:-1]
        self.assertEqual(
            [line[:9] for line in replies if line[3:4] == b" "], [b"220 mx.ex", b"250 LIMIT", *[b"250 2.0.0"] * 60]
        )

    def test_who_speaks_for_others_or_is_never_blocked_does_not_wait(self):
        """A filter, and the operator's own networks."""
        self.factory.site = attrs.evolve(self.factory.site, xclient_from=(network_of(OFFENDER),))
        self.assertTrue(self.connect().value())
        blocklist = Blocklist(BlocklistSettings(never=(OFFENDER,)), lambda: 1e9, Random(1))
        self.factory.site = attrs.evolve(self.factory.site, xclient_from=(), blocklist=blocklist)
        self.assertTrue(self.connect().value())

    def test_where_no_place_is_left_it_is_told_to_come_again(self):
        """Else the larger a crowd is the less of it would wait."""
        self.factory.door.anteroom = Anteroom(self.stage.clock, places=1)
        self.assertFalse(self.connect().value())
        self.assertTrue(self.connect().value().startswith(b"421 4.3.2 "))

    def test_one_that_goes_is_none_of_the_line(self):
        """Its turn is another's."""
        for transport in [self.connect() for _ in range(10)]:
            transport.protocol.connectionLost(connectionDone)
        self.assertEqual(len(self.factory.connections), 0)
        transport = self.connect()
        self.turn()
        self.assertTrue(transport.value())

    def test_one_that_is_blocked_meanwhile_is_met_as_the_blocked_are(self):
        """554 instead of a greeting, not 421 behind none; and at once, for they hold up the others."""
        transport = self.connect()
        blocklist = Blocklist(BlocklistSettings(hold=0), lambda: 1e9, Random(1))
        self.factory.site = attrs.evolve(self.factory.site, blocklist=blocklist)
        block = blocklist.block(network_of(OFFENDER), reason="r", evidence="", origin="operator")
        self.factory.hang_up(block.network)
        self.assertTrue(transport.value().startswith(b"554 ") and transport.disconnecting)
        self.assertEqual(self.opened(), [])

    def test_a_stop_waits_for_none(self):
        """They have not been greeted: there is nobody to say goodbye to."""
        transport = self.connect()
        self.successResultOf(self.factory.shut_down())
        self.assertTrue(transport.disconnected)
        self.assertFalse(
            any(call.func == self.factory.door.anteroom._turn for call in self.stage.clock.getDelayedCalls())
        )
        self.turn()
        self.assertEqual((transport.value(), self.opened()), (b"", []))

    def test_the_fault_of_one_is_its_own(self):
        """The line is everybody's."""
        transport = self.connect()
        transport.protocol.begin = lambda: 1 / 0
        self.offenders.add(STRANGER)
        other = self.connect(STRANGER)
        self.turn()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        transport.protocol.turn_away(None)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((transport.disconnected, other.value()[:4]), (True, b"220 "))


class TestBehindOthers(Base):
    def test_behind_a_balancer_it_is_the_client_who_waits(self):
        """What came in the packet of the header is his, and is heard in his turn."""
        transport = self.connect(BALANCER)
        transport.protocol.dataReceived(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\nEHLO a.example\r\n")
        self.assertEqual(transport.value(), b"")
        self.turn()
        self.assertEqual([line[:3] for line in transport.value().split(b"\r\n")][:2], [b"220", b"250"])
        self.assertEqual(self.opened(), [OFFENDER])

    def test_where_tls_comes_first(self):
        """The handshake begins with the session, and is counted as anybody's."""
        transport = self.connect(secure=True)
        transport.startTLS = lambda context: None
        self.assertEqual(self.stage.handshakes.asked, [])
        self.turn()
        self.assertEqual(self.stage.handshakes.asked, [OFFENDER])

    def test_where_tls_came_first_until_a_reload(self):
        """The certificate is gone when its turn has come."""
        transport = self.connect(secure=True)
        self.factory.tls = None
        self.turn()
        self.assertEqual((transport.disconnected, self.opened()), (True, []))


class TestOverTcp(Lanes):
    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org"))
        self.addCleanup(self.stage.wheel.stop)
        self.listen(self.stage.factory)
        alertness = attrs.evolve(self.stage.site.alertness, known=lambda address: HUNG_UP)
        self.stage.factory.site = attrs.evolve(self.stage.site, alertness=alertness)

    def test_who_connects_and_goes_holds_no_descriptor(self):
        """One host could take all of them: its connections were noticed to be gone only in their turn."""
        for _ in range(20):
            self.connect().close()
        self.readers.back.doRead()
        self.assertEqual((len(self.stage.factory.connections), len(self.stage.factory.door.anteroom)), (0, 0))

    def test_its_session_begins_in_the_back_lane(self):
        """And comes in front as anybody's, with a recipient that exists."""
        peer = self.connect()
        (waiting,) = self.stage.factory.connections
        transport = waiting.transport
        self.stage.clock.advance(0)
        self.assertIs(transport.lane, self.readers.back)
        self.assertTrue(peer.recv(100).startswith(b"220 "))
        peer.sendall(b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<demo@example.org>\r\n")
        self.readers.front.doRead()
        self.readers.back.doRead()
        self.assertIs(transport.lane, self.readers.front)

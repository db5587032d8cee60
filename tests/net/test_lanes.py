"""Who has only failed so far is read behind the others."""

import socket

import attrs
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from twistedmx.net.readers import Readers
from twistedmx.net.shares import Share
from twistedmx.policy.networks import network_of
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage


class Base(TestCase):
    """The reactor does not run meanwhile: each turn is taken by hand."""

    def listen(self, factory):
        self.readers = Readers(reactor)
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)
        self.addCleanup(self.readers.stop)
        self.readers.serve(self.port)

    def connect(self):
        """A peer's socket; it was accepted."""
        peer = socket.create_connection(("127.0.0.1", self.port.getHost().port), timeout=30)
        self.addCleanup(peer.close)
        self.port.doRead()
        return peer


class TestLanes(Base):
    def setUp(self):
        self.made, self.heard = [], []
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = self.build
        self.listen(factory)

    def build(self, address):
        protocol = Protocol()
        protocol.dataReceived = lambda octets: self.heard.append((protocol, octets))
        self.made.append(protocol)
        return protocol

    def connected(self):
        peer = self.connect()
        return peer, self.made[-1]

    def crowd(self, number):
        """Of who have only failed, each with something to say."""
        for _ in range(number):
            peer, protocol = self.connected()
            protocol.transport.fall_behind()
            peer.sendall(b"x")
        self.made[-1].transport.lane._share = lambda at: Share(10.0, 32)

    def test_who_is_in_front_goes_first(self):
        """A first-time sender waits for none of the botnet that has not begun."""
        front, first_time_sender = self.connected()
        self.crowd(70)
        front.sendall(b"y")
        self.readers.back.doRead()
        self.assertEqual(self.heard[0], (first_time_sender, b"y"))
        self.assertEqual([octets for _, octets in self.heard[1:]], [b"x"] * 70)

    def test_who_is_in_front_waits_for_those_who_are_served(self):
        """And for no more of the botnet, at each of his commands."""
        front, first_time_sender = self.connected()
        self.crowd(70)
        fifth = self.made[5]
        fifth.dataReceived = lambda octets: (self.heard.append((fifth, octets)), front.sendall(b"y"))
        self.readers.back.doRead()
        self.assertEqual(self.heard[32], (first_time_sender, b"y"))
        self.assertEqual(len(self.heard), 71)

    def test_who_comes_waits_for_no_more_either(self):
        """His greeting is the first of what he waits for."""
        self.crowd(70)
        with socket.create_connection(("127.0.0.1", self.port.getHost().port), timeout=30):
            self.readers.back.doRead()
        self.assertEqual((len(self.made), len(self.heard)), (71, 70))

    def test_what_somebody_waited_for_ends_the_turn(self):
        """A message is safe, and its sender is to hear it: what threads call begins the reactor's next turn."""
        self.crowd(40)
        reactor.callFromThread(int)
        self.readers.is_awaited = lambda: True
        self.readers.back.doRead()
        self.assertEqual(len(self.heard), 32)

    def test_what_threads_call_else_ends_none(self):
        """Those who only guess may have each of their recipients looked up in one."""
        self.crowd(40)
        reactor.callFromThread(int)
        self.readers.back.doRead()
        self.assertEqual(len(self.heard), 40)

    def test_a_fault_behind_what_was_heard_is_told_and_ends_nothing(self):
        """The reactor would look at the lane no more: at none of those who are in it, nor of those who come."""
        front, _ = self.connected()
        self.crowd(2)
        front.sendall(b"y")
        self.readers.end = lambda: 1 / 0
        self.readers.back.doRead()
        self.assertEqual(len(self.heard), 3)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_who_is_behind_gives_way_to_a_thread_that_somebody_waits_for(self):
        """It would wait for the interpreter, milliseconds each time that the disk has answered."""
        given, awaited = [], iter((True, False, True, False))
        self.readers.give_way = lambda: given.append(len(self.heard))
        self.readers.is_awaited = lambda: next(awaited)
        self.crowd(70)
        self.readers.back.doRead()
        self.assertEqual(given, [0, 64])

    def test_a_clock_that_is_set_back_ends_the_turn(self):
        """A crowd that always has something more would keep the reactor for as long as the clock was set back."""
        for _ in range(3):
            peer, protocol = self.connected()
            protocol.transport.fall_behind()
            peer.sendall(b"x" * 10)
            protocol.transport.most = 1
        times = iter((10_000.0, 6_400.0))
        self.readers.back._seconds = lambda: next(times)
        self.readers.back._share = lambda at: Share(0.001, 2)
        self.readers.back.doRead()
        self.assertEqual(len(self.heard), 2)

    def test_there_and_back_nothing_is_lost(self):
        """What was sent before is heard after; also by one who does not listen while it changes lanes."""
        peer, protocol = self.connected()
        transport = protocol.transport
        peer.sendall(b"one")
        transport.fall_behind()
        transport.fall_behind()
        self.readers.front.doRead()
        self.assertEqual(self.heard, [])
        self.readers.back.doRead()
        transport.pauseProducing()
        transport.catch_up()
        peer.sendall(b"two")
        self.readers.front.doRead()
        self.readers.back.doRead()
        self.assertEqual(self.heard, [(protocol, b"one")])
        transport.resumeProducing()
        self.readers.front.doRead()
        self.assertEqual(self.heard, [(protocol, b"one"), (protocol, b"two")])

    def test_who_falls_behind_while_he_hears_hears_all(self):
        """It is what he says that puts him there."""
        peer, protocol = self.connected()
        protocol.dataReceived = lambda octets: (self.heard.append(octets), protocol.transport.fall_behind())
        peer.sendall(b"one")
        self.readers.front.doRead()
        peer.sendall(b"two")
        self.readers.back.doRead()
        self.assertEqual(self.heard, [b"one", b"two"])

    def test_the_end_is_told_in_either(self):
        """A stop leaves nobody behind."""
        ends = []
        for move in (lambda transport: None, lambda transport: transport.fall_behind()):
            _, protocol = self.connected()
            protocol.connectionLost = lambda reason: ends.append(reason)
            move(protocol.transport)
        self.readers.stop()
        self.assertEqual(len(ends), 2)


class TestSessions(Base):
    """Which lane a session is in."""

    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org"))
        self.addCleanup(self.stage.wheel.stop)
        self.listen(self.stage.factory)
        self.peer = None

    def say(self, *lines):
        """In a packet each; the lane that its connection is in then, of whoever is the only one there."""
        if self.peer is None:
            self.peer = self.connect()
        for line in lines:
            self.peer.sendall(line + b"\r\n")
            self.readers.front.doRead()
            self.readers.back.doRead()
        lanes = [connection.transport.lane for connection in self.stage.factory.connections]
        return {self.readers.front: "front", self.readers.back: "back"}[lanes[0]] if lanes else "none"

    def test_who_has_done_nothing_wrong_is_in_front(self):
        """A first-time sender, up to his first recipient."""
        self.assertEqual(self.say(b"EHLO a.example", b"NOOP", b"RSET", b"MAIL FROM:<a@b.example>"), "front")

    def test_a_guess_puts_behind_and_a_recipient_in_front_for_good(self):
        """A newsletter with dead addresses is held up by them until one is alive."""
        self.say(b"EHLO a.example", b"MAIL FROM:<a@b.example>")
        self.assertEqual(self.say(b"RCPT TO:<nobody@example.org>"), "back")
        self.assertEqual(self.say(b"RSET", b"MAIL FROM:<a@b.example>"), "back")
        self.assertEqual(self.say(b"RCPT TO:<demo@example.org>"), "front")
        self.assertEqual(self.say(b"RCPT TO:<nobody@example.org>", b"RCPT TO:<another@example.org>", b"RSET"), "front")

    def test_who_begins_with_a_recipient_stays_in_front(self):
        """A newsletter whose dead addresses come last, and its next message."""
        self.say(b"EHLO a.example", b"MAIL FROM:<a@b.example>", b"RCPT TO:<demo@example.org>")
        self.say(b"RCPT TO:<nobody@example.org>", b"RCPT TO:<another@example.org>")
        self.say(b"RSET", b"MAIL FROM:<a@b.example>")
        self.assertEqual(self.say(b"RCPT TO:<nobody@example.org>"), "front")

    def test_a_recipient_among_dead_ones_in_a_packet(self):
        """Whichever stands last."""
        self.say(b"EHLO a.example", b"MAIL FROM:<a@b.example>")
        packet = b"RCPT TO:<x@example.org>\r\nRCPT TO:<demo@example.org>\r\nRCPT TO:<y@example.org>"
        self.assertEqual(self.say(packet), "front")

    def test_who_speaks_for_others_is_none_of_them(self):
        """A filter that says XCLIENT: the next client on its connection has done nothing yet."""
        self.stage.factory.site = attrs.evolve(self.stage.site, xclient_from=(network_of("127.0.0.0/8"),))
        self.say(b"EHLO a.example", b"MAIL FROM:<a@b.example>")
        self.assertEqual(self.say(b"RCPT TO:<nobody@example.org>"), "front")

    def test_any_other_error_puts_behind(self):
        """Words that are none; also in a packet with what is right."""
        self.assertEqual(self.say(b"EHLO a.example", b"HELP\r\nXYZZY\r\nNOOP"), "back")

    def test_several_guesses_in_a_packet(self):
        """The short way of a pipelining guesser."""
        self.say(b"EHLO a.example")
        guesses = b"".join(b"RCPT TO:<guess%d@example.org>\r\n" % number for number in range(3))
        self.assertEqual(self.say(b"MAIL FROM:<a@b.example>\r\n" + guesses + b"RSET"), "back")

    def test_a_host_of_good_record_stays_in_front(self):
        """It has paid in advance."""
        alertness = attrs.evolve(self.stage.site.alertness, proven=lambda address: True)
        self.stage.factory.site = attrs.evolve(self.stage.site, alertness=alertness)
        self.say(b"EHLO a.example", b"MAIL FROM:<a@b.example>")
        self.assertEqual(self.say(b"RCPT TO:<nobody@example.org>"), "front")

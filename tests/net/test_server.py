"""The Twisted shell: when it writes, when it reads, when it waits, and how it ends. Octets are the dialogues' business."""

import gc
import sys
import weakref
from unittest import skipUnless

import attrs
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.tcp import Server as TcpServer
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from twistedmx.model.event import NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.verdict import Reason
from twistedmx.net.timeouts import Timeouts
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.settings import Settings
from twistedmx.smtp import codes
from twistedmx.smtp.reply import reply
from twistedmx.testing.acceptance import FakeAcceptance
from twistedmx.testing.stage import Stage

SETTINGS = Settings(host="mx.example.org", timeouts=Timeouts(), limits=LimitSettings(idle_commands=(10**6,) * 3))
EHLO = b"EHLO client.example\r\n"
ENVELOPE = b"MAIL FROM:<a@client.example>\r\nRCPT TO:<demo@example.org>\r\n"
TEXT = b"Subject: x\r\n\r\nHello\r\n"


class Transport(StringTransport):
    """In memory; keeps each write apart, and pretends a handshake."""

    def __init__(self, address=None):
        super().__init__(peerAddress=address or IPv4Address("TCP", "192.0.2.7", 1024))
        self.writes = []

    def write(self, data):
        self.writes.append(data)
        super().write(data)

    def startTLS(self, context):
        """The test calls handshakeCompleted."""

    def getHandle(self):
        return self

    def get_protocol_version_name(self):
        return "TLSv1.3"

    def get_cipher_name(self):
        return None


@implementer(ITCPTransport)
class TcpTransport(Transport):
    """And can close one direction."""

    half_closed = False

    def loseWriteConnection(self):
        self.half_closed = True


class Base(SynchronousTestCase):
    settings = SETTINGS
    kind = Transport

    def setUp(self):
        self.stage = Stage(self.settings)
        self.shell, self.transport = self.connect()

    def connect(self, address=None):
        transport = self.kind(address)
        shell = self.stage.factory.buildProtocol(None)
        shell.makeConnection(transport)
        return shell, transport

    def say(self, octets):
        """What is written to it, write by write."""
        del self.transport.writes[:]
        self.shell.dataReceived(octets)
        self.stage.settle()
        return self.transport.writes

    def said(self):
        """The codes of all replies so far."""
        lines = self.transport.value().split(b"\r\n")
        return [line[:3].decode() for line in lines if line[3:4] == b" "]

    def lose(self):
        self.shell.connectionLost(connectionDone)

    def events(self, kind):
        return [event for event in self.stage.events if isinstance(event, kind)]

    def tearDown(self):
        self.assertEqual(self.flushLoggedErrors(), [])


class TestWrites(Base):
    def test_the_replies_to_one_packet_are_one_write(self):
        """RFC 2920 3.2: a packet for each reply would undo what pipelining is for."""
        writes = self.say(EHLO + ENVELOPE + b"RCPT TO:<nobody@example.org>\r\nNOOP\r\nX\r\nDATA\r\n")
        self.assertEqual(len(writes), 1)
        self.assertEqual(self.said(), ["220", "250", "250", "250", "550", "250", "500", "354"])

    def test_a_message_that_is_safe_at_once_and_what_follows_are_two_writes(self):
        """250 leaves when it is true; it does not wait for the next transaction."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        writes = self.say(TEXT + b".\r\n" + ENVELOPE + b"DATA\r\n")
        self.assertEqual([write[:3] for write in writes], [b"250", b"250"])
        self.assertEqual(writes[1].count(b"\r\n"), 3)

    def test_what_needs_no_reply_is_no_write(self):
        """Half a command, and content."""
        self.assertEqual(self.say(b"EHLO cli"), [])
        self.say(b"ent\r\n" + ENVELOPE + b"DATA\r\n")
        self.assertEqual(self.say(TEXT), [])

    def test_what_can_be_answered_does_not_wait_for_what_cannot(self):
        """The peer hears of its first commands while a look-up is under way; the rest keeps its place."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE + b"NOOP\r\n")
        self.assertEqual(self.said(), ["220", "250", "250"])
        self.stage.mailboxes.answer_all()
        self.assertEqual(self.said(), ["220", "250", "250", "250", "250"])


class TestReading(Base):
    def test_it_stops_while_an_answer_is_waited_for_and_more_comes(self):
        """What comes meanwhile stays with the kernel, and with the peer."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE)
        self.assertEqual(self.transport.producerState, "producing")
        self.say(b"NOOP\r\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.stage.mailboxes.answer_all()
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.said(), ["220", "250", "250", "250", "250"])

    def test_it_stops_while_the_disk_is_behind(self):
        """What the disk cannot take yet is not held by us."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.stage.acceptance.full = True
        self.say(b"a\r\n")
        self.say(b"b\r\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.assertEqual(self.stage.acceptance.messages[0].content, b"a")
        self.stage.acceptance.drain()
        self.assertEqual(self.transport.producerState, "producing")
        self.say(b".\r\n")
        self.assertEqual(self.stage.acceptance.messages[0].content, b"a\nb\n")
        self.assertEqual(self.said()[-1], "250")

    def test_it_stops_while_the_peer_does_not_read(self):
        """Else a peer that only writes fills our memory with replies that it will never take."""
        self.say(EHLO)
        self.transport.producer.pauseProducing()
        self.assertEqual(self.say(b"NOOP\r\n" * 100), [])
        self.assertEqual(self.transport.producerState, "paused")
        self.transport.producer.resumeProducing()
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.said().count("250"), 101)

    def test_it_stops_in_the_middle_of_a_batch(self):
        """The transport says stop while it takes the first replies: the rest of the packet is answered later."""

        class Tight(Transport):
            def write(self, data):
                super().write(data)
                self.producer.pauseProducing()

        self.kind = Tight
        self.stage.mailboxes.late = True
        self.shell, self.transport = self.connect()
        self.transport.producer.resumeProducing()
        self.say(EHLO + ENVELOPE + b"NOOP\r\n")
        self.stage.mailboxes.answer_all()
        self.assertEqual(self.said(), ["220", "250", "250", "250"])
        self.transport.producer.resumeProducing()
        self.assertEqual(self.said(), ["220", "250", "250", "250", "250"])

    def test_reading_and_waiting_may_end_in_either_order(self):
        """Two reasons to stop: both have to be over."""
        for first, second in ((self.read, self.answer), (self.answer, self.read)):
            self.setUp()
            self.stage.mailboxes.late = True
            self.say(EHLO + ENVELOPE)
            self.transport.producer.pauseProducing()
            self.say(b"NOOP\r\n")
            first()
            self.assertEqual(self.transport.producerState, "paused")
            second()
            self.assertEqual(self.transport.producerState, "producing")
            self.assertEqual(self.said(), ["220", "250", "250", "250", "250"])

    def read(self):
        self.transport.producer.resumeProducing()

    def answer(self):
        self.stage.mailboxes.answer_all()


class TestBlocked(Base):
    WORDS = reply(421, "4.7.0", "You are blocked")

    def test_a_message_that_is_being_made_safe_is_answered_first(self):
        """A refusal in place of its 250 would be a bounce for mail that was delivered."""
        self.stage.acceptance.hold = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT + b".\r\n")
        self.shell.turn_away(self.WORDS)
        self.assertEqual(self.said()[-1], "354")
        self.stage.acceptance.release()
        self.assertEqual(self.said()[-2:], ["250", "421"])
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.BLOCKED])

    def test_whoever_is_idle_hears_it_at_once(self):
        """Siege 1: all sessions of a host end in the moment it is condemned."""
        self.say(EHLO)
        self.shell.turn_away(self.WORDS)
        self.shell.turn_away(self.WORDS)
        self.assertEqual(self.said()[-2:], ["250", "421"])
        self.lose()
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.BLOCKED])


class TestEnded(Base):
    @skipUnless(
        sys.implementation.name == "cpython", "PyPy counts no references: all that ends waits for its collector"
    )
    def test_a_session_in_plain_text_needs_no_collector(self):
        """A hundred thousand of a siege would stay in memory until it runs, which is seldom."""
        gc.disable()
        self.addCleanup(gc.enable)
        self.say(EHLO + ENVELOPE + b"RSET\r\n")
        ended = weakref.ref(self.shell)
        self.lose()
        self.transport.producer = self.shell = None  # as a transport of Twisted's lets go of its protocol
        self.assertIsNone(ended())


class TestLost(Base):
    def test_while_a_look_up_waits(self):
        """Nothing is written to nobody, nothing is logged as our fault, and the transaction is told."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE)
        self.lose()
        before = self.transport.value()
        self.stage.mailboxes.answer_all()
        self.assertEqual(self.transport.value(), before)
        self.assertEqual([event.transactions for event in self.events(NobodyAccepted)], [1])
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.LOST])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_while_a_commit_waits(self):
        """RFC 5321 6.1: the message may arrive twice then, never not at all; the log tells what became of it."""
        self.stage.acceptance.hold = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT + b".\r\n")
        self.lose()
        self.assertEqual(self.events(TransactionEnded), [])
        self.stage.acceptance.release()
        self.assertEqual([event.reason for event in self.events(TransactionEnded)], [Reason.ACCEPTED])
        self.assertEqual(len(self.stage.acceptance.stored), 1)

    def test_while_the_disk_is_behind(self):
        """The half message leaves nothing behind."""
        self.stage.acceptance.full = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT)
        self.lose()
        self.stage.acceptance.drain()
        self.assertEqual(self.stage.acceptance.messages[0].ending, "abort")

    def test_nothing_stays(self):
        """No deadline, no connection."""
        self.say(EHLO)
        self.lose()
        self.assertEqual(self.stage.factory.connections, set())
        self.stage.wait(1000)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.events(SessionEnded)), 1)


class TestFaultsOfOurs(Base):
    def with_acceptance(self, acceptance):
        """A connection whose messages go there, up to the end of DATA."""
        stage = self.stage
        stage.acceptance = acceptance
        stage.factory.site = attrs.evolve(stage.site, ports=attrs.evolve(stage.site.ports, acceptance=acceptance))
        self.shell, self.transport = self.connect()
        self.say(EHLO + ENVELOPE + b"DATA\r\n")

    def check(self, code):
        """The peer was told so and not why, we have one traceback, and the books are right."""
        self.assertEqual(self.said()[-1], code)
        self.assertNotIn(b"ours", self.transport.value())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.lose()
        self.assertEqual(len(self.events(SessionEnded)), 1)
        self.assertEqual(len(self.events(TransactionEnded)), 1, "a MAIL that was accepted must be told to its end")
        self.assertEqual(self.stage.acceptance.stored, {})

    def test_a_commit_that_fails_against_its_promise_is_451(self):
        """The peer keeps its mail and tries again; the session goes on."""

        class Broken(FakeAcceptance):
            def _committed(self, message):
                return fail(ZeroDivisionError("ours"))

        self.with_acceptance(Broken())
        self.say(TEXT + b".\r\n")
        self.assertFalse(self.transport.disconnecting)
        self.check("451")

    def test_what_fails_while_it_is_waited_for_is_421(self):
        """Nobody knows what is left of such a session: it ends, and the others do not notice."""

        class Broken(FakeAcceptance):
            def _wrote(self):
                return fail(ZeroDivisionError("ours"))

        self.with_acceptance(Broken())
        self.say(TEXT)
        self.assertTrue(self.transport.disconnecting)
        self.check("421")

    def test_what_fails_at_once_is_421(self):
        """And what was answered before it in the same packet is said first."""

        class Broken(FakeAcceptance):
            def _wrote(self):
                raise ZeroDivisionError("ours")

        self.with_acceptance(Broken())
        self.say(TEXT)
        self.assertTrue(self.transport.disconnecting)
        self.check("421")


class TestDeadlines(Base):
    def test_a_silent_peer_hears_421_after_five_minutes(self):
        """RFC 5321 4.5.3.2.7."""
        self.say(EHLO)
        self.stage.wait(299)
        self.assertFalse(self.transport.disconnecting)
        self.stage.wait(3)
        self.assertEqual(self.said()[-1], "421")
        self.assertTrue(self.transport.disconnecting)
        self.assertIs(self.events(SessionEnded)[0].reason, Reason.IDLE)

    def test_a_command_that_trickles_in_gains_no_time(self):
        """An octet a minute would hold a session for a month."""
        for octet in b"NOOP " + b"x" * 100:
            if self.transport.disconnecting:
                break
            self.say(bytes([octet]))
            self.stage.wait(60)
        self.assertLess(self.stage.clock.seconds(), 400)

    def test_each_reply_gives_a_command_its_time(self):
        """A peer that talks may stay."""
        for _ in range(10):
            self.say(b"NOOP\r\n")
            self.stage.wait(290)
        self.assertFalse(self.transport.disconnecting)

    def test_content_that_stops_is_too_slow(self):
        """RFC 5321 4.5.3.2.5."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(b"x" * 200_000)
        self.stage.wait(178)
        self.assertFalse(self.transport.disconnecting)
        self.stage.wait(5)
        self.assertIs(self.events(SessionEnded)[0].reason, Reason.TOO_SLOW)
        self.assertEqual(self.stage.acceptance.messages[0].ending, "abort")

    def test_content_that_drips_is_too_slow(self):
        """An octet a second would hold a session for a year."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        while not self.transport.disconnecting and self.stage.clock.seconds() < 1000:
            self.say(b"x")
            self.stage.wait(1)
        self.assertLess(self.stage.clock.seconds(), 190)

    def test_chunks_that_drip_are_too_slow(self):
        """The rate is that of the message on the whole: BDAT for every octet is no way round it."""
        self.say(EHLO + ENVELOPE)
        while not self.transport.disconnecting and self.stage.clock.seconds() < 10_000:
            self.say(b"BDAT 1\r\nx")
            self.stage.wait(100)
        self.assertLess(self.stage.clock.seconds(), 1000)

    def test_content_at_the_least_rate_may_go_on_for_hours(self):
        """Somebody is on a ship."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        for _ in range(720):
            self.say(b"x" * 5000)
            self.stage.wait(10)
        self.assertFalse(self.transport.disconnecting)

    def test_without_a_least_rate_only_silence_counts(self):
        """0 = any rate."""
        self.settings = attrs.evolve(SETTINGS, timeouts=Timeouts(minimum_rate=0.0))
        self.setUp()
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        for _ in range(100):
            self.say(b"x")
            self.stage.wait(100)
        self.assertFalse(self.transport.disconnecting)

    def test_what_we_wait_for_is_not_the_peer_s_time(self):
        """A look-up has a limit of its own, the disk has none; after it the peer has its time again."""
        self.stage.acceptance.hold = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT + b".\r\n")
        self.stage.wait(3000)
        self.assertFalse(self.transport.disconnecting)
        self.stage.acceptance.release()
        self.assertEqual(self.said()[-1], "250")
        self.stage.wait(290)
        self.assertFalse(self.transport.disconnecting)
        self.stage.wait(20)
        self.assertTrue(self.transport.disconnecting)

    def test_a_slow_disk_does_not_make_a_slow_peer(self):
        """Minutes in which we did not read are not held against the rate of what was sent."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.stage.acceptance.full = True
        self.say(b"a\r\n")
        self.stage.wait(900)
        self.stage.acceptance.drain()
        self.stage.wait(100)
        self.say(b"b\r\n")
        self.assertFalse(self.transport.disconnecting)

    def test_after_a_slow_disk_a_peer_that_is_silent_still_ends(self):
        """No state is without a deadline."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.stage.acceptance.full = True
        self.say(b"a\r\n")
        self.stage.wait(900)
        self.stage.acceptance.drain()
        self.stage.wait(400)
        self.assertTrue(self.transport.disconnecting)

    def test_a_peer_that_does_not_read_is_cut_off(self):
        """Words would not reach it."""
        self.say(EHLO)
        self.transport.producer.pauseProducing()
        self.say(b"NOOP\r\n")
        self.stage.wait(310)
        self.assertTrue(self.transport.disconnected)
        self.assertIs(self.events(SessionEnded)[0].reason, Reason.IDLE)

    def test_a_handshake_has_thirty_seconds(self):
        """STARTTLS and then silence costs a peer nothing and us a session."""
        self.say(EHLO + b"STARTTLS\r\n")
        self.stage.wait(28)
        self.assertFalse(self.transport.disconnected)
        self.stage.wait(4)
        self.assertTrue(self.transport.disconnected)
        self.assertIs(self.events(SessionEnded)[0].reason, Reason.TLS_FAILED)

    def test_after_a_handshake_a_command_has_its_five_minutes(self):
        """And the handshake's deadline is gone."""
        self.say(EHLO + b"STARTTLS\r\n")
        self.shell.handshakeCompleted()
        self.stage.wait(290)
        self.assertFalse(self.transport.disconnecting)
        self.stage.wait(20)
        self.assertEqual(self.said()[-1], "421")


class TestShutdown(Base):
    def shut_down(self):
        return self.stage.factory.shut_down()

    def test_who_is_idle_hears_421_and_it_is_over(self):
        """RFC 5321 3.8."""
        self.say(EHLO)
        gone = self.shut_down()
        self.assertEqual(self.said()[-1], "421")
        self.assertTrue(self.transport.disconnecting)
        self.successResultOf(gone)
        self.assertIs(self.events(SessionEnded)[0].reason, Reason.SHUTDOWN)

    def test_without_connections_it_is_over_at_once(self):
        """Most restarts are in the quiet hours."""
        self.lose()
        self.successResultOf(self.shut_down())

    def test_what_is_being_committed_is_answered_first(self):
        """Else the client sends it again: a double for each message at each restart."""
        self.stage.acceptance.hold = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT + b".\r\n" + ENVELOPE)
        gone = self.shut_down()
        self.assertNoResult(gone)
        self.stage.acceptance.release()
        self.assertEqual(self.said()[-2:], ["250", "421"])
        self.successResultOf(gone)

    def test_what_is_being_looked_up_is_answered_first(self):
        """It is a matter of seconds."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE)
        gone = self.shut_down()
        self.stage.mailboxes.answer_all()
        self.assertEqual(self.said()[-2:], ["250", "421"])
        self.successResultOf(gone)

    def test_content_is_cut_off(self):
        """A message may take hours to come in."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.say(TEXT)
        self.successResultOf(self.shut_down())
        self.assertEqual(self.stage.acceptance.messages[0].ending, "abort")

    def test_content_that_waits_for_the_disk_is_cut_off_when_the_disk_answers(self):
        """Else a stop waits until a stranger has sent the rest."""
        self.say(EHLO + ENVELOPE + b"DATA\r\n")
        self.stage.acceptance.full = True
        self.say(TEXT)
        gone = self.shut_down()
        self.stage.acceptance.drain()
        self.successResultOf(gone)
        self.assertEqual(self.said()[-1], "421")

    def test_a_handshake_is_cut_off_without_words(self):
        """They would be no TLS."""
        self.say(EHLO + b"STARTTLS\r\n")
        before = self.transport.value()
        self.successResultOf(self.shut_down())
        self.assertEqual(self.transport.value(), before)
        self.assertTrue(self.transport.disconnected)

    def test_a_session_that_has_ended_already_holds_nothing_up(self):
        """QUIT was answered, the connection is not quite gone: the stop must not wait for ever, nor speak again."""
        self.say(b"QUIT\r\n")
        before = self.transport.value()
        gone = self.shut_down()
        self.assertEqual(self.transport.value(), before)
        self.lose()
        self.successResultOf(gone)

    def test_a_peer_that_goes_while_it_is_waited_for_holds_nothing_up(self):
        """The look-up may never answer."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE)
        gone = self.shut_down()
        self.lose()
        self.successResultOf(gone)


class TestTheLastWords(Base):
    kind = TcpTransport

    def test_a_peer_that_is_still_sending_is_given_time_to_read(self):
        """RFC 9112 9.6: to close with unread octets makes the kernel take our last words back."""
        self.say(b"GET / HTTP/1.1\r\nHost: x\r\n")
        self.assertTrue(self.transport.half_closed)
        self.assertFalse(self.transport.disconnecting)
        self.say(b"more" * 1000)
        self.assertEqual(self.transport.producerState, "producing")
        self.stage.wait(4)
        self.assertFalse(self.transport.disconnected)
        self.stage.wait(3)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(len(self.events(SessionEnded)), 1)

    def test_a_shutdown_meanwhile_speaks_no_more_and_waits_for_nothing_long(self):
        """After our last word there is no other; five seconds later at most the stop is done."""
        self.say(b"GET / HTTP/1.1\r\n")
        before = self.transport.value()
        gone = self.stage.factory.shut_down()
        self.assertEqual(self.transport.value(), before)
        self.stage.wait(7)
        self.lose()
        self.successResultOf(gone)

    def test_after_quit_nobody_lingers(self):
        """The peer has said that it will send no more."""
        self.say(b"QUIT\r\n")
        self.assertTrue(self.transport.disconnecting)
        self.assertFalse(self.transport.half_closed)

    def test_without_linger_it_is_closed_at_once(self):
        """0 = not at all."""
        self.settings = attrs.evolve(SETTINGS, timeouts=Timeouts(linger=0.0))
        self.setUp()
        self.say(b"GET / HTTP/1.1\r\n")
        self.assertTrue(self.transport.disconnecting)

    def test_reading_goes_on_while_it_lingers_even_if_it_was_paused(self):
        """What stays unread in the kernel is what resets the connection."""
        self.stage.mailboxes.late = True
        self.say(EHLO + ENVELOPE)
        self.say(b"GET / HTTP/1.1\r\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.stage.mailboxes.answer_all()
        self.assertTrue(self.transport.half_closed)
        self.assertEqual(self.transport.producerState, "producing")

    def test_nothing_is_answered_behind_the_last_words(self):
        """In one packet with it, or later."""
        self.say(b"QUIT\r\nNOOP\r\n")
        self.assertEqual(self.said(), ["220", "221"])
        self.setUp()
        self.say(b"GET / HTTP/1.1\r\nNOOP\r\n")
        self.say(b"NOOP\r\n")
        self.assertEqual(self.said(), ["220", "500"])


class Socket:
    """Takes `room` octets a send, then no more."""

    def __init__(self, *rooms):
        self.rooms = list(rooms)
        self.sent = b""

    def send(self, octets, flags=0):
        room = self.rooms.pop(0) if self.rooms else len(octets)
        if room is None:
            raise BlockingIOError
        self.sent += octets[:room]
        return len(octets[:room])


class SocketTransport(TcpServer):
    """What the shell sees of a TCP server transport, on a Socket."""

    def __init__(self, socket):
        self.socket = socket
        self.written = b""
        self.closing = False

    def getHandle(self):
        return self.socket

    def setTcpNoDelay(self, enabled):
        """Nobody acknowledges anything here."""

    def getPeer(self):
        return IPv4Address("TCP", "192.0.2.7", 1024)

    def write(self, octets):
        self.written += octets

    def registerProducer(self, producer, streaming):
        """Never full."""

    def unregisterProducer(self):
        """Never full."""

    def startTLS(self, context, normal=True):
        """Never finished."""

    def loseConnection(self):
        self.closing = True

    def loseWriteConnection(self):
        self.closing = True

    def abortConnection(self):
        self.closing = True


class TestEagerSend(SynchronousTestCase):
    def connect(self, socket):
        stage = Stage(SETTINGS)
        shell = stage.factory.buildProtocol(None)
        transport = SocketTransport(socket)
        shell.makeConnection(transport)
        return shell, transport

    def test_replies_go_to_the_socket_at_once(self):
        """Without another turn of the reactor (benchmarks/session.py)."""
        socket = Socket()
        shell, transport = self.connect(socket)
        shell.dataReceived(b"NOOP\r\nNOOP\r\n")
        self.assertEqual(transport.written, b"")
        self.assertEqual(socket.sent, codes.greeting("mx.example.org").octets + codes.NOOP.octets * 2)

    def test_after_a_short_or_refused_send_all_goes_through_the_transport_in_order(self):
        """What is sent past a buffer that is not empty would overtake it."""
        for rooms in ((10,), (0,), (None,), (1000, 5), (1000, None)):
            socket = Socket(*rooms)
            shell, transport = self.connect(socket)
            shell.dataReceived(b"NOOP\r\n")
            shell.dataReceived(b"HELP\r\n")
            shell.dataReceived(b"QUIT\r\n")
            whole = codes.greeting("mx.example.org"), codes.NOOP, codes.HELP, codes.CLOSING
            self.assertEqual(socket.sent + transport.written, b"".join(words.octets for words in whole))
            self.assertTrue(transport.written.endswith(codes.HELP.octets + codes.CLOSING.octets))

    def test_behind_starttls_nothing_goes_past_tls(self):
        """A reply in plain text in the middle of a handshake would end it, or tell what TLS was to hide."""
        socket = Socket()
        shell, transport = self.connect(socket)
        shell.dataReceived(EHLO + b"STARTTLS\r\n")
        before = socket.sent
        self.assertTrue(before.endswith(codes.START_TLS.octets))
        shell._session.secured()
        shell.dataReceived(b"NOOP\r\n")
        self.assertEqual(socket.sent, before)
        self.assertEqual(transport.written, codes.NOOP.octets)


class TestPeers(Base):
    def test_the_peer_is_told_as_the_network_shows_it(self):
        """An IPv4 client of an IPv6 socket is an IPv4 client: lists of networks count on it."""
        for address, expected in (
            (IPv4Address("TCP", "192.0.2.9", 5), ("192.0.2.9", 5)),
            (IPv6Address("TCP", "2001:db8::9", 5), ("2001:db8::9", 5)),
            (IPv6Address("TCP", "::ffff:192.0.2.9", 5), ("192.0.2.9", 5)),
            (IPv6Address("TCP", "fe80::9%eth0", 5), ("fe80::9", 5)),
            (UNIXAddress(b"/run/mx"), ("0.0.0.0", 0)),
        ):
            shell, _ = self.connect(address)
            shell.connectionLost(connectionDone)
            peer = self.events(SessionEnded)[-1].peer
            self.assertEqual((peer.address, peer.port), expected)

    def test_bare_newlines_are_taken_from_listed_networks_alone(self):
        """The exception is per peer."""
        self.settings = attrs.evolve(SETTINGS, bare_newline_from=("192.0.2.0/24", "2001:db8::/32"))
        self.setUp()
        for address, code in (
            (IPv4Address("TCP", "192.0.2.9", 5), "250"),
            (IPv6Address("TCP", "::ffff:192.0.2.9", 5), "250"),
            (IPv6Address("TCP", "2001:db8::9", 5), "250"),
            (IPv4Address("TCP", "198.51.100.1", 5), "550"),
        ):
            self.shell, self.transport = self.connect(address)
            self.say(EHLO + ENVELOPE + b"DATA\r\n")
            self.say(b"a\nb\r\n.\r\n")
            self.assertEqual(self.said()[-1], code, address)


class Client(Protocol):
    """Keeps what it hears."""

    def __init__(self):
        self.heard = b""
        self.reason = None
        self.lost = Deferred()

    def dataReceived(self, data):
        self.heard += data

    def connectionLost(self, reason=connectionDone):
        self.reason = reason
        self.lost.callback(None)


class TestOverTcp(TestCase):
    """What a kernel does and a StringTransport does not."""

    timeout = 20

    async def serve(self):
        self.stage = Stage(SETTINGS)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.stage.factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(self.stage.wheel.stop)
        client = Client()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
        return client

    async def until(self, done):
        while not done():
            await deferLater(reactor, 0)
            self.stage.settle()

    async def gone(self, client):
        client.transport.abortConnection()
        await self.until(lambda: not self.stage.factory.connections and client.lost.called)

    async def test_a_peer_that_only_writes_is_not_read_until_it_reads(self):
        """Its replies stay few in our memory, and none is lost."""
        client = await self.serve()
        client.transport.pauseProducing()
        number = 40_000
        client.transport.write(b"HELP\r\n" * number)
        await self.until(lambda: self.stage.factory.connections)
        (shell,) = self.stage.factory.connections
        await self.until(lambda: shell._paused)
        answered = shell._session.commands
        self.assertLess(answered, number)
        client.transport.resumeProducing()
        await self.until(lambda: client.heard.count(b"\n214 ") == number)
        await self.gone(client)

    async def test_the_last_words_reach_a_peer_that_sends_on_and_on(self):
        """A browser posts a megabyte: it reads why, and sees an orderly end."""
        client = await self.serve()
        client.transport.write(b"POST / HTTP/1.1\r\n" + b"x" * 1_000_000)
        await client.lost
        self.assertTrue(client.heard.endswith(codes.NOT_SMTP.octets), client.heard)
        self.assertIsNotNone(client.reason.check(ConnectionDone), client.reason)
        await self.until(lambda: not self.stage.factory.connections)

    async def test_a_peer_that_resets_is_lost_without_a_word_in_the_log(self):
        """Port scanners do nothing else."""
        client = await self.serve()
        client.transport.write(EHLO + ENVELOPE)
        await self.until(lambda: client.heard.count(b"\r\n") > 5)
        await self.gone(client)
        ended = [event for event in self.stage.events if isinstance(event, SessionEnded)]
        self.assertEqual([event.reason for event in ended], [Reason.LOST])


class TestHalfClose(Base):
    def test_what_was_asked_before_the_peer_shut_its_side_is_answered(self):
        """`printf ... | nc -N` sends a whole session at once, and shuts down writing before it reads."""
        self.stage.acceptance.hold = True
        self.say(EHLO + ENVELOPE + b"DATA\r\n" + TEXT + b".\r\nQUIT\r\n")
        self.shell.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.stage.acceptance.release()
        self.assertEqual(self.said()[-2:], ["250", "221"])
        self.assertTrue(self.transport.disconnecting)

    def test_a_peer_that_sends_no_more_and_waits_for_nothing_has_left(self):
        """Nobody can finish what it began: the connection is closed, and the transaction told as lost."""
        self.say(EHLO + ENVELOPE)
        self.shell.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual([event.reason for event in self.events(TransactionEnded)], [Reason.LOST])

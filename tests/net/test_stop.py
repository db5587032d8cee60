"""How sessions end when the server stops, and what a reload leaves them. What is said then is in dialogues (5321-3.8-stop...)."""

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import SessionEnded, TransactionEnded
from twistedmx.model.verdict import Reason
from twistedmx.net.timeouts import Timeouts
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

SETTINGS = Settings(host="mx.example.org")
ENVELOPE = b"EHLO x\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<demo@example.org>\r\n"


class Transport(StringTransport):
    """Keeps for whom TLS was begun."""

    def startTLS(self, context):
        self.context = context


class Base(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(SETTINGS)
        self.addCleanup(self.stage.wheel.stop)

    def connect(self):
        transport = Transport(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024))
        transport.protocol = self.stage.factory.buildProtocol(transport.getPeer())
        transport.protocol.makeConnection(transport)
        return transport

    def say(self, transport, octets):
        transport.clear()
        transport.protocol.dataReceived(octets)
        self.stage.settle()
        return [line[:3].decode() for line in transport.value().split(b"\r\n") if line[3:4] == b" "]

    def reasons(self, kind=SessionEnded):
        return [event.reason for event in self.stage.events if isinstance(event, kind)]


class TestStop(Base):
    def test_it_is_over_when_the_last_session_has_ended_and_not_before(self):
        """Behind it the writer is stopped, and what is not on disk by then is not accepted."""
        first, second = self.connect(), self.connect()
        self.say(first, ENVELOPE)
        self.say(second, ENVELOPE)
        gone = self.stage.factory.shut_down(10.0)
        self.assertEqual(self.say(first, b"QUIT\r\n"), ["221"])
        self.assertNoResult(gone)
        self.assertEqual(self.say(second, b"RSET\r\n"), ["250", "421"])
        self.successResultOf(gone)

    def test_connections_are_waited_for_as_well(self):
        """The last words are read, and under TLS written, after the session has ended. Not in the turn of who ends it: he is still
        in the middle of something."""
        transport = self.connect()
        self.successResultOf(self.stage.factory.shut_down(0.0))
        gone = self.stage.factory.gone()
        self.stage.wait(1)
        self.assertNoResult(gone)
        transport.protocol.connectionLost(connectionDone)
        self.assertNoResult(gone)
        self.stage.clock.advance(0)
        self.successResultOf(gone)
        self.stage.wait(2)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_but_not_for_ever(self):
        """One who reads nothing does not hold the server."""
        self.connect()
        self.successResultOf(self.stage.factory.shut_down(0.0))
        gone = self.stage.factory.gone()
        self.stage.wait(5)
        self.successResultOf(gone)

    def test_no_timer_of_it_stays(self):
        """A stop that was quick leaves nothing that fires into an empty house."""
        transport = self.connect()
        gone = self.stage.factory.shut_down(10.0)
        self.say(transport, b"QUIT\r\n")
        transport.protocol.connectionLost(connectionDone)
        self.successResultOf(gone)
        self.stage.wait(2)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_without_connections_it_is_over_at_once(self):
        """Most restarts are in the quiet hours."""
        self.successResultOf(self.stage.factory.shut_down(10.0))
        self.stage.wait(2)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_who_comes_afterwards_is_not_served(self):
        """The kernel may have accepted one already."""
        self.stage.factory.shut_down(10.0)
        self.assertIsNone(self.stage.factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 1)))

    def test_a_silent_session_is_told_when_the_time_is_over(self):
        """Not before: its peer may be about to speak."""
        transport = self.connect()
        gone = self.stage.factory.shut_down(10.0)
        self.stage.wait(9)
        self.assertNoResult(gone)
        self.stage.wait(3)
        self.successResultOf(gone)
        self.assertIn(b"\r\n421 ", transport.value())
        self.assertEqual(self.reasons(), [Reason.SHUTDOWN])

    def test_asked_again_it_takes_the_new_time(self):
        """The second SIGTERM of an operator in a hurry."""
        self.connect()
        first = self.stage.factory.shut_down(1000.0)
        second = self.stage.factory.shut_down()
        self.successResultOf(first)
        self.successResultOf(second)

    def test_a_message_that_is_made_safe_when_the_time_is_over_is_answered(self):
        """Else the peer sends it again: a double for each."""
        self.stage.acceptance.hold = True
        transport = self.connect()
        self.say(transport, ENVELOPE + b"DATA\r\n")
        self.say(transport, b"x\r\n.\r\n")
        gone = self.stage.factory.shut_down(5.0)
        self.stage.wait(7)
        self.assertNoResult(gone)
        transport.clear()
        self.stage.acceptance.release()
        self.assertEqual([line[:3] for line in transport.value().split(b"\r\n")], [b"250", b"421", b""])
        self.successResultOf(gone)
        self.assertEqual(self.reasons(TransactionEnded), [Reason.ACCEPTED])

    def test_a_handshake_may_come_to_its_end_in_time_and_is_cut_then(self):
        """There are no words in one."""
        transport, other = self.connect(), self.connect()
        self.say(transport, b"EHLO x\r\nSTARTTLS\r\n")
        self.say(other, b"EHLO x\r\nSTARTTLS\r\n")
        gone = self.stage.factory.shut_down(5.0)
        transport.getHandle = lambda: Handshake
        transport.protocol.handshakeCompleted()
        self.assertEqual(self.say(transport, b"EHLO x\r\nQUIT\r\n"), ["250", "221"])
        self.stage.wait(7)
        self.assertTrue(other.disconnected)
        self.successResultOf(gone)


class Handshake:
    get_protocol_version_name = staticmethod(lambda: "TLSv1.3")
    get_cipher_name = staticmethod(lambda: "TLS_FAKE")


class TestReload(Base):
    def test_what_is_adopted_is_for_sessions_that_begin_afterwards(self):
        """No session is dropped, and none changes its rules in the middle."""
        old = self.connect()
        stage, contexts = self.stage, []

        class Tls:
            def __init__(self, name):
                self.name = name

            def for_peer(self, address):
                contexts.append(self.name)

        stage.factory.adopt(site=stage.site, timeouts=SETTINGS.timeouts, tls=Tls("second"), governor=SETTINGS.governor)
        between = self.connect()
        stage.factory.adopt(
            site=attrs.evolve(stage.site, host="new.example.org"),
            timeouts=Timeouts(command=10.0),
            tls=Tls("third"),
            governor=SETTINGS.governor,
        )
        new = self.connect()
        self.assertEqual(new.value(), b"220 new.example.org ESMTP twistedmx\r\n")
        self.assertEqual(self.say(old, b"HELO x\r\n"), ["250"])
        self.assertEqual(old.value(), b"250 mx.example.org\r\n")
        self.say(between, b"EHLO x\r\nSTARTTLS\r\n")
        self.say(new, b"EHLO x\r\nSTARTTLS\r\n")
        self.assertEqual(contexts, ["second", "third"])
        stage.wait(12)
        self.assertFalse(old.disconnecting)

    def test_connections_are_counted(self):
        """For status and metrics."""
        self.connect()
        self.assertEqual((len(self.stage.factory.connections), self.stage.factory.under_tls), (1, 0))

"""What one peer may not do to the others: take all the turns, or keep for ever a connection that we have closed."""

import os

import attrs
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.net.readers import READ, READ_OF_CONTENT
from twistedmx.net.server import ImplicitTls
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import make_demo_certificate, read_certificate
from twistedmx.net.turns import Turns
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

SETTINGS = Settings(host="mx.example.org", limits=LimitSettings(idle_commands=(10**6,) * 3, errors=(10**6,) * 3))
COMMAND, CLOSING, LINGER = SETTINGS.timeouts.command, SETTINGS.timeouts.closing, SETTINGS.timeouts.linger


class Stubborn(StringTransport):
    """A peer that reads nothing and closes nothing: the connection goes when it is cut, and not before."""

    cut = False

    def abortConnection(self):
        self.cut = True


class Base(SynchronousTestCase):
    settings = SETTINGS

    def setUp(self):
        self.stage = Stage(self.settings)
        self.addCleanup(self.stage.wheel.stop)

    def connect(self):
        transport = Stubborn(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024))
        shell = self.stage.factory.buildProtocol(None)
        shell.makeConnection(transport)
        transport.clear()
        return shell, transport


class TestTurns(Base):
    def test_a_packet_of_a_thousand_commands_does_not_hold_up_another_peer(self):
        """It is answered in turns, and between two of them everybody else is."""
        greedy, its = self.connect()
        modest, mine = self.connect()
        greedy.dataReceived(b"NOOP\r\n" * 1000)
        self.assertLess(its.value().count(b"\r\n"), 200)
        modest.dataReceived(b"NOOP\r\n")
        self.assertEqual(mine.value().count(b"\r\n"), 1)
        self.stage.settle()
        self.assertEqual(its.value().count(b"\r\n"), 1000)

    def test_what_comes_while_it_is_the_turn_of_others_is_heard_after_it_and_not_read_before(self):
        """Nothing is lost, and memory holds one packet more at the most."""
        shell, transport = self.connect()
        shell.dataReceived(b"NOOP\r\n" * 200)
        shell.dataReceived(b"NOOP\r\n" * 10)
        self.assertEqual(transport.producerState, "paused")
        self.stage.settle()
        self.assertEqual(transport.value().count(b"\r\n"), 210)
        self.assertEqual(transport.producerState, "producing")

    def test_more_is_read_at_once_of_a_large_message_and_of_nothing_else(self):
        """Who waits for a turn holds what was read: a thousand peers with packets of commands must not make that much."""
        shell, transport = self.connect()
        shell.dataReceived(b"NOOP\r\n" * 10_000)
        self.stage.settle()
        self.assertEqual(getattr(transport, "most", READ), READ)
        shell.dataReceived(b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<demo@example.org>\r\nDATA\r\n")
        shell.dataReceived(b"content\r\n" * 8)
        self.assertEqual(getattr(transport, "most", READ), READ)
        for end, most in ((b"", READ_OF_CONTENT), (b".\r\n", READ)):
            shell.dataReceived(b"content\r\n" * 8000 + end)
            self.stage.settle()
            self.assertEqual(transport.most, most)

    def test_a_connection_that_is_lost_meanwhile_has_no_further_turn(self):
        """Nobody is there to answer."""
        shell, transport = self.connect()
        shell.dataReceived(b"NOOP\r\n" * 1000)
        answered = transport.value()
        shell.connectionLost(connectionDone)
        self.stage.settle()
        self.assertEqual(transport.value(), answered)

    def test_many_small_chunks_end_the_session(self):
        """`BDAT 1` is the dearest command there is for what it brings."""
        stage = Stage(attrs.evolve(SETTINGS, limits=LimitSettings()))
        self.addCleanup(stage.wheel.stop)
        transport = Stubborn(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024))
        shell = stage.factory.buildProtocol(None)
        shell.makeConnection(transport)
        shell.dataReceived(b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<demo@example.org>\r\n")
        shell.dataReceived(b"BDAT 1\r\na" * 500)
        stage.settle()
        self.assertIn(b"\r\n421 4.7.0 ", transport.value())


class Reactor:
    """Its turns are made by the test: task.Clock makes all that are asked for at once."""

    def __init__(self):
        self.calls = []

    def callLater(self, seconds, function):
        assert seconds == 0
        self.calls.append(function)

    def turn(self):
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class TestTheLine(SynchronousTestCase):
    def test_greedy_peers_share_a_part_of_each_turn(self):
        """However many they are, a turn of the reactor is not longer for it; and none is forgotten."""
        reactor, served = Reactor(), []
        turns = Turns(reactor)
        for number in range(50):
            turns.wait(lambda number=number: served.append(number))
        reactor.turn()
        self.assertTrue(0 < len(served) < 10, served)
        for _ in range(50):
            reactor.turn()
        self.assertEqual(served, list(range(50)))
        self.assertEqual(reactor.calls, [])

    def test_who_waits_again_goes_to_the_end(self):
        """One peer with ten thousand commands is served as often as one with a hundred and eleven."""
        reactor, served = Reactor(), []
        turns = Turns(reactor)

        def greedy():
            served.append("greedy")
            if served.count("greedy") < 3:
                turns.wait(greedy)

        turns.wait(greedy)
        turns.wait(lambda: served.append("other"))
        for _ in range(5):
            reactor.turn()
        self.assertEqual(served, ["greedy", "other", "greedy", "greedy"])
        self.assertEqual(reactor.calls, [])


class TestEnds(Base):
    def ends(self, transport, within):
        self.assertFalse(transport.cut)
        self.stage.wait(within + 2)
        self.assertTrue(transport.cut, "no deadline closes it")

    def test_after_quit_a_peer_that_does_not_read_our_replies_is_cut(self):
        """Megabytes of replies would stay in the kernel for ever."""
        shell, transport = self.connect()
        shell.dataReceived(b"QUIT\r\n")
        self.ends(transport, CLOSING)

    def test_after_the_last_words_a_peer_that_stays_is_cut(self):
        """An HTTP client waits for more."""
        shell, transport = self.connect()
        shell.dataReceived(b"GET / HTTP/1.1\r\n")
        self.ends(transport, CLOSING)

    def test_without_linger_too(self):
        """0 is no time to linger, and not no limit."""
        self.stage = Stage(attrs.evolve(SETTINGS, timeouts=Timeouts(linger=0.0)))
        self.addCleanup(self.stage.wheel.stop)
        shell, transport = self.connect()
        shell.dataReceived(b"GET / HTTP/1.1\r\n")
        self.ends(transport, CLOSING)

    def test_a_peer_that_sends_no_more_and_does_not_read_is_cut(self):
        """It shut down its side; ours waits for nothing."""
        shell, transport = self.connect()
        shell.dataReceived(b"HELP\r\n")
        shell.readConnectionLost()
        self.ends(transport, CLOSING)

    def test_an_idle_peer_that_stays_after_421_is_cut(self):
        """The idle timeout would otherwise be a word and no deed."""
        _, transport = self.connect()
        self.stage.wait(COMMAND + 2)
        self.assertIn(b"421 4.4.2", transport.value())
        self.ends(transport, CLOSING)


class Silent(Protocol):
    """Under TLS: reads the greeting, then nothing, and never answers the end of TLS."""

    greeted = False

    def dataReceived(self, data):
        self.greeted = True
        self.transport.pauseProducing()


class TestEndsUnderTls(TestCase):
    timeout = 20

    async def test_a_peer_that_never_answers_the_end_of_tls_is_cut(self):
        """Closing under TLS waits for the peer to say so as well; a silent one would hold its 55 KB for ever."""
        path = self.mktemp()
        make_demo_certificate(path, "mx.example.org", 1_800_000_000.0)
        stage = Stage(SETTINGS, read_certificate(path))
        self.addCleanup(stage.wheel.stop)
        self.addCleanup(os.remove, path)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(ImplicitTls(stage.factory))
        self.addCleanup(port.stopListening)
        client = Silent()
        clients = TLSMemoryBIOFactory(CertificateOptions(), True, Factory.forProtocol(lambda: client))
        await TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port).connect(clients)
        self.addCleanup(client.transport.abortConnection)
        while not client.greeted:
            await deferLater(reactor, 0)
        stage.wait(COMMAND + 2)  # 421, and the end of TLS is begun
        for _ in range(10):
            await deferLater(reactor, 0)
        self.assertEqual(len(stage.factory.connections), 1)
        stage.wait(CLOSING + 2)
        while stage.factory.connections:
            await deferLater(reactor, 0)

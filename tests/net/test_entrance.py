"""What stands before a session: the PROXY header of a balancer, TLS where it comes first, and who may begin a handshake."""

import os

import attrs
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from twistedmx.model.event import SessionEnded, SessionOpened, TlsEstablished
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.net.balancer import BalancerSettings
from twistedmx.net.entrance import Entrance
from twistedmx.net.server import ImplicitTls
from twistedmx.net.shell import Shell
from twistedmx.net.tls import make_demo_certificate, read_certificate
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

SETTINGS = Settings(
    host="mx.example.org", balancer=BalancerSettings(proxy_from=("192.0.2.7", "127.0.0.0/8", "2001:db8::/32"))
)
HEADER = b"PROXY TCP4 198.51.100.9 192.0.2.1 56324 25\r\n"
CLIENT = "198.51.100.9"


class Transport(StringTransport):
    """Keeps for whom TLS was begun."""

    secured = None

    def startTLS(self, context):
        self.secured = context


class Base(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(SETTINGS)
        self.addCleanup(self.stage.wheel.stop)

    def connect(self, address=None, *, door=None):
        transport = Transport(peerAddress=address or IPv4Address("TCP", "192.0.2.7", 1024))
        transport.protocol = (door or self.stage.factory).buildProtocol(transport.getPeer())
        transport.protocol.makeConnection(transport)
        return transport

    def events(self, kind):
        return [event for event in self.stage.events if isinstance(event, kind)]


class TestEntrance(Base):
    def test_a_certificate_that_is_gone_by_the_time_of_the_header_is_missed_quietly(self):
        """A reload may take it away in between: the connection ends, and no traceback tells of it."""
        transport = self.connect(door=ImplicitTls(self.stage.factory))
        self.stage.factory.tls = None
        transport.protocol.dataReceived(HEADER)
        (ended,) = self.events(SessionEnded)
        self.assertEqual(ended.reason, Reason.TLS_FAILED)
        self.assertTrue(transport.disconnecting)

    def test_only_listed_peers_are_asked(self):
        """Whoever may name the client can be anybody."""
        for address, kind in (
            (IPv4Address("TCP", "192.0.2.7", 5), Entrance),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 5), Entrance),
            (IPv6Address("TCP", "2001:db8::7", 5), Entrance),
            (IPv4Address("TCP", "192.0.2.8", 5), Shell),
        ):
            self.assertIsInstance(self.connect(address).protocol, kind, address)

    def test_the_client_is_who_the_header_names_and_the_balancer_is_not_forgotten(self):
        """In every event, from the first one on."""
        transport = self.connect()
        transport.protocol.dataReceived(HEADER)
        client = Peer(address=CLIENT, port=56324, via="192.0.2.7")
        self.assertEqual([event.peer for event in self.events(SessionOpened)], [client])
        transport.protocol.dataReceived(b"QUIT\r\n")
        self.assertEqual([event.peer for event in self.events(SessionEnded)], [client])

    def test_a_balancer_that_says_nothing_costs_no_more_than_a_deadline(self):
        """And leaves nothing behind."""
        transport = self.connect()
        self.stage.wait(SETTINGS.timeouts.handshake + 2)
        self.assertTrue(transport.disconnected)
        transport.protocol.connectionLost(connectionDone)
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.PROXY_FAILED])
        self.assertEqual(self.stage.factory.connections, set())
        self.stage.wait(5)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_a_malformed_header_is_told_once_and_nothing_behind_it_is_heard(self):
        """Half understood, it would be somebody else's session."""
        transport = self.connect()
        transport.protocol.dataReceived(b"PROXY TCP4 nowhere\r\nEHLO x\r\n")
        transport.protocol.dataReceived(b"EHLO x\r\n")
        transport.protocol.connectionLost(connectionDone)
        self.assertEqual(transport.value(), b"")
        ended = self.events(SessionEnded)
        self.assertEqual([(event.reason, event.peer.address) for event in ended], [(Reason.PROXY_FAILED, "192.0.2.7")])

    def test_what_is_behind_the_door_of_implicit_tls_begins_after_the_header(self):
        """The handshake is the client's, and is counted as such."""
        transport = self.connect(door=ImplicitTls(self.stage.factory))
        self.assertEqual(self.stage.handshakes.asked, [])
        transport.protocol.dataReceived(HEADER)
        self.assertEqual(self.stage.handshakes.asked, [CLIENT])
        self.assertEqual(transport.value(), b"")
        transport.protocol.connectionLost(connectionDone)
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.TLS_FAILED])
        self.assertEqual(self.stage.handshakes.under_way, 0)


class TestHandshakes(Base):
    def connect(self, **how):
        return super().connect(IPv4Address("TCP", "203.0.113.9", 1024), **how)

    def test_where_tls_comes_first_one_that_is_not_admitted_is_cut_before_it(self):
        """A handshake costs as much as sixty commands: its beginning is where to refuse it."""
        self.stage.handshakes.admitting = False
        transport = self.connect(door=ImplicitTls(self.stage.factory))
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")
        self.assertEqual([event.reason for event in self.events(SessionEnded)], [Reason.TLS_LIMIT])
        transport.protocol.connectionLost(connectionDone)
        self.assertEqual(len(self.events(SessionEnded)), 1)
        self.assertEqual(self.stage.factory.connections, set())

    def test_starttls_that_is_not_admitted_is_454_and_counts_as_no_mail(self):
        """RFC 3207 4. Else it could be asked for ever."""
        self.stage.handshakes.admitting = False
        transport = self.connect()
        transport.protocol.dataReceived(b"EHLO x\r\n" + b"STARTTLS\r\n" * 200)
        self.stage.settle()
        replies = [line[:3] for line in transport.value().split(b"\r\n") if line[3:4] == b" "]
        self.assertEqual((replies[2], replies[-1]), (b"454", b"421"))
        self.assertLess(len(replies), 110)

    def test_each_way_out_of_a_handshake_is_reported_once(self):
        """What is never over counts against the limit for ever."""
        under_way = self.stage.handshakes
        for leave in (
            lambda protocol: protocol.connectionLost(connectionDone),
            lambda protocol: self.stage.wait(SETTINGS.timeouts.handshake + 2),
            lambda protocol: self.stage.factory.shut_down(),
        ):
            plain, implicit = self.connect(), self.connect(door=ImplicitTls(self.stage.factory))
            plain.protocol.dataReceived(b"EHLO x\r\nSTARTTLS\r\n")
            self.assertEqual(under_way.under_way, 2)
            for transport in (plain, implicit):
                leave(transport.protocol)
            self.assertEqual(under_way.under_way, 0)

    def test_a_peer_is_looked_up_by_its_address(self):
        """Who must show a certificate is chosen by where it comes from."""
        asked = []

        class Tls:
            def for_peer(self, address):
                asked.append(address)

        self.stage.factory.tls = Tls()
        self.connect().protocol.dataReceived(b"EHLO x\r\nSTARTTLS\r\n")
        self.assertEqual(asked, ["203.0.113.9"])


@implementer(IHandshakeListener)
class Client(Protocol):
    """Keeps what it hears; under TLS as soon as it is told to."""

    def __init__(self, first=b"", *, secure=False):
        self.heard = b""
        self.lost = Deferred()
        self._first = first
        self._secure = secure

    def connectionMade(self):
        self.transport.write(self._first)
        if self._secure:
            self.transport.startTLS(CertificateOptions())

    def handshakeCompleted(self):
        """Then."""

    def dataReceived(self, data):
        self.heard += data

    def connectionLost(self, reason=connectionDone):
        self.lost.callback(None)


class TestOverTcp(TestCase):
    """What a kernel does and a StringTransport does not."""

    timeout = 20
    settings = SETTINGS

    async def serve(self, client, *, secure):
        path = self.mktemp()
        make_demo_certificate(path, "mx.example.org", 1_800_000_000.0)
        self.addCleanup(os.remove, path)
        self.stage = Stage(self.settings, read_certificate(path))
        self.addCleanup(self.stage.wheel.stop)
        factory = ImplicitTls(self.stage.factory) if secure else self.stage.factory
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)

    async def until(self, done):
        while not done():
            await deferLater(reactor, 0)
            self.stage.settle()

    async def gone(self, client):
        await client.lost
        await self.until(lambda: not self.stage.factory.connections)

    async def test_header_and_hello_of_tls_in_one_packet(self):
        """A balancer that is in a hurry sends both at once: what stands behind the header is for OpenSSL."""
        client = Client(HEADER, secure=True)
        await self.serve(client, secure=True)
        await self.until(lambda: client.heard)
        self.assertTrue(client.heard.startswith(b"220 "), client.heard)
        self.assertEqual(self.stage.factory.under_tls, 1)
        client.transport.write(b"QUIT\r\n")
        await self.gone(client)
        (established,) = [event for event in self.stage.events if isinstance(event, TlsEstablished)]
        self.assertEqual((established.peer.address, established.peer.via), (CLIENT, "127.0.0.1"))
        self.assertEqual(self.stage.handshakes.asked, [CLIENT])

    async def test_implicit_tls_without_a_balancer(self):
        """And one whose handshake is not admitted is closed without a word."""
        self.settings = attrs.evolve(SETTINGS, balancer=BalancerSettings())
        client = Client(secure=True)
        await self.serve(client, secure=True)
        await self.until(lambda: client.heard)
        client.transport.write(b"EHLO x\r\nQUIT\r\n")
        await self.gone(client)
        self.assertNotIn(b"STARTTLS", client.heard)
        self.assertIn(b"\r\n221 ", client.heard)
        self.assertEqual(self.stage.events[-1].reason, Reason.QUIT)

    async def test_who_is_not_admitted_is_closed(self):
        """Abruptly: an orderly end would need a handshake first."""
        self.settings = attrs.evolve(SETTINGS, balancer=BalancerSettings())
        client = Client(HEADER)
        serving = Deferred.fromCoroutine(self.serve(client, secure=True))
        self.stage.handshakes.admitting = False  # before the reactor turns and accepts the connection
        await serving
        await self.gone(client)
        self.assertEqual(client.heard, b"")
        self.assertEqual([event.reason for event in self.stage.events], [Reason.TLS_LIMIT])

    async def test_a_handshake_that_never_ends_is_cut(self):
        """Where TLS comes first too."""
        self.settings = attrs.evolve(SETTINGS, balancer=BalancerSettings())
        client = Client()
        await self.serve(client, secure=True)
        await self.until(lambda: self.stage.factory.connections)
        self.assertEqual(self.stage.factory.under_tls, 0)
        self.stage.wait(SETTINGS.timeouts.handshake + 2)
        await self.gone(client)
        self.assertEqual([event.reason for event in self.stage.events], [Reason.TLS_FAILED])

    async def test_what_is_no_tls_is_not_answered_in_plain_text(self):
        """SMTP on the port of TLS ends in the handshake."""
        self.settings = attrs.evolve(SETTINGS, balancer=BalancerSettings())
        client = Client(b"EHLO x\r\n")
        await self.serve(client, secure=True)
        await self.gone(client)
        self.assertNotIn(b"220 ", client.heard)
        self.assertEqual([event.reason for event in self.stage.events], [Reason.TLS_FAILED])

    async def test_behind_a_header_replies_still_go_to_the_socket_at_once(self):
        """And a half close is one: `nc -N` behind a balancer hears its answers."""
        client = Client(HEADER + b"EHLO x\r\nQUIT\r\n")
        await self.serve(client, secure=False)
        client.transport.loseWriteConnection()
        await self.gone(client)
        self.assertTrue(client.heard.endswith(b"221 2.0.0 Closing, good-bye\r\n"), client.heard)

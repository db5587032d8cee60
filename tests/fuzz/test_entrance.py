"""A connection from a balancer: any octets, in any cut."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from tests.fuzz.grammar import HELLO, transactions
from twistedmx.model.event import SessionEnded
from twistedmx.net.balancer import BalancerSettings
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

SETTINGS = Settings(host="mx.example.org", balancer=BalancerSettings(proxy_from=("192.0.2.7",)))
_headers = st.sampled_from(
    [
        b"PROXY TCP4 198.51.100.9 192.0.2.1 5 25\r\n",
        b"PROXY UNKNOWN\r\n",
        b"PROXY TCP4 198.51.100.9\r\n",
        b"PROXY TCP4 198.51",
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x09\xc0\0\2\1\0\5\0\x19",
        b"",
    ]
)


class TestAnyBalancer(SynchronousTestCase):
    @EXAMPLES
    @given(_headers, transactions(max_size=2), st.binary(max_size=4), st.integers(0, 1000))
    def test_the_cut_changes_nothing(self, header: bytes, mail: bytes, noise: bytes, seed: int) -> None:
        """Header and session in one packet or octet by octet: the same words, the same client, one end."""
        stories = []
        for pieces in (whole, one_by_one, lambda octets: at_random(octets, seed)):
            stage = Stage(SETTINGS)
            transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 1024))
            transport.protocol = stage.factory.buildProtocol(transport.getPeer())
            transport.protocol.makeConnection(transport)
            for piece in pieces(header + HELLO + mail + noise):
                if not (transport.disconnecting or transport.disconnected):
                    transport.protocol.dataReceived(piece)
                    stage.settle()
            if stage.factory.connections:
                transport.protocol.connectionLost(connectionDone)
            ended = [event for event in stage.events if isinstance(event, SessionEnded)]
            self.assertEqual(len(ended), 1)
            self.assertEqual(stage.factory.connections, set())
            stage.wheel.stop()
            # Queue ids are the same: chance begins with the same seed.
            stories.append((transport.value(), stage.told, ended[0].peer, ended[0].reason))
        self.assertEqual(stories[0], stories[1])
        self.assertEqual(stories[0], stories[2])

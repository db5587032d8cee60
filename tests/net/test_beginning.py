"""What a fault of ours at the beginning or end of a session leaves behind: nothing."""

import socket

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.adopted import adopt
from twistedmx.net.readers import Readers
from twistedmx.settings import Settings
from twistedmx.testing.stage import Stage

ADDRESS = IPv4Address("TCP", "192.0.2.7", 1024)


class Fault(Exception):
    """Of ours."""


class TestVisits(SynchronousTestCase):
    def test_a_fault_of_who_says_how_a_connection_is_served_ends_that_one_alone(self):
        stage = Stage(Settings(host="mx.example.org"))
        self.addCleanup(stage.wheel.stop)

        def visits(transport, peer):
            raise Fault

        stage.factory.visits = visits
        transport = StringTransport(peerAddress=ADDRESS)
        session = stage.factory.buildProtocol(ADDRESS)
        session.makeConnection(transport)
        self.assertEqual((transport.disconnected, transport.value()), (True, b""))
        session.connectionLost(connectionDone)
        self.assertEqual(len(self.flushLoggedErrors(Fault)), 1)
        self.assertEqual(len(self.flushLoggedErrors()), 0)


class Ends(Protocol):
    """Badly."""

    def connectionLost(self, reason=connectionDone):
        raise Fault


class TestAdopted(SynchronousTestCase):
    def test_who_handed_it_over_is_told_whatever_its_session_does(self):
        """A program waits, with a place of tcpserver's."""
        readers = Readers(reactor)
        self.addCleanup(readers.stop)
        told = []

        class CameWith:
            def gone(self):
                told.append(self)

        session = Ends()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        client = socket.create_connection(listener.getsockname())
        self.addCleanup(client.close)
        accepted, _ = listener.accept()
        accepted.setblocking(False)
        adopt(readers, accepted, ADDRESS, lambda address: session, CameWith())
        self.assertRaises(Fault, session.transport.connectionLost, Failure(ConnectionLost()))
        self.assertEqual(len(told), 1)

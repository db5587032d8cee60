"""Who comes is accepted soon, and no crowd of them has all of a turn."""

import socket
import tempfile

from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from twistedmx.net.readers import Connection, Readers


class Base(TestCase):
    """The reactor does not run meanwhile: each turn is taken by hand."""

    def setUp(self):
        self.made, self.turns = [], []
        self.readers = Readers(reactor, begin=lambda: self.turns.append("begin"), end=lambda: self.turns.append("end"))
        self.arrivals = self.readers.arrivals
        self.now = 1000.0
        self.arrivals._seconds = lambda: self.now
        self.addCleanup(self.readers.stop)
        self.port = self.listen()
        self.readers.serve(self.port)

    def listen(self):
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = lambda address: self.made.append(Protocol()) or self.made[-1]
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port

    def come(self, number=1, *, to=None):
        """`to`: a port's number; else that of `port`."""
        for _ in range(number):
            address = "127.0.0.1", to or self.port.getHost().port
            self.addCleanup(socket.create_connection(address, timeout=30).close)


class TestAccepting(Base):
    def test_new_connections_of_a_turn_are_limited(self):
        """Twisted takes ever more as long as peers come back faster than it takes them: all others would wait for a thousand."""
        self.come(40)
        self.arrivals.doRead()
        self.assertEqual((len(self.made), self.turns), (32, ["begin", "end"]))
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 40)
        self.assertTrue(all(type(protocol.transport) is Connection for protocol in self.made))

    def test_few_are_accepted_at_once(self):
        """A look costs those who are there some of their time; what it finds when there is nobody costs nearly none."""
        self.come(6)
        for _ in range(2):
            self.arrivals.look()
            self.assertEqual(len(self.made), 4)
        self.now += 0.01
        for _ in range(2):
            self.arrivals.look()
            self.assertEqual(len(self.made), 6)
        self.assertEqual(self.turns, ["begin", "end"] * 2)

    def test_a_crowd_has_its_part_of_a_turn_and_no_more(self):
        """Else those who come, and come again, would have the time of those who are there."""
        self.come(7)
        self.arrivals.look()
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 7)
        self.come(2)
        self.arrivals.look()
        self.assertEqual(len(self.made), 7)
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 9)
        self.come()
        self.now -= 3600  # whatever becomes of the clock
        self.arrivals.look()
        self.assertEqual(len(self.made), 10)

    def test_where_nobody_can_be_accepted_it_is_not_tried_at_each_look(self):
        """For want of descriptors: each time is some lines of the log."""
        tried = []
        self.port.doRead = lambda: tried.append(self.now)
        self.come()
        for _ in range(3):
            self.arrivals.look()
        self.assertEqual(len(tried), 1)
        self.now += 0.01
        self.arrivals.look()
        self.assertEqual(len(tried), 2)

    def test_several_ports(self):
        """Each has as many, and one that is stopped by whom another one accepts has none."""
        other = self.listen()
        self.readers.serve(other)
        self.come(5)
        self.come(5, to=other.getHost().port)
        self.arrivals.look()
        self.assertEqual(len(self.made), 8)
        self.arrivals._make = lambda *accepted: other.stopReading() or self.port.stopReading()
        self.now += 0.01
        self.arrivals.look()
        self.assertEqual(len(self.made), 9)

    def test_a_fault_is_told_and_ends_nothing(self):
        """It would be the end of the server if the reactor, or the back lane, heard of it."""
        self.readers.end = lambda: 1 / 0
        self.come(2)
        self.arrivals.look()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.readers.end = lambda: None
        self.come()
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 3)


class TestPause(Base):
    def test_while_none_is_accepted_they_wait_in_the_kernel(self):
        """The operator wants a queue, and places are used up."""
        self.arrivals.accept(False)
        self.come()
        self.arrivals.doRead()
        self.arrivals.look()
        self.assertEqual(self.made, [])
        self.arrivals.accept(True)
        self.arrivals.accept(True)
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 1)

    def test_a_port_that_stops_meanwhile_stays_so(self):
        """Who comes now is for who listens there next."""
        self.arrivals.accept(False)
        stopped = self.port.stopListening()
        self.come()
        self.arrivals.accept(True)
        self.arrivals.doRead()
        self.assertEqual(self.made, [])
        return stopped

    def test_a_port_that_is_served_meanwhile_pauses_too(self):
        """A reload listens at another place."""
        self.arrivals.accept(False)
        other = self.listen()
        self.readers.serve(other)
        self.come(to=other.getHost().port)
        self.arrivals.doRead()
        self.assertEqual(self.made, [])
        self.arrivals.accept(True)
        self.arrivals.doRead()
        self.assertEqual(len(self.made), 1)


class TestEnd(Base):
    def test_a_port_that_stops(self):
        """Who comes is refused by the kernel, and the others go on."""
        number, other = self.port.getHost().port, self.listen()
        self.readers.serve(other)

        def stopped(_):
            with self.assertRaises(ConnectionRefusedError):
                self.come(to=number)
            self.come(to=other.getHost().port)
            self.arrivals.doRead()
            self.assertEqual(len(self.made), 1)

        return self.port.stopListening().addCallback(stopped)

    def test_the_reactor_s_end_is_that_of_the_ports(self):
        """It tells who it looks at, and that is not they."""
        self.assertNotIn(self.port, reactor.getReaders())
        self.assertIn(self.arrivals, reactor.getReaders())
        self.arrivals.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.port.connected)

    def test_nothing_is_left(self):
        """Neither in the reactor nor of descriptors; and once more is harmless."""
        ours = (self.arrivals, self.readers.front, self.readers.back)
        for _ in range(2):
            self.readers.stop()
            self.assertEqual([one.fileno() for one in ours], [-1, -1, -1])
            self.assertFalse(set(ours) & set(reactor.getReaders()))


class TestDescriptors(Base):
    """The reactor tells in one turn of what has become ready, and of a connection that is closed meanwhile it still tells who has
    its descriptor then: that it can be written to, which is the end of a reader."""

    def descriptors(self):
        return [one.fileno() for one in (self.arrivals, self.readers.front, self.readers.back)]

    def test_no_connection_had_ours(self):
        """They are there before the first one, and stay."""
        before = self.descriptors()
        self.assertEqual(len({-1, *before}), 4)
        self.come(2)
        self.arrivals.doRead()
        self.made[0].transport.fall_behind()
        self.arrivals.accept(False)
        for protocol in self.made:
            protocol.transport.abortConnection()
        self.arrivals.accept(True)
        self.come()
        self.arrivals.doRead()
        self.made[2].transport.fall_behind()
        self.assertEqual(self.descriptors(), before)

    def test_nor_has_one_that_another_process_accepted(self):
        """Where we listen nowhere, as behind tcpserver, whoever is added first opens all."""
        readers = Readers(reactor)
        self.addCleanup(readers.stop)
        self.come()
        self.arrivals.doRead()
        connection = self.made[0].transport
        connection.pauseProducing()
        connection.lane = readers.front
        connection.resumeProducing()
        self.assertNotIn(-1, [readers.front.fileno(), readers.back.fileno(), readers.arrivals.fileno()])
        connection.abortConnection()


class TestOtherPorts(TestCase):
    def test_a_port_that_is_not_tcp_s_stays_as_it_is(self):
        """A Unix socket, or what a plugin listens with: the reactor reads there."""
        folder = tempfile.TemporaryDirectory()  # the name of a socket must be short
        self.addCleanup(folder.cleanup)
        port = reactor.listenUNIX(f"{folder.name}/socket", Factory())
        self.addCleanup(port.stopListening)
        transport, readers = port.transport, Readers(reactor)
        self.addCleanup(readers.stop)
        readers.serve(port)
        self.assertIs(port.transport, transport)
        self.assertIn(port, reactor.getReaders())

"""Real connections, read by Readers: what the reactor promises to a protocol has to hold here as well."""

import contextlib
import socket
import struct

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from twistedmx.net.eager import EagerWriter
from twistedmx.net.readers import Connection, Readers


class Heard(Protocol):
    """`said`: what came. `ending`: fires with why the connection is gone."""

    def __init__(self):
        self.said = b""
        self.ending = Deferred()
        self.waiting = []

    def dataReceived(self, octets):
        self.said += octets
        self.woken()

    def woken(self):
        waiting, self.waiting = self.waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def something(self):
        deferred = Deferred()
        self.waiting.append(deferred)
        return deferred

    def connectionLost(self, reason):
        self.ending.callback(reason.type)


@implementer(IHalfCloseableProtocol)
class HalfHeard(Heard):
    """Answers when its peer says no more."""

    def readConnectionLost(self):
        self.transport.write(b"all of " + self.said)
        self.transport.loseConnection()

    def writeConnectionLost(self):
        pass


class Failing(Heard):
    def dataReceived(self, octets):
        raise ZeroDivisionError


class Base(TestCase):
    timeout = 30
    protocol = Heard

    def setUp(self):
        self.made = []
        self.came = Deferred()
        self.readers = self.build_readers()
        factory = Factory.forProtocol(self.build)
        factory.noisy = False
        self.port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.readers.serve(self.port)
        self.addCleanup(self.end)

    def build_readers(self):
        return Readers(reactor)

    @inlineCallbacks
    def end(self):
        yield self.port.stopListening()
        for protocol in self.made:
            if not protocol.ending.called:
                protocol.transport.abortConnection()
                yield protocol.ending
        self.readers.stop()

    def build(self):
        protocol = self.protocol()
        protocol.connectionMade = lambda: self.came.callback(protocol)
        self.made.append(protocol)
        return protocol

    def connect(self):
        """(the peer's socket, a Deferred of our protocol)"""
        self.came = Deferred()
        peer = socket.create_connection(("127.0.0.1", self.port.getHost().port), timeout=self.timeout)
        self.addCleanup(peer.close)
        return peer, self.came


class TestReading(Base):
    @inlineCallbacks
    def test_what_is_sent_is_heard_and_the_end_is_told(self):
        """The least that a transport does."""
        peer, came = self.connect()
        protocol = yield came
        self.assertIsInstance(protocol.transport, Connection)
        peer.sendall(b"one")
        yield protocol.something()
        peer.close()
        reason = yield protocol.ending
        self.assertEqual((protocol.said, reason), (b"one", ConnectionDone))

    @inlineCallbacks
    def test_it_says_who_it_is_also_when_it_is_closed(self):
        """Twisted gives each connection its words and asks for its descriptor; ours has neither of its own."""
        peer, came = self.connect()
        protocol = yield came
        transport = protocol.transport
        host = peer.getsockname()[0]
        self.assertEqual((transport.fileno(), str(transport)), (transport.socket.fileno(), f"Heard,0,{host}"))
        peer.close()
        yield protocol.ending
        self.assertEqual((transport.fileno(), transport.logstr), (-1, f"closed,0,{host}"))

    @inlineCallbacks
    def test_a_peer_that_resets_is_lost(self):
        """An attacker does not say good-bye."""
        peer, came = self.connect()
        protocol = yield came
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        reason = yield protocol.ending
        self.assertEqual(reason, ConnectionLost)

    @inlineCallbacks
    def test_who_pauses_hears_nothing_until_it_resumes(self):
        """A session that waits for the disk holds no more than it has."""
        peer, came = self.connect()
        protocol = yield came
        other_peer, other_came = self.connect()
        other = yield other_came
        protocol.transport.pauseProducing()
        peer.sendall(b"early")
        other_peer.sendall(b"meanwhile")
        yield other.something()
        self.assertEqual(protocol.said, b"")
        protocol.transport.resumeProducing()
        protocol.transport.resumeProducing()
        yield protocol.something()
        self.assertEqual(protocol.said, b"early")

    @inlineCallbacks
    def test_closing_tells_all_that_was_sent_and_only_once(self):
        """The peer reads our last words; the session ends once."""
        peer, came = self.connect()
        protocol = yield came
        protocol.transport.getHandle().send(b"bye")
        protocol.transport.close()
        protocol.transport.close()
        protocol.transport.loseConnection()
        self.assertFalse(protocol.ending.called, "in the middle of what it does a session does not end")
        reason = yield protocol.ending
        self.assertEqual(reason, ConnectionDone)
        self.assertEqual((peer.recv(10), peer.recv(10)), (b"bye", b""))

    @inlineCallbacks
    def test_who_was_closed_by_another_hears_no_more(self):
        """An entry on a blocklist hangs up on a whole network within one turn."""
        first_peer, first_came = self.connect()
        first = yield first_came
        second_peer, second_came = self.connect()
        second = yield second_came
        for one, other in ((first, second), (second, first)):
            one.dataReceived = lambda octets, other=other: other.transport.abortConnection()
        first_peer.sendall(b"x")
        second_peer.sendall(b"x")
        gone = yield _first(first.ending, second.ending)
        (still_there,) = {0, 1} - {gone}
        self.assertFalse((first, second)[still_there].ending.called, "who was closed has closed nobody")

    @inlineCallbacks
    def test_they_end_with_the_reactor(self):
        """A protocol hears that its connection is gone even then."""
        _, came = self.connect()
        protocol = yield came
        self.readers.front.connectionLost(Failure(ConnectionLost()))
        reason = yield protocol.ending
        self.assertEqual(reason, ConnectionLost)


def _first(*deferreds):
    """Fires with the number of the first that fires."""
    first = Deferred()

    def fired(result, number):
        if not first.called:
            first.callback(number)
        return result

    for number, deferred in enumerate(deferreds):
        deferred.addCallback(fired, number)
    return first


class Answering(Heard):
    """Answers each packet by `how` of its writer, which goes past the transport."""

    how = "write_soon"

    def dataReceived(self, octets):
        if not self.said:
            self.writer = EagerWriter(self.transport)
        super().dataReceived(octets)
        getattr(self.writer, self.how)(b"you said " + octets)


class TestTogether(Base):
    """What several peers have sent is read, then answered, then their replies are sent."""

    protocol = Answering

    def build_readers(self):
        self.turns, self.over = [], Deferred()
        return Readers(reactor, begin=lambda: self.turns.append("begin"), end=self.turned)

    def turned(self):
        self.turns.append("end")
        if any(protocol.said for protocol in self.made):  # else it was a turn of accepting
            over, self.over = self.over, Deferred()
            over.callback(None)

    @inlineCallbacks
    def both(self):
        """Two peers who have both said something when the reactor looks."""
        first_peer, first_came = self.connect()
        first = yield first_came
        second_peer, second_came = self.connect()
        second = yield second_came
        first_peer.sendall(b"one")
        second_peer.sendall(b"two")
        return (first_peer, first), (second_peer, second)

    @inlineCallbacks
    def test_all_are_heard_before_any_reply_is_sent(self):
        """Each piece of code runs for many at once; who tells facts is told when it begins and when all is sent."""
        (first_peer, first), (second_peer, second) = yield self.both()
        for peer in (first_peer, second_peer):
            peer.setblocking(False)
        early = []

        def woken(protocol):
            self.turns.append("heard")
            for peer in (first_peer, second_peer):
                with contextlib.suppress(BlockingIOError):
                    early.append(peer.recv(100))

        first.woken = lambda: woken(first)
        second.woken = lambda: woken(second)
        yield self.over
        self.assertEqual((self.turns[-4:], early), (["begin", "heard", "heard", "end"], []))
        self.assertEqual((first_peer.recv(100), second_peer.recv(100)), (b"you said one", b"you said two"))

    @inlineCallbacks
    def test_what_was_read_is_heard_by_who_waits_since(self):
        """One session's answer can have another one wait: what that one's peer has sent must not be lost."""
        (_, first), (_, second) = yield self.both()
        for one, other in ((first, second), (second, first)):
            one.woken = lambda other=other: other.transport.pauseProducing()
        yield self.over
        self.assertEqual((first.said, second.said), (b"one", b"two"))

    @inlineCallbacks
    def test_what_is_written_behind_it_comes_behind_it(self):
        """A reply, then words that nobody asked for, and the end."""
        peer, came = self.connect()
        protocol = yield came

        def woken():
            protocol.writer.write_soon(b"1 ")
            protocol.writer.write(b"2 ")
            protocol.writer.write_soon(b"3 ")

        protocol.woken = woken
        peer.sendall(b"x")
        yield self.over
        self.assertEqual(peer.recv(100), b"1 2 3 you said x")

    @inlineCallbacks
    def test_words_and_our_end_in_one_packet(self):
        """221 and the end: the kernel waits with the words for what comes behind, and that is the end."""
        peer, came = self.connect()
        protocol = yield came
        protocol.how = "write_last"
        protocol.woken = lambda: reactor.callLater(0, protocol.transport.close)
        peer.sendall(b"QUIT")
        yield protocol.ending
        self.assertEqual((peer.recv(100), peer.recv(100)), (b"you said QUIT", b""))

    @inlineCallbacks
    def test_a_reply_that_cannot_be_sent_is_the_fault_of_one(self):
        """The others are answered still; its connection is cut."""
        (_, first), (second_peer, _) = yield self.both()

        class Failing(EagerWriter):
            def flush(self, flags=0):
                raise ZeroDivisionError

        first.woken = lambda: setattr(first, "writer", Failing(first.transport))
        yield self.over
        self.assertEqual(second_peer.recv(100), b"you said two")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        yield first.ending  # else its next reply would be taken for the lost one


class TestHalfClose(Base):
    protocol = HalfHeard

    @inlineCallbacks
    def test_a_peer_that_ends_its_side_is_answered(self):
        """RFC 5321 3.8: a client that sends QUIT and shuts its side still reads the 221."""
        peer, came = self.connect()
        protocol = yield came
        peer.sendall(b"this")
        peer.shutdown(socket.SHUT_WR)
        reason = yield protocol.ending
        self.assertEqual(reason, ConnectionDone)
        self.assertEqual(peer.recv(100), b"all of this")


class TestFault(Base):
    protocol = Failing

    @inlineCallbacks
    def test_a_fault_ends_its_own_session_alone(self):
        """One traceback in the log; the others do not notice."""
        peer, came = self.connect()
        failing = yield came
        self.protocol = Heard
        other_peer, other_came = self.connect()
        other = yield other_came
        peer.sendall(b"x")
        reason = yield failing.ending
        self.assertEqual(reason, ZeroDivisionError)
        other_peer.sendall(b"y")
        yield other.something()
        self.assertEqual(other.said, b"y")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class FailingAtTheEnd(Heard):
    def connectionLost(self, reason):
        super().connectionLost(reason)
        raise ZeroDivisionError


class TestFaultAtTheEnd(Base):
    protocol = FailingAtTheEnd

    @inlineCallbacks
    def check(self, end):
        failing_peer, came = self.connect()
        failing = yield came
        self.protocol = Heard
        other_peer, other_came = self.connect()
        other = yield other_came
        end(failing_peer, failing)
        yield failing.ending
        other_peer.sendall(b"y")
        yield other.something()
        self.assertEqual(other.said, b"y")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_when_the_peer_has_gone(self):
        """The reactor takes its readers away from who raises: the server would be deaf from then on."""
        return self.check(lambda peer, protocol: peer.close())

    def test_when_we_close(self):
        """The same at the end of a turn."""
        return self.check(lambda peer, protocol: protocol.transport.close())


class TestStop(Base):
    @inlineCallbacks
    def test_who_is_left_is_ended(self):
        """A session that lingers when the server stops leaves no descriptor behind."""
        _, came = self.connect()
        protocol = yield came
        self.readers.stop()
        reason = yield protocol.ending
        self.assertEqual(reason, ConnectionLost)

    @inlineCallbacks
    def test_closed_and_aborted_at_once(self):
        """Two ways to the same end, once."""
        _, came = self.connect()
        protocol = yield came
        protocol.transport.close()
        protocol.transport.abortConnection()
        yield protocol.ending

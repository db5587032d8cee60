"""The channel between supervisor and worker: what is asked is answered, and whatever is wrong ends it without harm."""

import json
import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.fuzz import EXAMPLES
from tests.service.workers.pair import Pair
from twistedmx.net.control import Refused
from twistedmx.service.workers import channel as module
from twistedmx.service.workers.channel import Channel, ChannelLost, NoLine, connect, read

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_almost = st.builds(
    json.dumps,
    st.dictionaries(
        st.sampled_from(["kind", "value", "ask", "answer", "refused", "words", "x"]),
        _values | st.sampled_from(["echo", 1, "1"]),
    ),
).map(str.encode)


def refuse(value):
    raise Refused("not today")


def fail(value):
    raise ZeroDivisionError


class TestChannel(SynchronousTestCase):
    def setUp(self):
        self.heard = []
        self.late = Deferred()
        hear = {
            "note": self.heard.append,
            "echo": lambda value: value,
            "late": lambda value: self.late,
            "refuse": refuse,
            "fail": fail,
            "unsayable": lambda value: object(),
        }
        self.pair = Pair({}, hear)
        self.one = self.pair.one

    def test_what_is_told_is_heard_in_order(self):
        """A block that is lifted was there before."""
        for number in range(3):
            self.one.tell("note", number)
        self.assertEqual(self.heard, [])
        self.pair.pump()
        self.assertEqual(self.heard, [0, 1, 2])

    def test_what_is_asked_is_answered_in_any_order(self):
        """A slow look-up holds nobody's status."""
        late, echo = self.one.ask("late"), self.one.ask("echo", {"a": [1, "ü"]})
        self.pair.pump()
        self.assertEqual(self.successResultOf(echo), {"a": [1, "ü"]})
        self.assertNoResult(late)
        self.late.callback("at last")
        self.pair.pump()
        self.assertEqual(self.successResultOf(late), "at last")

    def test_a_coroutine_answers_too(self):
        """Commands of the control socket are such."""

        async def answer(value):
            return value + 1

        pair = Pair({"more": answer}, {})
        asked = pair.other.ask("more", 1)
        pair.pump()
        self.assertEqual(self.successResultOf(asked), 2)

    def test_a_refusal_has_its_words(self):
        """They are for the operator."""
        asked = self.one.ask("refuse")
        self.pair.pump()
        self.assertEqual(str(self.failureResultOf(asked, Refused).value), "not today")

    def test_what_nobody_knows_is_refused_or_logged(self):
        """And the channel goes on."""
        asked = self.one.ask("what")
        self.one.tell("what", 1)
        self.pair.pump()
        self.assertIn("what: nobody here knows", str(self.failureResultOf(asked, Refused).value))
        self.assertEqual(self.pair.lost, [0, 0])

    def test_a_fault_of_ours_is_refused_without_its_words(self):
        """The traceback is in the log of the one that failed."""
        asked, told = self.one.ask("fail"), self.one.ask("unsayable")
        self.one.tell("fail", None)
        self.pair.pump()
        self.assertIn("fault of the server", str(self.failureResultOf(asked, Refused).value))
        self.assertIn("fault of the server", str(self.failureResultOf(told, Refused).value))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(self.pair.lost, [0, 0])

    def test_what_no_line_can_say_is_the_speakers_fault_alone(self):
        """Too long, or not of JSON: logged where it is told, a failure where it is asked."""
        for value, error in ((object(), TypeError), ("x" * module.LONGEST, ValueError)):
            self.one.tell("note", value)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)
            self.failureResultOf(self.one.ask("echo", value), error)
        self.pair.pump()
        self.assertEqual((self.heard, self.pair.lost), ([], [0, 0]))

    def test_who_is_gone_answers_nothing_and_hears_nothing(self):
        """Nobody waits for ever, and to tell is no fault."""
        asked = self.one.ask("late")
        self.pair.pump()
        self.pair.cut()
        self.failureResultOf(asked, ChannelLost)
        self.failureResultOf(self.one.ask("echo"), ChannelLost)
        self.one.tell("note", 1)
        self.late.callback("too late")  # it is said to nobody
        self.assertEqual((self.heard, self.pair.lost), ([], [1, 1]))

    def test_who_cancels_hears_nothing_more(self):
        """As a time limit does."""
        asked = self.one.ask("echo")
        asked.addErrback(lambda failure: None)
        asked.cancel()
        self.pair.pump()
        self.assertEqual(self.pair.lost, [0, 0])

    def test_before_it_is_connected_nothing_is_said(self):
        """And nothing is raised."""
        channel = Channel({}, lambda: None)
        channel.tell("note", 1)
        channel.close()
        channel.abort()
        self.failureResultOf(channel.ask("echo"), ChannelLost)

    def test_closing_sends_what_was_said(self):
        """The last word of a supervisor is to stop."""
        self.one.tell("note", "last")
        self.one.close()
        self.pair.pump()
        self.assertEqual((self.heard, self.pair.lost), (["last"], [1, 1]))


class TestBounds(SynchronousTestCase):
    def test_who_does_not_read_now_is_told_later(self):
        """In order."""
        heard = []
        pair = Pair({}, {"note": heard.append})
        pair.one.tell("note", 1)
        pair.stop_reading(0)
        pair.one.tell("note", 2)
        pair.pump()
        self.assertEqual(heard, [1])
        pair.read_again(0)
        pair.one.tell("note", 3)
        pair.pump()
        self.assertEqual(heard, [1, 2, 3])

    def test_who_never_reads_is_ended(self):
        """Memory is not for a worker that hangs."""
        self.patch(module, "MOST_UNSENT", 1000)
        pair = Pair({}, {})
        pair.stop_reading(0)
        waiting = pair.one.ask("echo")
        pair.one.tell("note", "x" * 1000)
        self.assertEqual(pair.lost, [1, 0])
        self.failureResultOf(waiting, ChannelLost)
        pair.pump()
        self.assertEqual(pair.lost, [1, 1])

    def test_an_ask_too_many_fails_at_once(self):
        """It is the octet too many itself."""
        self.patch(module, "MOST_UNSENT", 10)
        pair = Pair({}, {})
        pair.stop_reading(0)
        self.failureResultOf(pair.one.ask("echo"), ChannelLost)

    def test_a_line_without_end_ends_the_channel(self):
        """Once."""
        lost = []
        channel = Channel({}, lambda: lost.append(1))
        channel.makeConnection(StringTransport())
        channel.dataReceived(b"x" * (module.LONGEST + 2))
        channel.dataReceived(b"x" * (module.LONGEST + 2))
        self.assertEqual(lost, [1])


class TestFuzz(SynchronousTestCase):
    """Whatever comes: it is heard, or it ends the channel once, and nothing is raised."""

    @EXAMPLES
    @given(_values, st.integers(1, 50))
    def test_every_value_comes_through_however_it_is_cut(self, value, size):
        heard = []
        sender, receiver = Channel({}, lambda: None), Channel({"note": heard.append}, lambda: None)
        out = StringTransport()
        sender.makeConnection(out)
        receiver.makeConnection(StringTransport())
        sender.tell("note", value)
        octets = out.value()
        for at in range(0, len(octets), size):
            receiver.dataReceived(octets[at : at + size])
        self.assertEqual(heard, [value])

    @EXAMPLES
    @given(st.lists(st.binary(max_size=60) | _almost, max_size=6))
    def test_a_line_that_is_none_ends_the_channel(self, lines):
        lost = []
        channel = Channel({"echo": lambda value: value}, lambda: lost.append(1))
        channel.makeConnection(StringTransport())
        asked = channel.ask("echo")
        asked.addBoth(lambda result: None)
        channel.dataReceived(b"".join(line + b"\n" for line in lines))
        good = True
        for line in b"".join(line + b"\n" for line in lines).split(b"\n")[:-1]:
            try:
                read(line)
            except NoLine:
                good = False
        self.assertEqual(lost, [] if good else [1])
        channel.connectionLost()
        self.assertEqual(lost, [1])


class TestOverSockets(TestCase):
    def test_it_speaks_over_a_pair_of_sockets(self):
        """As the two processes do; who closes loses it on both sides."""
        lost, heard = Deferred(), []
        one = Channel({"note": heard.append}, lambda: None)
        other = Channel({"echo": lambda value: value}, lambda: lost.callback(None))
        ends = socket.socketpair()
        connect(reactor, ends[0], one)
        connect(reactor, ends[1], other)
        other.tell("note", "x" * 500_000)
        asked = one.ask("echo", "y" * 500_000)
        asked.addCallback(lambda answer: self.assertEqual(answer, "y" * 500_000))
        asked.addCallback(lambda _: self.assertEqual(heard, ["x" * 500_000]))
        asked.addCallback(lambda _: one.close())
        return asked.addCallback(lambda _: lost)

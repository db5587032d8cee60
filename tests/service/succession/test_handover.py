"""One process in place of another: all of it, or all as it was. The other one is the test."""

import json

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.control import Refused
from twistedmx.net.systemd import Systemd
from twistedmx.service.faults import Faults
from twistedmx.service.reloading import STOPS, Reloading
from twistedmx.service.succession.estate import Estate
from twistedmx.service.succession.handover import Handover
from twistedmx.service.succession.launching import Successor
from twistedmx.service.succession.start_words import StartWords

START = StartWords(program="/usr/bin/python3", words=("twistd", "twistedmx"), folder="/")


class Server:
    """Writes down what is asked of it. `refuses`: why nothing can be handed over; `resting`: what `rest` comes to."""

    def __init__(self):
        self.heard = []
        self.refuses = []
        self.resting = succeed(None)
        self.retiring = Deferred()
        self.reloading = Reloading(lambda: succeed([]), source="", events=self, now=lambda: 0.0)
        self.systemd = Systemd({}, 7)
        self.systemd.tell = self.heard.append

    def bequeath(self):
        if self.refuses:
            raise Faults(self.refuses)
        return Estate(channel=3), [10, 11]

    def rest(self):
        self.heard.append("rests")
        return self.resting

    def wake(self):
        self.heard.append("wakes")

    def retire(self):
        self.heard.append("retires")
        return self.retiring


class Other(Successor):
    """A process that is not there."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid
        self.killed = False
        self.makeConnection(StringTransport())

    def says(self, **message):
        self.dataReceived(json.dumps(message).encode() + b"\n")

    def ends(self):
        self.connectionLost(Failure(ConnectionError()))

    def kill(self):
        if not (self.killed or self._is_free):
            self.killed = True
            self.ends()


class TestHandover(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.server = Server()
        self.twistd = {"pidfile": "/run/mx.pid"}
        self.launched = []
        self.error = None
        self.stopped = []

    def handover(self, start=START, pid=7):
        return Handover(
            self.server,
            start=start,
            launch=self.launch,
            clock=self.clock,
            twistd=self.twistd,
            pid=lambda: pid,
            stop=lambda: self.stopped.append(True),
        )

    def launch(self, start, estate, descriptors):
        if self.error:
            raise self.error
        self.launched.append((estate, descriptors))
        self.other = Other(8)
        return self.other

    def asked(self, arguments=(), **more):
        self.asking = Deferred.fromCoroutine(self.handover(**more)(dict(arguments)))
        return self.asking

    def refused(self):
        """With what; and the server is as it was."""
        words = str(self.failureResultOf(self.asking, Refused).value)
        self.assertEqual(self.server.reloading.held, "")
        self.assertNotIn("retires", self.server.heard)
        self.assertEqual((self.stopped, self.twistd), ([], {"pidfile": "/run/mx.pid"}))
        return words

    def test_one_step_behind_the_other(self):
        """What both cannot have is let go when the other has all else; and the process ends when its sessions have."""
        self.asked()
        ((estate, descriptors),) = self.launched
        self.assertEqual((estate.pidfile, descriptors), ("/run/mx.pid", [10, 11]))
        self.assertEqual(self.server.heard, [])
        self.clock.advance(1)
        self.other.says(**{"pid": 9, "is": "ready"})  # a daemon is another process than the one that was started
        self.assertEqual(self.server.heard, ["rests"])
        self.assertEqual(self.other.transport.value(), b"go\n")
        self.clock.advance(0.5)
        self.other.says(**{"pid": 9, "is": "serves", "notes": ["a note"]})
        self.assertEqual(
            self.successResultOf(self.asking),
            {"pid": 9, "before": 7, "steps": [["ready", 1.0], ["serves", 1.5]], "notes": ["a note"]},
        )
        self.assertEqual(self.server.heard, ["rests", "MAINPID=9", "retires"])
        self.assertEqual(self.twistd, {"pidfile": ""})
        self.other.kill()
        self.assertFalse(self.other.killed)
        self.assertEqual(self.stopped, [])
        self.server.retiring.callback(None)
        self.assertEqual(self.stopped, [True])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_faults_of_the_other_are_told(self):
        """A line each; once it has ended, for until then it may have what we take up again."""
        self.asked()
        self.other.says(faults=["a: x", "b: y"])
        self.assertNoResult(self.asking)
        self.other.ends()
        self.assertEqual(self.refused(), "a: x\nb: y")
        self.assertEqual(self.server.heard, [])

    def test_faults_behind_the_first_step_wake_the_server(self):
        """What was let go is taken up."""
        for end in (lambda: self.other.says(faults=["a: x"]) or self.other.ends(), lambda: self.other.ends()):
            self.server.heard.clear()
            self.asked()
            self.other.says(**{"pid": 9, "is": "ready"})
            end()
            self.refused()
            self.assertEqual(self.server.heard, ["rests", "wakes"])

    def test_who_does_not_end_or_says_nothing_is_killed(self):
        """A command has an end."""
        self.asked()
        self.clock.advance(121)
        self.assertIn("was not ready within 120 s", self.refused())
        self.assertTrue(self.other.killed)
        self.asked()
        self.other.says(faults=["a: x"])
        self.clock.advance(21)
        self.refused()
        self.assertTrue(self.other.killed)

    def test_who_speaks_otherwise_is_not_to_follow(self):
        """Another version may."""
        for message in ({"is": "serves", "pid": 9}, {"is": 1}, {"faults": "a"}, {}):
            self.asked()
            self.other.says(**message)
            self.other.ends()
            self.assertIn("has ended before it could", self.refused())
        self.asked()
        self.other.dataReceived(b"[]\n")
        self.assertIn("has ended before it could", self.refused())

    def test_a_rest_that_fails_is_taken_back(self):
        """By a fault of ours: the other one is not told to go."""
        self.server.resting = fail(ValueError("x"))
        self.asked()
        self.other.says(**{"pid": 9, "is": "ready"})
        self.failureResultOf(self.asking, ValueError)
        self.assertEqual((self.server.heard, self.server.reloading.held), (["rests", "wakes"], ""))
        self.assertEqual(self.other.transport.value(), b"")
        self.assertTrue(self.other.killed)

    def test_what_cannot_be_is_refused_before_anybody_is_started(self):
        """In words that say what can."""
        foreground = StartWords(program="", foreground=True)
        for more, words in (
            ({"start": foreground}, "--foreground"),
            ({"pid": 1}, "first process"),
            ({"pid": 1, "start": foreground, "arguments": {"foreground": True}}, "first process"),
            ({"start": StartWords(program="", faults=("no words",))}, "no words"),
        ):
            self.asked(**more)
            self.assertIn(words, self.refused())
        self.server.refuses = ["unix:x: is no port"]
        self.asked()
        self.assertEqual(self.refused(), "unix:x: is no port")
        self.server.refuses = []
        self.error = FileNotFoundError(2, "no such file")
        self.asked()
        self.assertIn("/usr/bin/python3: cannot be started: no such file", self.refused())
        self.assertEqual(self.launched, [])

    def test_in_the_foreground_it_is_done_when_it_was_said(self):
        """By who knows better."""
        self.asked({"foreground": True}, start=StartWords(program="", foreground=True))
        self.assertEqual(len(self.launched), 1)

    def test_one_at_a_time_and_no_reload_meanwhile(self):
        """Two would take from the same."""
        reloading = self.server.reloading
        reloading.under_way = True
        self.assertIn("a reload is under way", str(self.failureResultOf(self.asked(), Refused).value))
        reloading.under_way, reloading.stops = False, True
        self.assertIn(STOPS, str(self.failureResultOf(self.asked(), Refused).value))
        reloading.stops = False
        self.asked()
        self.assertIn("an upgrade is under way", str(self.failureResultOf(self.asked(), Refused).value))

    def test_who_was_told_to_stop_meanwhile_does_not_stop_twice(self):
        """Twisted takes that for a fault."""
        self.asked()
        self.other.says(**{"pid": 9, "is": "ready"})
        self.other.says(**{"pid": 9, "is": "serves"})
        self.server.reloading.stops = True
        self.server.retiring.callback(None)
        self.assertEqual(self.stopped, [])

"""Posts that are filled again, and all of them together: with workers that are none, on a clock of their own."""

from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.service.workers.crews import FakeCrew
from twistedmx.net.control import Refused
from twistedmx.service.workers.crew import Answer
from twistedmx.service.workers.post import State
from twistedmx.service.workers.sides import Nothing


class CrewCase(SynchronousTestCase):
    def setUp(self):
        self.lines = []
        globalLogPublisher.addObserver(self.see)
        self.addCleanup(globalLogPublisher.removeObserver, self.see)

    def see(self, event):
        if event.get("log_namespace", "").startswith("twistedmx") and "log_format" in event:
            self.lines.append(event["log_format"].format(**event))


class TestPost(CrewCase):
    def test_all_begin_and_then_it_is_ready(self):
        """Each by its number, with its own sockets."""
        fakes = FakeCrew().start()
        self.assertEqual(fakes.heard, ["0 serves", "1 serves", "ready"])
        self.assertEqual(fakes.sockets, [["socket 0"], ["socket 1"]])
        self.assertEqual(fakes.processes[1].asked[0], ("begin", {"number": 1, "octets": "old"}))
        self.assertEqual([post.pid for post in fakes.crew.posts], [100, 101])

    def test_who_dies_is_followed_at_once_and_then_less_and_less_soon(self):
        """A worker that cannot live must not take the machine with it; whose life was long is no such one."""
        fakes = FakeCrew(1).start()
        delays = []
        for _ in range(9):
            fakes.processes[-1].end("was ended by signal 11")
            before, seconds = len(fakes.processes), 0
            fakes.advance(0)
            while len(fakes.processes) == before:
                fakes.advance(1)
                seconds += 1
            delays.append(seconds)
        self.assertEqual(delays, [0, 1, 2, 4, 8, 16, 32, 60, 60])
        self.assertEqual(fakes.crew.posts[0].restarts, 9)
        fakes.advance(60)
        fakes.processes[-1].end("ended with status 1")
        fakes.advance(0)
        self.assertEqual(len(fakes.processes), 11)
        self.assertIn("worker 0, process 109, ended with status 1", self.lines)
        self.assertIn("worker 0 is started again in 60 s", self.lines)
        self.assertEqual(fakes.heard.count("ready"), 1)

    def test_the_others_do_not_notice(self):
        """They have posts of their own."""
        fakes = FakeCrew(3).start()
        fakes.processes[1].end("was ended by signal 9")
        self.assertEqual([post.state for post in fakes.crew.posts], [State.SERVING, State.EMPTY, State.SERVING])
        self.assertEqual([post.restarts for post in fakes.crew.posts], [0, 1, 0])
        fakes.advance(0)
        self.assertEqual([post.state for post in fakes.crew.posts], [State.SERVING] * 3)

    def test_faults_are_told_a_line_each(self):
        """And tried again: a table may be mended meanwhile."""
        fakes = FakeCrew(1)
        fakes.faults = "a: is wrong\nb: too"
        fakes.start()
        self.assertIn("worker 0 cannot serve: a: is wrong", self.lines)
        self.assertIn("worker 0 cannot serve: b: too", self.lines)
        fakes.faults = ""
        fakes.advance(0)
        self.assertEqual(fakes.heard[-1], "ready")

    def test_a_process_that_cannot_be_made_is_tried_again(self):
        """The machine may have no memory just now."""
        fakes = FakeCrew(1)
        fakes.error = OSError(12, "Cannot allocate memory")
        fakes.start()
        self.assertIn("worker 0 cannot be started: Cannot allocate memory", self.lines)
        fakes.error = None
        fakes.advance(0)
        self.assertEqual(fakes.heard, ["0 serves", "ready"])

    def test_who_turns_no_more_is_killed(self):
        """Its clients would wait for ever; and nobody else has its hosts."""
        fakes = FakeCrew(1)
        fakes.answers["ping"] = lambda value: Deferred()
        fakes.start()
        for _ in range(69):
            fakes.advance(1)
        self.assertEqual(len(fakes.processes), 1)
        fakes.advance(1)
        self.assertIn("worker 0 has not answered for 60 s", self.lines)
        fakes.advance(0)
        self.assertEqual(len(fakes.processes), 2)

    def test_who_answers_is_left_alone(self):
        """For hours."""
        fakes = FakeCrew(1).start()
        for _ in range(400):
            fakes.advance(10)
        self.assertEqual(len(fakes.processes), 1)

    def test_a_channel_that_is_lost_is_the_end_soon(self):
        """Its sockets would be served by somebody whom nobody can tell anything."""
        fakes = FakeCrew(1).start()
        fakes.processes[0].pair.cut()
        fakes.processes[0].told.lost()
        self.assertFalse(fakes.processes[0].is_over)
        fakes.advance(2)
        self.assertTrue(fakes.processes[0].is_over)
        fakes.advance(0)
        self.assertEqual(len(fakes.processes), 2)

    def test_what_it_logs_has_its_number_and_its_level(self):
        """One log, with the lines of all."""
        seen = []
        globalLogPublisher.addObserver(seen.append)
        self.addCleanup(globalLogPublisher.removeObserver, seen.append)
        fakes = FakeCrew(2).start()
        fakes.processes[1].pair.other.tell(
            "log", {"level": "warn", "namespace": "twistedmx.x", "text": "so {it} is\nand so"}
        )
        fakes.pump()
        fakes.processes[0].told.said("Fatal Python error")
        (event,) = [event for event in seen if event.get("log_namespace") == "twistedmx.x"]
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("worker 1: so {it} is\nand so", self.lines)
        self.assertIn("worker 0 says: Fatal Python error", self.lines)

    def test_a_side_hears_of_each_before_it_serves_and_when_it_is_gone(self):
        """It is told what the others know; and what it heard from the gone one is no more."""
        heard = []

        class Side(Nothing):
            def joined(self, number, channel):
                heard.append(f"{number} joined")
                channel.tell("drop", "what there is")

            def left(self, number):
                heard.append(f"{number} left")

        fakes = FakeCrew(1, Side()).start()
        self.assertEqual(fakes.processes[0].kinds(), ["begin", "drop", "serve"])
        fakes.processes[0].end("ended")
        self.assertEqual(heard, ["0 joined", "0 left"])


class TestCrew(CrewCase):
    def test_all_are_asked_and_who_refuses_says_so(self):
        """Who is gone says nothing."""
        fakes = FakeCrew(3)
        fakes.answers["command"] = lambda value: value * 2
        fakes.start()
        fakes.processes[1].answers = {"command": Refused("not I")}
        asked = fakes.crew.ask("command", 4)
        fakes.processes[2].kill()
        fakes.pump()
        self.assertEqual(self.successResultOf(asked), [Answer(number=0, value=8), Answer(number=1, refused="not I")])

    def test_who_is_late_is_left_out(self):
        """An operator waits for half a minute at most."""
        fakes = FakeCrew(2)
        fakes.start()
        fakes.processes[1].answers = {"command": lambda value: Deferred()}
        asked = fakes.crew.ask("command")
        fakes.advance(9)
        self.assertNoResult(asked)
        fakes.advance(1)
        self.assertEqual(self.successResultOf(asked), [Answer(number=0)])

    def test_all_retire_and_end_by_themselves(self):
        """Each with its last session; nobody follows, and nobody is killed for it."""
        fakes = FakeCrew().start()
        gone = fakes.crew.retire()
        fakes.pump()
        self.assertEqual([process.kinds()[-1] for process in fakes.processes], ["retire", "retire"])
        fakes.advance(1000)
        self.assertNoResult(gone)
        for process in fakes.processes:
            process.end("ended")
        self.successResultOf(gone)
        fakes.advance(100)
        self.assertEqual(len(fakes.processes), 2)
        self.successResultOf(fakes.crew.stop(1))

    def test_all_stop_and_nobody_follows(self):
        """In good order."""
        fakes = FakeCrew(2).start()
        stopping = fakes.crew.stop(30.0)
        self.assertNoResult(stopping)
        fakes.pump()
        self.assertIsNone(self.successResultOf(stopping))
        fakes.advance(100)
        self.assertEqual(len(fakes.processes), 2)
        self.assertEqual(fakes.clock.getDelayedCalls(), [])

    def test_who_does_not_stop_is_killed_some_time_after_the_grace(self):
        """Sessions have their time, and no worker more."""
        fakes = FakeCrew(2).start()
        fakes.processes[1].is_silent = True
        stopping = fakes.crew.stop(30.0)
        fakes.advance(39)
        self.assertNoResult(stopping)
        fakes.advance(1)
        self.successResultOf(stopping)
        self.assertIn("worker 1 does not end: it is killed", self.lines)

    def test_a_stop_while_one_is_about_to_follow(self):
        """He does not."""
        fakes = FakeCrew(2).start()
        fakes.processes[0].end("was ended by signal 9")
        stopping = fakes.crew.stop(0.0)
        fakes.advance(0)
        self.successResultOf(stopping)
        self.assertEqual(len(fakes.processes), 2)

    def test_a_stop_before_anybody_began(self):
        """A start that failed."""
        fakes = FakeCrew(2)
        self.successResultOf(fakes.crew.stop(0.0))

"""Programs of the operator, run once: with real processes."""

import os
from pathlib import Path

import attrs
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.programs import ENVIRONMENT, PYTHON, SHELL, ProgramsCase, Timed, alive
from twistedmx.qmail.program import MOST_GIVEN, MOST_WORDS, Ended, run

# A child of the program, in the background, which has its pipes; its number is what the program writes first.
SLEEPER = SHELL + "sleep 600 &\necho $!\n"


class TestRun(ProgramsCase):
    def run_it(self, text, *words, seconds=30.0, most_octets=1000, on=reactor, **more):
        argv = [self.program(text), *words]
        return run(
            on,
            argv,
            {**ENVIRONMENT, **more.pop("environment", {})},
            cwd=more.pop("cwd", os.fsencode(self.folder)),
            most_octets=most_octets,
            seconds=seconds,
            **more,
        )

    @inlineCallbacks
    def test_status_and_what_it_wrote(self):
        """What callers decide by."""
        ended = yield self.run_it(SHELL + "echo out; echo err >&2; exit 7")
        self.assertEqual(ended, Ended(status=7, outputs={1: b"out\n", 2: b"err\n"}))

    @inlineCallbacks
    def test_a_descriptor_holds_what_is_given_and_then_ends(self):
        """checkpassword reads user and password on descriptor 3 to its end; fd 4 is where qmail's programs give reasons."""
        ended = yield self.run_it(
            PYTHON + "import os\nos.write(4, os.read(3, 9999)); os.write(4, b'<%d>' % len(os.read(3, 9)))",
            given={3: b"user\0secret\0"},
            taken=(2, 4),
        )
        self.assertEqual(ended, Ended(status=0, outputs={2: b"", 4: b"user\0secret\0<0>"}))

    @inlineCallbacks
    def test_a_program_that_reads_nothing_of_what_it_is_given_ends_all_the_same(self):
        """Nor are we told by SIGPIPE."""
        ended = yield self.run_it(SHELL + "exit 0", given={0: b"x" * MOST_GIVEN}, taken=())
        self.assertEqual(ended, Ended(status=0))

    @inlineCallbacks
    def test_it_has_the_descriptors_that_are_named_and_no_others(self):
        """A socket of another session in a program of the operator would keep that session open, or be written to."""
        with open(self.folder / "other", "wb") as other:
            os.set_inheritable(other.fileno(), True)
            ended = yield self.run_it(
                PYTHON + "import os\nprint([(n, os.readlink(f'/proc/self/fd/{n}')[:5]) for n in range(64)"
                " if os.path.exists(f'/proc/self/fd/{n}') and n != 3 or n in (0, 1, 2, 4)])",
                given={4: b""},
                taken=(1,),
            )
        self.assertEqual(ended.outputs[1], b"[(0, '/dev/'), (1, 'pipe:'), (2, '/dev/'), (4, 'pipe:')]\n", ended)

    @inlineCallbacks
    def test_it_has_the_environment_and_the_directory_that_are_given_and_no_others(self):
        """What tcpserver's rules set for one session holds for its programs, and for no other session's."""
        (self.folder / "home").mkdir()
        ended = yield self.run_it(
            PYTHON + "import os\nprint(sorted(os.environb.items())); print(os.path.basename(os.getcwd()))",
            environment={b"SENDER": b"\xff=a b"},
            cwd=str(self.folder / "home"),
        )
        self.assertEqual(ended.outputs[2], b"")
        environment, directory = ended.outputs[1].splitlines()
        self.assertEqual(directory, b"home")
        self.assertIn(rb"(b'SENDER', b'\xff=a b')", environment)
        self.assertNotIn(b"HOME", environment)

    @inlineCallbacks
    def test_a_path_without_a_slash_is_a_file_of_the_directory(self):
        """As execv(3) takes it, which qmail uses: nothing is searched for."""
        self.program(SHELL + "echo here", "true")
        ended = yield run(reactor, [b"true"], ENVIRONMENT, cwd=str(self.folder), most_octets=99, seconds=30)
        self.assertEqual(ended.outputs[1], b"here\n")

    @inlineCallbacks
    def test_words_reach_it_as_they_are(self):
        """No shell sees them."""
        ended = yield self.run_it(
            PYTHON + "import os, sys\nprint([os.fsencode(word) for word in sys.argv[1:]])",
            b"$HOME;`id`",
            b"",
            b"\xff *",
        )
        self.assertEqual(ended.outputs[1], b"[b'$HOME;`id`', b'', b'\\xff *']\n")

    @inlineCallbacks
    def test_it_dies_of_a_signal(self):
        """qmail's wait_crashed."""
        ended = yield self.run_it(SHELL + "echo so far; kill -SEGV $$")
        self.assertEqual((ended.signal, ended.status, ended.outputs[1]), (11, None, b"so far\n"))

    @inlineCallbacks
    def test_signals_have_their_default_effect(self):
        """We ignore SIGPIPE ourselves; a pipeline of programs that inherit that may never end."""
        ended = yield self.run_it(SHELL + "kill -PIPE $$")
        self.assertEqual(ended.signal, 13)

    @inlineCallbacks
    def test_who_takes_too_long_is_killed_with_its_children(self):
        """A plugin that hangs holds its session for the limit, and its children hold nothing."""
        timed = Timed()
        running = self.run_it(SHELL + "sleep 600 &\necho $!; touch started\nwait", seconds=10.0, on=timed)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(9.9)
        self.assertNoResult(running)
        timed.clock.advance(0.1)
        ended = yield running
        self.assertTrue(ended.timed_out)
        self.assertEqual(timed.clock.getDelayedCalls(), [])
        yield self.gone(int(ended.outputs[1]))

    @inlineCallbacks
    def test_who_ignores_signals_is_killed_as_well(self):
        """There is no polite time."""
        timed = Timed()
        running = self.run_it(SHELL + "trap '' TERM INT HUP; touch started; while :; do sleep 1; done", on=timed)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(30)
        ended = yield running
        self.assertTrue(ended.timed_out)

    @inlineCallbacks
    def test_who_is_killed_before_it_has_begun(self):
        """It may not be in its own group by then, and is killed alone."""
        timed = Timed()
        running = self.run_it(SHELL + "sleep 600", on=timed)
        timed.clock.advance(30)
        ended = yield running
        self.assertTrue(ended.timed_out)

    @inlineCallbacks
    def test_a_daemon_that_has_left_the_group_does_not_hold_us(self):
        """It has our pipe, and will not write; its maker has ended, which is the answer."""
        timed = Timed()
        running = self.run_it(
            SHELL + "setsid sh -c 'echo $$; touch started; exec sleep 600' &\n"
            "until test -e started; do sleep 0.01; done",
            on=timed,
        )
        yield self.run_until(lambda: (self.folder / "started").exists() and not self.new_children())
        self.assertNoResult(running)
        timed.clock.advance(1)
        ended = yield running
        self.assertEqual((ended.status, ended.timed_out), (0, False))
        daemon = int(ended.outputs[1])
        self.assertTrue(alive(daemon))
        os.kill(daemon, 9)
        yield self.gone(daemon)

    @inlineCallbacks
    def test_what_a_program_leaves_behind_in_its_group_is_killed_when_it_ends(self):
        """It would hold the pipes, and a process for each recipient of a flood."""
        ended = yield self.run_it(SLEEPER)
        self.assertEqual(ended.status, 0)
        yield self.gone(int(ended.outputs[1]))

    @inlineCallbacks
    def test_output_is_bounded(self):
        """Whoever writes without end finds the pipe closed, as with head(1)."""
        ended = yield self.run_it(SHELL + "echo error >&2; exec yes", most_octets=5000)
        self.assertEqual((ended.outputs[1], ended.cut, ended.signal), (b"y\n" * 2500, {1}, 13))
        self.assertEqual(ended.outputs[2], b"error\n")

    @inlineCallbacks
    def test_output_of_just_the_most_octets_is_whole(self):
        """The limit is the last that is allowed."""
        ended = yield self.run_it(SHELL + "echo 1234", most_octets=5)
        self.assertEqual((ended.outputs[1], ended.cut), (b"1234\n", frozenset()))

    @inlineCallbacks
    def test_who_cancels_has_it_killed(self):
        """A session that is gone needs no answer."""
        started = self.folder / "started"
        running = self.run_it(SHELL + "echo $$ >started.new; mv started.new started; exec sleep 600")
        yield self.run_until(started.exists)
        running.cancel()
        yield self.assertFailure(running, CancelledError)
        yield self.gone(int(started.read_text()))
        yield self.run_until(lambda: not self.new_children())

    @inlineCallbacks
    def test_many_at_once(self):
        """Each has its own pipes."""
        program = self.program(SHELL + 'echo "$1"')
        running = [
            run(reactor, [program, b"%d" % n], ENVIRONMENT, cwd=b"/", most_octets=99, seconds=30) for n in range(20)
        ]
        for number, each in enumerate(running):
            ended = yield each
            self.assertEqual(ended.outputs[1], b"%d\n" % number)


class TestNotStarted(ProgramsCase):
    """A program that is not there is no program that ended with 1."""

    def why(self, path, cwd=None, words=(), environment=ENVIRONMENT):
        cwd = os.fsencode(self.folder) if cwd is None else cwd
        ended = self.successResultOf(run(reactor, [path, *words], environment, cwd=cwd, most_octets=999, seconds=30.0))
        return ended.could_not_start

    def test_what_can_be_known_before(self):
        """Each with words for the operator."""
        no_program = self.program(SHELL)
        Path(os.fsdecode(no_program)).chmod(0o644)
        self.assertEqual(self.why(b"/no/such/program"), "No such file or directory")
        self.assertEqual(self.why(no_program), "it may not be executed")
        self.assertEqual(self.why(b"/tmp"), "it is no file")
        self.assertEqual(self.why(b"/bin/true", cwd=b"/no/home"), "/no/home is no directory")
        self.assertEqual(self.why(b"/bin/true", words=[b"a\0b"]), "a word for it has a NUL")
        self.assertIn(f"{MOST_WORDS}", self.why(b"/bin/true", environment={b"A": b"x" * MOST_WORDS}))

    @inlineCallbacks
    def test_an_interpreter_that_is_missing(self):
        """The kernel alone knows it."""
        path = self.program("#!/no/such/interpreter\n")
        ended = yield run(reactor, [path], ENVIRONMENT, cwd=b"/", most_octets=999, seconds=30.0)
        self.assertEqual(ended.could_not_start, "No such file or directory")

    @inlineCallbacks
    def test_a_status_of_127_is_the_programs_own(self):
        """A shell says so of what it did not find."""
        path = self.program(SHELL + "no-such-command-of-anybody")
        ended = yield run(reactor, [path], ENVIRONMENT, cwd=b"/", most_octets=999, seconds=30.0)
        self.assertEqual(ended.status, 127)

    def test_a_reactor_that_cannot_make_processes(self):
        """EAGAIN of fork(2): nothing was opened that stays open."""

        class NoProcesses:
            def spawnProcess(self, *words, **more):
                raise BlockingIOError(11, "Resource temporarily unavailable")

            callLater = reactor.callLater

        ended = self.successResultOf(
            run(NoProcesses(), [b"/bin/true"], {}, cwd=b"/", given={3: b"x"}, most_octets=9, seconds=30.0)
        )
        self.assertEqual(ended, Ended(could_not_start="Resource temporarily unavailable"))


class TestArguments(SynchronousTestCase):
    def test_wrong_ones_are_refused(self):
        """They are faults of ours, not of the operator's."""
        for wrong in ({"given": {3: b"x" * (MOST_GIVEN + 1)}}, {"given": {1: b""}}):
            with self.assertRaises(ValueError):
                run(reactor, [b"/bin/true"], {}, cwd=b"/", most_octets=9, seconds=1, **wrong)

    def test_a_program_ends_in_one_way(self):
        """And says in words which."""
        ways = [{"status": 0}, {"signal": 9}, {"timed_out": True}, {"could_not_start": "why"}]
        words = [str(Ended(**way)) for way in ways]
        self.assertEqual(
            words,
            ["ended with status 0", "was killed by signal 9", "took too long", "could not be started: why"],
        )
        for wrong in ({}, {"status": 0, "timed_out": True}):
            with self.assertRaises(ValueError):
                Ended(**wrong)
        with self.assertRaises(ValueError):
            attrs.evolve(Ended(status=0), signal=9)

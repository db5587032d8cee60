"""qmail-spp: its file, the answers of its plugins, and plugins that are real programs."""

import os

import attrs
from twisted.internet.defer import CancelledError, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.programs import ENVIRONMENT, PYTHON, SHELL, ProgramsCase, Timed
from twistedmx.qmail.program_places import Places, ProgramSettings
from twistedmx.qmail.spp import NOTHING, Plugins, variables
from twistedmx.qmail.spp_answer import MOST_LINES, BadAnswer, Last, joined, parse_spp_answer, reply_of
from twistedmx.qmail.spp_file import (
    MOST_OCTETS,
    MOST_PLUGINS,
    NO_PLUGINS,
    BadSppFile,
    Stage,
    is_enabled,
    parse_spp_file,
    read_spp_file,
)
from twistedmx.smtp.reply import Reply, reply

OURS = reply(250, "", "ok")


def argvs(file):
    return {stage.name: [plugin.argv for plugin in plugins] for stage, plugins in file.plugins.items()}


class TestFile(SynchronousTestCase):
    def test_sections_by_their_first_letter_and_shell_behind_a_colon(self):
        """spp_init of qmail-spp.c."""
        file = parse_spp_file(
            b'# comment\n\n[connection]\nplugins/greet \t\n[h]\n[mailfrom is it]\n:test -n "$A" || echo N\nplugins/a b\n'
            b"[rcpt]\n/opt/one\n[mail]\n/opt/two\n[pass]\np\n[data]\nd\n[auth]\na"
        )
        self.assertEqual(
            argvs(file),
            {
                "CONNECTION": [(b"plugins/greet",)],
                "MAIL": [(b"/bin/sh", b"-c", b'test -n "$A" || echo N'), (b"plugins/a b",), (b"/opt/two",)],
                "RCPT": [(b"/opt/one",)],
                "PASS": [(b"p",)],
                "DATA": [(b"d",)],
                "AUTH": [(b"a",)],
            },
        )
        self.assertEqual(file.faults, ())
        self.assertEqual(file.plugins[Stage.RCPT][0].number, 10)

    def test_what_is_ignored_is_told_with_the_number_of_its_line(self):
        """The original says nothing, and the operator wonders why a plugin is not asked."""
        file = parse_spp_file(b"early\n[Mail]\nlost\n[quit]\n[rcpt]\n:\na\0b\nfine\n")
        self.assertEqual(argvs(file), {"RCPT": [(b"fine",)]})
        self.assertEqual(
            [fault.partition(":")[0] for fault in file.faults], ["line 1", "line 2", "line 4", "line 6", "line 7"]
        )
        self.assertIn("[Mail] is no section; there are [connection], [helo], [mail]", file.faults[1])

    def test_limits(self):
        """A file of megabytes is read for each connection, and a thousand plugins are a thousand processes for each RCPT."""
        file = parse_spp_file(b"[rcpt]\n" + b"p\n" * (MOST_PLUGINS + 1))
        self.assertEqual(len(file.plugins[Stage.RCPT]), MOST_PLUGINS)
        self.assertIn(f"{MOST_PLUGINS} plugins at most", file.faults[0])
        with self.assertRaises(BadSppFile):
            parse_spp_file(b"#" * (MOST_OCTETS + 1))

    def test_0_and_nothing_switch_it_off(self):
        """The original looks whether ENABLE_SPP is there; sagredo's run script sets it to 0."""
        self.assertEqual(
            [is_enabled({b"ENABLE_SPP": value}) for value in (b"", b"0", b"1", b"yes")], [False, False, True, True]
        )
        self.assertFalse(is_enabled({}))


class TestReading(SynchronousTestCase):
    def setUp(self):
        self.home = os.fsencode(os.path.abspath(self.mktemp()))
        os.makedirs(os.path.join(self.home, b"control"))
        self.told = []

    def read(self, **environment):
        environment = {os.fsencode(name): value for name, value in environment.items()}
        return read_spp_file(self.home, environment, self.told.append)

    def write(self, octets, name=b"control/smtpplugins"):
        with open(os.path.join(self.home, name), "wb") as file:
            file.write(octets)

    def test_a_missing_file_has_no_plugins_and_is_told(self):
        """The original answers 421 to everybody: the whole port is down for a missing file."""
        self.assertEqual(self.read(ENABLE_SPP=b"1").plugins, {})
        self.assertEqual(
            self.told,
            [b"qmail-smtpd: control/smtpplugins: is missing, so no plugins are asked; write it, or unset ENABLE_SPP\n"],
        )

    def test_where_it_is_off_nothing_is_read_or_told(self):
        """As if there were no such file."""
        self.write(b"nonsense")
        self.assertIs(self.read(ENABLE_SPP=b"0"), NO_PLUGINS)
        self.assertEqual(self.told, [])

    def test_sppconffile_is_another(self):
        """From qmail's home, or absolute; one that is empty is none."""
        self.write(b"[rcpt]\none")
        self.write(b"[rcpt]\ntwo", b"control/other")
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"", SPPCONFFILE=b"control/other")), {})
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"")), {"RCPT": [(b"one",)]})
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"control/other")), {"RCPT": [(b"two",)]})
        absolute = os.path.join(self.home, b"control/other")
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=absolute)), {"RCPT": [(b"two",)]})

    def test_one_that_cannot_be_read_is_no_missing_one(self):
        """421: policies of the operator are not left out because of a fault."""
        os.mkdir(os.path.join(self.home, b"control/smtpplugins"))
        with self.assertRaisesRegex(BadSppFile, "control/smtpplugins: Is a directory"):
            self.read(ENABLE_SPP=b"1")
        with self.assertRaises(BadSppFile):
            self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"a\0b")

    def test_faults_are_told_as_lines_of_the_log(self):
        """With the name of the file."""
        self.write(b"a\x1b\n")
        self.read(ENABLE_SPP=b"1")
        self.assertRegex(self.told[0], rb"\Aqmail-smtpd: control/smtpplugins: line 1: a\? is ignored: .*\n\Z")


class TestAnswers(SynchronousTestCase):
    def test_all_letters_that_change_something(self):
        """spp of qmail-spp.c; the last of several addresses counts, and variables in their order."""
        said = parse_spp_answer(
            b"HX-One: 1\nH\tfolded\nCa@example.net\nCb@example.net\nSA=1=2\nUA\nSB=\nP250-hello\n"
            b"LM550 no\nLM550 more\nLR451 later\nLD554 never\n"
        )
        self.assertEqual(said.headers, (b"X-One: 1", b"\tfolded"))
        self.assertEqual(said.address, b"b@example.net")
        self.assertEqual(said.changes, ((b"A", b"1=2"), (b"A", None), (b"B", b"")))
        self.assertEqual(said.printed, ((250, "hello"),))
        self.assertEqual(
            {stage.name: each.octets for stage, each in said.delayed.items()},
            {"MAIL": b"550-no\r\n550 more\r\n", "RCPT": b"451 later\r\n", "DATA": b"554 never\r\n"},
        )
        self.assertEqual((said.last, said.reply, said.faults), (None, None, ()))

    def test_the_last_line_that_counts(self):
        """What stands behind it is not read."""
        for letter in b"EROAND":
            octets = bytes([letter]) + (b"550 no\r" if letter in b"ER" else b"")
            said = parse_spp_answer(b"SA=1\n" + octets + b"\nSB=1\nE554 other\n")
            self.assertEqual((said.last, said.changes), (Last(bytes([letter])), ((b"A", b"1"),)))
            self.assertEqual(parse_spp_answer(octets).last, said.last, "a last line without LF")
        self.assertEqual(parse_spp_answer(b"E550 no").reply, Reply(code=550, lines=("no",)))
        self.assertEqual(parse_spp_answer(b"R550 no").reply, Reply(code=550, lines=("no",), closes=True))
        closed = parse_spp_answer(b"D").reply
        self.assertEqual((closed.octets, closed.closes), (b"", True))

    def test_a_refusal_without_a_reply_is_a_plugin_that_failed(self):
        """The original sends whatever it is: an empty line, or a text without a code."""
        for octets in (b"E\n", b"Eno\n", b"R5\n", b"E354 go on\n", b"E550no\n"):
            with self.assertRaises(BadAnswer):
                parse_spp_answer(octets)
        with self.assertRaises(BadAnswer):
            parse_spp_answer(b"\n" * MOST_LINES + b"N\n")

    def test_what_would_break_the_session_or_the_message_is_ignored_and_told(self):
        """A header that ends early, a second reply, a variable without a value, an address with line ends."""
        for octets in (
            b"H", b"Hno field", b"H folded first", b"HA: b\r", b"P250 ok", b"Phello", b"SA", b"S=1", b"UA=1", b"U", b"Ca\rb",
            b"C" + b"x" * 901, b"LX550 no", b"LMno", b"L", b"z", b"SA=\0",
        ):  # fmt: skip
            said = parse_spp_answer(octets + b"\nN\n")
            self.assertEqual((len(said.faults), said.last), (1, Last.NEXT_COMMAND), octets)
            self.assertEqual(attrs.evolve(said, faults=(), last=None), parse_spp_answer(b""), octets)
        self.assertEqual(len(parse_spp_answer(b"nonsense\n" * 99).faults), 5)

    def test_replies(self):
        """What may be sent as it is, and what may not."""
        self.assertEqual(reply_of(b"550 5.7.1 no\x07\xff\r").octets, b"550 5.7.1 no??\r\n")
        self.assertEqual([reply_of(code).code for code in (b"571 x", b"470 x", b"250-x", b"299")], [554, 451, 250, 250])
        self.assertLessEqual(len(reply_of(b"550 " + b"x" * 9999).octets), 512)
        one = reply(550, "", "one")
        self.assertEqual(joined(one, reply(550, "", "two")).octets, b"550-one\r\n550 two\r\n")
        self.assertEqual(joined(one, reply(451, "", "two")), one)


class PluginsCase(ProgramsCase):
    """Each plugin is a script in the folder; stage RCPT where nothing else is said."""

    def plugins(self, *texts, stage="rcpt", on=None, settings=None, tail=""):
        on = on or Timed()
        paths = [self.program(text, f"plugin-{number}").decode() for number, text in enumerate(texts)]
        file = parse_spp_file("\n".join([f"[{stage}]", *paths, tail]).encode())
        self.told = []
        places = Places(on, settings or ProgramSettings())
        return Plugins(places, file, home=str(self.folder), tell=self.told.append)

    def ask(self, *texts, environment=None, **more):
        stage = next(stage for stage in Stage if stage.name.lower() == more.get("stage", "rcpt"))
        return self.plugins(*texts, **more).ask(stage, {**ENVIRONMENT, **(environment or {})})


class TestPlugins(PluginsCase):
    """What comes of their answers."""

    def test_a_stage_without_plugins_is_answered_at_once(self):
        """No process, and nothing changes."""
        plugins = self.plugins(SHELL)
        self.assertEqual((plugins.has(Stage.RCPT), plugins.has(Stage.MAIL)), (True, False))
        self.assertEqual(self.successResultOf(plugins.ask(Stage.MAIL, {})), NOTHING)

    @inlineCallbacks
    def test_a_plugin_refuses(self):
        """E: the command has this reply; the next plugin is not asked."""
        answer = yield self.ask(SHELL + "echo 'E550 5.7.1 no'", SHELL + "touch asked")
        self.assertEqual(answer.reply, Reply(code=550, lines=("5.7.1 no",)))
        self.assertFalse((self.folder / "asked").exists())
        self.assertEqual((answer.failed, self.told), (False, []))

    @inlineCallbacks
    def test_a_line_with_a_colon_is_for_the_shell(self):
        """As qmail-spp's syntax says; what it finds in the environment is not read by it as a command."""
        answer = yield self.ask(
            tail=':test "$SMTPRCPTTO" = "a@x; touch evil" && echo "R421 $SMTPRCPTCOUNT of $SMTPRCPTCOUNTALL"',
            environment=variables(rcpt=b"a@x; touch evil", rcpt_count=2, rcpt_count_all=3),
        )
        self.assertEqual(answer.reply, Reply(code=421, lines=("2 of 3",), closes=True))
        self.assertFalse((self.folder / "evil").exists())

    @inlineCallbacks
    def test_what_one_says_holds_for_the_next(self):
        """Variables, and the address."""
        answer = yield self.ask(
            SHELL
            + "echo HX-A: 1; echo Cb@example.org; echo SCOLOUR=red; echo UGONE; echo LR450 later; echo P550-first",
            PYTHON
            + "import os\nprint('HX-B: %s %s %s' % (os.environ['SMTPRCPTTO'], os.environ['COLOUR'], 'GONE' in os.environ))",
            SHELL + "echo Sz=1; echo LR450 again; echo A",
            SHELL + "touch asked",
            environment={b"GONE": b"1", **variables(rcpt=b"a@example.org")},
        )
        self.assertEqual(answer.headers, (b"X-A: 1", b"X-B: b@example.org red False"))
        self.assertEqual(answer.address, b"b@example.org")
        self.assertEqual(dict(answer.changes), {b"COLOUR": b"red", b"GONE": None, b"z": b"1"})
        self.assertEqual(answer.delayed[Stage.RCPT].octets, b"450-later\r\n450 again\r\n")
        self.assertEqual((answer.reply, answer.stop_all, answer.skip_checks), (None, True, False))
        self.assertFalse((self.folder / "asked").exists())
        self.assertEqual(answer.around(OURS), OURS, "a line of 550 is none of 250")
        self.assertEqual(answer.around(reply(550, "", "no")).octets, b"550-first\r\n550 no\r\n")

    @inlineCallbacks
    def test_no_address_is_changed_where_there_is_none(self):
        """At DATA there is nothing that C could mean."""
        answer = yield self.ask(SHELL + "echo Cb@example.org", stage="data")
        self.assertIsNone(answer.address)

    @inlineCallbacks
    def test_letters_that_end_a_stage(self):
        """O skips what is built in, N does not; D closes without a word."""
        for letter, skips, closes in (("O", True, False), ("N", False, False), ("D", False, True)):
            answer = yield self.ask(SHELL + f"echo {letter}", SHELL + "echo E550 no")
            self.assertEqual((answer.skip_checks, answer.stop_all), (skips, False))
            self.assertEqual(answer.reply.octets if closes else answer.reply, b"" if closes else None)
            self.assertEqual(bool(answer.reply and answer.reply.closes), closes)

    @inlineCallbacks
    def test_its_directory_is_qmails_home_and_it_has_nothing_to_read(self):
        """The original closes descriptor 0, which is the client."""
        answer = yield self.ask(
            PYTHON + "import os, sys\nprint('E550', os.path.basename(os.getcwd()), sys.stdin.read() == '')"
        )
        self.assertEqual(answer.reply.lines, (f"{self.folder.name} True",))

    @inlineCallbacks
    def test_standard_error_goes_to_the_log(self):
        """Line by line, and safe."""
        yield self.ask(SHELL + "printf 'one\\nt\\033wo' >&2")
        self.assertEqual(self.told, [b"one\n", b"t?wo\n"])

    @inlineCallbacks
    def test_what_is_ignored_is_told(self):
        """With the plugin and its line in the file."""
        yield self.ask(SHELL + "echo hello")
        path = os.fsencode(self.folder / "plugin-0")
        self.assertEqual(
            self.told,
            [b"qmail-smtpd: qmail-spp: %s: a line is ignored: hello (control/smtpplugins line 2)\n" % path],
        )


class TestPluginsThatFail(PluginsCase):
    """None refuses for good, and none keeps a session."""

    @inlineCallbacks
    def failing(self, text, heard, told, **more):
        answer = yield self.ask(SHELL + "echo HX-A: 1", text, SHELL + "echo E550 no", **more)
        self.assertEqual(answer.reply.octets, f"451 qmail-spp failure: {heard} (#4.3.0)\r\n".encode())
        self.assertEqual((answer.failed, answer.headers), (True, (b"X-A: 1",)))
        self.assertIn(told, self.told[-1])
        self.assertIn(b"plugin-1", self.told[-1])
        self.assertIn(b"line 3", self.told[-1])

    def test_it_dies_of_a_signal(self):
        """Whatever it has said before."""
        return self.failing(SHELL + "echo E550 no; kill -SEGV $$", "child crashed", b"was killed by signal 11")

    def test_it_cannot_be_executed(self):
        """Its interpreter is missing."""
        return self.failing("#!/no/such\n", "can't execute", b"could not be started: No such file")

    def test_its_status_is_120(self):
        """Which the original takes for the same."""
        return self.failing(SHELL + "exit 120", "can't execute", b"ended with status 120")

    def test_its_answer_is_none(self):
        """A refusal without a code."""
        return self.failing(SHELL + "echo Eno", "bad answer", b"no reply: no")

    def test_it_writes_without_end(self):
        """The pipe is closed, and it dies."""
        return self.failing(SHELL + "exec yes", "bad answer", b"lines")

    def test_it_writes_one_line_without_end(self):
        """Here too."""
        return self.failing(SHELL + "exec tr '\\0' H </dev/zero", "bad answer", b"it wrote more than 65536 octets")

    @inlineCallbacks
    def test_it_writes_without_end_behind_its_answer(self):
        """The original does not read on either."""
        answer = yield self.ask(SHELL + "echo E550 no; exec yes")
        self.assertEqual((answer.reply.octets, answer.failed), (b"550 no\r\n", False))

    @inlineCallbacks
    def test_it_takes_too_long(self):
        """It is killed, and the next one is not asked."""
        timed = Timed()
        answer = self.ask(SHELL + "touch started; echo E550 no; sleep 600", SHELL + "touch asked", on=timed)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(10)
        answer = yield answer
        self.assertEqual(answer.reply.octets, b"451 qmail-spp failure: child timed out (#4.3.0)\r\n")
        self.assertFalse((self.folder / "asked").exists())

    @inlineCallbacks
    def test_the_session_is_gone(self):
        """Its plugin is killed."""
        asked = self.ask(SHELL + "touch started; sleep 600")
        yield self.run_until((self.folder / "started").exists)
        asked.cancel()
        yield self.assertFailure(asked, CancelledError)
        yield self.run_until(lambda: not self.new_children())


class TestPlaces(ProgramsCase):
    """So many at once."""

    def run_in(self, places, text, number):
        return places.run([self.program(text, f"program-{number}")], ENVIRONMENT, cwd=str(self.folder))

    @inlineCallbacks
    def test_others_wait_in_their_order_and_not_for_long(self):
        """Who finds no place in time has the client told to come again."""
        timed = Timed()
        places = Places(timed, ProgramSettings(at_once=1, waiting=2))
        first = self.run_in(places, SHELL + "until test -e go; do sleep 0.01; done", 0)
        second = self.run_in(places, SHELL + "touch second", 1)
        third = self.run_in(places, SHELL + "touch third", 2)
        fourth = self.successResultOf(self.run_in(places, SHELL, 3))
        self.assertEqual(fourth.could_not_start, "too many programs run at once")
        third.cancel()
        yield self.assertFailure(third, CancelledError)
        self.assertFalse((self.folder / "second").exists())
        (self.folder / "go").touch()
        ended = yield first
        self.assertEqual(ended.status, 0)
        ended = yield second
        self.assertEqual(ended.status, 0)
        self.assertFalse((self.folder / "third").exists())
        ended = yield self.run_in(places, SHELL + "exit 5", 4)
        self.assertEqual(ended.status, 5)
        self.assertEqual(timed.clock.getDelayedCalls(), [])

    @inlineCallbacks
    def test_waiting_has_an_end(self):
        """As long as a program may take."""
        timed = Timed()
        places = Places(timed, ProgramSettings(at_once=1, time=10.0))
        first = self.run_in(places, SHELL + "touch started; sleep 600", 0)
        second = self.run_in(places, SHELL + "touch second", 1)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(9.9)
        self.assertNoResult(second)
        timed.clock.advance(0.1)
        self.assertEqual(self.successResultOf(second).could_not_start, "too many programs run at once")
        ended = yield first
        self.assertTrue(ended.timed_out)
        ended = yield self.run_in(places, SHELL + "exit 3", 2)
        self.assertEqual(ended.status, 3)
        self.assertFalse((self.folder / "second").exists())

    @inlineCallbacks
    def test_a_fault_of_ours_holds_no_place(self):
        """Else the places would be used up one by one."""
        places = Places(Timed(), ProgramSettings(at_once=1))
        failing = places.run([b"/bin/true"], {}, cwd=b"/", given={3: b"x" * 9999})
        yield self.assertFailure(failing, ValueError)
        ended = yield self.run_in(places, SHELL + "exit 3", 1)
        self.assertEqual(ended.status, 3)

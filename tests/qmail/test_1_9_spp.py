"""qmail-spp: plugins that are real programs."""

import os

from twisted.internet.defer import CancelledError, inlineCallbacks

from tests.qmail.programs import ENVIRONMENT, PYTHON, SHELL, ProgramsCase, Timed
from twistedmx.qmail.program_places import Places, ProgramSettings
from twistedmx.qmail.spp import NOTHING, Plugins, variables
from twistedmx.qmail.spp_file import (
    Stage,
    parse_spp_file,
)
from twistedmx.smtp.reply import Reply, reply

OURS = reply(250, "", "ok")


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

"""RCPTCHECK: a program for each recipient, with real programs."""

from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.programs import ENVIRONMENT, PYTHON, SHELL, ProgramsCase, Timed
from twistedmx.qmail.program_places import Places, ProgramSettings
from twistedmx.qmail.rcpt_check import Finding, RcptCheck, own_reply, rcpt_check_of


class TestWhichProgram(SynchronousTestCase):
    def test_clients_that_relay_are_checked_where_it_is_said(self):
        """RCPTCHECKRELAYCLIENT is a number, as scan_ulong reads it."""
        for relaying, number, program in (
            (False, None, b"/p"),
            (True, None, b""),
            (True, b"0", b""),
            (True, b"", b""),
            (True, b"x1", b""),
            (True, b"1x", b"/p"),
            (True, b"9" * 9999, b"/p"),
            (False, b"0", b"/p"),
        ):
            environment = {b"RCPTCHECK": b"/p"}
            if relaying:
                environment[b"RELAYCLIENT"] = b""
            if number is not None:
                environment[b"RCPTCHECKRELAYCLIENT"] = number
            self.assertEqual(rcpt_check_of(environment), program, environment)
        self.assertEqual(rcpt_check_of({}), b"")
        self.assertEqual(rcpt_check_of({b"RCPTCHECK": b""}), b"")


class TestOwnReply(SynchronousTestCase):
    def test_codes_of_400_to_599(self):
        """421 closes; what is none of these is not told to the client."""
        for octets, sent, closes in (
            (b"550 5.1.1 gone\n", b"550 5.1.1 gone\r\n", False),
            (b"421 later", b"421 later\r\n", True),
            (b"550-one\r\n550 two\r\n", b"550-one\r\n550 two\r\n", False),
            (b"550 one\n451 two", b"550 one\r\n", False),
            (b"571 old", b"554 old\r\n", False),
            (b"250 fine", b"451 temporary problem (#4.4.2)\r\n", False),
            (b"399 x", b"451 temporary problem (#4.4.2)\r\n", False),
            (b"gone", b"451 temporary problem (#4.4.2)\r\n", False),
            (b"550 a\x00\xff\x1b", b"550 a???\r\n", False),
        ):
            reply = own_reply(octets)
            self.assertEqual((reply.octets, reply.closes), (sent, closes), octets)


class TestRcptCheck(ProgramsCase):
    def setUp(self):
        self.told = []
        return super().setUp()

    def ask(self, text, on=None, environment=None, **more):
        check = RcptCheck(Places(on or Timed(), ProgramSettings()), home=str(self.folder))
        facts = {
            "sender": b"a@x",
            "recipient": b"b@y",
            "helo": b"h",
            "found": False,
            "in_rcpthosts": False,
            "tell": self.told.append,
        } | more
        return check.ask(self.program(text), {**ENVIRONMENT, **(environment or {})}, pid=7, **facts)

    @inlineCallbacks
    def test_what_it_finds(self):
        """addrvalid of sagredo's qmail-smtpd; what does not hold is not there, whatever the rules of tcpserver said."""
        text = PYTHON + (
            "import os\nnames = ('SENDER', 'RECIPIENT', 'HELO', 'USE_FD4', 'RCPTFOUND', 'RCPTHOSTS', 'TCPREMOTEIP')\n"
            "print([os.environ.get(name) for name in names])"
        )
        before = {b"TCPREMOTEIP": b"192.0.2.1", b"RCPTFOUND": b"1", b"RCPTHOSTS": b"1"}
        yield self.ask(text, environment=before)
        yield self.ask(text, environment=before, found=True, in_rcpthosts=True)
        self.assertEqual(
            self.told,
            [
                b"['a@x', 'b@y', 'h', '1', None, None, '192.0.2.1']\n",
                b"['a@x', 'b@y', 'h', '1', '1', '1', '192.0.2.1']\n",
            ],
        )

    @inlineCallbacks
    def test_what_its_status_says(self):
        """Each row of the table; every status that is none of them accepts."""
        for status, finding, sent, closes in (
            (0, Finding.ACCEPTED, None, False),
            (1, Finding.ACCEPTED, None, False),
            (112, Finding.IGNORED, None, False),
            (100, Finding.NO_MAILBOX, b"550 sorry, no mailbox here by that name. (#5.1.1)\r\n", False),
            (111, Finding.COULD_NOT_TELL, b"421 unable to verify recipient (#4.3.0)\r\n", True),
            (113, Finding.OVER_LIMIT, b"421 you have exceeded your messaging limits (#4.3.0)\r\n", True),
            (120, Finding.COULD_NOT_RUN, b"421 unable to execute recipient check (#4.3.0)\r\n", True),
        ):
            answer = yield self.ask(SHELL + f"exit {status}")
            self.assertEqual(answer.finding, finding)
            self.assertEqual(answer.reply and answer.reply.octets, sent)
            self.assertEqual(bool(answer.reply and answer.reply.closes), closes)

    @inlineCallbacks
    def test_its_own_reply_counts_where_it_refuses(self):
        """With 100 and 113; with others it is told, and that is all."""
        for status, finding in (
            (100, Finding.OWN_REPLY),
            (113, Finding.OWN_REPLY),
            (0, Finding.ACCEPTED),
            (112, Finding.IGNORED),
        ):
            self.told.clear()
            answer = yield self.ask(SHELL + f"echo '450 slow down' >&4; exit {status}")
            self.assertEqual(answer.finding, finding)
            self.assertEqual(self.told, [b"qmail-smtpd[7]: RCPTCHECK error: 450 slow down\n"])
            if finding is Finding.OWN_REPLY:
                self.assertEqual((answer.reply.octets, answer.reply.closes), (b"450 slow down\r\n", False))

    @inlineCallbacks
    def test_programs_that_fail_never_refuse_for_good(self):
        """A signal, or nothing to run."""
        answer = yield self.ask(SHELL + "kill -SEGV $$")
        self.assertEqual((answer.finding, answer.reply.code), (Finding.COULD_NOT_RUN, 421))
        self.assertIn(b"was killed by signal 11", self.told[-1])
        answer = yield self.ask("#!/no/such\n")
        self.assertEqual((answer.finding, answer.reply.code), (Finding.COULD_NOT_RUN, 421))
        self.assertRegex(
            self.told[-1], rb"\Aqmail-smtpd\[7\]: rcptcheck: /.*/program: could not be started: No such file.*\n\Z"
        )

    @inlineCallbacks
    def test_it_takes_too_long(self):
        """It could not tell."""
        timed = Timed()
        running = self.ask(SHELL + "touch started; sleep 600", on=timed)
        yield self.run_until((self.folder / "started").exists)
        timed.clock.advance(10)
        answer = yield running
        self.assertEqual((answer.finding, answer.reply.closes), (Finding.COULD_NOT_TELL, True))
        self.assertIn(b"took too long", self.told[-1])

    @inlineCallbacks
    def test_words_of_the_peer_are_words(self):
        """No shell reads them."""
        answer = yield self.ask(SHELL + 'echo "$SENDER"', sender=b"$(touch evil) `id`")
        self.assertEqual((answer.finding, self.told), (Finding.ACCEPTED, [b"$(touch evil) `id`\n"]))
        self.assertFalse((self.folder / "evil").exists())

"""The check program of AUTH, with real processes, and what the environment says of AUTH."""

import os

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults, inlineCallbacks
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.programs import ENVIRONMENT, PYTHON, SHELL, ProgramsCase
from twistedmx.model.login import CouldNotTell, Known, Unknown
from twistedmx.qmail.auth_terms import AuthTerms, auth_terms
from twistedmx.qmail.check_program import CheckProgram
from twistedmx.smtp.sasl import CRAM_MD5, LOGIN, PLAIN, Credentials
from twistedmx.testing.passwords import PasswordsSuite

ANN = Credentials(mechanism=PLAIN, user=b"ann@example.org", password=b"se cret")
# What checkpassword does, and vchkpw with a digest: then the next program, or the end.
CHECK = """import hmac, os, sys
octets = b""
while more := os.read(3, 512): octets += more
user, password, challenge, rest = octets.split(b"\\0")
wanted = USERS.get(user)
if wanted is None or password not in (wanted, hmac.new(wanted, challenge, "md5").hexdigest().encode()) or rest:
    sys.exit(STATUS)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Programs(ProgramsCase):
    def check_program(self, text, *arguments, name="program", environment=ENVIRONMENT, **how):
        argv = [self.program(text, name), *arguments]
        return CheckProgram(reactor, argv, cwd=os.fsencode(self.folder), **how).of(environment)

    def checked(self, text, credentials=ANN, *arguments, **how):
        return Deferred.fromCoroutine(self.check_program(text, *arguments, **how).check(credentials))


class TestSuite(PasswordsSuite, Programs):
    """A program with checkpassword's interface is a port like any other."""

    def build(self, users):
        text = PYTHON + CHECK.replace("USERS", repr(dict(users))).replace("STATUS", "1")
        self.addCleanup(self.run_until, lambda: not self.new_children())  # of a check that was cancelled
        return self.check_program(text, b"/bin/true")


class TestCheckProgram(Programs):
    @inlineCallbacks
    def test_what_it_reads_is_checkpasswords(self):
        """Three parts with a NUL behind each, on descriptor 3, and then its end; arguments behind its name."""
        text = PYTHON + "import os, sys\nopen('seen', 'wb').write(os.read(3, 999) + b'|' + repr(sys.argv[1:]).encode())"
        found = yield self.checked(text, ANN, b"/bin/true", b"more words")
        self.assertEqual(found, Known(b"ann@example.org"))
        self.assertEqual(
            (self.folder / "seen").read_bytes(), b"ann@example.org\0se cret\0\0|['/bin/true', 'more words']"
        )
        yield self.checked(text, Credentials(mechanism=CRAM_MD5, user=b"u", password=b"0f", challenge=b"<1@x>"))
        self.assertEqual((self.folder / "seen").read_bytes(), b"u\x000f\0<1@x>\0|[]")

    @inlineCallbacks
    def test_its_environment_is_the_sessions_and_no_password_is_in_it(self):
        """vchkpw goes by TCPLOCALPORT, and logs TCPREMOTEIP; ps(1) shows words and environment to everybody."""
        text = PYTHON + "import os\nwith open('seen', 'wb') as seen:\n"
        text += "  for name in ('environ', 'cmdline'): seen.write(open(f'/proc/self/{name}', 'rb').read())"
        yield self.checked(text, environment={**ENVIRONMENT, b"TCPLOCALPORT": b"587"})
        seen = (self.folder / "seen").read_bytes()
        self.assertIn(b"TCPLOCALPORT=587\0", seen)
        self.assertNotIn(b"se cret", seen)

    @inlineCallbacks
    def test_how_it_ends_is_what_it_says(self):
        """A fault of the host that was taken for a wrong password locks everybody out; the other way round, guessing is free."""
        for status in (1, 3, 20, 21, 22, 23):
            found = yield self.checked(SHELL + f"exit {status}")
            self.assertIsInstance(found, Unknown, status)
            self.assertIn(f"ended with status {status}", found.detail)
        for status in (2, 4, 15, 24, 100, 111, 126, 127, 255):
            found = yield self.checked(SHELL + f"exit {status}")
            self.assertIsInstance(found, CouldNotTell, status)

    @inlineCallbacks
    def test_one_that_crashes_or_cannot_be_started_could_not_tell(self):
        """The original takes an exec that failed for a wrong password."""
        crashed = yield self.checked(SHELL + "kill -SEGV $$")
        self.assertIsInstance(crashed, CouldNotTell)
        self.assertIn("signal 11", crashed.detail)
        for argv in ([b"/nonexistent/vchkpw", b"/bin/true"], [b"no-such-program"]):
            passwords = CheckProgram(reactor, argv, cwd=os.fsencode(self.folder)).of(ENVIRONMENT)
            found = yield Deferred.fromCoroutine(passwords.check(ANN))
            self.assertIsInstance(found, CouldNotTell)
            self.assertIn(argv[0].decode(), found.detail)

    @inlineCallbacks
    def test_one_that_takes_too_long_is_killed_and_could_not_tell(self):
        """A dead database must not fill the host with processes."""
        found = yield self.checked(SHELL + "sleep 600", seconds=0.3)
        self.assertIsInstance(found, CouldNotTell)
        self.assertIn("took too long", found.detail)

    @inlineCallbacks
    def test_what_is_longer_than_the_interface_has_is_refused_and_nobody_asked(self):
        """Half of a password would be another one."""
        text = SHELL + "touch asked"
        password = b"x" * (512 - len(b"ann@example.org\0\0\0"))
        for more, kind, asked in ((b"x", Unknown, False), (b"", Known, True)):
            credentials = Credentials(mechanism=LOGIN, user=ANN.user, password=password + more)
            found = yield self.checked(text, credentials)
            self.assertIsInstance(found, kind)
            self.assertEqual((self.folder / "asked").exists(), asked)

    @inlineCallbacks
    def test_a_name_without_a_slash_is_found_in_path(self):
        """As the original does it, with execvp(3)."""
        self.program(SHELL + "exit 0", "vchkpw-of-ours")
        environment = {**ENVIRONMENT, b"PATH": b"/nonexistent:" + os.fsencode(self.folder)}
        passwords = CheckProgram(reactor, [b"vchkpw-of-ours"], cwd=b"/").of(environment)
        found = yield Deferred.fromCoroutine(passwords.check(ANN))
        self.assertIsInstance(found, Known)

    @inlineCallbacks
    def test_so_many_run_at_once_some_wait_and_the_rest_could_not_be_told(self):
        """A botnet that guesses must not start a thousand processes; nor is anybody forgotten who waited."""
        text = SHELL + "while ! [ -e go ]; do sleep 0.05; done"
        passwords = self.check_program(text, most=2, waiting=3)
        checks = [Deferred.fromCoroutine(passwords.check(ANN)) for _ in range(6)]
        self.assertIsInstance((yield checks.pop()), CouldNotTell)
        yield self.run_until(lambda: len(self.new_children()) == 2)
        (self.folder / "go").touch()
        found = yield gatherResults(checks)
        self.assertEqual(found, [Known(ANN.user)] * 5)

    @inlineCallbacks
    def test_a_check_that_nobody_waits_for_ends_and_gives_its_turn_to_another(self):
        """The client hung up: its process goes, and the next one begins."""
        text = SHELL + "read user <&3; [ -e go ] || exec sleep 600"
        passwords = self.check_program(text, most=1)
        first, second = (Deferred.fromCoroutine(passwords.check(ANN)) for _ in range(2))
        yield self.run_until(self.new_children)
        (self.folder / "go").touch()
        first.cancel()
        yield self.assertFailure(first, CancelledError)
        self.assertEqual((yield second), Known(ANN.user))
        yield self.run_until(lambda: not self.new_children())

    @inlineCallbacks
    def test_who_waits_for_his_turn_may_go(self):
        """And takes no turn with him."""
        passwords = self.check_program(SHELL + "while ! [ -e go ]; do sleep 0.05; done", most=1)
        first, second, third = (Deferred.fromCoroutine(passwords.check(ANN)) for _ in range(3))
        second.cancel()
        yield self.assertFailure(second, CancelledError)
        (self.folder / "go").touch()
        found = yield gatherResults([first, third])
        self.assertEqual(found, [Known(ANN.user)] * 2)

    @inlineCallbacks
    def test_what_it_writes_is_not_told(self):
        """It might be what it was given."""
        text = PYTHON + "import os\nos.write(2, os.read(3, 512) * 100); os._exit(111)"
        found = yield self.checked(text)
        self.assertIsInstance(found, CouldNotTell)
        self.assertNotIn("se cret", found.detail)


class TestTerms(SynchronousTestCase):
    def terms(self, **environment):
        return auth_terms({name.encode(): value.encode() for name, value in environment.items()})

    def test_smtpauth_says_which_mechanisms(self):
        """As the original announces them, and in its order."""
        both, cram, all_ = (LOGIN, PLAIN), (CRAM_MD5,), (LOGIN, PLAIN, CRAM_MD5)
        for said, mechanisms, required in (
            ("", both, False),
            ("yes", both, False),
            ("cram", cram, False),
            ("CRAM-MD5", cram, False),
            ("+cram", all_, False),
            ("!", both, True),
            ("!cram", cram, True),
            ("!+Cram", all_, True),
            ("!yes", both, False),
        ):
            self.assertEqual(self.terms(SMTPAUTH=said), AuthTerms(mechanisms=mechanisms, required=required), said)

    def test_without_it_there_is_no_auth(self):
        """Unset, `-` and `0` alike."""
        self.assertEqual([self.terms(), self.terms(SMTPAUTH="-"), self.terms(SMTPAUTH="0")], [None] * 3)

    def test_tls_comes_first_unless_it_is_switched_off(self):
        """FORCETLS=0, and nothing else, lets passwords through in plain text."""
        self.assertEqual(
            [self.terms(SMTPAUTH="", FORCETLS=value).plain_text for value in ("0", "1", "", "no")],
            [True, False, False, False],
        )

    def test_to_send_as_nobody_else(self):
        """FORCEAUTHMAILFROM=1."""
        self.assertEqual(
            [self.terms(SMTPAUTH="", FORCEAUTHMAILFROM=value).as_oneself for value in ("1", "0", "")],
            [True, False, False],
        )

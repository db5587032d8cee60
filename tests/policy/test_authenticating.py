"""AUTH as a receiver answers it: what is kept of it, what is told, and what is not. The dialogues are 4954-*.smtp."""

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.model.auth_event import Authenticated, AuthenticationFailed
from twistedmx.model.event import SessionEnded
from twistedmx.model.login import Login
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.verdict import Reason
from twistedmx.policy.auth import Auth as Offered
from twistedmx.policy.receiver import Receiver
from twistedmx.settings import Settings
from twistedmx.smtp import codes
from twistedmx.smtp.command import Auth, Data, Ehlo, parse_command
from twistedmx.smtp.phase import AuthLine
from twistedmx.smtp.session import Block, EndOfData
from twistedmx.testing.passwords import FakePasswords, PasswordsSuite
from twistedmx.testing.stage import Stage

PEER = Peer(address="192.0.2.7", port=1024)
TLS = Tls(protocol="TLSv1.3", cipher="TLS_FAKE")
DEMO = parse_command(b"AUTH PLAIN AGRlbW8Ac2VjcmV0")
WRONG = parse_command(b"AUTH PLAIN AGRlbW8Ad3Jvbmc=")


class TestFake(PasswordsSuite, TestCase):
    def build(self, users):
        return FakePasswords(users)


class Remembering(Receiver):
    """A dialect that gives something to who is authenticated."""

    __slots__ = ("users",)

    def authenticated(self, user):
        self.users = [*getattr(self, "users", ()), user]


class TestReceiver(SynchronousTestCase):
    def setUp(self):
        self.stage = Stage(Settings(host="mx.example.org"))
        self.stage.act("passwords are asked for")
        self.begin()

    def begin(self):
        self.session = self.stage.factory.session(PEER, secure=False)
        self.receiver = Remembering(self.stage.site, self.session, PEER)
        self.receiver.greeting()
        self.receiver.answer(Ehlo(domain="client.example"))

    def answer(self, input_):
        words = self.receiver.answer(input_)
        if isinstance(words, Deferred):
            self.stage.wait(5.0)
            words = self.successResultOf(words)
        return words

    def told(self, kind):
        return [event for event in self.stage.events if isinstance(event, kind)]

    def field(self):
        self.receiver.answer(parse_command(b"MAIL FROM:<a@client.example>"))
        self.receiver.answer(parse_command(b"RCPT TO:<demo@example.org>"))
        self.receiver.answer(Data())
        self.receiver.take(Block(b"hi\n"))
        self.receiver.answer(EndOfData(size=4, fault=None))
        return self.stage.acceptance.messages[-1].copies[0].trace

    def test_who_is_authenticated_is_known_and_told(self):
        """The hook is called once, the event names user and mechanism, and the Received field has RFC 3848's word."""
        self.assertIsNone(self.receiver.login)
        self.assertIs(self.answer(DEMO), codes.AUTHENTICATED)
        self.assertEqual(self.receiver.login, Login(user=b"demo", mechanism="PLAIN"))
        self.assertEqual(self.receiver.users, [b"demo"])
        (event,) = self.told(Authenticated)
        self.assertEqual((event.user, event.mechanism, event.helo), ("demo", "PLAIN", "client.example"))
        self.assertIn(b" with ESMTPA id ", self.field())

    def test_within_tls_the_word_is_another_and_what_was_before_is_forgotten(self):
        """RFC 3207 4.2: a user that was named in plain text may be anybody's word."""
        self.answer(DEMO)
        self.receiver.secured(TLS)
        self.assertIsNone(self.receiver.login)
        self.receiver.answer(Ehlo(domain="client.example"))
        self.assertIn(b" with ESMTPS id ", self.field())
        self.answer(DEMO)
        self.assertIn(b" with ESMTPSA id ", self.field())

    def test_a_failure_is_told_with_its_reason_and_never_with_a_password(self):
        """Of one kind the client is at fault, of the other we are."""
        self.assertIs(self.answer(WRONG), codes.NOT_AUTHENTICATED)
        self.stage.act("passwords cannot be told")
        self.assertIs(self.answer(DEMO), codes.AUTH_FAILED)
        failed = self.told(AuthenticationFailed)
        self.assertEqual(
            [(event.user, event.reason, event.detail) for event in failed],
            [
                ("demo", Reason.BAD_PASSWORD, "not his password"),
                ("demo", Reason.PASSWORDS_FAILED, "exit status 111"),
            ],
        )
        self.assertNotIn("secret", repr(self.stage.events))
        self.assertNotIn("wrong", repr(self.stage.events))
        self.assertIsNone(self.receiver.login)
        self.assertFalse(hasattr(self.receiver, "users"))

    def test_a_user_that_is_no_utf_8_can_be_told(self):
        """Logs are text."""
        self.answer(Auth(mechanism=b"LOGIN", initial=b"/wE="))  # ff 01
        self.answer(AuthLine(octets=b"c2VjcmV0"))
        (event,) = self.told(AuthenticationFailed)
        self.assertEqual(event.user, "\\xff\x01")

    def test_a_port_that_raises_could_not_tell(self):
        """At once or later; the log of the program has the traceback, without what was checked."""
        self.stage.passwords.failure = OSError("on fire")
        self.assertIs(self.answer(DEMO), codes.AUTH_FAILED)

        class Raising:
            def check(self, credentials):
                raise OSError("on fire")

        self.stage.site = attrs.evolve(self.stage.site, auth=Offered(passwords=Raising(), plain_text=True))
        self.stage.factory.site = self.stage.site
        self.begin()
        self.assertIs(self.answer(DEMO), codes.AUTH_FAILED)
        self.assertEqual([event.detail for event in self.told(AuthenticationFailed)], ["OSError", "OSError"])
        logged = self.flushLoggedErrors(OSError)
        self.assertEqual(len(logged), 2)
        self.assertNotIn("secret", "".join(failure.getTraceback() for failure in logged))

    def test_a_client_that_goes_away_has_its_check_cancelled(self):
        """Else its process would be waited for by nobody."""
        self.stage.act("passwords are late")
        waiting = self.receiver.answer(DEMO)
        self.receiver.ended(None)
        self.assertEqual(self.stage.passwords.cancelled, 1)
        self.assertNoResult(waiting)
        self.assertEqual(len(self.told(SessionEnded)), 1)
        self.assertEqual(self.told(AuthenticationFailed), [])

    def test_a_check_takes_no_longer_than_it_may(self):
        """And what it gives later is not heard."""
        self.stage.act("passwords are late")
        waiting = self.receiver.answer(DEMO)
        self.stage.wait(60.0)
        self.assertIs(self.successResultOf(waiting), codes.AUTH_FAILED)
        self.assertEqual(self.stage.passwords.cancelled, 1)
        self.assertEqual(self.stage.clock.getDelayedCalls(), [])

    def test_the_tarpit_holds_no_more_than_it_may(self):
        """A botnet that guesses passwords must not take all our places."""
        conduct = attrs.evolve(self.stage.site.conduct, delayed=0)
        self.stage.site = self.stage.factory.site = attrs.evolve(self.stage.site, conduct=conduct)
        self.begin()
        self.assertIs(self.receiver.answer(WRONG).result, codes.NOT_AUTHENTICATED)

    def test_in_shadow_nobody_is_hung_up_on(self):
        """As with every limit of conduct."""
        conduct = attrs.evolve(self.stage.site.conduct, shadow=("bad_passwords",), bad_password_delay=0.0)
        self.stage.site = self.stage.factory.site = attrs.evolve(self.stage.site, conduct=conduct)
        self.begin()
        self.assertEqual([self.answer(WRONG) for _ in range(5)], [codes.NOT_AUTHENTICATED] * 5)

    def test_what_is_announced_is_what_is_done(self):
        """RFC 4954 3, by mechanism and by TLS."""
        offered = Offered(passwords=self.stage.passwords, mechanisms=(b"LOGIN", b"PLAIN"))
        site = attrs.evolve(self.stage.site, auth=offered)
        said = {secure: str(site.ehlo(secure=secure, xclient=False)) for secure in (False, True)}
        self.assertNotIn("AUTH", said[False])
        self.assertTrue(said[True].endswith("250 AUTH LOGIN PLAIN"))
        self.assertNotIn("AUTH", str(site.ehlo(secure=True, xclient=False, authenticated=True)))

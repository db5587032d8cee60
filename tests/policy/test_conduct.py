"""What a session may do wrong, and what is no wrong at all. How it sounds on the wire: tests/dialogues/siege-1-*.smtp."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.conduct import Conduct
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.policy.transaction import Transaction
from twistedmx.smtp import codes
from twistedmx.smtp.command import parse_command
from twistedmx.smtp.parameters import NO_RCPT_PARAMETERS
from twistedmx.smtp.path import parse_path

UNKNOWN = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
FOREIGN = verdict(codes.NOT_OURS, Reason.NOT_OURS)
FULL = verdict(codes.MAILBOX_FULL, Reason.MAILBOX_FULL)
FAILED = verdict(codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED)


class Base(SynchronousTestCase):
    settings = ConductSettings(bad_recipients=(3, 2, 1), resets=(2, 2, 1), unknown_commands=(2, 2, 1))

    def setUp(self):
        self.clock = Clock()
        self.conduct = Conduct(self.settings, self.clock)

    def bad(self, number=0, decided=UNKNOWN):
        return self.conduct.refused(decided, b"guess%d@example.org" % number)

    def transaction(self, *, accepted=0):
        transaction = Transaction("QJ7RK3TWN1", 1, *parse_command(b"MAIL FROM:<a@example.net>"), 0.0)
        for _ in range(accepted):
            transaction.accept(parse_path(b"ann@example.org"), NO_RCPT_PARAMETERS, (ACCEPTED, ()))
        return transaction


class TestRecipients(Base):
    def test_unknown_and_foreign_ones_count_and_nothing_else(self):
        """A full mailbox and a database that is down are no fault of who sends."""
        for number, decided in enumerate((UNKNOWN, FULL, FAILED, FOREIGN, FULL)):
            self.assertIsNone(self.bad(number, decided))
        self.assertIs(self.bad(9).reason, Reason.BAD_RECIPIENTS)

    def test_the_same_address_again_is_no_guess(self):
        """Siege 3: the bounces of a flooded address come from servers that are innocent."""
        for _ in range(50):
            self.assertIsNone(self.bad())

    def test_who_is_accepted_makes_up_for_one_however_often_he_is_named(self):
        """Else a guesser needs one good address to guess for ever."""
        for mailbox in (b"ann@example.org", b"ann@example.org", b"bob@example.org"):
            self.conduct.accepted(mailbox)
        told = [self.bad(number) for number in range(5)]
        self.assertEqual(told[:4], [None] * 4)
        self.assertIs(told[4].reason, Reason.BAD_RECIPIENTS)

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=40))
    def test_it_ends_exactly_when_the_bad_outweigh_the_good_by_the_limit(self, doings):
        """Whatever the order: the count never goes down, and never below what the good ones allow."""
        conduct, bad, good = Conduct(self.settings, Clock()), set(), set()
        for is_bad, number in doings:
            if is_bad:
                over = number not in bad and len(bad) + 1 >= self.settings.bad_recipients[0] + len(good)
                bad.add(number)
                self.assertEqual(conduct.refused(UNKNOWN, b"%d@example.org" % number) is not None, over)
            else:
                good.add(number)
                conduct.accepted(b"%d@example.org" % number)


class TestResets(Base):
    def test_habits_are_free(self):
        """RSET before MAIL, after a message, after a MAIL that was given up, and of a transaction with a recipient."""
        self.conduct.accepted(b"ann@example.org")
        for _ in range(10):
            self.assertIsNone(self.conduct.reset(None))
            self.conduct.began()
            self.assertIsNone(self.conduct.reset(self.transaction()))
            self.conduct.began()
            self.bad()
            self.assertIsNone(self.conduct.reset(self.transaction(accepted=1)))
            self.conduct.began()

    def test_throwing_away_refused_recipients_is_abuse(self):
        """The way around a limit that counts by message."""
        self.conduct.began()
        self.bad()
        self.assertIsNone(self.conduct.reset(self.transaction()))
        self.conduct.began()
        self.bad(1)
        self.assertIs(self.conduct.reset(self.transaction()).reason, Reason.RSET_ABUSE)

    def test_bounces_to_one_forged_address_are_none(self):
        """Siege 3: a mail server gives up each bounce with RSET, has another one for the same name, and is innocent."""
        for _ in range(10):
            self.conduct.began()
            self.assertIsNone(self.bad())
            self.assertIsNone(self.conduct.reset(self.transaction()))

    def test_our_own_failures_are_no_abuse(self):
        """While a database is down every server that sends hears 451, and gives up with RSET."""
        for _ in range(10):
            self.conduct.began()
            self.bad(decided=FAILED)
            self.assertIsNone(self.conduct.reset(self.transaction()))

    def test_a_session_is_tried_before_it_is_used_again(self):
        """Postfix: RSET gives the transaction up, and another one tells whether the cached session is still there."""
        self.conduct.began()
        self.bad()
        self.assertIsNone(self.conduct.reset(self.transaction()))
        self.assertIsNone(self.conduct.reset(None))
        self.assertIs(self.conduct.reset(None).reason, Reason.RSET_ABUSE)

    def test_one_behind_another_is_abuse_unless_it_is_slow(self):
        """A keep-alive every ten seconds holds a place, and is given up by the time limit of commands."""
        for _ in range(10):
            self.clock.advance(10)
            self.assertIsNone(self.conduct.reset(None))
        self.clock.advance(9.9)
        self.assertIsNone(self.conduct.reset(None))
        self.assertIs(self.conduct.reset(None).reason, Reason.RSET_ABUSE)


class TestStrict(Base):
    settings = ConductSettings(resets=(2, 2, 1), strict=True)

    def test_every_reset_counts_that_ends_nothing_good(self):
        """For who would rather lose a client than a second."""
        self.assertIsNone(self.conduct.reset(self.transaction(accepted=1)))
        self.conduct.began()
        self.assertIsNone(self.conduct.reset(self.transaction()))
        self.conduct.began()
        self.assertIs(self.conduct.reset(None).reason, Reason.RSET_ABUSE)


class TestWords(Base):
    def test_words_that_are_no_commands_are_counted(self):
        """A program that took us for another server does not learn it by itself."""
        self.assertIsNone(self.conduct.unknown_command())
        self.assertIs(self.conduct.unknown_command().reason, Reason.UNKNOWN_COMMANDS)


class TestDelay(Base):
    settings = ConductSettings(delay=1.0, delay_most=5.0, delay_from=(3, 2, 1))

    def test_it_grows_to_its_limit(self):
        """Beyond some seconds no bot waits, and our place is held for nothing."""
        self.assertEqual([self.conduct.delay() for _ in range(7)], [0.0, 0.0, 1.0, 2.0, 4.0, 5.0, 5.0])

    def test_it_never_overflows(self):
        """A session may make errors for hours."""
        for _ in range(5000):
            self.assertLessEqual(self.conduct.delay(), 5.0)


class TestLastWords(Base):
    settings = ConductSettings(bad_recipients=(1, 1, 1), bad_recipients_words="Ask us: {id}")

    def test_they_are_the_operators_with_the_id_of_the_session(self):
        """ "Don't pull this RSET garbage" was read back to a postmaster: the words are his to choose."""
        conduct = Conduct(self.settings, self.clock, "QJ7RK3TWN1")
        self.assertEqual(conduct.refused(UNKNOWN, b"x").reply.lines, ("Ask us: QJ7RK3TWN1",))

    def test_what_is_no_reply_cannot_be_set(self):
        """Nor may a value be missing for one of the three states."""
        for wrong in (
            {"bad_recipients_words": "zwei\r\n250 Zeilen"},
            {"bad_recipients_words": "x" * 600},
            {"bad_recipients": (1, 1)},
            {"resets": (3, 2, 0)},
            {"shadow": ("everything",)},
        ):
            self.assertRaises(ValueError, ConductSettings, **wrong)

"""The fixed step of RCPT: what each outcome of a look-up is answered, and that not knowing is never yes and never no."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.mailbox import DISABLED, NOT_OURS, OVER_QUOTA, UNKNOWN, Lookup, Outcome
from twistedmx.model.verdict import Action, Reason
from twistedmx.policy.recipient import RecipientSettings, RecipientStep
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path
from twistedmx.smtp.reply import reply
from twistedmx.testing.mailboxes import FakeMailboxes, found

ANN = parse_path(b"ann@example.org")
OWN_WORDS = reply(550, "5.1.6", "Moved away")
LOOKUPS = {
    "ann@example.org": found("ann@example.org"),
    "nobody@example.org": UNKNOWN,
    "x@elsewhere.example": NOT_OURS,
    "disabled@example.org": DISABLED,
    "full@example.org": OVER_QUOTA,
    "gone@example.org": Lookup(outcome=Outcome.REFUSED, reply=OWN_WORDS),
    "later@example.org": Lookup(outcome=Outcome.REFUSED, reply=reply(450, "4.2.1", "Later")),
    "murky@example.org": Lookup(outcome=Outcome.COULD_NOT_TELL, detail="the table is gone"),
}
DECISIONS = (
    ("ann@example.org", codes.RECIPIENT_OK, Reason.ACCEPTED, Action.ACCEPT),
    ("nobody@example.org", codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX, Action.REJECT),
    ("x@elsewhere.example", codes.NOT_OURS, Reason.NOT_OURS, Action.REJECT),
    ("disabled@example.org", codes.MAILBOX_DISABLED, Reason.MAILBOX_DISABLED, Action.REJECT),
    ("full@example.org", codes.MAILBOX_FULL, Reason.MAILBOX_FULL, Action.DEFER),
    ("gone@example.org", OWN_WORDS, Reason.OPERATOR_ENTRY, Action.REJECT),
    ("later@example.org", reply(450, "4.2.1", "Later"), Reason.OPERATOR_ENTRY, Action.DEFER),
    ("murky@example.org", codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED, Action.DEFER),
)


class TestRecipientStep(SynchronousTestCase):
    def setUp(self):
        self.mailboxes = FakeMailboxes(LOOKUPS)
        self.clock = Clock()
        self.step = RecipientStep(self.mailboxes, self.clock, RecipientSettings(look_up_time=10.0))

    def check(self, row, decision):
        address, words, reason, action = row
        decided, destinations = decision
        self.assertEqual((decided.reply, decided.reason, decided.action), (words, reason, action), address)
        self.assertEqual([to.address for to in destinations], [b"ann@example.org"] if "ann" in address else [])

    def test_every_outcome_has_its_reply_and_its_reason(self):
        """Accepted only where a mailbox was found: there is no other way to 250."""
        for row in DECISIONS:
            self.check(row, self.step.decide(parse_path(row[0].encode())))

    def test_a_late_answer_is_answered_alike(self):
        """How long it took is not the peer's business."""
        self.mailboxes.late = True
        waiting = [(row, self.step.decide(parse_path(row[0].encode()))) for row in DECISIONS]
        self.mailboxes.answer_all()
        for row, decision in waiting:
            self.check(row, self.successResultOf(decision))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_detail_is_for_us_alone(self):
        """The log says why, the peer hears the same as ever."""
        decided, _ = self.step.decide(parse_path(b"murky@example.org"))
        self.assertEqual(decided.detail, "the table is gone")
        self.assertNotIn("table", str(decided.reply))

    def test_a_look_up_that_takes_too_long_is_late(self):
        """RFC 5321 4.5.3.2.3: the client must hear something; it will ask again."""
        self.mailboxes.late = True
        decision = self.step.decide(ANN)
        self.clock.advance(9.9)
        self.assertNoResult(decision)
        self.clock.advance(0.2)
        decided, destinations = self.successResultOf(decision)
        self.assertEqual((decided.reply, decided.reason, destinations), (codes.LOOKUP_FAILED, Reason.LOOKUP_LATE, ()))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_an_answer_after_the_time_limit_changes_nothing(self):
        """The peer has heard 451 already."""
        self.mailboxes.late = True
        decision = self.step.decide(ANN)
        self.clock.advance(10.1)
        before = self.successResultOf(decision)
        self.mailboxes.answer_all()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertIs(before[0].reason, Reason.LOOKUP_LATE)

    def test_a_backend_that_catches_its_cancellation_is_not_waited_for(self):
        """CancelledError is an Exception: a backend that tries again after any of these must not hold the session."""

        class Stubborn:
            def refresh(self):
                """Nothing to read."""

            async def find(self, path):
                while True:
                    try:
                        return await Deferred()
                    except Exception:
                        continue

        step = RecipientStep(Stubborn(), self.clock, RecipientSettings(look_up_time=10.0))
        decision = step.decide(ANN)
        self.clock.advance(10.1)
        self.assertIs(self.successResultOf(decision)[0].reason, Reason.LOOKUP_LATE)

    def test_a_backend_that_raises_at_once_or_later_is_451_with_a_traceback_for_us(self):
        """Never 550 for a fault of ours: the sender would give the address up."""
        self.mailboxes.failure = OSError("no table")
        self.check(("x", codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED, Action.DEFER), self.step.decide(ANN))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.mailboxes.late = True
        decision = self.step.decide(ANN)
        self.mailboxes.answer_all()
        self.check(("x", codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED, Action.DEFER), self.successResultOf(decision))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_a_coroutine_is_as_good_as_a_deferred(self):
        """Backends are written with `async def`; what one raises is told."""

        class Coroutine:
            def refresh(self):
                """Nothing to read."""

            async def find(self, path):
                raise RuntimeError("down")

        step = RecipientStep(Coroutine(), self.clock, RecipientSettings())
        decided, _ = self.successResultOf(step.decide(ANN))
        self.assertIs(decided.reason, Reason.LOOKUP_FAILED)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_cancelling_reaches_the_backend_and_is_no_fault(self):
        """A peer that hangs up during a look-up must not fill the log with tracebacks: a botnet does it all day."""
        self.mailboxes.late = True
        decision = self.step.decide(ANN)
        decision.cancel()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.failureResultOf(decision, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

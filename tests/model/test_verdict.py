"""A wrong verdict cannot be built, so that none can be said."""

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.verdict import ACCEPT, CONTINUE, LONGEST_DELAY, Action, Reason, Verdict, verdict
from twistedmx.smtp import codes
from twistedmx.smtp.reply import reply

REPLIES = [codes.NOOP, codes.NOT_CHECKED, codes.EMPTY_MESSAGE, codes.NOT_SMTP, codes.SHUTDOWN, codes.CLOSING]
CLASSES = {Action.CONTINUE: 2, Action.ACCEPT: 2, Action.DEFER: 4, Action.REJECT: 5}


class TestVerdict(SynchronousTestCase):
    @given(
        st.sampled_from(Action),
        st.sampled_from(REPLIES),
        st.booleans(),
        st.booleans(),
        st.floats() | st.floats(0, LONGEST_DELAY),
    )
    def test_what_can_be_built_is_consistent(self, action, words, provisional, postpone, delay):
        """Whatever a third party tries: its mistake is told to it, not to a peer."""
        try:
            built = Verdict(
                action=action,
                reason=Reason.POLICY,
                reply=words,
                provisional=provisional,
                postpone=postpone,
                delay=delay,
            )
        except ValueError:
            built = None
        refuses = action in (Action.DEFER, Action.REJECT)
        good = (
            words.code // 100 == CLASSES[action]
            and (refuses or not (postpone or words.closes))
            and (action is Action.DEFER or not provisional)
            and 0 <= delay <= LONGEST_DELAY
        )
        self.assertEqual(built is not None, good)
        if built is not None:
            self.assertEqual((built.refuses, built.disconnect), (refuses, words.closes))

    def test_each_mistake_is_told_in_words(self):
        """They are read by who writes a policy."""
        for mistake, words in (
            ({"reply": codes.NOOP}, "reject cannot be said with 250"),
            ({"provisional": True}, "only defer can be provisional"),
            ({"delay": -1.0}, "a delay is 0 to 240 seconds, not -1.0"),
            ({"delay": math.nan}, "a delay is"),
            ({"action": Action.CONTINUE, "reply": codes.NOOP, "postpone": True}, "only a refusal can be postponed"),
            ({"action": Action.ACCEPT, "reply": codes.CLOSING}, "only a refusal can end the session"),
        ):
            given_ = {"action": Action.REJECT, "reason": Reason.POLICY, "reply": codes.EMPTY_MESSAGE, **mistake}
            error = self.assertRaises(ValueError, Verdict, **given_)
            self.assertIn(words, str(error))

    def test_the_short_way_says_what_the_class_of_the_reply_means(self):
        """A policy names its words, and the action follows."""
        for words, action in (
            (codes.NOOP, Action.ACCEPT),
            (codes.NOT_CHECKED, Action.DEFER),
            (codes.NOT_SMTP, Action.REJECT),
        ):
            self.assertIs(verdict(words, Reason.POLICY).action, action)
        late = verdict(codes.NOT_CHECKED, Reason.CHECK_LATE, "x", provisional=True, postpone=True, delay=2.5)
        self.assertEqual((late.detail, late.provisional, late.postpone, late.delay), ("x", True, True, 2.5))

    def test_disconnect_is_what_the_reply_says(self):
        """One fact in one place: 421 always closes."""
        self.assertTrue(verdict(reply(421, "4.7.0", "Later"), Reason.POLICY).disconnect)
        self.assertTrue(verdict(reply(554, "5.7.1", "No", closes=True), Reason.POLICY).disconnect)
        self.assertFalse(verdict(reply(554, "5.7.1", "No"), Reason.POLICY).disconnect)

    def test_nothing_to_say_and_let_it_pass_refuse_nobody(self):
        """They are constants, so that a policy makes nothing for most of what it is asked."""
        self.assertEqual((CONTINUE.refuses, ACCEPT.refuses), (False, False))
        self.assertEqual((CONTINUE.action, ACCEPT.action), (Action.CONTINUE, Action.ACCEPT))

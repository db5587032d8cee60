"""What qmail-spp keeps of a session."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.spp import Answer
from twistedmx.qmail.spp_file import Stage
from twistedmx.qmail.spp_state import SppState
from twistedmx.smtp.reply import reply


class TestState(SynchronousTestCase):
    def test_a_refusal_stays_until_rset(self):
        """And each of its kind is refused, with all that was said."""
        state = SppState()
        for text in ("one", "two"):
            state = state.after(Answer(delayed={Stage.RCPT: reply(450, "", text)}))
        self.assertEqual(state.refusal(Stage.RCPT).octets, b"450-one\r\n450 two\r\n")
        self.assertIsNone(state.refusal(Stage.DATA))
        self.assertIsNone(state.reset().refusal(Stage.RCPT))

    def test_headers_are_collected_within_bounds(self):
        """A thousand recipients do not make a header without end."""
        state = SppState()
        for _ in range(3):
            state = state.after(Answer(headers=(b"X-A: 1",) * 400))
        self.assertEqual(state.headers, (b"X-A: 1",) * 1000)

    def test_never_again_holds_for_the_session(self):
        """RSET does not wake plugins."""
        state = SppState().after(Answer(stop_all=True)).after(Answer()).reset()
        self.assertTrue(state.stopped)

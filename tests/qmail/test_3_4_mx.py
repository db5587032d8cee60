"""chkuser's look at the DNS: a dictionary is one, and what is done about its answers."""

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.qmail.tree import TreeTest
from twistedmx.policy.mx import Mx, MxAnswer, MxSettings
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.chkuser_senders import Senders
from twistedmx.testing.mx import DictMx, MxSuite


class TestDictionary(MxSuite, TestCase):
    def build(self, answers: Mapping[bytes, MxAnswer]) -> Mx:
        return DictMx(answers)


class TestSenders(TreeTest):
    """550 for a clear no, 451 for what could not be told."""

    def test_each_outcome_has_its_case(self) -> None:
        """Also where it comes late, or not at all."""
        mx = DictMx({b"yes.example": MxAnswer.FOUND, b"late.example": MxAnswer.COULD_NOT_TELL})
        for late in (False, True):
            mx.late = late
            for sender, case in {
                b"ann@yes.example": Case.SENDER_ACCEPTED,
                b"ann@YES.example": Case.SENDER_ACCEPTED,
                b"ann@no.example": Case.SENDER_MX,
                b"ann@late.example": Case.SENDER_DNS,
            }.items():
                asked = Senders(mx).check(sender, self.caller())
                assert not isinstance(asked, Checked)
                checking = Deferred.fromCoroutine(asked)  # type: ignore[arg-type]
                mx.answer_all()
                self.assertIs(self.successResultOf(checking).case, case, sender)  # type: ignore[attr-defined]
        mx.failure = OSError("no")
        asked = Senders(mx).check(b"ann@yes.example", self.caller())
        checked = self.successResultOf(Deferred.fromCoroutine(asked))  # type: ignore[arg-type]
        self.assertIs(checked.case, Case.SENDER_DNS)

    def test_an_address_literal_is_not_looked_up(self) -> None:
        """It says where its host is."""
        mx = DictMx({})
        checked = Senders(mx).check(b"ann@[192.0.2.1]", self.caller(sender_format=False))
        assert isinstance(checked, Checked)
        self.assertEqual((checked.case, mx.asked), (Case.SENDER_ACCEPTED, []))


class TestSettings(SynchronousTestCase):
    def test_no_bound_can_be_taken_away(self) -> None:
        """Raises ValueError with words for the operator."""
        for wrong in ({"time_limit": 0.0}, {"at_once": 0}, {"remembered": 0}, {"none_for": -1.0}):
            self.assertRaises(ValueError, lambda wrong=wrong: MxSettings(**wrong))  # type: ignore[arg-type]

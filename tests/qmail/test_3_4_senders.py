"""chkuser at MAIL."""

from twisted.internet.defer import Deferred

from tests.qmail.test_3_3_recipients import Dns
from tests.qmail.tree import TreeTest
from twistedmx.policy.mx import MxAnswer
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Caller, Checked
from twistedmx.qmail.chkuser_senders import Senders

DNS = {b"yes.example": MxAnswer.FOUND, b"no.example": MxAnswer.NONE, b"late.example": MxAnswer.COULD_NOT_TELL}


class TestSenders(TreeTest):
    """In the order of its checks."""

    def sender(self, sender: bytes, caller: Caller | None = None, **settings: object) -> Checked:
        asked = Senders(Dns(dict(DNS))).check(sender, caller or self.caller(**settings))
        if isinstance(asked, Checked):
            return asked
        checked = self.successResultOf(Deferred.fromCoroutine(asked))  # type: ignore[arg-type]
        assert isinstance(checked, Checked)
        return checked

    def test_each_sender_has_its_case(self) -> None:
        """A look-up that fails, in whatever way, is 451."""
        for sender, case in {
            b"": Case.SENDER_NULL,
            b"ann@yes.example": Case.SENDER_ACCEPTED,
            b"ann@no.example": Case.SENDER_MX,
            b"ann@late.example": Case.SENDER_DNS,
            b"ann@broken.example": Case.SENDER_DNS,
            b"a b@yes.example": Case.SENDER_FORMAT,
            b"ann": Case.SENDER_FORMAT,
            b"ann@[192.0.2.1]": Case.SENDER_FORMAT,
            b"#@[]": Case.SENDER_FORMAT,
        }.items():
            self.assertIs(self.sender(sender).case, case, sender)

    def test_the_null_sender_is_always_taken(self) -> None:
        """But not from who has to authenticate."""
        self.assertIs(self.sender(b"", start="NONE").case, Case.SENDER_NULL)
        self.assertIs(self.sender(b"", must_auth=True).case, Case.SENDER_MUST_AUTH)
        self.assertIs(self.sender(b"", self.caller(b"", must_auth=True)).case, Case.SENDER_NULL)

    def test_off_takes_all(self) -> None:
        """The whole of chkuser, or the check of senders alone."""
        for settings in ({"start": "NONE"}, {"sender_check": False}):
            self.assertIs(self.sender(b"a b", **settings).case, Case.SENDER_UNCHECKED)

    def test_each_check_can_be_switched_off(self) -> None:
        """A literal needs no MX."""
        self.assertIs(self.sender(b"a b@yes.example", sender_format=False).case, Case.SENDER_ACCEPTED)
        self.assertIs(self.sender(b"ann@no.example", sender_mx=False).case, Case.SENDER_ACCEPTED)
        self.assertIs(self.sender(b"ann@[192.0.2.1]", sender_format=False).case, Case.SENDER_ACCEPTED)
        self.assertIs(self.sender(b"ann", sender_format=False).case, Case.SENDER_MX)

    def test_a_double_bounce_is_taken_where_that_is_wanted(self) -> None:
        """qmail's own, #@[]."""
        self.assertIs(self.sender(b"#@[]", doublebounce=True).case, Case.SENDER_DOUBLE_BOUNCE)

    def test_without_a_resolver_nobody_is_asked(self) -> None:
        """And it is answered at once."""
        checked = Senders().check(b"ann@no.example", self.caller())
        assert isinstance(checked, Checked)
        self.assertIs(checked.case, Case.SENDER_ACCEPTED)

    def test_refusals_are_late_and_count_with_those_of_recipients(self) -> None:
        """One clock for the session."""
        caller = self.caller()
        self.assertEqual(self.sender(b"a b@yes.example", caller).delay, 1.0)
        self.assertEqual(self.check(b"zoe@example.org", caller).delay, 1.3)
        self.assertEqual(self.sender(b"ann@no.example", caller).delay, 1.6)
        self.assertEqual(self.sender(b"ann@no.example", self.caller(sender_delay_any=False)).delay, 0.0)

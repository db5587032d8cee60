"""The policies that come with the server."""

import attrs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from twistedmx.model.context import Message
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Action, Reason
from twistedmx.policy.empty_message import EmptyMessage, EmptyMessageSettings
from twistedmx.policy.helo import Helo, HeloSettings
from twistedmx.policy.plugin import maker_of, ours
from twistedmx.smtp import codes
from twistedmx.testing.policies import OUR_ADDRESS, SCRIPTED, PolicySuite, contexts, fake_means

AT_HELO = next(contexts(Stage.HELO))
AT_MESSAGE = next(contexts(Stage.MESSAGE))


class TestHelo(PolicySuite, TestCase):
    maker = maker_of("helo")


class TestEmptyMessage(PolicySuite, TestCase):
    maker = maker_of("empty-message")


class TestScripted(PolicySuite, TestCase):
    """The fake passes what the real ones pass."""

    maker = SCRIPTED


class TestOurs(SynchronousTestCase):
    def test_each_of_ours_is_in_the_suite_above(self):
        """A new one is put there as well."""
        self.assertEqual([maker.name for maker in ours()], ["empty-message", "helo"])


class TestWhatHeloSays(SynchronousTestCase):
    def said(self, helo, address="198.51.100.7", **settings):
        policy = Helo(HeloSettings(**settings), fake_means())
        return policy.decide(attrs.evolve(AT_HELO, helo=helo, peer=Peer(address=address, port=1)))

    def test_our_own_name_and_address_are_ours(self):
        """Nobody else has reason to use them; malware does, to look like one of the house."""
        for helo in ("mx.example.org", "MX.Example.ORG.", f"[{OUR_ADDRESS}]", OUR_ADDRESS):
            said = self.said(helo)
            self.assertEqual(
                (said.action, said.reason, said.reply), (Action.REJECT, Reason.BAD_HELO, codes.HELO_NOT_YOURS)
            )
            self.assertTrue(said.postpone)
        self.assertIs(self.said("mx2.example.org", names=("MX2.example.org",)).reply, codes.HELO_NOT_YOURS)
        self.assertIs(self.said("[203.0.113.1]", names=("[203.0.113.1]",)).reply, codes.HELO_NOT_YOURS)
        self.assertIs(self.said("mx.example.org", own=False), CONTINUE)

    def test_who_comes_from_this_machine_may_say_what_it_likes(self):
        """Its own scripts and monitors call it by its name."""
        self.assertIs(self.said("mx.example.org", OUR_ADDRESS), CONTINUE)

    def test_an_address_has_brackets(self):
        """RFC 5321 4.1.3; that of another host than the client is no fault: behind a NAT it knows no better."""
        for helo in ("198.51.100.7", "10.0.0.1", "2001:db8::1"):
            self.assertIs(self.said(helo).reply, codes.HELO_WITHOUT_BRACKETS)
            self.assertIs(self.said(helo, bare_address=False), CONTINUE)
        for helo in ("[198.51.100.7]", "[10.0.0.1]", "[IPv6:2001:db8::1]"):
            self.assertIs(self.said(helo), CONTINUE)

    def test_good_names_pass_and_names_without_a_dot_unless_asked_for(self):
        """Half of all offices have a mail server called `exchange`."""
        for helo in ("client.example.net", "exchange", "a_b.example.net", "1.2.3.4.example.net", "xn--d1acufc.example"):
            self.assertIs(self.said(helo), CONTINUE)
        self.assertIs(self.said("exchange", qualified=True).reply, codes.HELO_NOT_QUALIFIED)
        self.assertIs(self.said("exchange.", qualified=True).reply, codes.HELO_NOT_QUALIFIED)


class TestWhatEmptyMessageSays(SynchronousTestCase):
    def said(self, header, body, **settings):
        message = Message(header=header, header_is_whole=True, body=body, body_is_blank=not body.strip())
        return EmptyMessage(EmptyMessageSettings(**settings), fake_means()).decide(
            attrs.evolve(AT_MESSAGE, message=message)
        )

    def test_nothing_and_white_space_are_empty(self):
        """Siege 3: thousands of these came to one address."""
        for header, body in ((b"", b""), (b"\n", b""), (b"", b" \n\t\n")):
            self.assertIs(self.said(header, body).reason, Reason.EMPTY_MESSAGE)

    def test_a_header_is_content_unless_the_operator_says_otherwise(self):
        """All is said in the subject, and people do that."""
        self.assertIs(self.said(b"Subject: I am late\n", b""), CONTINUE)
        self.assertIs(self.said(b"Subject: I am late\n", b"\n", header_only=True).reason, Reason.EMPTY_MESSAGE)
        self.assertIs(self.said(b"", b"x", header_only=True), CONTINUE)

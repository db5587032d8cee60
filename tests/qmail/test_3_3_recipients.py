"""chkuser at RCPT: the order of its checks, where mail is found, and the traps 3, 5, 6, and 11 to 14."""

import os

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.tree import TreeTest
from twistedmx.policy.mx import MxAnswer
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.chkuser_checked import Caller, Checked
from twistedmx.qmail.chkuser_format import is_address
from twistedmx.qmail.chkuser_settings import ChkuserSettings
from twistedmx.qmail.settings import QmailSettings


class Dns:
    """An Mx of a dictionary; a domain that is not in it makes it fail."""

    def __init__(self, answers: dict[bytes, MxAnswer]) -> None:
        self.answers = answers
        self.asked: list[bytes] = []

    def look_up(self, domain: bytes) -> "Deferred[MxAnswer]":
        self.asked.append(domain)
        return succeed(self.answers[domain])


class RecipientsTest(TreeTest):
    def case(self, recipient: bytes, caller: Caller | None = None, **settings: object) -> Case:
        return self.check(recipient, caller, **settings).case

    def cases(self, expected: dict[bytes, Case], **settings: object) -> None:
        for recipient, case in expected.items():
            self.assertIs(self.case(recipient, **settings), case, recipient)


class TestOrder(RecipientsTest):
    """Which check comes first."""

    def test_must_auth_comes_before_all(self) -> None:
        """Even where nothing else is checked."""
        caller = self.caller(must_auth=True, start="NONE")
        self.assertIs(self.case(b"ann@example.org", caller), Case.MUST_AUTH)
        self.assertIs(self.case(b"ann@example.org", self.caller(b"", must_auth=True)), Case.ACCEPTED)

    def test_off_leaves_rcpthosts(self) -> None:
        """And the right to relay."""
        self.assertIs(self.case(b"zoe@example.org", start="NONE"), Case.ACCEPTED_ANY)
        self.assertIs(self.check(b"zoe@x", start="NONE", allowed=False).case, Case.NOT_RELAYED)
        self.assertIs(self.check(b"zoe@x", self.caller(b"", start="NONE"), allowed=False).case, Case.RELAYED)

    def test_domain_and_format_come_before_rcpthosts(self) -> None:
        """Also for who may relay."""
        self.assertIs(self.check(b"ann", allowed=True, domain_wanted="on").case, Case.NO_DOMAIN)
        self.assertIs(self.check(b"", allowed=True, domain_wanted="on").case, Case.NO_DOMAIN)
        self.assertIs(self.check(b"ann@", allowed=False).case, Case.NO_DOMAIN)
        self.assertIs(self.check(b"a b@example.org", allowed=False).case, Case.RCPT_FORMAT)
        self.assertIs(self.check(b"a b@example.org", allowed=False, rcpt_format=False).case, Case.NOT_RELAYED)

    def test_without_domain_wanted_envnoathost_is_meant(self) -> None:
        """As qmail-smtpd without chkuser takes it."""
        checked = self.check(b"Carol", domain_wanted="off")
        self.assertEqual((checked.case, checked.address), (Case.ACCEPTED, b"Carol"))
        self.assertIs(self.case(b"nobody", domain_wanted="off"), Case.NO_MAILBOX)
        self.assertIs(self.case(b"", domain_wanted="off"), Case.NO_MAILBOX)

    def test_the_postmaster_needs_no_domain(self) -> None:
        """RFC 5321 4.5.1: whatever the settings say, in any case, and where envnoathost has no dot."""
        for wanted in ("on", "off"):
            checked = self.check(b"PostMaster", domain_wanted=wanted)
            self.assertEqual((checked.case, checked.address), (Case.ACCEPTED, b"PostMaster"))
        caller = self.caller(domain_wanted="on")
        controls = attrs.evolve(self.controls, envnoathost=b"localhost", locals=(b"localhost",))
        self.assertIs(self.case(b"postmaster", attrs.evolve(caller, controls=controls)), Case.ACCEPTED)

    def test_the_tree_says_whether_a_domain_is_wanted_where_nothing_is_set(self) -> None:
        """CHKUSER_DOMAIN_WANTED is of the patches."""
        for tree, set_, wanted in (
            ("sagredo", "", "on"),
            ("notqmail", "", "off"),
            ("netqmail", "", "off"),
            ("sagredo", "off", "off"),
            ("notqmail", "on", "on"),
        ):
            settings = QmailSettings(tree=tree, chkuser=ChkuserSettings(domain_wanted=set_))
            self.assertEqual(settings.chkuser_with_mx.domain_wanted, wanted, (tree, set_))


class TestRelaying(RecipientsTest):
    """Not in rcpthosts."""

    def test_the_suffix_of_relayclient_is_for_domains_elsewhere(self) -> None:
        """Trap 3: qmail-smtpd alone appends it to all."""
        caller = self.caller(b".relay.example")
        self.assertEqual(
            self.check(b"Zoe@else.example", caller, allowed=False).address, b"Zoe@else.example.relay.example"
        )
        self.assertEqual(self.check(b"Ann@example.org", caller).address, b"Ann@example.org")

    def test_the_mx_of_a_recipient_elsewhere_is_looked_up(self) -> None:
        """Before relaying is refused; a soft error is 451, and so is an exception."""
        dns = Dns(
            {b"yes.example": MxAnswer.FOUND, b"no.example": MxAnswer.NONE, b"late.example": MxAnswer.COULD_NOT_TELL}
        )
        for domain, stranger, friend in (
            (b"yes.example", Case.NOT_RELAYED, Case.RELAYED),
            (b"no.example", Case.RCPT_MX, Case.RCPT_MX),
            (b"late.example", Case.RCPT_DNS, Case.RCPT_DNS),
            (b"broken.example", Case.RCPT_DNS, Case.RCPT_DNS),
        ):
            for relayclient, case in ((None, stranger), (b"", friend)):
                asked = self.recipients(dns).check(b"zoe@" + domain.upper(), self.caller(relayclient), allowed=False)
                assert not isinstance(asked, Checked)
                checked = self.successResultOf(Deferred.fromCoroutine(asked))  # type: ignore[arg-type]
                self.assertIs(checked.case, case, domain)

    def test_the_dns_is_asked_only_for_domains_elsewhere(self) -> None:
        """And not where it is switched off."""
        dns = Dns({})
        caller = self.caller(rcpt_mx=False)
        self.assertIsInstance(self.recipients(dns).check(b"ann@example.org", self.caller(), allowed=True), Checked)
        self.assertIsInstance(self.recipients(dns).check(b"zoe@else.example", caller, allowed=False), Checked)
        self.assertEqual(dns.asked, [])


class TestVpopmail(RecipientsTest):
    """A domain of vpopmail."""

    def test_who_is_there_and_who_is_not(self) -> None:
        """Users, .qmail files, lists; BOUNCE_MAIL is nobody."""
        self.cases(
            {
                b"ANN@Example.ORG": Case.ACCEPTED,
                b"o'brien@example.org": Case.ACCEPTED,
                b"sales.team@example.org": Case.ACCEPTED,
                b"sales-emea-north@example.org": Case.ACCEPTED,
                b"a.b-x@example.org": Case.ACCEPTED,
                b"plain@example.org": Case.ACCEPTED,
                b"news@example.org": Case.ACCEPTED,
                b"news-subscribe@example.org": Case.ACCEPTED,
                b"talk-subscribe@example.org": Case.ACCEPTED,
                b"talk-return-1-ann=x.example@example.org": Case.ACCEPTED,
                b"bob@alias.example": Case.ACCEPTED,
                b"zoe@example.org": Case.NO_MAILBOX,
                b"zoe@alias.example": Case.NO_MAILBOX,
                b"locked@example.org": Case.NO_MAILBOX,
                b"ann-x@example.org": Case.NO_MAILBOX,
                b"talk-@example.org": Case.NO_MAILBOX,
                b"plain-x@example.org": Case.NO_MAILBOX,
                b"club-request@example.org": Case.NO_MAILBOX,
                b"default@example.org": Case.NO_MAILBOX,
                b"a" * 300 + b"@example.org": Case.NO_MAILBOX,
                b"-".join([b"a"] * 300) + b"@example.org": Case.NO_MAILBOX,
            }
        )

    def test_nobody_walks_out_of_a_domain(self) -> None:
        """A list of another domain, or a file of the system, is none of this one."""
        os.makedirs(self.tree.domain("example.net", "list"))
        with open(self.tree.domain("example.net", "list", "editor"), "w", encoding="ascii"):
            pass
        self.cases({b"../example.net/list-x@example.org": Case.NO_MAILBOX, b"..-x@example.org": Case.NO_MAILBOX})

    def test_what_was_found_is_told(self) -> None:
        """So that delivery does not look again."""
        user = self.check(b"Bob@alias.example")
        assert user.user is not None and user.account is not None
        self.assertEqual(user.user.maildir, os.fsencode(self.tree.domain("example.org", "bob", "Maildir")))
        self.assertEqual((user.account.user, user.account.extension), (b"example.org", b"bob"))
        alias = self.check(b"sales-emea@example.org")
        assert alias.dot_qmail is not None
        self.assertEqual(
            (os.path.basename(alias.dot_qmail.path), alias.dot_qmail.default), (b".qmail-sales-default", b"emea")
        )
        self.assertIsNone(self.check(b"zoe@example.org").account)

    def test_an_alias_comes_before_a_user(self) -> None:
        """Even before a locked one."""
        self.write("&ann@example.org\n", "vpopmail", "domains", "example.org", ".qmail-locked")
        self.assertIs(self.case(b"locked@example.org"), Case.ACCEPTED)

    def test_each_kind_can_be_switched_off(self) -> None:
        """What was a define is a setting."""
        for name, recipient in {
            "users": b"ann@example.org",
            "aliases": b"plain@example.org",
            "alias_default": b"sales-emea@example.org",
            "ezmlm": b"talk-subscribe@example.org",
        }.items():
            self.assertIs(self.case(recipient, **{name: False}), Case.NO_MAILBOX, name)

    def test_mailman_is_found_where_it_is_asked_for(self) -> None:
        """The original builds a wrong path, and takes the answer for its opposite."""
        expected = {b"club-request@example.org": Case.ACCEPTED, b"plain-request@example.org": Case.NO_MAILBOX}
        self.cases(expected, mailman=True)

    def test_extensions_are_the_users_where_they_are_asked_for(self) -> None:
        """From the first dash on, each."""
        self.cases({b"ann-x-y@example.org": Case.ACCEPTED, b"zoe-x@example.org": Case.NO_MAILBOX}, extensions=True)
        checked = self.check(b"no-smtp-x@example.org", extensions=True)
        assert checked.user is not None
        self.assertEqual(checked.user.name, b"no-smtp")

    def test_the_quota_is_looked_at_where_it_is_asked_for(self) -> None:
        """At so many percent or more; NOQUOTA never."""
        self.assertIs(self.case(b"full@example.org"), Case.ACCEPTED)
        expected = {
            b"full@example.org": Case.OVER_QUOTA,
            b"bob@example.org": Case.OVER_QUOTA,
            b"ann@example.org": Case.ACCEPTED,
        }
        self.cases(expected, mailbox_quota=50)
        self.assertIs(self.case(b"bob@example.org", mailbox_quota=51), Case.ACCEPTED)


class TestStart(RecipientsTest):
    """DOMAIN and ALWAYS."""

    def test_a_catch_all_takes_everything_but_always(self) -> None:
        """Trap 14: by address, and by throwing away."""
        for recipient in (b"zoe@example.net", b"zoe@example.com"):
            self.assertIs(self.case(recipient), Case.ACCEPTED_ANY_OF_DOMAIN)
            self.assertIs(self.case(recipient, start="ALWAYS"), Case.NO_MAILBOX)

    def test_the_string_may_be_in_a_comment_of_the_first_1023_octets(self) -> None:
        """Operators write it there on purpose."""
        for text, case in {
            "#bounce-no-mailbox\n|./mine\n": Case.NO_MAILBOX,
            "#" * 1006 + "bounce-no-mailbox": Case.NO_MAILBOX,
            "#" * 1007 + "bounce-no-mailbox": Case.ACCEPTED_ANY_OF_DOMAIN,
        }.items():
            self.write(text, "vpopmail", "domains", "example.org", ".qmail-default")
            self.assertIs(self.case(b"zoe@example.org"), case, text)

    def test_a_domain_without_the_file_is_checked(self) -> None:
        """For nobody would take the rest; the original takes any."""
        os.unlink(self.tree.domain("example.org", ".qmail-default"))
        self.cases({b"zoe@example.org": Case.NO_MAILBOX, b"ann@example.org": Case.ACCEPTED})

    def test_a_file_may_say_it_instead(self) -> None:
        """CHKUSER_SPECIFIC_BOUNCING."""
        self.assertIs(self.case(b"zoe@example.net", bounce_file=".check"), Case.ACCEPTED_ANY_OF_DOMAIN)
        self.write("", "vpopmail", "domains", "example.net", ".check")
        self.assertIs(self.case(b"zoe@example.net", bounce_file=".check"), Case.NO_MAILBOX)


class TestDoubt(RecipientsTest):
    """Trap 12: what cannot be told is 451."""

    def test_what_may_not_be_read_is_no_missing_mailbox(self) -> None:
        """The log says which file it is, and the client hears nothing of it."""
        for domain, name, recipient in (
            ("example.org", ".qmail-plain", b"plain@example.org"),
            ("example.org", "talk/editor", b"talk-x@example.org"),
            ("example.org", "vpasswd.cdb", b"ann@example.org"),
            ("example.com", ".qmail-default", b"ann@example.com"),
        ):
            self.lock(self.tree.domain(domain, *name.split("/")))
            checked = self.check(recipient)
            self.assertIs(checked.case, Case.NO_RESOURCE, name)
            self.assertIn(name, checked.detail)
            self.assertNotIn(name, str(checked.reply))

    def test_a_broken_users_cdb_is_no_missing_domain(self) -> None:
        """The original would take everything unchecked."""
        with open(self.path("users", "cdb"), "wb") as file:
            file.write(b"\xff" * 4096)
        self.cases({b"ann@example.org": Case.NO_RESOURCE, b"carol@host.example": Case.NO_RESOURCE})

    def test_a_folder_that_is_gone_cannot_be_told(self) -> None:
        """Not mounted: its users are not gone."""
        os.rename(self.tree.domain("example.org"), self.tree.domain("example.org.away"))
        self.assertIs(self.case(b"ann@example.org"), Case.NO_RESOURCE)
        os.mkdir(self.tree.domain("example.org"))
        self.assertIs(self.case(b"ann@example.org"), Case.NO_RESOURCE)

    def test_users_in_a_database_cannot_be_told(self) -> None:
        """A domain of vpopmail without vpasswd; the original of a dead database says 550."""
        for name in ("vpasswd", "vpasswd.cdb"):
            os.unlink(self.tree.domain("example.org", name))
        self.assertIs(self.case(b"ann@example.org"), Case.NO_RESOURCE)

    def test_a_folder_of_another_kind_is_looked_at_as_qmail_does(self) -> None:
        """+domain- of users/assign may be anybody's."""
        for name in ("vpasswd", "vpasswd.cdb"):
            os.unlink(self.tree.domain("example.org", name))
        self.write("./Maildir/\n", "vpopmail", "domains", "example.org", ".qmail-default")
        self.assertIs(self.case(b"zoe@example.org", start="ALWAYS"), Case.ACCEPTED)


class TestLocal(RecipientsTest):
    """Trap 11: outside of vpopmail."""

    def test_users_of_the_system_and_aliases_are_looked_for(self) -> None:
        """As qmail-lspawn and qmail-local do."""
        self.cases(
            {
                b"Carol@host.example": Case.ACCEPTED,
                b"carol-lists-x@host.example": Case.ACCEPTED,
                b"carol.king@host.example": Case.ACCEPTED,
                b"dave@host.example": Case.ACCEPTED,
                b"postmaster@host.example": Case.ACCEPTED,
                b"team-x@host.example": Case.ACCEPTED,
                b"sales@virtual.example": Case.ACCEPTED,
                b"carol-other@host.example": Case.NO_MAILBOX,
                b"dave-x@host.example": Case.NO_MAILBOX,
                b"eve@host.example": Case.NO_MAILBOX,
                b"zoe@host.example": Case.NO_MAILBOX,
                b"zoe@virtual.example": Case.NO_MAILBOX,
            }
        )

    def test_unchecked_is_a_setting(self) -> None:
        """As chkuser alone does it, and logs it as found."""
        self.assertIs(self.case(b"zoe@host.example", check_local=False), Case.ACCEPTED)

    def test_a_second_mx_takes_all(self) -> None:
        """Nothing here knows who is there."""
        checked = self.check(b"zoe@backup.example")
        self.assertEqual((checked.case, checked.account), (Case.ACCEPTED, None))

    def test_whose_it_is_is_told(self) -> None:
        """With the file of his extension."""
        checked = self.check(b"Carol-Lists-X@host.example")
        assert checked.account is not None and checked.dot_qmail is not None
        self.assertEqual((checked.account.user, checked.account.extension), (b"carol", b"Lists-X"))
        self.assertEqual(checked.dot_qmail.default, b"X")


class TestThresholds(RecipientsTest):
    """Traps 5 and 6."""

    def play(self, caller: Caller, *recipients: bytes) -> list[tuple[Case, Case | None]]:
        checked = [self.check(recipient, caller) for recipient in recipients]
        return [(each.case, each.threshold) for each in checked]

    def test_a_limit_of_n_takes_one_less(self) -> None:
        """Good or bad; then every one is an intrusion, and hears no hang-up."""
        caller = self.caller(rcpt_limit=3)
        ann = b"ann@example.org"
        self.assertEqual(
            self.play(caller, ann, b"zoe@example.org", ann, ann),
            [
                (Case.ACCEPTED, None),
                (Case.NO_MAILBOX, None),
                (Case.TOO_MANY, Case.RCPT_THRESHOLD),
                (Case.INTRUSION, None),
            ],
        )
        self.assertIs(self.check(ann, caller).hangs_up, False)

    def test_wrong_ones_are_those_without_mailbox_or_domain(self) -> None:
        """The one that reaches the limit hears what it would have heard."""
        caller = self.caller(wrong_rcpt_limit=2, wrong_recipient="original", domain_wanted="on")
        self.assertEqual(
            self.play(caller, b"a b@example.org", b"zoe@example.org", b"ann@example.org", b"zoe", b"ann@example.org"),
            [
                (Case.RCPT_FORMAT, None),
                (Case.NO_MAILBOX, None),
                (Case.ACCEPTED, None),
                (Case.NO_DOMAIN, Case.WRONG_RCPT_THRESHOLD),
                (Case.INTRUSION, None),
            ],
        )
        self.assertIs(self.check(b"ann@example.org", caller).reply.closes, False)

    def test_behind_it_the_session_ends_unless_the_original_is_wanted(self) -> None:
        """With the words of the original."""
        caller = self.caller(wrong_rcpt_limit=1)
        self.assertIs(self.check(b"zoe@example.org", caller).hangs_up, False)
        reply = self.check(b"ann@example.org", caller).reply
        self.assertEqual(
            (str(reply), reply.closes), ("550 5.7.1 sorry, you are violating our security policies (chkuser)", True)
        )

    def test_each_error_is_later_up_to_a_bound(self) -> None:
        """1.0, 1.3, 1.6 seconds of the whole session, its senders included; what is taken is at once."""
        caller = self.caller(error_delay_most=1.5)
        said = [b"zoe@example.org", b"ann@example.org", b"a b@example.org", b"zoe@example.org"]
        self.assertEqual([self.check(recipient, caller).delay for recipient in said], [1.0, 0.0, 1.3, 1.5])

    def test_some_errors_are_late_only_where_all_are(self) -> None:
        """CHKUSER_RCPT_DELAY_ANYERROR."""
        caller = self.caller(rcpt_delay_any=False)
        self.assertEqual(self.check(b"a b@example.org", caller).delay, 0.0)
        self.assertEqual(self.check(b"zoe@example.org", caller).delay, 1.0)
        self.assertEqual(self.check(b"zoe@example.org", error_delay=0.0).delay, 0.0)


class TestFormat(SynchronousTestCase):
    """make_mav."""

    def test_local_parts(self) -> None:
        """An apostrophe is allowed; blank, quote, bang and pipe are not."""
        for local, expected in {
            b"o'brien": True,
            b"a+b_c-d.e=f/g#h$i%j?k*l^m~n&o\\p": True,
            b"": True,
            b"..": True,
            b"a b": False,
            b'a"b': False,
            b"a!b": False,
            b"a|b": False,
            b"a`b": False,
            b"a@b": False,
            b"\xc3\xbc": False,
            b"a\0": False,
        }.items():
            self.assertIs(is_address(local, b"example.org", ChkuserSettings()), expected, local)

    def test_domains(self) -> None:
        """An address literal is none."""
        for domain, expected in {
            b"x.xx": True,
            b"a--b.example": True,
            b"xn--bcher-kva.example": True,
            b"x.x": False,
            b"example": False,
            b"-a.example": False,
            b"a.example-": False,
            b".a.example": False,
            b"a.example.": False,
            b"a..example": False,
            b"a.-b.example": False,
            b"a-.example": False,
            b"a_b.example": False,
            b"[192.0.2.1]": False,
            b"xn--a--b.example": False,
            b"": False,
        }.items():
            self.assertIs(is_address(b"a", domain, ChkuserSettings()), expected, domain)

    def test_smtputf8_is_utf8(self) -> None:
        """Without brackets and their like."""
        settings = ChkuserSettings()
        self.assertTrue(is_address("jürgen".encode(), "bücher.example".encode(), settings, utf8=True))
        self.assertTrue(is_address(b"a!b", b"xn--a--b.example", settings, utf8=True))
        for local in (b"\xff", b"a(b", b"a,b", b"a\0b"):
            self.assertFalse(is_address(local, b"b.example", settings, utf8=True), local)

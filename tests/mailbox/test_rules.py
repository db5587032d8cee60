"""The rules of a table of mailboxes, told in both formats; what is wrong is told to the operator."""

import sys
from collections.abc import Mapping, Sequence

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.faults import BadTable
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.tables import read_table
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.mailbox import DISABLED, NOT_OURS, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import parse_path
from twistedmx.smtp.reply import reply

TEMPLATE = MaildirTemplate(text="/srv/mail/{domain}/{local}")

MANUAL_TEXT = """\
# Who has mail here.
example.org            domain                         # an own domain
demo@example.org                                      # a mailbox
ann@example.org        mailbox /srv/ann               # with its own Maildir
info@example.org       alias demo@example.org, ann@example.org
@example.net           alias demo@example.org         # catch-all

old@example.org        disabled
full@example.org       over-quota
gone@example.org       reject 550 5.1.6 Write to ann@example.org instead   # codes optional
bad@example.org        reject Go away
postmaster             alias ann@example.org
"a b"@example.org      mailbox
"""

MANUAL_TOML = """\
domains = ["example.org"]
mailboxes = ["demo@example.org", '"a b"@example.org']
disabled = ["old@example.org"]
over_quota = ["full@example.org"]
[maildirs]
"ann@example.org" = "/srv/ann"
[aliases]
"info@example.org" = ["demo@example.org", "ann@example.org"]
"@example.net" = "demo@example.org"
postmaster = "ann@example.org"
[reject]
"gone@example.org" = "550 5.1.6 Write to ann@example.org instead"
"bad@example.org" = "Go away"
"""


def text(written: str) -> Snapshot:
    return read_table("boxes", written.encode(), TEMPLATE)


def toml(written: str) -> Snapshot:
    return read_table("boxes.toml", written.encode(), TEMPLATE)


def goes_to(*addresses: str) -> Lookup:
    destinations = []
    for address in addresses:
        local, _, domain = address.rpartition("@")
        destinations.append(Destination(address=address.encode(), maildir=f"/srv/mail/{domain}/{local}"))
    return Lookup(outcome=Outcome.FOUND, destinations=tuple(destinations))


class RulesTestCase(SynchronousTestCase):
    def assert_finds(self, table: Snapshot, expected: Mapping[str, Lookup]) -> None:
        self.assertEqual({each: table.find(parse_path(each.encode())) for each in expected}, expected)

    def faults(self, written: str, source: str = "boxes") -> Sequence[str]:
        with self.assertRaises(BadTable) as caught:
            read_table(source, written.encode("utf-8", "surrogateescape"), TEMPLATE)
        return str(caught.exception).split("\n")


class TestEntries(RulesTestCase):
    """What a table means."""

    def test_the_table_of_the_manual_means_the_same_in_both_formats(self) -> None:
        """An operator changes the format, not the mail."""
        ann = Destination(address=b"ann@example.org", maildir="/srv/ann")
        for table in (text(MANUAL_TEXT), toml(MANUAL_TOML)):
            self.assert_finds(
                table,
                {
                    "demo@example.org": goes_to("demo@example.org"),
                    "ann@example.org": Lookup(outcome=Outcome.FOUND, destinations=(ann,)),
                    "info@example.org": Lookup(
                        outcome=Outcome.FOUND, destinations=(*goes_to("demo@example.org").destinations, ann)
                    ),
                    "whoever@example.net": goes_to("demo@example.org"),
                    "old@example.org": DISABLED,
                    "full@example.org": OVER_QUOTA,
                    "gone@example.org": Lookup(
                        outcome=Outcome.REFUSED, reply=reply(550, "5.1.6", "Write to ann@example.org instead")
                    ),
                    "bad@example.org": Lookup(outcome=Outcome.REFUSED, reply=reply(550, "5.7.1", "Go away")),
                    '"a b"@example.org': Lookup(
                        outcome=Outcome.FOUND,
                        destinations=(
                            Destination(address=b'"a b"@example.org', maildir="/srv/mail/example.org/a%20b"),
                        ),
                    ),
                    "postmaster": Lookup(outcome=Outcome.FOUND, destinations=(ann,)),
                    "abuse@example.org": Lookup(outcome=Outcome.FOUND, destinations=(ann,)),
                    "postmaster@example.net": goes_to("demo@example.org"),
                    "abuse@example.net": goes_to("demo@example.org"),
                    "nobody@example.org": UNKNOWN,
                    "nobody@example.com": NOT_OURS,
                },
            )
            self.assertEqual(table.addresses, 10)

    def test_both_formats_give_equal_snapshots(self) -> None:
        """Not only for the addresses that somebody thought of."""
        self.assertEqual(text(MANUAL_TEXT), toml(MANUAL_TOML))

    def test_postmaster_and_abuse_have_a_mailbox_when_nothing_is_said_of_them(self) -> None:
        """RFC 5321 4.5.1 and RFC 2142 4: they exist whether an operator thinks of them or not."""
        postmaster = goes_to("postmaster@example.org")
        self.assert_finds(
            text("ann@example.org"),
            {"postmaster@example.org": postmaster, "abuse@example.org": postmaster, "Postmaster": postmaster},
        )

    def test_an_entry_of_their_own_comes_first(self) -> None:
        """Even before the catch-all and the entry `postmaster`."""
        table = text(
            "ann@example.org\nbob@example.org\n@example.org alias ann@example.org\npostmaster alias ann@example.org\n"
            "abuse@example.org alias bob@example.org\npostmaster@example.org alias bob@example.org"
        )
        bob = goes_to("bob@example.org")
        self.assert_finds(table, {"abuse@example.org": bob, "postmaster@example.org": bob, "postmaster": bob})

    def test_abuse_is_refused_with_postmaster_when_the_operator_refuses_that(self) -> None:
        """An explicit entry is obeyed, and what goes where postmaster goes is not a fault of the table."""
        table = text("example.org domain\npostmaster@example.org disabled")
        self.assert_finds(table, {"abuse@example.org": DISABLED, "postmaster": DISABLED})

    def test_an_alias_is_over_quota_when_one_of_its_targets_is(self) -> None:
        """With the others alone, 250 would promise the full one a copy which it never gets; 452 makes the peer try again."""
        self.assert_finds(
            text(
                "ann@example.org\nf1@example.org over-quota\nf2@example.org over-quota\n"
                "team@example.org alias f1@example.org, ann@example.org\nfull@example.org alias f1@example.org,f2@example.org"
            ),
            {"team@example.org": OVER_QUOTA, "full@example.org": OVER_QUOTA},
        )

    def test_two_addresses_of_one_maildir_get_one_copy(self) -> None:
        """The paths are compared as the file system does: slashes at the end and doubled ones are nothing."""
        table = text(
            "a@example.org mailbox /srv/x\nb@example.org mailbox /srv//x/\nab@example.org alias a@example.org, b@example.org"
        )
        found = table.find(parse_path(b"ab@example.org"))
        self.assertEqual([each.maildir for each in found.destinations], ["/srv/x"])

    def test_an_alias_may_name_what_exists_without_an_entry(self) -> None:
        """Mail for the alias goes where mail for the target goes, catch-all and postmaster too."""
        self.assert_finds(
            text(
                "ann@example.org\n@example.net alias ann@example.org\nx@example.org alias any@example.net\n"
                "y@example.org alias abuse@example.org\nz@example.org alias Postmaster"
            ),
            {
                "x@example.org": goes_to("ann@example.org"),
                "y@example.org": goes_to("postmaster@example.org"),
                "z@example.org": goes_to("postmaster@example.org"),
            },
        )

    def test_a_chain_of_aliases_longer_than_pythons_stack_is_followed(self) -> None:
        """A generated table must not end in RecursionError."""
        chain = "".join(f"a{number}@example.org alias a{number + 1}@example.org\n" for number in range(3000))
        self.assert_finds(text(chain + "a3000@example.org"), {"a0@example.org": goes_to("a3000@example.org")})

    def test_names_outside_ascii_are_compared_in_unicode(self) -> None:
        """RFC 6531: "Jörg", decomposed or in capitals, is one person; STRASSE is the street."""
        table = text("jörg@example.org\nstraße@bücher.example")
        for address in (
            "JÖRG@example.org",
            "jo\u0308rg@Example.ORG",
            "STRASSE@xn--bcher-kva.example",
            "straße@BÜCHER.example",
        ):
            self.assertIs(table.find(parse_path(address.encode())).outcome, Outcome.FOUND, address)

    def test_a_comment_begins_after_white_space_only_and_not_in_quotes(self) -> None:
        """`#` is an ordinary letter of a local part (RFC 5322 3.2.3)."""
        table = text(
            'a#b@example.org # "c\n"c #d"@example.org\n#e@example.org\n\t# f\ng@example.org reject "#1" is gone#\r\n'
        )
        self.assertEqual(table.addresses, 3)
        self.assertIs(table.find(parse_path(b'"c #d"@example.org')).outcome, Outcome.FOUND)
        self.assertEqual(str(table.find(parse_path(b"g@example.org")).reply), '550 5.7.1 "#1" is gone#')

    def test_commas_in_quotes_do_not_part_targets(self) -> None:
        """A quoted local part may hold anything (RFC 5321 4.1.2)."""
        table = text('"a, b"@example.org\nc@example.org\nx@example.org alias "a, b"@example.org,\tc@example.org')
        self.assertEqual(len(table.find(parse_path(b"x@example.org")).destinations), 2)

    def test_a_byte_order_mark_is_no_part_of_the_first_entry(self) -> None:
        """Some editors write one."""
        self.assert_finds(text("\ufeffann@example.org"), {"ann@example.org": goes_to("ann@example.org")})
        self.assert_finds(
            toml("\ufeffmailboxes = ['ann@example.org']"), {"ann@example.org": goes_to("ann@example.org")}
        )

    def test_strings_of_every_kind_mean_the_same_in_toml(self) -> None:
        """The reader makes plain strings quicker for tomllib; an operator must not notice."""
        for listed in (
            '["a\\u0062@x.example"]',
            "[\n \"ab@x.example\" , # 'c'\n]",
            '["""ab@x.example"""]',
            "['ab@x.example',]",
        ):
            table = toml(f"mailboxes = {listed}\n[reject]\n'd@x.example' = '''\n\"e\",'''")
            self.assertIs(table.find(parse_path(b"ab@x.example")).outcome, Outcome.FOUND, listed)
            self.assertEqual(str(table.find(parse_path(b"d@x.example")).reply), '550 5.7.1 "e",')


class TestFaults(RulesTestCase):
    """What is told of a table that cannot be used."""

    def test_all_faults_of_a_text_table_are_told_each_with_its_line(self) -> None:
        """An operator mends a table in one go, not in ten."""
        self.assertEqual(
            self.faults(
                "ann@example.org\n"
                "ANN@Example.org over-quota\n"
                "example.org\n"
                "bob@@example.org\n"
                "a1@example.org alias zoe@elsewhere.net\n"
                "a2@example.org alias nobody@example.org, old@example.org, gone@example.org\n"
                "a3@example.org alias a4@example.org\n"
                "a4@example.org alias a3@example.org, ann@example.org\n"
                "old@example.org disabled\n"
                "gone@example.org reject\n"
                "r1@example.org reject 250 2.0.0 fine\n"
                "r2@example.org reject 450 5.1.1 hm\n"
                "m1@example.org mailbox srv/m1\n"
                "k1@example.org mailbax\n"
                "k2@example.org alias k1@example.org\n"
                "@example.org disabled\n"
                "bad\udcff@example.org\n"
                "a5@example.org alias ann@example.org bob@example.org\n"
                "a6@example.org alias\n"
                "d@example.org disabled today\n"
                f"{'l' * 300}@example.org\n"
                "e\x1b[31m@example.org\n"
            ),
            [
                "boxes:2: 'ANN@Example.org', which has an entry in line 1; expected one entry for each; remove one of them",
                "boxes:3: 'example.org': address is not local-part@domain; expected an address; "
                "an own domain is written with 'domain' behind it (TOML: in domains)",
                "boxes:4: 'bob@@example.org': address is not local-part@domain; expected an address; mend it",
                "boxes:5: alias to 'zoe@elsewhere.net', whose domain is not an own one; expected an address of this table; "
                "mail is not forwarded to other hosts: name a mailbox here, or remove the alias",
                "boxes:6: alias to 'nobody@example.org', which has no entry; expected an address of this table; "
                "add an entry for it, or mend the name",
                "boxes:6: alias to 'old@example.org', which is disabled; expected a target that takes mail; "
                "name another one, or give the alias the same entry",
                "boxes:6: alias to 'gone@example.org', which is refused; expected a target that takes mail; "
                "name another one, or give the alias the same entry",
                "boxes:7: alias loop 'a3@example.org' -> 'a4@example.org' -> 'a3@example.org'; "
                "expected aliases that end in mailboxes; make one of them a mailbox",
                "boxes:11: refusal '250 2.0.0 fine': a refusal has a code from 400 to 559 and an enhanced status code that "
                "begins with 4 or 5; expected codes that go together (550 5.7.1) or none, and ASCII text; "
                "mend the codes or the text",
                "boxes:12: refusal '450 5.1.1 hm': enhanced status code '5.1.1' does not go with 450 (RFC 2034 4); "
                "expected codes that go together (550 5.7.1) or none, and ASCII text; mend the codes or the text",
                "boxes:13: Maildir 'srv/m1': it is relative; expected an absolute path; write it in full",
                "boxes:14: unknown word 'mailbax'; expected one of domain, mailbox, alias, disabled, over-quota, reject; "
                "mend it, or remove it",
                "boxes:16: 'disabled' for '@example.org'; expected an address; "
                "name the mailbox in an entry of its own, and make this one an alias of it",
                "boxes:17: 'bad\\xff@example.org', which is not UTF-8; expected UTF-8; save the file in UTF-8",
                "boxes:18: alias to 'ann@example.org bob@example.org': address is not local-part@domain; "
                "expected addresses, with commas between them; mend it, or remove it",
                "boxes:19: 'alias' and nothing behind it; expected 'alias' and one or more addresses, "
                "with commas between them; mend the entry",
                "boxes:20: 'today' behind 'disabled'; expected 'disabled' and nothing behind it; mend the entry",
                f"boxes:21: no Maildir can be made for '{'l' * 80}...': a name in it has more than 255 octets; "
                "expected an address that can name a directory; give it a Maildir of its own",
                "boxes:22: 'e\\x1b[31m@example.org': address is not local-part@domain; expected an address; mend it",
            ],
        )

    def test_faults_of_toml_are_told_with_their_key(self) -> None:
        """TOML's own reader keeps no line numbers; a key is as good."""
        self.assertEqual(
            self.faults(
                "mailboxes = ['ann@example.org', 7, 'ANN@example.org', '']\nmailbox = []\ndomains = 'example.org'\n"
                "[aliases]\n'x@example.org' = ['ann@example.org', 1]\n'y@example.org' = []\n[maildirs]\nbob.x = 'y'\n",
                "boxes.toml",
            ),
            [
                "boxes.toml: mailboxes, item 2: a value of type int; expected a string; quote strings, put lists into [...]",
                "boxes.toml: mailboxes, item 3: 'ANN@example.org', which has an entry at mailboxes, item 1; "
                "expected one entry for each; remove one of them",
                "boxes.toml: mailboxes, item 4: '': it is empty; expected an address; "
                "an own domain is written with 'domain' behind it (TOML: in domains)",
                "boxes.toml: 'mailbox': unknown key; expected one of domains, mailboxes, maildirs, aliases, disabled, "
                "over_quota, reject; mend it, or remove it",
                "boxes.toml: domains: a value of type str; expected a list of strings; quote strings, put lists into [...]",
                "boxes.toml: aliases.'x@example.org': a value of type list; expected a string or a list of strings; "
                "quote strings, put lists into [...]",
                "boxes.toml: aliases.'y@example.org': 'alias' and nothing behind it; expected 'alias' and one or more addresses, "
                "with commas between them; mend the entry",
                "boxes.toml: maildirs.'bob': a value of type dict; expected a string; quote strings, put lists into [...]",
            ],
        )

    def test_what_is_no_toml_is_told_with_tomls_own_words(self) -> None:
        """The line and column are in them. Nesting and numbers without end are no traceback either."""
        self.assertIn("(at line 2, column 4)", self.faults("x = 1\nann@example.org", "boxes.toml")[0])
        self.assertIn("no TOML", self.faults("x = " + "[" * 100_000, "boxes.toml")[0])
        if sys.implementation.name == "cpython":  # PyPy reads any
            self.assertIn("no TOML", self.faults("x = " + "1" * 10_000, "boxes.toml")[0])
        self.assertIn("boxes.toml:2: octets that are not UTF-8", self.faults("\n'\udcff'", "boxes.toml")[0])

    def test_an_empty_table_is_a_fault(self) -> None:
        """An editor that empties the file before it fills it must not have every mail refused in between."""
        for source in ("boxes", "boxes.toml"):
            self.assertIn("no own domain; expected at least one", self.faults("# nothing yet\n", source)[0])

    def test_postmaster_alone_is_no_own_domain(self) -> None:
        """There is nowhere to send it."""
        self.assertTrue(self.faults("postmaster alias ann@example.org\n")[0].startswith("boxes:"))
        self.assertTrue(self.faults("postmaster alias postmaster\n")[0].startswith("boxes:"))

    def test_loops_over_catch_all_and_postmaster_are_named(self) -> None:
        """Nobody sees these by reading the lines."""
        self.assertIn("alias loop '@example.org' -> '@example.org'", self.faults("@example.org alias x@example.org")[0])
        found = self.faults("example.org domain\npostmaster alias postmaster@example.org")[0]
        self.assertIn("boxes:2: alias loop 'postmaster' -> 'postmaster@example.org' -> 'postmaster';", found)

    def test_a_refusal_that_would_end_the_session_is_a_fault(self) -> None:
        """421 closes the channel (RFC 5321 4.2.1) for all recipients of a peer, not for the one."""
        self.assertIn("421 ends the session", self.faults("a@example.org reject 421 4.3.2 later")[0])

    def test_a_table_in_another_encoding_does_not_fill_the_log(self) -> None:
        """Every line is at fault; the first ones tell."""
        told = self.faults("j\udcf6rg@example.org\n" * 200)
        self.assertEqual((len(told), told[-1]), (51, "... and 150 more"))


class TestOddEntries(RulesTestCase):
    """What an operator may ask for, and rarely does."""

    def test_codes_of_a_refusal_may_be_left_out(self) -> None:
        """One of them tells the class of the other."""
        for written, said in {
            "": "550 5.7.1 This address takes no mail",
            "450 Later": "450 4.7.1 Later",
            "4.2.1 Later": "450 4.2.1 Later",
            "5.1.6": "550 5.1.6 This address takes no mail",
            "10 years ago she left": "550 5.7.1 10 years ago she left",
        }.items():
            refused = text(f"a@example.org reject {written}").find(parse_path(b"a@example.org"))
            self.assertEqual(str(refused.reply), said)

    def test_an_address_literal_may_be_an_own_domain(self) -> None:
        """RFC 5321 4.1.3; postmaster at our bare address is whom blocklists write to."""
        table = text("[192.0.2.1] domain\nann@[IPv6:2001:DB8::1]")
        self.assertIs(table.find(parse_path(b"postmaster@[192.0.2.1]")).outcome, Outcome.FOUND)
        self.assertIs(table.find(parse_path(b"ann@[IPv6:2001:db8::1]")).outcome, Outcome.FOUND)


class TestElsewhere(RulesTestCase):
    """Domains that another backend serves: the table may speak of addresses there, and no more."""

    RULES = Rules(elsewhere={b"example.com": "mailboxes.passwd[0]"}, postmaster=parse_path(b"ann@example.com"))

    def faults(self, written: str) -> list[str]:
        with self.assertRaises(BadTable) as caught:
            read_table("boxes", written.encode(), TEMPLATE, self.RULES)
        return [str(fault) for fault in caught.exception.faults]

    def test_a_domain_that_another_backend_serves_is_not_the_tables(self) -> None:
        """Its unknown names are for the other to know."""
        table = read_table("boxes", b"root@example.com alias ann@example.com\n", TEMPLATE, self.RULES)
        self.assertEqual(table.find(parse_path(b"nobody@example.com")), NOT_OURS)
        self.assertEqual(table.find(parse_path(b"postmaster")), NOT_OURS)
        self.assertEqual(table.addresses, 1)
        (path,) = table.find(parse_path(b"root@example.com")).parts
        self.assertEqual(path, parse_path(b"ann@example.com"))

    def test_the_whole_of_such_a_domain_is_a_fault(self) -> None:
        """Who has it: the operator said two things."""
        for line in ("example.com domain", "@example.com alias x@example.org"):
            (fault,) = self.faults(f"x@example.org\n{line}\n")
            self.assertIn("a domain that mailboxes.passwd[0] serves; expected addresses of it at most", fault)

    def test_postmaster_in_a_table_without_a_domain_is_a_fault(self) -> None:
        """It speaks of own domains, and the setting speaks of all."""
        (fault,) = self.faults("postmaster alias ann@example.com\n")
        self.assertIn("boxes:1: 'postmaster' in a table without a domain", fault)
        self.assertIn("set [mailboxes] postmaster instead", fault)

    def test_an_emptied_table_is_a_fault_still(self) -> None:
        """An editor empties a file before it fills it, and root's alias would be gone meanwhile."""
        (fault,) = self.faults("# nothing\n")
        self.assertIn("no own domain", fault)

    def test_a_setting_that_cannot_be_followed_is_told_once(self) -> None:
        """With the words of an alias, and the name of the setting."""
        for written, words in (("old@example.org disabled\n", "disabled"), ("x@example.org\n", "no entry")):
            rules = Rules(postmaster=parse_path(b"old@example.org"))
            with self.assertRaises(BadTable) as caught:
                read_table("boxes", f"{written}x@example.net\n".encode(), TEMPLATE, rules)
            (fault,) = caught.exception.faults
            self.assertRegex(
                str(fault), rf"^boxes: \[mailboxes\] postmaster: alias to 'old@example.org', which .*{words}"
            )

    def test_a_setting_that_names_an_obligatory_address_makes_its_mailbox(self) -> None:
        """All postmasters are one, who has a Maildir."""
        rules = Rules(postmaster=parse_path(b"postmaster@example.net"))
        table = read_table("boxes", b"x@example.org\ny@example.net\n", TEMPLATE, rules)
        self.assertEqual(table.find(parse_path(b"postmaster")), goes_to("postmaster@example.net"))
        self.assertEqual(table.find(parse_path(b"abuse@example.org")), goes_to("postmaster@example.net"))


class TestCase(RulesTestCase):
    """[mailboxes] case_sensitive: RFC 5321 2.4 leaves it to the domain."""

    RULES = Rules(case=CaseRules(sensitive={b"example.net"}))

    def test_case_matters_where_it_is_said_to_and_nowhere_else(self) -> None:
        """Entries, aliases, targets, Maildirs and look-ups agree on it."""
        written = b"Ann@example.net\nann@Example.net\nBob@example.org\nall@example.org alias Ann@example.net\n"
        table = read_table("boxes", written, TEMPLATE, self.RULES)
        self.assertEqual(table.find(parse_path(b"Ann@EXAMPLE.net")), goes_to("Ann@example.net"))
        self.assertEqual(
            table.find(parse_path(b"ann@example.net")).destinations[0].maildir, "/srv/mail/example.net/ann"
        )
        self.assertIs(table.find(parse_path(b"ANN@example.net")), UNKNOWN)
        self.assertIs(table.find(parse_path(b"BOB@example.org")).outcome, Outcome.FOUND)
        self.assertEqual(table.find(parse_path(b"ALL@example.org")), goes_to("Ann@example.net"))

    def test_postmaster_and_abuse_have_no_case_anywhere(self) -> None:
        """RFC 5321 2.4 says so of the one, RFC 2142 4 of the other."""
        table = read_table("boxes", b"Ann@example.net\nPostMaster@example.net\n", TEMPLATE, self.RULES)
        for address in (b"postmaster@example.net", b"POSTMASTER@example.net", b"Abuse@example.net"):
            (destination,) = table.find(parse_path(address)).destinations
            self.assertEqual(destination.address, b"PostMaster@example.net")

    def test_names_beyond_ascii_are_compared_as_written_too(self) -> None:
        """There is one rule for all letters."""
        table = read_table("boxes", "Jörg@example.net\n".encode(), TEMPLATE, self.RULES)
        self.assertIs(table.find(parse_path("Jörg@example.net".encode())).outcome, Outcome.FOUND)
        self.assertIs(table.find(parse_path("jörg@example.net".encode())), UNKNOWN)

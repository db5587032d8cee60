"""Several backends as one: who is asked for which domain, what the table may say of the others' domains, whose postmaster is."""

import os
from collections.abc import Mapping, Sequence
from unittest import SkipTest

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.mailbox.world import TEMPLATE, Threads, Told
from twistedmx.mailbox.aliases import Targets
from twistedmx.mailbox.by_domain import BackendState, MailboxesByDomain
from twistedmx.mailbox.faults import BadTable
from twistedmx.mailbox.keys import domain_keys, key_of
from twistedmx.mailbox.obligatory import parse_postmaster
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.model.mailbox import DISABLED, NOT_OURS, OVER_QUOTA, UNKNOWN, Destination, Lookup, Outcome
from twistedmx.smtp.path import Path, parse_path
from twistedmx.testing.mailboxes import FakeMailboxes, Household, MailboxesSuite, found


def path(address: str) -> Path:
    return parse_path(address.encode())


class Served:
    """A Backend in memory that knows its answers and nothing of postmasters."""

    def __init__(self, name: str, domains: Sequence[str], answers: Mapping[str, Lookup]) -> None:
        self.name = name
        self.served = domain_keys(domains)
        self.answers = {key_of(path(address)): lookup for address, lookup in answers.items()}
        self.asked: list[bytes] = []
        self.late: list[Deferred[Lookup]] | None = None
        self.refreshed = self.closed = 0

    def domains(self) -> Sequence[bytes]:
        return self.served

    def state(self) -> str:
        return "well"

    def refresh(self) -> None:
        self.refreshed += 1

    def close(self) -> None:
        self.closed += 1

    def none_of(self, addresses: Sequence[bytes], domain: bytes) -> bool:
        return self.late is None and not any(key_of(Path(address, domain)) in self.answers for address in addresses)

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        self.asked.append(path.address)
        lookup = self.answers.get(key_of(path), UNKNOWN)
        if self.late is None:
            return lookup
        answer: Deferred[Lookup] = Deferred()
        self.late.append(answer)
        answer.addCallback(lambda _: lookup)
        return answer


def own_postmaster(domain: str) -> Lookup:
    destination = Destination(address=f"postmaster@{domain}".encode(), maildir=f"/srv/made/{domain}/postmaster")
    return Lookup(outcome=Outcome.FOUND, destinations=(destination,))


def table_of(directory: str, text: str, threads: Threads | None = None, **rules: object) -> TableMailboxes:
    run = execute if threads is None else threads.run
    os.makedirs(directory, exist_ok=True)
    file = os.path.join(directory, "mailboxes")
    with open(file, "w", encoding="utf-8") as written:
        written.write(text)
    table = TableMailboxes(
        path=file, maildirs=TEMPLATE.text, run_in_thread=run, now=float, events=Told(), rules=Rules(**rules)
    )
    table.load()
    return table


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite on a table beside another backend: aliases in one, mailboxes in the other."""

    def build(self, household: Household) -> MailboxesByDomain:
        answers = {each: found(each.lower()) for each in household.mailboxes}
        answers |= dict.fromkeys(household.disabled, DISABLED) | dict.fromkeys(household.over_quota, OVER_QUOTA)
        backend = Served("fake", household.domains, answers)
        if any(alias.startswith("@") for alias in household.aliases):
            raise SkipTest("a table has no catch-all for a domain that is served elsewhere")
        if not household.aliases:
            return MailboxesByDomain([backend], template=TEMPLATE)
        text = "\n".join(f"{alias} alias {', '.join(targets)}" for alias, targets in household.aliases.items())
        table = table_of(self.mktemp(), text, elsewhere=dict.fromkeys(backend.served, backend.name))
        return MailboxesByDomain([backend], table=table, template=TEMPLATE)


class ByDomainTestCase(SynchronousTestCase):
    """ann lives at example.org, which `users` serves, bob at example.net, which `others` serves."""

    def setUp(self) -> None:
        self.users = Served("users", ["example.org"], {"ann@example.org": found("ann@example.org")})
        self.others = Served("others", ["example.net"], {"bob@example.net": found("bob@example.net")})

    def whole(self, text: str = "", postmaster: str = "") -> MailboxesByDomain:
        backends = [self.users, self.others]
        reader = parse_postmaster(postmaster)
        if not text:
            return MailboxesByDomain(backends, template=TEMPLATE, postmaster=reader)
        elsewhere = {domain: backend.name for backend in backends for domain in backend.served}
        table = table_of(self.mktemp(), text, elsewhere=elsewhere, postmaster=reader)
        return MailboxesByDomain(backends, table=table, template=TEMPLATE, postmaster=reader)


class TestDomains(ByDomainTestCase):
    def test_each_domain_is_asked_of_its_backend_alone(self) -> None:
        """A slow source of one customer is no matter for another."""
        whole = self.whole()
        self.assertEqual(whole.find(path("ann@Example.ORG")), found("ann@example.org"))
        self.assertEqual(whole.find(path("bob@example.net")), found("bob@example.net"))
        self.assertIs(whole.find(path("ann@example.com")), NOT_OURS)
        self.assertEqual((self.users.asked, self.others.asked), ([b"ann@Example.ORG"], [b"bob@example.net"]))

    def test_a_domain_that_two_backends_claim_is_told_with_both(self) -> None:
        """Which of them is right only the operator knows."""
        self.others.served = (b"example.org",)
        with self.assertRaisesRegex(ValueError, "example.org is a domain of users and of others; remove it from one"):
            self.whole()

    def test_a_table_that_is_alone_is_asked_directly(self) -> None:
        """Most servers have nothing else: the port costs them nothing."""
        table = table_of(self.mktemp(), "ann@example.org\n")
        whole = MailboxesByDomain([], table=table, template=TEMPLATE)
        self.assertEqual((whole.find, whole.refresh), (table.find, table.refresh))
        self.assertIs(whole.find(path("ann@example.org")).outcome, Outcome.FOUND)

    def test_a_connection_refreshes_all(self) -> None:
        """Any of them may have been edited."""
        self.whole().refresh()
        self.assertEqual((self.users.refreshed, self.others.refreshed), (1, 1))

    def test_what_is_asked_no_more_is_closed_and_what_stays_is_not(self) -> None:
        """A reload keeps what did not change, with all that it remembers."""
        whole = self.whole()
        new = Served("new", ["example.com"], {"eve@example.com": found("eve@example.com")})
        whole.replace([self.users, new], template=TEMPLATE)
        self.assertEqual((self.users.closed, self.others.closed, new.closed), (0, 1, 0))
        self.assertIs(whole.find(path("bob@example.net")), NOT_OURS)
        self.assertEqual(whole.find(path("eve@example.com")), found("eve@example.com"))
        whole.close()
        self.assertEqual((self.users.closed, self.others.closed, new.closed), (1, 1, 1))

    def test_a_table_that_is_replaced_while_it_is_read_is_not_half_believed(self) -> None:
        """A reload moves a domain from folders to the table: a RCPT that waited must not hear that it is not ours."""
        threads = Threads()
        old = table_of(self.mktemp(), "eve@example.com", elsewhere={b"example.net": "others"}, threads=threads)
        whole = MailboxesByDomain([self.others], table=old, template=TEMPLATE)
        os.utime(old.state().partition(":")[0], (1, 1))
        whole.refresh()
        waits = whole.find(path("bob@example.net"))
        new = table_of(self.mktemp(), "eve@example.com\nbob@example.net")
        whole.replace([self.users], table=new, template=TEMPLATE)
        threads.work()
        self.assertIs(self.successResultOf(waits).outcome, Outcome.FOUND)

    def test_a_replacement_at_fault_changes_nothing(self) -> None:
        """A reload is all or nothing."""
        whole = self.whole()
        claims_too = Served("new", ["example.org"], {})
        self.assertRaises(ValueError, whole.replace, [self.users, claims_too], template=TEMPLATE)
        self.assertEqual(whole.find(path("bob@example.net")), found("bob@example.net"))
        self.assertEqual((self.users.closed, self.others.closed), (0, 0))

    def test_the_operator_sees_every_backend_in_order(self) -> None:
        """`twistedmx status` prints it."""
        whole = self.whole("eve@example.com\nroot@example.org alias ann@example.org\n")
        table, *others = whole.describe()
        self.assertEqual((table.name, table.domains), ("mailboxes.table", ("example.com",)))
        self.assertRegex(table.state, r"/mailboxes: 2 entries, read 1970-01-01T00:00:00Z$")
        self.assertEqual(
            others,
            [
                BackendState(name="users", domains=("example.org",), state="well"),
                BackendState(name="others", domains=("example.net",), state="well"),
            ],
        )

    def test_the_backend_of_an_address_is_who_is_asked_first(self) -> None:
        """`twistedmx rcpt ADDRESS` says who answered."""
        whole = self.whole("eve@example.com\nold@example.net disabled\n")
        asked = ("x@example.com", "old@example.net", "x@example.net", "x@example.info")
        backends = [whole.backend_of(path(address)) for address in asked]
        names = [backend and backend.name for backend in backends]
        self.assertEqual(names, ["mailboxes.table", "mailboxes.table", "others", None])
        self.assertEqual(whole.backend_of(path("postmaster")).name, "mailboxes.table")
        self.assertIs(self.whole().backend_of(path("postmaster")), self.users)


class TestTableFirst(ByDomainTestCase):
    """Entries of the table for addresses of other backends' domains."""

    def test_an_entry_wins_and_all_other_names_go_on(self) -> None:
        """That is how a host of system users has root's mail read, and one of them refused."""
        whole = self.whole(
            "root@example.org alias ann@example.org\nold@example.org disabled\nx@example.org mailbox /srv/x\n"
        )
        self.assertEqual(whole.find(path("Root@example.org")), found("ann@example.org"))
        self.assertIs(whole.find(path("old@example.org")), DISABLED)
        self.assertEqual(whole.find(path("x@example.org")).destinations[0].maildir, "/srv/x")
        self.assertEqual(whole.find(path("ann@example.org")), found("ann@example.org"))
        self.assertIs(whole.find(path("nobody@example.org")), UNKNOWN)
        self.assertEqual(self.users.asked, [b"ann@example.org", b"ann@example.org", b"nobody@example.org"])

    def test_an_alias_joins_mailboxes_of_all_backends_in_order_each_maildir_once(self) -> None:
        """A group does not care where its members are kept."""
        whole = self.whole(
            "eve@example.com\n"
            "all@example.com alias bob@example.net, some@example.org, eve@example.com\n"
            "some@example.org alias ann@example.org, eve@example.com, bob@example.net\n"
        )
        answer = whole.find(path("all@example.com"))
        addresses = [destination.address for destination in answer.destinations]
        self.assertEqual(addresses, [b"bob@example.net", b"ann@example.org", b"eve@example.com"])

    def test_a_catch_all_of_the_tables_own_domain_may_lead_elsewhere(self) -> None:
        """A domain that was given up has its mail go to somebody who lives elsewhere."""
        whole = self.whole("@example.com alias ann@example.org\n")
        self.assertEqual(whole.find(path("whoever@example.com")), found("ann@example.org"))
        self.assertEqual(whole.find(path("postmaster")), found("ann@example.org"))

    def test_mail_for_an_alias_waits_while_a_target_takes_none(self) -> None:
        """The peer did nothing wrong, and the operator reads in the log what to mend."""
        whole = self.whole("all@example.org alias ann@example.org, gone@example.net\n")
        answer = whole.find(path("all@example.org"))
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(answer.detail, "it leads to gone@example.net, which is unknown")

    def test_a_full_target_makes_the_alias_full_and_one_that_cannot_be_told_makes_it_so(self) -> None:
        """The others alone would be a promise that is not kept."""
        whole = self.whole("all@example.org alias ann@example.org, bob@example.net\n")
        for lookup in (OVER_QUOTA, Lookup(outcome=Outcome.COULD_NOT_TELL, detail="down")):
            self.others.answers[b"bob@example.net"] = lookup
            self.assertEqual(whole.find(path("all@example.org")), lookup)

    def test_targets_that_are_late_are_waited_for(self) -> None:
        """And who hangs up meanwhile leaves nobody behind."""
        whole = self.whole("all@example.org alias ann@example.org, bob@example.net, ann@example.org\n")
        self.users.late, self.others.late = [], []
        answer = whole.find(path("all@example.org"))
        self.users.late.pop().callback(None)
        self.assertNoResult(answer)
        self.others.late.pop().callback(None)
        self.assertEqual(len(self.successResultOf(answer).destinations), 2)
        gone = whole.find(path("all@example.org"))
        gone.cancel()
        self.failureResultOf(gone, CancelledError)

    def test_while_the_table_is_read_all_wait_for_it(self) -> None:
        """Whoever connects after an edit meets the edit, also where it speaks of other backends' addresses."""
        whole = self.whole("root@example.org alias ann@example.org\n")
        late = FakeMailboxes({})
        late.late = True
        whole._table.find = late.find
        answers = [whole.find(path(address)) for address in ("ann@example.org", "nobody@example.org", "x@example.com")]
        late.answer_all()
        self.assertEqual(
            [self.successResultOf(answer) for answer in answers], [found("ann@example.org"), UNKNOWN, NOT_OURS]
        )


class TestPostmaster(ByDomainTestCase):
    """RFC 5321 4.5.1: postmaster of every own domain takes mail. RFC 2142 4: so does abuse."""

    def test_one_whom_nobody_knows_has_a_maildir_of_its_own(self) -> None:
        """In the server's own place, for its backend has none for it."""
        whole = self.whole()
        for address in ("postmaster@example.org", "POSTMASTER@example.org", "abuse@example.org", "postmaster"):
            self.assertEqual(whole.find(path(address)), own_postmaster("example.org"), address)
        self.assertEqual(whole.find(path("Abuse@Example.net")), own_postmaster("example.net"))

    def test_the_setting_names_who_reads_it(self) -> None:
        """One person for all domains, wherever kept."""
        whole = self.whole(postmaster="Bob@example.net")
        for address in ("postmaster@example.org", "abuse@example.org", "postmaster@example.net", "Postmaster"):
            self.assertEqual(whole.find(path(address)), found("bob@example.net"), address)

    def test_the_setting_holds_for_domains_of_the_table_too(self) -> None:
        """Unless the table says otherwise: by an entry, a catch-all or its line for postmaster."""
        whole = self.whole("eve@example.com\n@example.info alias eve@example.com\n", postmaster="ann@example.org")
        self.assertEqual(whole.find(path("postmaster@example.com")), found("ann@example.org"))
        self.assertEqual(whole.find(path("postmaster")), found("ann@example.org"))
        self.assertEqual(whole.find(path("abuse@example.net")), found("ann@example.org"))
        self.assertEqual(whole.find(path("postmaster@example.info")).destinations[0].address, b"eve@example.com")

    def test_one_who_is_there_reads_his_own(self) -> None:
        """A folder or a user of that name was made for it; abuse goes there too."""
        self.users.answers[b"postmaster@example.org"] = found("postmaster@example.org")
        whole = self.whole(postmaster="bob@example.net")
        self.assertEqual(whole.find(path("postmaster@example.org")), found("postmaster@example.org"))
        self.assertEqual(whole.find(path("abuse@example.org")), found("postmaster@example.org"))

    def test_an_entry_of_the_table_for_it_wins(self) -> None:
        """As for every address."""
        whole = self.whole("postmaster@example.org alias bob@example.net\n", postmaster="ann@example.org")
        for address in ("postmaster@example.org", "abuse@example.org", "postmaster"):
            self.assertEqual(whole.find(path(address)), found("bob@example.net"), address)

    def test_a_setting_that_names_nobody_defers_and_says_so(self) -> None:
        """A slip of the pen must not turn away those who report what is wrong."""
        answer = self.whole(postmaster="anne@example.org").find(path("postmaster@example.net"))
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(answer.detail, "it leads to anne@example.org, which is unknown")

    def test_a_setting_that_names_a_postmaster_or_leads_in_a_loop_ends(self) -> None:
        """Whatever is written there, a look-up has an end."""
        whole = self.whole(postmaster="postmaster@example.org")
        self.assertEqual(whole.find(path("abuse@example.net")), own_postmaster("example.org"))
        answer = self.whole(postmaster="abuse@example.org").find(path("postmaster@example.org"))
        self.assertEqual(answer.detail, "a loop: postmaster@example.org -> abuse@example.org -> postmaster@example.org")
        whole = self.whole("root@example.org alias abuse@example.net\n", postmaster="root@example.org")
        answer = whole.find(path("root@example.org"))
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertIn("root@example.org -> abuse@example.net -> postmaster@example.net", answer.detail)

    def test_a_setting_of_no_own_domain_stops_the_start(self) -> None:
        """Mail is not forwarded to other hosts."""
        self.assertRaisesRegex(ValueError, "eve@example.com is of no own domain", self.whole, "", "eve@example.com")
        self.assertRaisesRegex(
            ValueError,
            r"\[mailboxes\] postmaster: alias to 'eve@example.info', whose domain is not an own one",
            self.whole,
            "ann@example.com",
            "eve@example.info",
        )
        for wrong in ("ann", "postmaster", "@example.org", "ann@"):
            self.assertRaisesRegex(ValueError, "^mailboxes.postmaster: must be an address", parse_postmaster, wrong)

    def test_a_backend_that_is_late_or_cannot_tell_is_not_passed_over(self) -> None:
        """Its postmaster may be there: only a no is a no."""
        whole = self.whole()
        self.users.late = []
        answer = whole.find(path("postmaster@example.org"))
        self.users.late.pop().callback(None)
        self.assertEqual(self.successResultOf(answer), own_postmaster("example.org"))
        self.users.late = None
        down = self.users.answers[b"postmaster@example.org"] = Lookup(outcome=Outcome.COULD_NOT_TELL, detail="down")
        self.assertIs(whole.find(path("postmaster@example.org")), down)


_LOCALS = ["ann", "root", "postmaster", "abuse"]
_ADDRESSES = [f"{local}@{domain}" for local in _LOCALS for domain in ("example.org", "example.net", "example.com")]
_aliases = st.dictionaries(st.sampled_from(_ADDRESSES), st.lists(st.sampled_from(_ADDRESSES), min_size=1, max_size=3))


class TestAnyAliases(ByDomainTestCase):
    @given(_aliases, st.sampled_from(["", *_ADDRESSES]), st.sampled_from(_LOCALS))
    def test_every_look_up_ends_and_postmaster_is_never_refused_for_good(
        self, aliases: dict[str, list[str]], postmaster: str, known: str
    ) -> None:
        """However aliases and the setting lead to one another, through the table and out of it."""
        self.users.answers = {f"{known}@example.org".encode(): found(f"{known}@example.org")}
        text = "\n".join(["x@example.com", *(f"{alias} alias {','.join(to)}" for alias, to in aliases.items())])
        try:
            whole = self.whole(text, postmaster)
        except BadTable:
            return
        for address in [*_ADDRESSES, "postmaster"]:
            lookup = whole.find(path(address))
            self.assertIsInstance(lookup, Lookup)
            self.assertNotIsInstance(lookup, Targets)
            if address.startswith(("postmaster", "abuse")):
                self.assertIn(lookup.outcome, (Outcome.FOUND, Outcome.COULD_NOT_TELL), address)

"""Mailboxes of system users: the port's suite, and the rules of qmail-getpw."""

import os
import pwd
from unittest import SkipTest

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.mailbox.test_by_domain import path, table_of
from tests.mailbox.world import TEMPLATE, Threads, means
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.extension import names
from twistedmx.mailbox.passwd import PasswdMailboxes, PasswdSettings, UserDatabase
from twistedmx.model.mailbox import NOT_OURS, UNKNOWN, Lookup, Outcome
from twistedmx.testing.mailboxes import Household, MailboxesSuite

_DIRECTORY, _FILE = 0o040700, 0o100600


class Users:
    """A passwd in memory. `homes`: mode and owner, by path. `asked`: the names. `failure`: is what every question raises."""

    def __init__(self, **uids: int) -> None:
        self.entries = {
            name: pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{name}", "/bin/sh")) for name, uid in uids.items()
        }
        self.homes = {f"/home/{name}": (_DIRECTORY, uid) for name, uid in uids.items()}
        self.asked: list[str] = []
        self.failure: OSError | None = None

    def getpwnam(self, name: str) -> pwd.struct_passwd:
        self.asked.append(name)
        if self.failure is not None:
            raise self.failure
        return self.entries[name]

    def stat(self, path: str) -> os.stat_result:
        if path not in self.homes:
            raise FileNotFoundError(2, "No such file or directory")
        mode, uid = self.homes[path]
        return os.stat_result((mode, 1, 1, 1, uid, 1, 0, 0, 0, 0))

    def database(self) -> UserDatabase:
        return UserDatabase(getpwnam=self.getpwnam, stat=self.stat)


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite on system users, a host for each domain; aliases and full mailboxes are in a table beside them."""

    def build(self, household: Household) -> MailboxesByDomain:
        users = [address.partition("@")[0].lower() for address in household.mailboxes]
        if len(set(users)) < len(users):
            raise SkipTest("a system user is one, in all domains")
        if any(alias.startswith("@") for alias in household.aliases):
            raise SkipTest("users have no catch-all, nor may a table have one for them")
        backends = []
        for domain in household.domains:
            own = [user for user, each in zip(users, household.mailboxes, strict=True) if each.lower().endswith(domain)]
            database = Users(**{user: 1000 + number for number, user in enumerate(own)}).database()
            settings = PasswdSettings(domains=(domain,))
            backends.append(PasswdMailboxes(settings, means=means(), name="mailboxes.passwd[0]", users=database))
        lines = [f"{alias} alias {', '.join(targets)}" for alias, targets in household.aliases.items()]
        lines += [f"{address} disabled" for address in household.disabled]
        lines += [f"{address} over-quota" for address in household.over_quota]
        if not lines:
            return MailboxesByDomain(backends, template=TEMPLATE)
        elsewhere = {domain: backend.name for backend in backends for domain in backend.domains()}
        table = table_of(self.mktemp(), "\n".join(lines), elsewhere=elsewhere)
        return MailboxesByDomain(backends, table=table, template=TEMPLATE)


class TestUsers(SynchronousTestCase):
    """Who has mail, and where."""

    def setUp(self) -> None:
        self.users = Users(ann=1000, bob=1001, root=0, daemon=999, nobody=65534)
        self.users.entries["ann-lee"] = self.users.entries["bob"]

    def backend(self, *, sensitive: tuple[bytes, ...] = (), **settings: object) -> PasswdMailboxes:
        self.clock, self.threads = Clock(), Threads()
        given = means(clock=self.clock, sensitive=sensitive, run=self.threads.run)
        chosen = PasswdSettings(**{"domains": ("example.org",)} | settings)
        return PasswdMailboxes(chosen, means=given, name="mailboxes.passwd[0]", users=self.users.database())

    def find(self, address: str, backend: PasswdMailboxes | None = None) -> Lookup:
        answer = (backend or self.backend()).find(path(address))
        if isinstance(answer, Lookup):
            return answer
        self.threads.work()
        return self.successResultOf(answer)

    def test_a_user_has_mail_in_his_home_and_as_his_own(self) -> None:
        """The file must be his, or he cannot remove it."""
        (destination,) = self.find("ann@example.org").destinations
        self.assertEqual((destination.maildir, destination.owner), ("/home/ann/Maildir", "ann"))
        (destination,) = self.find("ann@example.org", self.backend(maildir="mail/in")).destinations
        self.assertEqual(destination.maildir, "/home/ann/mail/in")

    def test_root_services_and_nobody_have_none(self) -> None:
        """Mail for them is read by somebody whom an alias names, and never written with their rights."""
        for name in ("root", "daemon", "nobody", "root-x", "nobody+x"):
            self.assertIs(self.find(f"{name}@example.org"), UNKNOWN, name)
        backend = self.backend(least_uid=1001)
        self.assertIs(self.find("ann@example.org", backend), UNKNOWN)
        self.users.entries["toor"] = self.users.entries["root"]
        self.assertIs(self.find("toor@example.org", self.backend(least_uid=1)), UNKNOWN)

    def test_a_home_that_is_not_its_users_has_none(self) -> None:
        """qmail-getpw: who can put files there is not who they are for."""
        for home in ((_DIRECTORY, 1001), (_DIRECTORY, 0), (_FILE, 1000)):
            self.users.homes["/home/ann"] = home
            self.assertIs(self.find("ann@example.org"), UNKNOWN)

    def test_a_home_that_is_missing_cannot_be_told(self) -> None:
        """/home on a file server that is down: mail waits, and the log says for what."""
        del self.users.homes["/home/ann"]
        answer = self.find("ann-x@example.org")
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertEqual(answer.detail, "mailboxes.passwd[0]: the home of ann, '/home/ann': No such file or directory")

    def test_a_home_that_can_be_no_maildir_cannot_be_told(self) -> None:
        """What an LDAP says there is not checked by anybody else."""
        for home in ("home/ann", "/home/../ann", "/home/a\nnn"):
            entry = list(self.users.entries["ann"])
            entry[5] = home
            self.users.entries["ann"] = pwd.struct_passwd(entry)
            self.users.homes[home] = (_DIRECTORY, 1000)
            self.assertIs(self.find("ann@example.org").outcome, Outcome.COULD_NOT_TELL, home)

    def test_an_extension_is_its_users_unless_it_is_a_user(self) -> None:
        """The whole name first, then the shorter ones from the right, as qmail does."""
        for local, owner in {"ann-lists": "ann", "ann+x-y": "ann", "ann-lee": "bob", "ann-lee-x": "bob"}.items():
            (destination,) = self.find(f"{local}@example.org").destinations
            self.assertEqual(destination.owner, owner, local)
        self.users.asked.clear()
        self.assertIs(self.find("a-b+c@example.org"), UNKNOWN)
        self.assertEqual(self.users.asked, ["a-b", "a"])
        self.assertIs(self.find("ann-x@example.org", self.backend(delimiters="")), UNKNOWN)

    def test_a_user_who_has_no_mail_does_not_hide_a_shorter_name(self) -> None:
        """qmail-getpw goes on after root, and so do we."""
        self.users.entries["bob-x"] = self.users.entries["daemon"]
        self.assertEqual(self.find("bob-x@example.org").destinations[0].owner, "bob")

    def test_names_are_asked_for_in_lower_case_unless_case_matters(self) -> None:
        """Users are written in lower case; RFC 5321 2.4 leaves the rest to us."""
        self.assertIs(self.find("Ann@example.org").outcome, Outcome.FOUND)
        self.assertIs(self.find("Ann@example.org", self.backend(sensitive=(b"example.org",))), UNKNOWN)
        self.assertEqual(self.users.asked, ["ann", "Ann"])

    def test_names_that_are_none_are_not_asked_for(self) -> None:
        """A name service may make something of them: another realm, a number, a path."""
        for local in (
            '"ann@example.net"',
            "1000",
            '"corp\\\\ann"',
            "jörg",
            "a/b",
            '""',
            '" "',
            "x" * 300,
            '"$(id)"',
            "-",
        ):
            self.assertIs(self.find(f"{local}@example.org"), UNKNOWN, local)
        self.assertEqual(self.users.asked, [])

    def test_what_was_asked_is_remembered(self) -> None:
        """A name service over the network is not asked for every RCPT; a domain of others costs nothing."""
        backend = self.backend()
        for _ in range(3):
            self.find("ann@example.org", backend)
            self.find("eve@example.org", backend)
        self.assertEqual(self.users.asked, ["ann", "eve"])
        self.assertIs(backend.find(path("ann@example.net")), NOT_OURS)

    def test_a_name_service_that_is_down_defers(self) -> None:
        """It is not known that there is nobody."""
        self.users.failure = OSError(5, "Input/output error")
        answer = self.find("ann@example.org")
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertIn("mailboxes.passwd[0]: ", answer.detail)
        self.assertIn("Input/output error", answer.detail)

    def test_look_ups_that_hang_hold_so_many_threads_and_no_more(self) -> None:
        """A home on a file server that is gone must not take the threads of all other backends."""
        backend = self.backend(most_at_once=2)
        hanging = []
        for name in ("ann", "bob", "eve"):
            hanging.append(backend.find(path(f"{name}@example.org")))
            self.clock.advance(6)  # each is given up, and its thread is not done
        self.assertEqual(len(self.threads.begun), 2)
        outcomes = [self.successResultOf(answer).outcome for answer in hanging]
        self.assertEqual(outcomes, [Outcome.COULD_NOT_TELL] * 3)
        self.threads.work()
        self.clock.advance(6)
        self.threads.begun.clear()
        backend.find(path("ann@example.org"))
        self.assertEqual(len(self.threads.begun), 1)

    def test_settings_that_cannot_be_are_told(self) -> None:
        """Before the server starts. least_uid 0 would be root."""
        for key, values in {
            "domains": ((), ("@",)),
            # The last ones are other ways to write Maildir, which the agent would take for another path.
            "maildir": ("", "/srv/{local}", "../x", "a\nb", "./Maildir", "Maildir/", "mail//in"),
            "least_uid": (0,),
            "delimiters": ("a", "+ "),
        }.items():
            for value in values:
                self.assertRaises(ValueError, self.backend, **{key: value})

    def test_the_users_of_this_machine_can_be_asked(self) -> None:
        """root is there on every system, and has no mail."""
        given = means()
        backend = PasswdMailboxes(PasswdSettings(domains=("example.org",)), means=given, name="x")
        self.assertIs(self.successResultOf(backend.find(path("root@example.org"))), UNKNOWN)
        self.assertIn("remembers 0 addresses", backend.state())
        backend.close()


class TestExtension(SynchronousTestCase):
    @given(
        st.binary(max_size=30) | st.text(alphabet="ab+-", max_size=40).map(str.encode),
        st.sampled_from([b"", b"+", b"+-"]),
    )
    def test_names_are_ever_shorter_beginnings_that_end_before_a_delimiter(
        self, local: bytes, delimiters: bytes
    ) -> None:
        """And there are never more than eight, whatever a stranger writes."""
        first, *rest = names(local, delimiters)
        self.assertEqual(first, local)
        self.assertLess(len(rest), 8)
        for longer, shorter in zip([first, *rest], rest, strict=False):
            self.assertTrue(shorter)
            self.assertTrue(longer.startswith(shorter))
            self.assertIn(longer[len(shorter) : len(shorter) + 1], [bytes((each,)) for each in delimiters])

"""Mailboxes that are there because their folders are: the port's suite, and what the disk may have in store."""

import errno
import os
from typing import Any
from unittest import SkipTest

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.mailbox.test_by_domain import path, table_of
from tests.mailbox.world import TEMPLATE, Threads, means
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.folders import folder_name
from twistedmx.mailbox.keys import folded
from twistedmx.mailbox.maildirs import MaildirsMailboxes, MaildirsSettings, _Tree
from twistedmx.mailbox.template import safe_name
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import NOT_OURS, OVER_QUOTA, UNKNOWN, Lookup, Outcome
from twistedmx.smtp.path import Path, parse_path, quoted_if_needed
from twistedmx.testing.mailboxes import Household, MailboxesSuite


class TestSuite(MailboxesSuite, TestCase):
    """The port's suite on folders, with aliases in a table beside them."""

    def build(self, household: Household) -> MailboxesByDomain:
        if any(alias.startswith("@") for alias in household.aliases):
            raise SkipTest("folders have no catch-all, nor may a table have one for them")
        root = os.path.abspath(self.mktemp())
        settings = MaildirsSettings(domains=tuple(household.domains), path=root + "/{domain}/{local}")
        backend = MaildirsMailboxes(settings, means=means(), name="mailboxes.maildirs[0]")
        for domain in backend.domains():
            os.makedirs(f"{root}/{domain.decode()}")
        for address in (*household.mailboxes, *household.over_quota):
            asked = parse_path(address.encode())
            domain = asked.domain.decode().lower().encode("idna").decode()
            maildir = f"{root}/{domain}/{safe_name(asked.local_part.decode())}"
            os.mkdir(maildir)
            if address in household.over_quota:
                os.mkdir(maildir + "/cur")
                with open(maildir + "/maildirsize", "w", encoding="ascii") as file:
                    file.write("1000S\n1000 1\n")
                os.utime(maildir + "/maildirsize", (1e9, 1e9))
        lines = [f"{alias} alias {', '.join(targets)}" for alias, targets in household.aliases.items()]
        lines += [f"{address} disabled" for address in household.disabled]
        if not lines:
            return MailboxesByDomain([backend], template=TEMPLATE)
        table = table_of(self.mktemp(), "\n".join(lines), elsewhere=dict.fromkeys(backend.domains(), backend.name))
        return MailboxesByDomain([backend], table=table, template=TEMPLATE)


class FoldersTestCase(SynchronousTestCase):
    """A tree with example.org in it; the disk is asked in `threads` when the test says so, and lives at second 1e9."""

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.directory = f"{self.root}/example.org"
        os.makedirs(self.directory)
        self.clock = Clock()
        self.now = 1e9
        self.threads = Threads()

    def folder(self, name: str, *, changed: float | None = None) -> None:
        os.mkdir(os.path.join(self.directory, name))
        self.changed(self.now - 100 if changed is None else changed)

    def changed(self, at: float) -> None:
        """The directory's mtime is `at`."""
        os.utime(self.directory, (at, at))

    def backend(
        self, *, at_once: bool = True, sensitive: tuple[bytes, ...] = (), **settings: object
    ) -> MaildirsMailboxes:
        chosen = {"domains": ("example.org",), "path": self.root + "/{domain}/{local}", "quota": False} | settings
        run = execute if at_once else self.threads.run
        given = means(clock=self.clock, now=lambda: self.now, run=run, sensitive=sensitive)
        self.told = given.events
        return MaildirsMailboxes(MaildirsSettings(**chosen), means=given, name="mailboxes.maildirs[0]")

    def find(self, backend: MaildirsMailboxes, address: str) -> Lookup:
        """The answer, which is there."""
        answer = backend.find(path(address))
        return self.successResultOf(answer) if isinstance(answer, Deferred) else answer

    def maildirs(self, backend: MaildirsMailboxes, address: str) -> list[str]:
        return [destination.maildir for destination in self.find(backend, address).destinations]


class TestFolders(FoldersTestCase):
    """What is a mailbox, and where."""

    def test_a_folder_is_a_mailbox_and_so_is_a_link_to_one(self) -> None:
        """An operator moves a large mailbox to another disk and leaves a link."""
        self.folder("ann")
        os.mkdir(f"{self.root}/large")
        os.symlink(f"{self.root}/large", f"{self.directory}/bob")
        with open(f"{self.directory}/file", "w", encoding="ascii"):
            self.changed(1)
        backend = self.backend()
        self.assertEqual(self.maildirs(backend, "ann@example.org"), [f"{self.directory}/ann"])
        self.assertEqual(self.maildirs(backend, "bob@example.org"), [f"{self.directory}/bob"])
        for address in ("file@example.org", "eve@example.org", '""@example.org', '"../example.org"@example.org'):
            self.assertIs(self.find(backend, address), UNKNOWN, address)
        self.assertIs(self.find(backend, "ann@example.net"), NOT_OURS)

    def test_a_link_that_leads_nowhere_cannot_be_told(self) -> None:
        """The disk with the large mailbox is not mounted: its mail waits. When it is, it is found."""
        os.symlink(f"{self.root}/large", f"{self.directory}/bob")
        self.changed(1)
        backend = self.backend()
        answer = self.find(backend, "bob@example.org")
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        told = f"{self.directory}: the link for 'bob' leads nowhere, or the disk does not tell what it is"
        self.assertEqual(answer.detail, told)
        os.mkdir(f"{self.root}/large")
        self.clock.advance(1)
        self.assertEqual(self.maildirs(backend, "bob@example.org"), [f"{self.directory}/bob"])

    def test_a_name_whose_kind_the_disk_does_not_tell_cannot_be_told(self) -> None:
        """File systems that keep no kinds in their directories (some NFS, old XFS) are asked for each name, and may fail."""

        class Untold:
            name = "ann"

            def is_dir(self) -> bool:
                raise OSError(errno.EIO, "Input/output error")

            def is_symlink(self) -> bool:
                return False

        untold: Any = Untold()
        self.assertEqual(folder_name(untold), "")

    def test_a_folder_that_differs_in_case_is_found_unless_case_matters(self) -> None:
        """Somebody made it by hand; where case matters it is another mailbox."""
        self.folder("Ann.Lee")
        self.folder("JÖRG")
        backend = self.backend()
        self.assertEqual(self.maildirs(backend, "ann.lee@example.org"), [f"{self.directory}/Ann.Lee"])
        self.assertEqual(self.maildirs(backend, "jörg@example.org"), [f"{self.directory}/JÖRG"])
        by_case = self.backend(sensitive=(b"example.org",))
        self.assertIs(self.find(by_case, "ann.lee@example.org"), UNKNOWN)
        self.assertEqual(self.maildirs(by_case, "Ann.Lee@example.org"), [f"{self.directory}/Ann.Lee"])

    def test_of_two_that_differ_in_case_the_lower_one_has_the_mail(self) -> None:
        """Always the same one, whatever order the disk has."""
        for name in ("Ann", "ann", "ANN", "BOB", "Bob"):
            self.folder(name)
        self.assertEqual(self.maildirs(self.backend(), "Ann@example.org"), [f"{self.directory}/ann"])
        self.assertEqual(self.maildirs(self.backend(), "Bob@example.org"), [f"{self.directory}/BOB"])

    def test_a_name_on_disk_is_a_safe_one(self) -> None:
        """Strangers choose local parts; hidden folders and what mkfs makes are no mailboxes."""
        for name in ("a%2Fb", ".hidden", "lost+found", "%2Ehidden2", "%61lias", "b/c".replace("/", "%"), "d..e"):
            self.folder(name)
        backend = self.backend()
        self.assertEqual(self.maildirs(backend, "a/b@example.org"), [f"{self.directory}/a%2Fb"])
        self.assertEqual(self.maildirs(backend, '".hidden2"@example.org'), [f"{self.directory}/%2Ehidden2"])
        self.assertEqual(self.maildirs(backend, '"d..e"@example.org'), [f"{self.directory}/d..e"])
        for address in (
            "alias@example.org",
            "b%c@example.org",
            '".hidden"@example.org',
            "lost+found@example.org",
            '"."@example.org',
            '".."@example.org',
        ):
            self.assertIs(self.find(backend, address), UNKNOWN, address)

    def test_the_tree_may_have_other_shapes(self) -> None:
        """The folder named after the local part decides, whatever stands around its name and below it."""
        os.makedirs(f"{self.root}/box-ann@example.org")
        backend = self.backend(path=self.root + "/box-{local}@{domain}/Maildir", domains=("example.org", "example.net"))
        self.assertEqual(self.maildirs(backend, "ann@example.org"), [f"{self.root}/box-ann@example.org/Maildir"])
        self.assertIs(self.find(backend, "ann@example.net"), UNKNOWN)

    def test_an_extension_is_its_users_unless_it_has_a_folder(self) -> None:
        """ann subscribes as ann+lists; somebody else may be ann+lee."""
        for name in ("ann", "ann+lee"):
            self.folder(name)
        backend = self.backend(delimiters="+")
        for address, name in {"ann+lists": "ann", "ann+lee": "ann+lee", "ann+lee+x": "ann+lee", "ann-x": None}.items():
            maildirs = [f"{self.directory}/{name}"] if name else []
            self.assertEqual(self.maildirs(backend, f"{address}@example.org"), maildirs, address)
        self.assertIs(self.find(self.backend(), "ann+lists@example.org"), UNKNOWN)
        self.assertIs(self.find(backend, "+ann@example.org"), UNKNOWN)
        self.assertIs(self.find(backend, "ann" + "+x" * 20 + "@example.org"), UNKNOWN)

    def test_settings_that_cannot_be_are_told(self) -> None:
        """Before the server starts, with what was found."""
        for key, value in {
            "domains": (),
            "path": "/srv/{domain}",
            "delimiters": "+x",
            "fresh": -1.0,
        }.items():
            self.assertRaises(ValueError, self.backend, **{key: value})
        for wrong in ("srv/{local}", "/srv/{local}/{local}", "/srv/{local}/{domain}"):
            self.assertRaises(ValueError, self.backend, path=wrong)
        self.assertRaisesRegex(ValueError, "must be domains .* 'a..b'", self.backend, domains=("a..b",))


class TestDisk(FoldersTestCase):
    """When the disk is asked, and what it may answer."""

    def test_an_unknown_name_costs_no_thread(self) -> None:
        """A hundred thousand guesses are answered from memory."""
        backend = self.backend(at_once=False)
        first = backend.find(path("nobody@example.org"))
        self.assertNoResult(first)
        self.threads.work()
        self.assertIs(self.successResultOf(first), UNKNOWN)
        for number in range(100):
            self.assertIs(backend.find(path(f"nobody{number}@example.org")), UNKNOWN)
        self.assertEqual(self.threads.begun, [])

    def test_who_comes_while_the_disk_is_asked_waits_for_that(self) -> None:
        """One question for all; who hangs up disturbs nobody."""
        self.folder("ann")
        backend = self.backend(at_once=False)
        gone, staying = backend.find(path("ann@example.org")), backend.find(path("eve@example.org"))
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.assertEqual(len(self.threads.begun), 1)
        self.threads.work()
        self.assertIs(self.successResultOf(staying), UNKNOWN)

    def test_a_folder_that_is_made_or_removed_is_noticed_after_a_second(self) -> None:
        """Without reload, and without asking the disk for every name."""
        backend = self.backend()
        self.changed(1)
        self.assertIs(self.find(backend, "ann@example.org"), UNKNOWN)
        self.folder("ann", changed=2)
        self.clock.advance(0.9)
        self.assertIs(self.find(backend, "ann@example.org"), UNKNOWN)
        self.clock.advance(0.2)
        self.assertIs(self.find(backend, "ann@example.org").outcome, Outcome.FOUND)
        os.rmdir(f"{self.directory}/ann")
        self.changed(3)
        self.clock.advance(1)
        self.assertIs(self.find(backend, "ann@example.org"), UNKNOWN)

    def test_a_directory_that_did_not_change_is_not_read_again(self) -> None:
        """A hundred thousand folders are listed once; that nothing changed is one stat."""
        backend = self.backend()
        self.folder("ann", changed=self.now - 3)
        self.assertIs(self.find(backend, "ann@example.org").outcome, Outcome.FOUND)
        before = backend._folders.last(b"example.org")
        self.clock.advance(5)
        self.find(backend, "ann@example.org")
        self.assertIs(backend._folders.last(b"example.org"), before)

    def test_what_changed_within_the_tick_of_a_file_system_is_noticed(self) -> None:
        """Two folders made in the same tick give one mtime: a directory that changed just now is read again."""
        backend = self.backend()
        self.folder("ann", changed=self.now - 1)
        self.assertIs(self.find(backend, "bob@example.org"), UNKNOWN)
        self.folder("bob", changed=self.now - 1)
        self.clock.advance(1)
        self.assertIs(self.find(backend, "bob@example.org").outcome, Outcome.FOUND)

    def test_a_directory_that_is_missing_makes_nobody_unknown(self) -> None:
        """A file system that is not mounted must not bounce everybody; when it is back, so are its users."""
        self.folder("ann")
        backend = self.backend()
        self.assertIs(self.find(backend, "ann@example.org").outcome, Outcome.FOUND)
        os.rename(self.directory, self.directory + ".away")
        self.clock.advance(1)
        for name in ("ann", "nobody"):
            answer = self.find(backend, f"{name}@example.org")
            self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
            self.assertEqual(answer.detail, f"{self.directory}: No such file or directory")
        self.assertIn("1 cannot be read", backend.state())
        os.rename(self.directory + ".away", self.directory)
        self.clock.advance(1)
        self.assertIs(self.find(backend, "ann@example.org").outcome, Outcome.FOUND)
        self.assertEqual(backend.state(), "1 folders in 1 of 1 directories")

    def test_that_it_is_missing_and_that_it_is_back_is_told_once(self) -> None:
        """One line in the log for an outage, not one for each message; of several directories, when all are back."""
        backend = self.backend(domains=("example.org", "example.net"))
        os.rmdir(self.directory)
        for domain in ("example.org", "example.net"):
            self.assertIs(self.find(backend, f"ann@{domain}").outcome, Outcome.COULD_NOT_TELL)
        fault = f"{self.directory}: No such file or directory"
        failed = BackendFailed(at=self.now, source="mailboxes.maildirs[0]", fault=fault)
        self.assertEqual(self.told.events, [failed])
        for domain in ("example.net", "example.org"):
            self.clock.advance(1)
            self.assertEqual(self.told.events, [failed])
            os.mkdir(f"{self.root}/{domain}")
            self.assertIs(self.find(backend, f"ann@{domain}"), UNKNOWN)
        recovered = BackendRecovered(at=self.now, source="mailboxes.maildirs[0]", seconds=2)
        self.assertEqual(self.told.events, [failed, recovered])

    def test_a_disk_that_does_not_answer_holds_up_nobody_for_long(self) -> None:
        """NFS may take minutes: after five seconds nobody waits any more, and mail is deferred at once."""
        backend = self.backend(at_once=False)
        waiting = backend.find(path("ann@example.org"))
        self.clock.advance(5)
        answer = backend.find(path("ann@example.org"))
        self.assertEqual(answer.detail, f"{self.directory}: the disk does not answer")
        self.assertNoResult(waiting)
        self.threads.work()
        self.assertIs(self.successResultOf(waiting), UNKNOWN)
        self.assertIs(backend.find(path("ann@example.org")), UNKNOWN)

    def test_such_a_disk_takes_two_threads_and_no_more(self) -> None:
        """The others are for the rest of the server."""
        names = tuple(f"d{number}.example" for number in range(5))
        backend = self.backend(at_once=False, domains=names)
        answers = [backend.find(path(f"ann@{name}")) for name in names]
        self.assertEqual(len(self.threads.begun), 2)
        while self.threads.begun:
            self.threads.work()
        outcomes = [self.successResultOf(answer).outcome for answer in answers]
        self.assertEqual(outcomes, [Outcome.COULD_NOT_TELL] * 5)

    def test_a_thread_that_cannot_begin_defers(self) -> None:
        """Whatever fails there, no session does."""

        def refuse(*call: object) -> Deferred[object]:
            raise RuntimeError("no more threads")

        given = means(clock=self.clock, run=refuse)
        settings = MaildirsSettings(domains=("example.org",), path=self.root + "/{domain}/{local}")
        answer = self.find(MaildirsMailboxes(settings, means=given, name="x"), "ann@example.org")
        self.assertIs(answer.outcome, Outcome.COULD_NOT_TELL)
        self.assertIn("no more threads", answer.detail)


class TestQuota(FoldersTestCase):
    """A Maildir++ quota is asked for when its mailbox is."""

    def test_a_full_maildir_is_over_quota_until_it_is_read_again(self) -> None:
        """The disk is asked once in `quota_fresh` seconds for each mailbox that gets mail."""
        self.folder("ann")
        size = f"{self.directory}/ann/maildirsize"
        backend = self.backend(at_once=False, quota=True, fresh=100.0)
        answer = backend.find(path("ann@example.org"))
        self.threads.work()
        self.threads.work()
        self.assertIs(self.successResultOf(answer).outcome, Outcome.FOUND)
        self.assertIsInstance(backend.find(path("ann@example.org")), Lookup)
        with open(size, "w", encoding="ascii") as file:
            file.write("10S\n10 1\n")
        os.utime(size, (self.now, self.now))
        self.clock.advance(15)
        answer = backend.find(path("ann@example.org"))
        self.threads.work()
        self.assertIs(self.successResultOf(answer), OVER_QUOTA)
        self.assertIs(backend.find(path("Ann@example.org")), OVER_QUOTA)

    def test_a_quota_that_cannot_be_asked_for_lets_mail_in(self) -> None:
        """It is a wish; a disk that does not answer will say so when the mail is written."""
        self.folder("ann")
        backend = self.backend(at_once=False, quota=True)
        answer = backend.find(path("ann@example.org"))
        self.threads.work()
        self.threads.begun.pop()[1].errback(OSError(5, "Input/output error"))
        self.assertIs(self.successResultOf(answer).outcome, Outcome.FOUND)


class TestAnyName(SynchronousTestCase):
    @given(st.binary(min_size=1), st.booleans())
    def test_a_mailbox_is_found_in_the_folder_that_its_local_part_names(self, local: bytes, sensitive: bool) -> None:
        """The way from an address to a folder and the way back are one, whatever octets a stranger sends."""
        case = CaseRules(sensitive={b"example.org"} if sensitive else frozenset())
        asked = Path(address=quoted_if_needed(local) + b"@example.org", domain=b"example.org")
        key = Path(address=case.key_of(asked), domain=b"example.org")
        name = safe_name(os.fsdecode(key.local_part))
        tree = _Tree("/srv/mail/{domain}/{local}", b"example.org", case)
        self.assertEqual(tree._key_on_disk(name), key.address.removesuffix(b"@example.org"))
        self.assertNotIn("/", name)

    @given(st.binary(min_size=1).filter(lambda name: b"/" not in name and b"\0" not in name).map(os.fsdecode))
    def test_any_folder_may_stand_there(self, name: str) -> None:
        """It is somebody's, or nobody's, and never a fault; what it is somebody's by leads back to it."""
        tree = _Tree("/srv/mail/{domain}/{local}", b"example.org", CaseRules(sensitive={b"example.org"}))
        key = tree._key_on_disk(name)
        if key is not None and key not in (b"postmaster", b"abuse"):
            local = Path(address=key + b"@example.org", domain=b"example.org").local_part
            self.assertEqual(folded(safe_name(os.fsdecode(local))), folded(name))

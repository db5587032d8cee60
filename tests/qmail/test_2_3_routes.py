"""Who gets a local message: control files, users/assign, accounts, and which .qmail file is found."""

import os
import pwd
import shutil
import subprocess
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.tree import Controls, TreeTest
from twistedmx.qmail.account import Account
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.assign_tables import BadAssign, parse_assign
from twistedmx.qmail.dot_qmail import Found, find_dot_qmail
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.routes import Local, Remote, Routes, RoutesOf


def route(recipient: bytes, **controls: object) -> Local | Remote:
    return Routes(Controls(**controls)).find(recipient)  # type: ignore[arg-type]


class TestRoutes(SynchronousTestCase):
    """qmail-send's rewriting."""

    def test_a_recipient_without_a_domain_gets_envnoathost(self) -> None:
        """So `postmaster` is somebody."""
        self.assertEqual(route(b"joe", envnoathost=b"X.example"), Remote(address=b"joe@X.example"))

    def test_without_locals_me_is_local(self) -> None:
        """An empty locals is none, a missing one is `me`."""
        self.assertEqual(route(b"Joe@HOST.example"), Local(local=b"Joe", domain=b"HOST.example"))
        self.assertEqual(route(b"joe@host.example", locals=()), Remote(address=b"joe@host.example"))

    def test_percenthack_goes_on_as_long_as_it_can(self) -> None:
        """The last % becomes the @, in domains that are listed, and nothing happens without one."""
        hack = (b"hack.example",)
        found = route(b"a%b.example%hack.example@hack.example", percenthack=hack)
        self.assertEqual(found, Remote(address=b"a@b.example"))
        self.assertEqual(route(b"a@hack.example", percenthack=hack), Remote(address=b"a@hack.example"))
        self.assertEqual(route(b"a%b.example@c.example", percenthack=hack), Remote(address=b"a%b.example@c.example"))

    def test_virtualdomains_are_asked_from_the_address_to_nothing(self) -> None:
        """Address, domain, each suffix, catch-all; the most special one wins wherever it stands."""
        virtual = (b":all", b".example:suffix", b"b.example:domain", b"joe@b.example:address")
        for recipient, prepend in {
            b"JOE@B.example": b"address-JOE",
            b"ann@b.example": b"domain-ann",
            b"ann@a.b.example": b"suffix-ann",
            b"ann@elsewhere": b"all-ann",
        }.items():
            found = route(recipient, virtualdomains=virtual)
            assert isinstance(found, Local)
            self.assertEqual(found.local, prepend, recipient)

    def test_locals_come_before_virtualdomains(self) -> None:
        """A domain in both is local."""
        found = route(b"joe@a.example", locals=(b"a.example",), virtualdomains=(b"a.example:x",))
        self.assertEqual(found, Local(local=b"joe", domain=b"a.example"))

    def test_an_empty_value_is_not_virtual(self) -> None:
        """It takes a domain out of a suffix, or out of the catch-all."""
        virtual = (b".example:x", b"b.example:", b"no colon at all")
        self.assertEqual(route(b"joe@b.example", virtualdomains=virtual), Remote(address=b"joe@b.example"))

    def test_the_last_line_of_an_entry_counts(self) -> None:
        """constmap chains new ones in front."""
        found = route(b"joe@a", virtualdomains=(b"a:one", b"A:two"))
        self.assertEqual(found, Local(local=b"two-joe", domain=b"a"))

    def test_maps_are_made_once_for_a_reading(self) -> None:
        """Each connection reads, and each RCPT asks."""
        made, controls = RoutesOf(), Controls()
        self.assertIs(made(controls), made(controls))
        self.assertIsNot(made(controls), made(Controls()))


class TestAssign(TreeTest):
    """users/assign and users/cdb."""

    ENTRIES = (
        "=joe.shmoe:joe:503:78:/home/joe:::\n"
        "+:alias:7790:2108:/var/qmail/alias:-::\n"
        "+joe-:joe:503:78:/home/joe:-::\n"
        "+joe-list-:list:504:79:/home/list:-:pre-:\n"
        "+joe-:other:505:78:/home/other:-::\n.\n"
        "=after:the:1:1:/dot:::\n"
    )

    def both(self, text: str) -> list[Assign]:
        """The same entries, as text and as a cdb made by another program, where that is installed."""
        folders = [self.mktemp(), self.mktemp()]
        for folder in folders:
            os.makedirs(os.path.join(folder, "users"))
            with open(os.path.join(folder, "users", "assign"), "w", encoding="ascii") as file:
                file.write(text)
        program = shutil.which("cdb")
        if program is None:
            raise SkipTest("the program cdb is not installed (tinycdb)")
        entries = parse_assign(text.encode())
        ends = bytes({key[-1] for key in entries if not key.endswith(b"\0") and len(key) > 1})
        records = b"".join(
            b"+%d,%d:%s->%s\n" % (len(key), len(found), key, found) for key, found in [*entries.items(), (b"", ends)]
        )
        subprocess.run(
            [program, "-c", os.path.join(folders[1], "users", "cdb")], input=records + b"\n", check=True, timeout=10
        )
        asked = [Assign(folder) for folder in folders]
        for each in asked:
            self.addCleanup(each.close)
        return asked

    def test_the_longest_wins_and_case_does_not_matter(self) -> None:
        """What is behind a beginning keeps its case: the file is looked for in small letters later."""
        for assign in self.both(self.ENTRIES):
            for local, expected in {
                b"JOE.shmoe": (b"joe", b"", b""),
                b"joe.shmoe2": (b"alias", b"-", b"joe.shmoe2"),
                b"joe-Ab": (b"joe", b"-", b"Ab"),
                b"joe-list-x-y": (b"list", b"-", b"pre-x-y"),
                b"joe-": (b"joe", b"-", b""),
                b"after": (b"alias", b"-", b"after"),
                b"": (b"alias", b"-", b""),
            }.items():
                found = assign.find(local)
                assert found is not None
                self.assertEqual((found.user, found.dash, found.extension), expected, local)

    def test_an_entry_is_asked_for_by_its_beginning(self) -> None:
        """As vpopmail asks for a domain."""
        for assign in self.both(self.ENTRIES):
            expected = Account(user=b"joe", uid=503, gid=78, home=b"/home/joe", dash=b"-", extension=b"")
            self.assertEqual(assign.beginning(b"JOE-"), expected)
            self.assertIsNone(assign.beginning(b"joe"))
            self.assertIsNone(assign.beginning(b"joe.shmoe\0"))

    def test_without_both_files_nothing_is_said(self) -> None:
        """Then the accounts of the system decide."""
        assign = Assign(self.mktemp())
        self.assertIsNone(assign.find(b"joe"))
        self.assertIsNone(assign.beginning(b"joe-"))

    def test_a_new_cdb_is_seen(self) -> None:
        """qmail-newu renames it into its place; nobody says so to a daemon."""
        self.assertIsNone(self.assign.find(b"new"))
        self.write("=new:new:503:78:/home/new:::\n.\n", "users", "assign")
        os.unlink(self.path("users", "cdb"))
        found = self.assign.find(b"new")
        assert found is not None
        self.assertEqual(found.user, b"new")

    def test_root_gets_no_mail(self) -> None:
        """qmail-lspawn stops too: it delivers nothing as root."""
        for assign in self.both("=joe:joe:0:0:/root:::\n.\n"):
            with self.assertRaisesRegex(CouldNotTell, "uid 0"):
                assign.find(b"joe")

    def test_a_broken_cdb_cannot_be_told(self) -> None:
        """It is not an empty one: mail would go to whoever has such an account."""
        for octets in (b"", b"x" * 2047, b"\xff" * 4096, bytes(4096)):
            with open(self.path("users", "cdb"), "wb") as file:
                file.write(octets)
            with self.assertRaisesRegex(CouldNotTell, "users/cdb"):
                self.assign.find(b"joe")

    def test_an_unreadable_cdb_cannot_be_told(self) -> None:
        """The text beside it is not read instead."""
        self.lock(self.path("users", "cdb"))
        with self.assertRaisesRegex(CouldNotTell, "users/cdb: cannot be read"):
            self.assign.find(b"joe")

    def test_a_text_that_is_cut_off_is_none(self) -> None:
        """Its last line is a dot, so that one can see."""
        for text in (b"", b"=joe:joe:1:1:/home/joe:::\n", b"joe\n.\n", b":a:1:1:/::::\n.\n", b"=a:b:1:1:/:-\n.\n"):
            with self.assertRaises(BadAssign):
                parse_assign(text)


class TestAccounts(TreeTest):
    """qmail-getpw."""

    def account(self, local: bytes) -> tuple[bytes, bytes, bytes]:
        found = Accounts(self.tree.user_named).find(local)
        return found.user, found.dash, found.extension

    def test_the_longest_account_before_the_break_gets_it(self) -> None:
        """All else is alias's, the whole of it."""
        for local, expected in {
            b"carol": (b"carol", b"", b""),
            b"CAROL": (b"carol", b"", b""),
            b"carol-Lists-x": (b"carol", b"-", b"Lists-x"),
            b"carol-": (b"carol", b"-", b""),
            b"carol.x": (b"alias", b"-", b"carol.x"),
            b"nobody-x": (b"alias", b"-", b"nobody-x"),
            b"-carol": (b"alias", b"-", b"-carol"),
            b"": (b"alias", b"-", b""),
            b"a" * 40: (b"alias", b"-", b"a" * 40),
        }.items():
            self.assertEqual(self.account(local), expected, local)

    def test_who_does_not_own_his_home_is_none(self) -> None:
        """So bin and daemon get no mail."""
        self.assertEqual(self.account(b"eve"), (b"alias", b"-", b"eve"))

    def test_a_home_that_is_not_there_cannot_be_told(self) -> None:
        """/home is not mounted yet: were its users nobody, alias would refuse, or get, the mail of all of them."""

        def named(name: str) -> pwd.struct_passwd:
            if name not in ("carol", "list", "nobody"):
                return self.tree.user_named(name)
            uid = {"carol": 1000, "list": 38, "nobody": 65_534}[name]
            return pwd.struct_passwd((name, "x", uid, uid, name, self.path("not-mounted", name), "/bin/sh"))

        for local in (b"carol", b"carol-x"):
            with self.assertRaisesRegex(CouldNotTell, "see whether the home of carol is mounted"):
                Accounts(named).find(local)
        for local in (b"list", b"nobody"):  # whose homes are nowhere on most hosts
            self.assertEqual(Accounts(named).find(local).user, b"alias")

    def test_without_alias_it_cannot_be_told(self) -> None:
        """qmail-lspawn defers."""
        with self.assertRaisesRegex(CouldNotTell, "no user postmasters"):
            Accounts(self.tree.user_named, alias="postmasters").find(b"zoe")

    def test_a_name_service_that_is_down_cannot_be_told(self) -> None:
        """Its users are not gone."""

        def down(name: str) -> None:
            raise OSError(11, "Resource temporarily unavailable")

        with self.assertRaisesRegex(CouldNotTell, "cannot be asked"):
            Accounts(down).find(b"carol")  # type: ignore[arg-type]


class TestDotQmail(TreeTest):
    """2.4: which file."""

    def find(self, user: str, extension: bytes) -> Found | None:
        return find_dot_qmail(os.fsencode(self.tree.home(user)), b"-", extension)

    def test_exact_then_defaults_from_the_longest(self) -> None:
        """DEFAULT is what the word stands for, in the letters of the sender."""
        home = os.fsencode(self.tree.home("carol"))
        for name in (".qmail-a-b", ".qmail-a-default", ".qmail-default"):
            self.write("", "home", "carol", name)
        for extension, name, default in (
            (b"A-b", b".qmail-a-b", None),
            (b"a-B-C", b".qmail-a-default", b"B-C"),
            (b"a-default", b".qmail-a-default", b"default"),
            (b"a-", b".qmail-a-default", b""),
            (b"Z", b".qmail-default", b"Z"),
            (b"lists-x", b".qmail-lists-default", b"x"),
        ):
            self.assertEqual(self.find("carol", extension), Found(path=home + b"/" + name, default=default), extension)

    def test_a_dot_is_a_colon(self) -> None:
        """Nobody walks out of a home."""
        self.write("", "home", "carol", ".qmail-x:y")
        found = self.find("carol", b"X.Y")
        assert found is not None
        self.assertTrue(found.path.endswith(b"/.qmail-x:y"))
        self.assertIsNone(self.find("carol", b"/../../dave/.qmail"))

    def test_none_is_none(self) -> None:
        """Nor is a folder, a pipe, a name that is too long, or one with a NUL."""
        os.mkdir(self.tree.home("dave", ".qmail-folder"))
        os.mkfifo(self.tree.home("dave", ".qmail-pipe"))
        for extension in (b"x", b"folder", b"pipe", b"x" * 300, b"a-" * 200, b"x\0y"):
            self.assertIsNone(self.find("dave", extension), extension)

    def test_unreadable_cannot_be_told(self) -> None:
        """The original says that there is none."""
        self.lock(self.tree.home("dave", ".qmail-x"))
        with self.assertRaisesRegex(CouldNotTell, "qmail-x: cannot be read"):
            self.find("dave", b"x")

    def test_no_permission_cannot_be_told(self) -> None:
        """The same, as it is in life."""
        if os.geteuid() == 0:
            raise SkipTest("root may read everything")
        os.chmod(self.tree.home("dave"), 0)
        self.addCleanup(os.chmod, self.tree.home("dave"), 0o700)
        with self.assertRaises(CouldNotTell):
            self.find("dave", b"x")

    def test_a_home_that_is_missing_cannot_be_told(self) -> None:
        """It may be mounted later."""
        with self.assertRaisesRegex(CouldNotTell, "mount it"):
            self.find("nobody", b"x")

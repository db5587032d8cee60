"""vpopmail: domains and alias domains, users in a cdb and in a text, quotas, what becomes of mail for nobody."""

import os

from tests.qmail.tree import TreeTest
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.vpasswd import BadEntry, Flag, Quota, is_user_name, parse_entry, parse_quota
from twistedmx.qmail.vpopmail import Default, Domain, Unclaimed, User, percent_used, read_default
from twistedmx.testing.qmail_tree import remake


class VpopmailTest(TreeTest):
    def domain(self, name: bytes = b"example.org") -> Domain:
        found = self.vpopmail.domain(name)
        assert found is not None
        return found

    def user(self, name: bytes, domain: bytes = b"example.org") -> User | None:
        return self.vpopmail.user(self.domain(domain), name)

    def mailbox(self, name: bytes) -> User:
        found = self.user(name)
        assert found is not None
        return found


class TestDomains(VpopmailTest):
    """vget_assign."""

    def test_a_domain_is_an_entry_of_users_assign(self) -> None:
        """Case does not matter; what has no entry is none of vpopmail's."""
        home = os.fsencode(self.tree.domain("example.org"))
        expected = Domain(name=b"example.org", uid=self.tree.uid, gid=self.tree.gid, home=home)
        self.assertEqual(self.vpopmail.domain(b"EXAMPLE.org"), expected)
        for name in (b"host.example", b"", b"example", b"sub.example.org", b"example.org-x"):
            self.assertIsNone(self.vpopmail.domain(name), name)

    def test_an_alias_domain_is_the_real_one(self) -> None:
        """Trap 13: its users are asked for there."""
        self.assertEqual(self.domain(b"alias.example"), self.domain(b"example.org"))
        found = self.user(b"bob", b"alias.example")
        assert found is not None
        self.assertEqual(found.domain, b"example.org")


class TestUsers(VpopmailTest):
    """vauth_getpw of the cdb."""

    def test_a_user_has_a_maildir_and_the_uid_of_the_domain(self) -> None:
        """The uid in vpasswd is no uid."""
        bob = self.mailbox(b"BOB")
        self.assertEqual(bob.maildir, os.fsencode(self.tree.domain("example.org", "bob", "Maildir")))
        self.assertEqual(
            (bob.name, bob.uid, bob.gid, bob.quota), (b"bob", self.tree.uid, self.tree.gid, Quota(octets=1000))
        )
        self.assertIsNone(self.user(b"zoe"))

    def test_without_a_cdb_the_text_is_read(self) -> None:
        """And nothing is written."""
        self.assertIsNotNone(self.user(b"ann", b"example.com"))
        self.assertIsNone(self.user(b"zoe", b"example.com"))
        self.assertFalse(os.path.exists(self.tree.domain("example.com", "vpasswd.cdb")))

    def test_a_new_user_is_seen(self) -> None:
        """Without a reload, in both files."""
        for domain in ("example.org", "example.com"):
            self.assertIsNone(self.user(b"new", domain.encode()))
            with open(self.tree.domain(domain, "vpasswd"), "a", encoding="ascii") as file:
                file.write("new:x:0:0:new:/new:NOQUOTA\n")
        remake(self.tree)
        for domain in ("example.org", "example.com"):
            self.assertIsNotNone(self.user(b"new", domain.encode()), domain)

    def test_neither_file_cannot_be_told(self) -> None:
        """Trap 12: users in SQL, or nothing mounted. The original says that there is no such user."""
        for name in ("vpasswd", "vpasswd.cdb"):
            os.unlink(self.tree.domain("example.org", name))
        with self.assertRaisesRegex(CouldNotTell, "neither"):
            self.user(b"ann")

    def test_an_unreadable_file_cannot_be_told(self) -> None:
        """Trap 12: a wrong uid looks like no users at all. The text is not read instead of a cdb that is there."""
        for domain, name in (("example.org", "vpasswd.cdb"), ("example.com", "vpasswd")):
            self.lock(self.tree.domain(domain, name))
            with self.assertRaisesRegex(CouldNotTell, f"{name}: cannot be read"):
                self.user(b"ann", domain.encode())

    def test_a_broken_cdb_cannot_be_told(self) -> None:
        """The remedy is named."""
        with open(self.tree.domain("example.org", "vpasswd.cdb"), "wb") as file:
            file.write(b"\xff" * 4096)
        with self.assertRaisesRegex(CouldNotTell, "vmkpasswd"):
            self.user(b"ann")

    def test_a_fault_of_an_entry_shows_no_password(self) -> None:
        """It goes into a log."""
        for rest in (b"secret", b"secret:0:x:g:/d:q", b"secret:0:0:g:d:q", b"secret:0:0:g:/d\0:q"):
            with self.assertRaises(BadEntry) as caught:
                parse_entry(b"ann", rest)
            self.assertNotIn("secret", str(caught.exception))

    def test_what_no_user_can_be_called_is_not_looked_for(self) -> None:
        """vdelivermail bounces it."""
        self.assertTrue(is_user_name(b"o'brien!#$&*+-./09=?AZ^_`az{|}~"))
        for name in (b"", b"a b", b"a:b", b"a%b", b"a@b", b"\xc3\xbc", b"a\0", b'"', b"a\n", b"x" * 256):
            self.assertFalse(is_user_name(name), name)

    def test_few_domains_are_open_at_a_time(self) -> None:
        """Each is a mapping of memory."""
        for number in range(300):
            with self.assertRaises(CouldNotTell):
                self.vpopmail.user(Domain(name=b"x", uid=1, gid=1, home=b"/none/%d" % number), b"ann")
        self.assertEqual(len(self.vpopmail._files), 256)


class TestQuota(VpopmailTest):
    """Maildir++."""

    def test_a_quota_is_read_as_vpopmail_reads_it(self) -> None:
        """format_maildirquota of vpopmail.c."""
        mega = 1024 * 1024
        for text, quota in {
            b"NOQUOTA": Quota(),
            b"": Quota(),
            b"nonsense": Quota(),
            b"1048576": Quota(octets=mega),
            b"1048576S": Quota(octets=mega),
            b"1M": Quota(octets=mega),
            b"1024KB": Quota(octets=mega),
            b"1mbs,1000C": Quota(octets=mega, messages=1000),
            b"1000C,10MBS": Quota(octets=10 * mega, messages=1000),
            b"0S": Quota(),
            b"9" * 30: Quota(),
        }.items():
            self.assertEqual(parse_quota(text), quota, text)

    def test_how_full_a_mailbox_is(self) -> None:
        """By the sums of maildirsize, against the quota of vpasswd, whichever limit is nearer."""
        for name, percent in {b"bob": 50, b"full": 120, b"ann": 0, b"o'brien": 0}.items():
            self.assertEqual(percent_used(self.mailbox(name)), percent, name)
        self.assertEqual(Quota(octets=1000, messages=10).percent(100, 9), 90)
        self.assertEqual(Quota(octets=1000).percent(-5, -1), 0)

    def test_an_unreadable_maildirsize_cannot_be_told(self) -> None:
        """It is not looked at where no limit is set."""
        self.lock(self.tree.domain("example.org", "bob", "Maildir", "maildirsize"))
        with self.assertRaisesRegex(CouldNotTell, "maildirsize"):
            percent_used(self.mailbox(b"bob"))


class TestUnclaimed(VpopmailTest):
    """.qmail-default."""

    def test_what_becomes_of_mail_for_nobody(self) -> None:
        """The action of vdelivermail, whatever its path and quotes."""
        deliver = "| /home/vpopmail/bin/vdelivermail '' "
        for text, unclaimed, argument in (
            (deliver + "bounce-no-mailbox\n", Unclaimed.BOUNCED, b""),
            (deliver + "delete", Unclaimed.DELETED, b""),
            (deliver + "ann@example.org\n", Unclaimed.FORWARDED, b"ann@example.org"),
            (
                deliver + "/home/vpopmail/domains/example.org/ann\n",
                Unclaimed.KEPT,
                b"/home/vpopmail/domains/example.org/ann",
            ),
            ('# nothing\n|vdelivermail "" bounce-no-mailbox\n', Unclaimed.BOUNCED, b""),
            ("#| vdelivermail '' delete\n./Maildir/\n", Unclaimed.ELSEWHERE, b""),
            ("", Unclaimed.ELSEWHERE, b""),
        ):
            self.write(text, "vpopmail", "domains", "example.org", ".qmail-default")
            expected = Default(unclaimed=unclaimed, argument=argument, text=text.encode())
            found = read_default(self.domain())
            self.assertEqual((found.unclaimed, found.argument), (expected.unclaimed, expected.argument), text)

    def test_a_missing_file_and_an_unreadable_one_are_two_things(self) -> None:
        """Without it qmail says that there is no mailbox by that name."""
        path = self.tree.domain("example.org", ".qmail-default")
        os.unlink(path)
        self.assertEqual(read_default(self.domain()), Default(unclaimed=Unclaimed.NO_FILE))
        self.lock(path)
        with self.assertRaisesRegex(CouldNotTell, "qmail-default"):
            read_default(self.domain())


class TestFlags(VpopmailTest):
    """The gid of vpasswd."""

    def test_the_gid_is_what_a_user_may_not(self) -> None:
        """And no group."""
        self.assertIs(Flag.BOUNCE_MAIL in self.mailbox(b"locked").flags, True)
        self.assertEqual(self.mailbox(b"no-smtp").flags, Flag.NO_SMTP)
        self.assertEqual(int(parse_entry(b"a", b"x:0:8396816:g:/d:q").flags), 8396816)

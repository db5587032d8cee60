"""Nothing that a stranger may write leaves the directory of the Maildirs."""

import posixpath

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.template import MaildirTemplate, UnsafeName, safe_name

TEMPLATE = MaildirTemplate(text="/srv/mail/{domain}/{local}")


class TestTemplate(SynchronousTestCase):
    def test_what_a_file_name_may_not_hold_is_percent_encoded(self) -> None:
        """'..', '/', NUL and a hidden file are the oldest ways out of a directory."""
        for local, name in {
            "ann.lee+x": "ann.lee+x",
            "..": "%2E.",
            ".hidden": "%2Ehidden",
            "../../etc/passwd": "%2E.%2F..%2Fetc%2Fpasswd",
            "a\0b\nc\x7f": "a%00b%0Ac%7F",
            "%2F": "%252F",
            "{domain}": "{domain}",
            "{local}": "{local}",
            "jörg": "jörg",
            "\x85": "%C2%85",
        }.items():
            self.assertEqual(TEMPLATE.maildir(local, "example.org"), f"/srv/mail/example.org/{name}")

    def test_an_empty_local_part_and_a_too_long_name_are_refused(self) -> None:
        """One would be the directory of the domain itself, the other no file system takes."""
        self.assertRaises(UnsafeName, TEMPLATE.maildir, "", "example.org")
        self.assertRaises(UnsafeName, TEMPLATE.maildir, "ä" * 128, "example.org")
        self.assertRaises(UnsafeName, MaildirTemplate(text="/srv/{local}@{domain}").maildir, "a" * 200, "b" * 60)

    def test_the_root_holds_everything_that_the_template_makes(self) -> None:
        """It is what must exist, and what an operator backs up."""
        self.assertEqual(TEMPLATE.root, "/srv/mail/")
        self.assertEqual(MaildirTemplate(text="/srv/mail-{local}").root, "/srv/")

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_no_maildir_leaves_the_root_or_its_depth(self, local: str, domain: str) -> None:
        """One directory for the domain, one for the local part, whatever is in them."""
        try:
            maildir = TEMPLATE.maildir(local, domain)
        except UnsafeName:
            return
        self.assertTrue(maildir.startswith(TEMPLATE.root))
        self.assertEqual(posixpath.normpath(maildir), maildir)
        self.assertEqual(maildir.count("/"), 4)

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_two_local_parts_never_share_a_name(self, one: str, other: str) -> None:
        """Else one of them reads the other's mail."""
        assume(one != other)
        self.assertNotEqual(safe_name(one), safe_name(other))

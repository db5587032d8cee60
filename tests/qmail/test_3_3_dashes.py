"""What a look-up costs is not for the peer to choose: an address may be all dashes."""

import os

from tests.qmail.tree import TreeTest
from twistedmx.qmail.chkuser_cases import Case
from twistedmx.qmail.dot_qmail import find_dot_qmail

DASHES = b"-".join([b"a"] * 120)
SETTINGS = {"extensions": True, "mailman": True}


class TestDashes(TreeTest):
    def opened(self, recipient: bytes) -> int:
        """How many files a look-up tries to open."""
        before, count = os.open, 0

        def counting(*arguments, **named):
            nonlocal count
            count += 1
            return before(*arguments, **named)

        patch = self.patch(os, "open", counting)
        self.assertIs(self.check(recipient, **SETTINGS).case, Case.NO_MAILBOX)
        patch.restore()
        return count

    def test_an_address_of_dashes_has_no_hundreds_of_files_tried(self) -> None:
        """377, each a question to the disk in the reactor's thread, or to a server of NFS."""
        self.opened(b"zoe@example.org")  # what stays open from now on
        self.assertLess(self.opened(DASHES + b"@example.org"), 40)

    def test_the_first_eight_dashes_and_the_whole_name_count(self) -> None:
        """As documented: no real name has more, and one that has is found by itself."""
        home = os.fsencode(self.tree.domain("example.org"))
        for name, extensions in (
            ("a-b-c-d-e-f-g-h-default", (b"a-b-c-d-e-f-g-h-x", b"a-b-c-d-e-f-g-h-i-j-k-x", b"a-b-c-d-e-f-g-h-")),
            (DASHES[:200].decode(), (DASHES[:200],)),
        ):
            path = self.tree.domain("example.org", f".qmail-{name}")
            with open(path, "w", encoding="ascii"):
                pass
            for extension in extensions:
                found = find_dot_qmail(home, b"-", extension)
                assert found is not None, extension
                self.assertEqual(found.path, os.fsencode(path))

    def test_the_longest_beginning_still_comes_first(self) -> None:
        """qmail-local looks in this order, and the first file says what becomes of it."""
        home = os.fsencode(self.tree.domain("example.org"))
        for name in ("a-default", "a-b-default"):
            with open(self.tree.domain("example.org", f".qmail-{name}"), "w", encoding="ascii"):
                pass
        found = find_dot_qmail(home, b"-", b"a-b-c")
        assert found is not None
        self.assertEqual((found.path, found.default), (home + b"/.qmail-a-b-default", b"c"))

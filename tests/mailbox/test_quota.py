"""Maildir++ quotas: what a `maildirsize` says, and when it is counted anew. The clock stands at second 1e9."""

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.quota import is_full
from twistedmx.model.maildirsize import MaildirSize, parse_maildirsize, size_line

NOW = 1e9


def read(text: bytes) -> MaildirSize:
    size = parse_maildirsize(text)
    assert size is not None
    return size


class TestFile(SynchronousTestCase):
    """The format."""

    def test_the_lines_below_the_quota_are_summed(self) -> None:
        """Who delivers appends what came, who removes what went."""
        size = read(b"1000000S,1000C\n      12500     20\n300 1\n-2500 -4\n")
        expected = MaildirSize(
            quota=b"1000000S,1000C", most_octets=1_000_000, most_messages=1000, octets=10_300, messages=17, lines=3
        )
        self.assertEqual(size, expected)

    def test_a_limit_that_is_nought_or_not_there_is_none(self) -> None:
        """So courier writes it."""
        for quota in (b"0S", b"0S,0C", b"100C", b"100S"):
            self.assertIs(read(quota + b"\n50 50\n").is_full, False, quota)

    def test_full_is_where_nothing_more_fits(self) -> None:
        """By octets or by messages, whichever comes first."""
        for text, full in {
            b"100S\n99 1": False,
            b"100S\n100 1": True,
            b"9S,2C\n1 2": True,
            b"1C\n-5 -1\n": False,
        }.items():
            self.assertIs(read(text).is_full, full, text)

    def test_a_first_line_that_is_no_quota_makes_no_quota(self) -> None:
        """A broken file must not refuse mail."""
        for text in (b"", b"\n", b"100\n5 5", b"100X", b"S", b"-1S", b"1S;2C", b"9" * 30 + b"S"):
            self.assertIsNone(parse_maildirsize(text), text)

    def test_a_line_that_is_none_is_passed_over(self) -> None:
        """Two processes may have appended at once over NFS."""
        self.assertEqual(read(b"100S\n5 1\n7\n12 a\n\n\x00\n6 1\r\n").octets, 11)

    @given(st.binary() | st.text(alphabet="0123456789SC, -\n\r").map(str.encode))
    def test_any_octets_are_read(self, text: bytes) -> None:
        """Whatever a user puts there, reading it ends in a quota or in none."""
        size = parse_maildirsize(text)
        if size is not None:
            self.assertGreaterEqual(min(size.most_octets, size.most_messages), 0)
            self.assertEqual(
                parse_maildirsize(size.quota + b"\n" + size_line(size.octets, size.messages)).quota, size.quota
            )

    @given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(-9, 9)), max_size=5))
    def test_what_is_appended_is_what_is_read(self, lines: list[tuple[int, int]]) -> None:
        """Delivery writes these lines, and RCPT reads them."""
        size = read(b"1S\n" + b"".join(size_line(*line) for line in lines))
        self.assertEqual((size.octets, size.messages), (sum(o for o, _ in lines), sum(m for _, m in lines)))


class TestCount(SynchronousTestCase):
    """A Maildir on disk."""

    def setUp(self) -> None:
        self.maildir = self.mktemp()
        for part in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Trash/cur"):
            os.makedirs(f"{self.maildir}/{part}")

    def put(self, name: str, octets: int) -> None:
        with open(f"{self.maildir}/{name}", "wb") as file:
            file.write(b"x" * octets)

    def size(self, text: str, *, age: float = 0, mode: int = 0o640) -> None:
        path = f"{self.maildir}/maildirsize"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        os.utime(path, (NOW - age, NOW - age))

    def text(self) -> str:
        with open(f"{self.maildir}/maildirsize", encoding="ascii") as file:
            return file.read()

    def test_a_maildir_without_the_file_has_no_quota(self) -> None:
        """Nor has one whose file is a link, a pipe, a directory or nonsense: mail is not refused for that."""
        self.assertIs(is_full(self.maildir, now=NOW), False)
        self.assertIs(is_full(self.maildir + "/none", now=NOW), False)
        path = f"{self.maildir}/maildirsize"
        os.symlink("/etc/hostname", path)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        os.unlink(path)
        os.mkfifo(path)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        os.unlink(path)
        os.mkdir(path)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        os.rmdir(path)
        self.size("full\n")
        self.assertIs(is_full(self.maildir, now=NOW), False)

    def test_what_was_counted_just_now_is_believed(self) -> None:
        """A full mailbox is not walked through for every RCPT."""
        self.size("100S\n100 1\n", age=899)
        self.assertIs(is_full(self.maildir, now=NOW), True)
        self.assertEqual(self.text(), "100S\n100 1\n")

    def test_a_file_that_says_full_and_may_be_wrong_is_counted_anew(self) -> None:
        """Its user has removed mail with a reader that knows nothing of quotas."""
        for text, age in (("100S\n100 1\n", 900), ("100S\n50 1\n50 1\n", 0), ("100S\n100 1\n", -5)):
            self.size(text, age=age)
            self.put("new/1.x,S=30", 5)
            self.assertIs(is_full(self.maildir, now=NOW), False, text)
            self.assertEqual(self.text(), "100S\n30 1\n")
        self.assertEqual(os.stat(f"{self.maildir}/maildirsize").st_mode & 0o777, 0o640)
        self.assertEqual(os.listdir(f"{self.maildir}/tmp"), [])

    def test_all_folders_count_but_trash_and_what_is_marked_as_deleted(self) -> None:
        """Else nobody could make room. The size is in the name, or asked for."""
        self.size("100S,9C\n100 1\n", age=900)
        self.put("cur/1.x,S=30:2,S", 5)
        self.put("new/2.x", 10)
        self.put(".Sent/cur/3.x,S=40:2,", 5)
        self.put("cur/4.x,S=500:2,ST", 5)
        self.put(".Trash/cur/5.x", 500)
        os.mkdir(f"{self.maildir}/.empty")
        os.symlink("/nowhere", f"{self.maildir}/.link")
        self.assertIs(is_full(self.maildir, now=NOW), False)
        self.assertEqual(self.text(), "100S,9C\n80 3\n")

    def test_a_long_file_is_counted_anew(self) -> None:
        """Otherwise it would grow for ever."""
        self.size("100000S\n" + "1 1\n" * 2000)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        self.assertEqual(self.text(), "100000S\n0 0\n")

    def test_a_maildir_that_cannot_be_written_to_is_counted_all_the_same(self) -> None:
        """What is counted holds, the file stays as it was."""
        os.rmdir(f"{self.maildir}/tmp")
        self.size("100S\n100 1\n", age=900)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        self.assertEqual(self.text(), "100S\n100 1\n")

    def test_what_a_crash_left_is_replaced(self) -> None:
        """Also where it is a link to something else."""
        os.symlink(f"{self.maildir}/cur/precious", f"{self.maildir}/tmp/maildirsize")
        self.put("cur/precious", 3)
        self.size("100S\n100 1\n", age=900)
        self.assertIs(is_full(self.maildir, now=NOW), False)
        self.assertEqual(self.text(), "100S\n3 1\n")
        self.assertEqual(os.stat(f"{self.maildir}/cur/precious").st_size, 3)

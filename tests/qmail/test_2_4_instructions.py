"""The lines of a .qmail file (dot-qmail(5)), without a disk."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.instructions import (
    BadInstructions,
    Forward,
    ForwardsOnly,
    Maildir,
    Mbox,
    Program,
    check_home,
    parse,
    parse_file,
)


class LineTests(SynchronousTestCase):
    """What people have written there for twenty-five years."""

    def bad(self, octets: bytes, **facts: bool) -> str:
        return str(self.assertRaises(BadInstructions, parse, octets, **facts))

    def test_each_line_is_one_instruction(self) -> None:
        """Five kinds, told by the first octet."""
        self.assertEqual(
            parse(
                b"# comment\n|preline vacation ann\n&me@far.example\nyou@far.example\n./Mailbox\n/home/ann/Maildir/\n"
            ),
            (
                Program(command=b"preline vacation ann"),
                Forward(address=b"me@far.example"),
                Forward(address=b"you@far.example"),
                Mbox(path=b"./Mailbox"),
                Maildir(path=b"/home/ann/Maildir/"),
            ),
        )

    def test_blanks_at_the_end_do_not_count_and_blank_lines_below_the_first_neither(self) -> None:
        """Editors leave them; a Maildir is one although a blank stands behind its slash."""
        self.assertEqual(
            parse(b"./Maildir/ \t\n\n  \n./Mailbox"), (Maildir(path=b"./Maildir/"), Mbox(path=b"./Mailbox"))
        )

    def test_a_comment_alone_throws_the_mail_away(self) -> None:
        """Known and used; it is not empty, so there is no default delivery."""
        self.assertEqual(parse(b"#\n"), ())

    def test_a_blank_first_line_defers(self) -> None:
        """The file may be in the middle of being written."""
        for octets in (b"\n./Maildir/\n", b" \n", b"\n", b""):
            self.assertIn("first line of .qmail file is blank", self.bad(octets))

    def test_the_x_bit_and_list_allow_forwards_alone(self) -> None:
        """Whoever may send into a list's file should not be able to run programs by it."""
        self.assertEqual(parse(b"&me@far.example\n", forwards_only=True), (Forward(address=b"me@far.example"),))
        self.assertIn("file delivery in line 2", self.bad(b"&me@far.example\n./Mailbox\n", forwards_only=True))
        self.assertIn("prog delivery in line 1", self.bad(b"|true\n", forwards_only=True))
        self.assertIn("+list", self.bad(b"+list\n|true\n"))
        self.assertEqual(
            parse(b"|true\n+list\n&me\n"), (Program(command=b"true"), ForwardsOnly(), Forward(address=b"me"))
        )

    def test_other_words_behind_a_plus_are_passed_over(self) -> None:
        """They are kept for later versions."""
        self.assertEqual(parse(b"+else\n./Mailbox\n"), (Mbox(path=b"./Mailbox"),))

    def test_dos_line_ends_defer(self) -> None:
        """Obeyed, they would put all mail into a file called "CR" in the Maildir, where nobody looks."""
        self.assertIn("CR", self.bad(b"./Maildir/\r\n"))

    def test_a_line_that_names_nothing_defers(self) -> None:
        """There is nobody to forward to."""
        self.assertIn("nobody", self.bad(b"&\n"))
        self.assertIn("nothing", self.bad(b"|\n"))


class FileTests(SynchronousTestCase):
    """The modes of the file and of the home."""

    def test_an_empty_file_means_the_default_delivery_and_its_x_bit_nothing(self) -> None:
        """qmail-start's argument."""
        self.assertEqual(parse_file(b"", 0o100700, b"./Maildir/"), (Maildir(path=b"./Maildir/"),))

    def test_who_may_write_the_file_commands_the_user(self) -> None:
        """So nobody else may; the group may, as conf-patrn is shipped."""
        parse_file(b"./Mailbox\n", 0o100664, b"")
        self.assertIn("writable", str(self.assertRaises(BadInstructions, parse_file, b"./Mailbox\n", 0o100646, b"")))
        self.assertRaises(BadInstructions, parse_file, b"./Mailbox\n", 0o100664, b"", 0o022)

    def test_a_home_that_others_may_write_or_that_is_sticky_defers(self) -> None:
        """Sticky means: I am editing."""
        check_home(0o40755)
        self.assertIn("home directory is writable", str(self.assertRaises(BadInstructions, check_home, 0o40757)))
        self.assertIn("sticky", str(self.assertRaises(BadInstructions, check_home, 0o41755)))
        self.assertRaises(BadInstructions, check_home, 0o40775, 0o022)

"""The three readers, and when they read: for each connection."""

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.control_files import NAMES, ControlFiles
from twistedmx.qmail.lists import MOST, Lines, first_line, number
from twistedmx.qmail.other_files import OtherFiles
from twistedmx.testing.cdb import write_cdb


class TestReaders(SynchronousTestCase):
    def test_a_line_is_the_first_without_blanks_at_its_end(self):
        for octets, line in (
            (b"a.example \t\nb\n", b"a.example"),
            (b" a", b" a"),
            (b"", b""),
            (b"\na", b""),
            (b"a\r\n", b"a\r"),
        ):
            self.assertEqual(first_line(octets), line)

    def test_a_number_is_the_digits_that_the_first_line_begins_with(self):
        for octets, value in ((b"12\n", 12), (b"12x", 12), (b"x", 7), (b"", 7), (b"-1", 7), (b" 1", 7), (b"\n1", 7)):
            self.assertEqual(number(octets, 7), value)
        self.assertEqual(number(b"9" * 10_000, 7), MOST)

    def test_a_list_has_no_empty_lines_and_no_comments_and_keeps_leading_blanks(self):
        lines = Lines.read(b"a \t\n\n \n# b\n #c\nd", "f")
        self.assertEqual(lines, (b"a", b" #c", b"d"))
        self.assertEqual(lines.places, (1, 5, 6))
        self.assertEqual(Lines.read(b"", "f"), ())

    def test_look_ups_are_of_the_exact_length_in_any_case(self):
        self.assertEqual(Lines((b"A.Example",)).keys, {b"a.example"})


class Qmail(SynchronousTestCase):
    """A home, and what stands in control/."""

    def setUp(self) -> None:
        self.home = self.mktemp()
        self.control = os.path.join(self.home, "control")
        os.makedirs(self.control)
        self.clock = Clock()
        self.files = ControlFiles(self.home, self.clock.seconds)
        self.write("me", b"mx.example.org\n")

    def write(self, name: str, octets: bytes) -> None:
        with open(os.path.join(self.control, name), "wb") as file:
            file.write(octets)

    def later(self, seconds: float = 0.003) -> Controls:
        self.clock.advance(seconds)
        return self.files.current()

    def settle(self) -> Controls:
        self.later(3)
        return self.later(3)


class TestPerConnection(Qmail):
    def test_while_nothing_changes_it_is_the_same_object(self):
        first = self.later()
        for _ in range(5):
            self.assertIs(self.later(1), first)

    def test_a_file_that_is_made_edited_replaced_or_removed_is_seen_by_the_next_connection(self):
        for wait in (self.later, self.settle):
            wait()
            self.write("databytes", b"10")
            self.assertEqual(self.later().databytes, 10)
            wait()
            self.write("databytes", b"20")
            self.assertEqual(self.later().databytes, 20)
            wait()
            self.write("new", b"30")
            os.rename(os.path.join(self.control, "new"), os.path.join(self.control, "databytes"))
            self.assertEqual(self.later().databytes, 30)
            wait()
            os.remove(os.path.join(self.control, "databytes"))
            self.assertEqual(self.later().databytes, 0)

    def test_two_edits_within_one_tick_of_the_file_system_are_two(self):
        """Same size, same times: only what is in it is another."""
        path = os.path.join(self.control, "databytes")
        self.write("databytes", b"10")
        self.later()
        before = os.stat(path)
        for value in range(11, 40):
            self.write("databytes", b"%d" % value)
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            self.assertEqual(self.later().databytes, value)

    def test_a_link_whose_file_comes_later_is_followed(self):
        """control/ does not change when what its link shows does."""
        target = os.path.abspath(self.mktemp())
        os.symlink(target, os.path.join(self.control, "databytes"))
        self.assertEqual(self.settle().databytes, 0)
        with open(target, "wb") as file:
            file.write(b"5")
        self.assertEqual(self.later().databytes, 5)

    def test_asked_again_at_once_it_does_not_look_again(self):
        self.later()
        self.write("databytes", b"10")
        self.assertEqual(self.files.current().databytes, 0)
        self.assertEqual(self.later(0.000_4).databytes, 0)
        self.assertEqual(self.later(0.000_2).databytes, 10)

    def test_an_unchanged_list_stays_the_object_that_was_compiled(self):
        self.write("badrcptto", b"a\n")
        first = self.later()
        self.write("databytes", b"1")
        second = self.later()
        self.assertIsNot(first, second)
        self.assertIs(first.badrcptto, second.badrcptto)


class TestLongLists(Qmail):
    """validrcptto with a million lines: read anew, it holds up everything for half a second."""

    def setUp(self) -> None:
        super().setUp()
        self.readings = 0
        before = os.open

        def counting(path, *arguments, **named):
            self.readings += os.path.basename(path) == "validrcptto"
            return before(path, *arguments, **named)

        self.patch(os, "open", counting)
        self.edit(b"ann@example.org")

    def edit(self, first: bytes) -> None:
        self.write("validrcptto", first + b"\n" + b"somebody@example.org\n" * 60_000)

    def test_a_long_list_is_read_once_for_an_edit_and_not_by_each_connection(self) -> None:
        """For two seconds behind it each connection read all of it again."""
        self.later()
        for _ in range(1000):
            self.later(0.03)
        self.assertEqual(self.readings, 2)  # the first may have been within the tick of an edit
        self.edit(b"bob@example.org")
        for _ in range(600):
            self.later()
            self.assertEqual(self.files.current().validrcptto[0], b"ann@example.org")
        self.assertEqual(self.later(0.3).validrcptto[0], b"bob@example.org")
        for _ in range(1000):
            self.later(0.03)
        self.assertEqual(self.readings, 3)

    def test_who_writes_without_end_has_it_read_now_and_then_alone(self) -> None:
        """A script that appends an address every three seconds."""
        self.settle()
        for address in range(100):
            self.edit(b"%d@example.org" % address)
            self.later()
            self.later(2.99)
        self.assertLess(self.readings, 33)

    def test_beside_it_an_edit_of_a_short_one_is_seen_by_the_next_connection(self) -> None:
        """As ever; and a list that becomes short is read at once, as is one that is gone."""
        self.settle()
        self.edit(b"bob@example.org")
        self.write("databytes", b"10")
        controls = self.later()
        self.assertEqual((controls.databytes, controls.validrcptto[0]), (10, b"ann@example.org"))
        self.write("validrcptto", b"carol@example.org\n")
        self.assertEqual(self.later().validrcptto, (b"carol@example.org",))
        os.unlink(os.path.join(self.control, "validrcptto"))
        self.assertIsNone(self.later().validrcptto)

    def test_one_that_is_too_long_is_a_fault_without_being_read(self) -> None:
        """By each connection until it is mended."""
        self.settle()
        before = self.readings
        os.truncate(os.path.join(self.control, "validrcptto"), 33 * 1024 * 1024)
        for _ in range(10):
            self.assertRaises(BadControls, self.later, 5)
        self.assertEqual(self.readings, before)


class TestFaults(Qmail):
    def test_what_is_there_and_cannot_be_read_raises_until_it_is_mended(self):
        """The first call must not hide it from the second."""
        os.mkdir(os.path.join(self.control, "rcpthosts"))
        for wait in (0.003, 0, 5, 5):
            with self.assertRaises(BadControls) as bad:
                self.later(wait)
            self.assertEqual(bad.exception.file, os.path.join(self.control, "rcpthosts"))
        os.rmdir(os.path.join(self.control, "rcpthosts"))
        self.assertIsNone(self.later().rcpthosts)

    def test_a_file_for_root_alone_is_a_fault(self):
        if not os.geteuid():
            raise SkipTest("root reads everything")
        self.write("badmailfrom", b"a")
        self.settle()
        os.chmod(os.path.join(self.control, "badmailfrom"), 0)
        with self.assertRaises(BadControls) as bad:
            self.later()
        self.assertIn("badmailfrom: Permission denied", str(bad.exception))
        os.chmod(os.path.join(self.control, "badmailfrom"), 0o644)
        self.assertEqual(self.later().badmailfrom, (b"a",))

    def test_a_damaged_cdb_is_a_fault_and_the_old_one_goes_on_for_who_has_it(self):
        path = os.path.join(self.control, "morercpthosts.cdb")
        write_cdb(path, [(b"a.example", b"")])
        old = self.later()
        self.write("new", b"x")
        os.rename(os.path.join(self.control, "new"), path)
        with self.assertRaises(BadControls) as bad:
            self.later()
        self.assertEqual(bad.exception.why, "1 octets are too few for a cdb; make it anew")
        assert old.morercpthosts is not None
        self.assertEqual(old.morercpthosts.get(b"a.example"), b"")
        write_cdb(path, [(b"b.example", b"")])
        new = self.later().morercpthosts
        assert new is not None
        self.assertEqual(new.get(b"b.example"), b"")
        self.assertIs(self.settle().morercpthosts, new)

    def test_a_fifo_does_not_hold_us(self):
        os.mkfifo(os.path.join(self.control, "databytes"))
        self.assertEqual(self.later().databytes, 0)

    def test_without_me_and_smtpgreeting_nobody_is_greeted(self):
        os.remove(os.path.join(self.control, "me"))
        with self.assertRaises(BadControls) as bad:
            self.later()
        self.assertIn("put this host's full name into it", str(bad.exception))
        self.write("smtpgreeting", b"hello")
        self.assertEqual(self.later().smtpgreeting, b"hello")

    def test_without_control_it_is_a_fault_until_there_is_one(self):
        files = ControlFiles(self.home + "-none", self.clock.seconds)
        self.assertRaises(BadControls, files.current)
        os.makedirs(self.home + "-none/control")
        with open(self.home + "-none/control/me", "wb") as file:
            file.write(b"x")
        self.clock.advance(1)
        self.assertEqual(files.current().me, b"x")


class TestOtherFiles(Qmail):
    def test_they_begin_in_the_home_and_are_read_anew_when_they_changed(self):
        self.write("list", b"a\n")
        files = OtherFiles(self.home)
        first = files.lines(b"control/list")
        self.assertEqual(first, (b"a",))
        self.assertIs(files.lines(b"control/list"), first)
        self.write("list", b"a\nb\n")
        self.assertEqual(files.lines(os.fsencode(os.path.abspath(self.control)) + b"/list"), (b"a", b"b"))
        self.assertIsNone(files.lines(b"control/none"))
        self.assertRaises(BadControls, files.lines, b"control")
        self.assertRaises(BadControls, files.lines, b"a\0b")
        self.assertRaises(BadControls, files.cdb, b"control/list")
        write_cdb(os.path.join(self.control, "c"), [(b"k", b"")])
        found = files.cdb(b"control/c")
        assert found is not None
        self.assertEqual(found.get(b"k"), b"")

    def test_every_file_of_control_has_its_place_in_the_value(self):
        for name in NAMES:
            if name.endswith(".cdb"):
                write_cdb(os.path.join(self.control, name), [])
            else:
                self.write(name, b"3\n")
        controls = self.later()
        same = [name for name, value in vars(controls).items() if value == getattr(Controls(smtpgreeting=b""), name, 0)]
        self.assertEqual(same, ["servercerts"])

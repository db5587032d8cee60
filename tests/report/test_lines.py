"""Lines in a file or on standard output: whole or not at all, and never waited for."""

import os

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.report.lines import Lines
from twistedmx.report.losses import Losses


class TestLines(SynchronousTestCase):
    def test_lines_are_appended_and_on_disk_at_once(self):
        """Another start goes on in the same file, and whoever watches it sees each line."""
        path = self.mktemp()
        for line in ("one", "two"):
            Lines(path)(line)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "one\ntwo\n")

    def test_nothing_is_opened_before_the_first_line(self):
        """The server is built as root, and writes as somebody else."""
        path = self.mktemp()
        Lines(path)
        self.assertFalse(os.path.exists(path))

    def test_a_line_that_cannot_be_written_is_told_once_and_the_next_one_tries_anew(self):
        """A full disk must neither stop the mail nor silence the log for ever."""
        folder = self.mktemp()
        losses = Losses()
        lines = Lines(os.path.join(folder, "log"), losses)
        lines("lost")
        lines("lost too")
        os.mkdir(folder)
        lines("kept")
        self.assertEqual(losses.lines, 2)
        with open(os.path.join(folder, "log"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "kept\n")

    def test_a_log_that_was_moved_away_is_begun_anew(self):
        """As logrotate does it, without a signal."""
        path = self.mktemp()
        lines = Lines(path)
        lines("old")
        os.rename(path, path + ".1")
        lines("new")
        os.remove(path)
        lines("newer")
        with open(path, encoding="utf-8") as file, open(path + ".1", encoding="utf-8") as moved:
            self.assertEqual((file.read(), moved.read()), ("newer\n", "old\n"))

    def test_nobody_else_on_the_machine_may_read_it(self):
        """Who writes to whom is nobody's affair."""
        path = self.mktemp()
        Lines(path)("x")
        self.assertEqual(os.stat(path).st_mode & 0o007, 0)

    def test_a_pipe_without_a_reader_is_not_waited_for(self):
        """Opening one would hold up the mail until somebody reads."""
        path = self.mktemp()
        os.mkfifo(path)
        losses = Losses()
        Lines(path, losses)("lost")
        self.assertEqual(losses.lines, 1)


class TestGathered(SynchronousTestCase):
    def setUp(self):
        self.path = self.mktemp()
        self.turn = []
        self.losses = Losses()
        self.lines = Lines(self.path, self.losses, later=self.turn.append)

    def written(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def test_the_lines_of_a_turn_are_written_at_its_end(self):
        """Together: each write of its own would cost a third of the line."""
        for line in ("one", "two"):
            self.lines(line)
        self.assertFalse(os.path.exists(self.path))
        (flush,) = self.turn
        flush()
        self.assertEqual(self.written(), "one\ntwo\n")

    def test_the_next_turn_begins_anew(self):
        """Else its lines would wait for ever."""
        self.lines("one")
        self.turn.pop()()
        self.lines("two")
        self.turn.pop()()
        self.assertEqual(self.written(), "one\ntwo\n")

    def test_a_close_loses_nothing(self):
        """A stop and a reload close; the flush that was asked for comes later, and finds nothing."""
        self.lines("one")
        self.lines.close()
        self.turn.pop()()
        self.assertEqual(self.written(), "one\n")

    def test_a_turn_without_end_is_written_in_between(self):
        """What is held is bounded."""
        for number in range(1000):
            self.lines(str(number))
        self.assertEqual(self.written().count("\n"), 1000)

    def test_each_line_that_is_lost_is_counted(self):
        """A folder that is not there takes all of them with it."""
        lines = Lines(os.path.join(self.mktemp(), "log"), self.losses, later=self.turn.append)
        for line in ("one", "two", "three"):
            lines(line)
        self.turn.pop()()
        self.assertEqual(self.losses.lines, 3)


class TestStandardOutput(SynchronousTestCase):
    def setUp(self):
        self.read, self.write = os.pipe()
        self.addCleanup(os.close, self.read)
        self.addCleanup(os.close, self.write)
        self.losses = Losses()
        self.lines = Lines("-", self.losses, standard_output=self.write)

    def fill(self):
        """Write until the pipe takes no more."""
        while not self.losses.lines:
            self.lines("x" * 1000)

    def test_lines_come_through(self):
        """Whoever runs us in a container reads them there."""
        self.lines("one")
        self.lines("ü")
        self.assertEqual(os.read(self.read, 100), "one\nü\n".encode())

    def test_a_reader_that_hangs_is_not_waited_for(self):
        """A container's log that is not read would stop the mail."""
        self.fill()
        self.lines("lost as well")
        self.assertEqual(self.losses.lines, 2)
        os.read(self.read, 1 << 20)
        self.lines("again")
        self.assertEqual(os.read(self.read, 100), b"again\n")

    def test_a_line_that_was_cut_off_does_not_spoil_the_next(self):
        """Half an object and a whole one are no object."""
        self.lines("y" * (1 << 20))
        self.assertEqual(self.losses.lines, 1)
        half = os.read(self.read, 1 << 20)
        self.assertEqual(half, b"y" * len(half))
        self.lines("next")
        self.lines("and next")
        self.assertEqual(os.read(self.read, 100), b"\nnext\nand next\n")

    def test_what_we_share_stays_as_it_was(self):
        """The shell that started us shares it: it must not become non-blocking for all."""
        self.fill()
        self.assertTrue(os.get_blocking(self.write))

"""Where the lines of the log go."""

import os

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.report.lines import Lines


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
        lines = Lines(os.path.join(folder, "log"))
        lines("lost")
        lines("lost too")
        os.mkdir(folder)
        lines("kept")
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

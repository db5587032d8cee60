"""How many descriptors are left, counted at no cost that matters."""

import errno
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.descriptors import FreeDescriptors


class TestFreeDescriptors(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.lowest, self.error = 3, None

    def entries(self, count):
        for path in self.folder.iterdir():
            path.unlink()
        for number in range(count):
            (self.folder / str(number)).touch()

    def lowest_free(self):
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return self.lowest

    def free(self, size=0):
        return FreeDescriptors(self.folder, limit=lambda: 100, size=lambda folder: size, lowest_free=self.lowest_free)

    def test_a_kernel_that_tells_their_number_is_believed(self):
        """Nothing is listed, and nothing opened."""
        self.error = errno.EMFILE
        self.assertEqual(self.free(size=30).count(1.0), 70)
        self.assertEqual(self.free(size=130).count(1.0), 0, "the limit was lowered meanwhile")

    def test_older_ones_are_listed_every_ten_seconds(self):
        """Less the descriptor that the listing takes."""
        free = self.free()
        self.entries(11)
        self.assertEqual(free.count(1.0), 90)
        self.entries(21)
        self.assertEqual(free.count(10.9), 90)
        self.assertEqual(free.count(11.1), 80)
        self.entries(1)
        self.assertEqual(free.count(5.0), 97, "a clock put back; and the lowest free number is 3")

    def test_a_crowd_is_seen_between_two_listings(self):
        """What comes fills the lowest numbers."""
        free = self.free()
        self.entries(11)
        self.lowest = 60
        self.assertEqual(free.count(1.0), 40)

    def test_when_none_is_free_it_can_still_be_told(self):
        """It is then that it matters."""
        for error in (errno.EMFILE, errno.ENFILE):
            self.error = error
            self.assertEqual(self.free().count(1.0), 0)
        self.error = errno.EACCES
        self.assertRaises(OSError, self.free().count, 1.0)

    def test_of_this_process(self):
        """By both ways the same, as far as others do not open any meanwhile."""
        before = FreeDescriptors().count(1.0)
        listed = FreeDescriptors(size=lambda folder: 0, lowest_free=lambda: 0)
        self.assertEqual(listed.count(1.0), before)
        read, write = os.pipe()
        try:
            self.assertEqual(FreeDescriptors().count(1.0), before - 2)
        finally:
            os.close(read)
            os.close(write)

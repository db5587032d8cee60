"""What every `ports.Disk` keeps to, whatever it writes on. A mixin for a `SynchronousTestCase`.

The disk is asked for what acceptance asks it, names of files and folders included: one that takes only what lies in a
Maildir passes. What survives a power cut is not tested here: a real one cannot be asked.
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from twistedmx.delivery.maildir import Names
from twistedmx.delivery.tally import KeepsMaildirsize
from twistedmx.ports import Disk, File

if TYPE_CHECKING:
    from unittest import TestCase as _Test
else:
    _Test = object


class DiskSuite(_Test):
    """`root`: absolute path of a Maildir that is not there yet, in a directory that the disk may write to."""

    root: str
    disk: Disk

    def read(self, path: str) -> bytes:
        """All octets of a file, by another way than the disk under test."""
        raise NotImplementedError

    def names(self, directory: str) -> Sequence[str]:
        """The names in a directory, by another way, in any order."""
        raise NotImplementedError

    def put(self, path: str, octets: bytes) -> None:
        """Make a file of the Maildir's owner, by another way."""
        raise NotImplementedError

    def put_directory(self, path: str) -> None:
        """Make a directory of the Maildir's owner, by another way."""
        raise NotImplementedError

    def take_away(self, path: str) -> None:
        """Remove an empty directory, by another way."""
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Let the `now` of the disk be later, or the files older."""
        raise NotImplementedError

    def name(self, number: int) -> str:
        """The name of a file: for one number always the same."""
        return Names(now=lambda: 1e9 + number, chance=Random(number), host="mx.example", pid=lambda: number).next()

    def make(self) -> None:
        """The two directories to work in."""
        self.disk.make_directories(f"{self.root}/tmp")
        self.disk.make_directories(f"{self.root}/new")

    def begin(self, number: int, *blocks: bytes) -> File:
        """A new file with something in it."""
        file = self.disk.create(self.root, self.name(number))
        self.disk.write(file, blocks)
        return file

    def publish(self, number: int, *blocks: bytes) -> str:
        """The path of a new published file."""
        file = self.begin(number, *blocks)
        self.assertEqual(self.disk.sync([file], ()), ([None], []))
        path = f"{self.root}/new/{self.name(number)}"
        self.disk.publish(file, path)
        self.assertEqual(self.disk.sync((), [(file, path)]), ([], [None]))
        self.disk.close(file)
        return path

    def test_a_published_file_has_all_blocks_in_order_and_no_other_name(self) -> None:
        """Half a message, or a second name where it was begun, would be a mail lost or kept for ever."""
        self.make()
        blocks = [b"%d\n" % number for number in range(3000)]
        path = self.publish(1, *blocks)
        self.assertEqual(self.read(path), b"".join(blocks))
        self.assertEqual(list(self.names(f"{self.root}/new")), [self.name(1)])
        self.assertEqual(list(self.names(f"{self.root}/tmp")), [])

    def test_publishing_never_replaces(self) -> None:
        """The other file of that name is somebody's mail."""
        self.make()
        path = self.publish(1, b"first")
        file = self.begin(2, b"second")
        self.assertRaises(FileExistsError, self.disk.publish, file, path)
        self.disk.publish(file, f"{self.root}/new/{self.name(2)}")
        self.disk.close(file)
        self.assertEqual(self.read(path), b"first")
        self.assertEqual(self.read(f"{self.root}/new/{self.name(2)}"), b"second")

    def test_a_copy_is_appended_from_the_offset_on(self) -> None:
        """Each copy has a trace of its own, of another length."""
        self.make()
        content = bytes(range(256)) * 2000
        first = self.begin(1, b"long trace\n", content)
        second = self.begin(2, b"trace\n")
        self.disk.copy(first, len(b"long trace\n"), second)
        self.disk.write(first, (b"more",))
        for number, file in ((1, first), (2, second)):
            self.disk.start_writeback(file)
            self.disk.sync([file], ())
            self.disk.publish(file, f"{self.root}/new/{self.name(number)}")
            self.disk.close(file)
        self.assertEqual(self.read(f"{self.root}/new/{self.name(1)}"), b"long trace\n" + content + b"more")
        self.assertEqual(self.read(f"{self.root}/new/{self.name(2)}"), b"trace\n" + content)

    def test_many_are_synced_at_a_time(self) -> None:
        """A batch is what the disk is asked for; more than it takes at once, too."""
        self.make()
        files = [self.begin(number, b"%d" % number) for number in range(100)]
        self.assertEqual(self.disk.sync(files, ()), ([None] * 100, []))
        paths = [f"{self.root}/new/{self.name(number)}" for number in range(100)]
        for file, path in zip(files, paths, strict=True):
            self.disk.publish(file, path)
        # And more of the next batch at the same time: each has its own answer.
        others = [self.begin(number, b"%d" % number) for number in range(100, 200)]
        self.disk.discard(others.pop(50))
        of_files, of_names = self.disk.sync(others, list(zip(files, paths, strict=True)))
        self.assertEqual((list(of_files), list(of_names)), ([None] * 99, [None] * 100))
        for file in (*files, *others):
            self.disk.close(file)
        self.assertEqual([self.read(path) for path in paths], [b"%d" % number for number in range(100)])
        self.assertEqual(self.disk.sync((), ()), ([], []))

    def test_a_discarded_file_leaves_no_name(self) -> None:
        """What was given up must not fill the disk."""
        self.make()
        self.disk.discard(self.begin(1, b"content"))
        self.assertEqual(list(self.names(f"{self.root}/tmp")), [])

    def test_creating_in_a_missing_directory_says_so(self) -> None:
        """It is how a Maildir that was taken away is noticed."""
        self.assertRaises(FileNotFoundError, self.disk.create, self.root, self.name(1))

    def test_publishing_into_a_missing_directory_says_so_and_the_file_lives(self) -> None:
        """The mailbox may be removed at any moment."""
        self.make()
        file = self.begin(1, b"content")
        path = f"{self.root}/new/{self.name(1)}"
        self.take_away(f"{self.root}/new")
        self.assertRaises(FileNotFoundError, self.disk.publish, file, path)
        self.disk.make_directories(f"{self.root}/new")
        self.disk.publish(file, path)
        self.disk.close(file)
        self.assertEqual(self.read(path), b"content")

    def test_directories_are_made_with_their_parents_and_again(self) -> None:
        """The first mail of a new user, and the second."""
        for _ in range(2):
            self.disk.make_directories(f"{self.root}/cur")
        self.assertEqual(list(self.names(self.root)), ["cur"])
        for _ in range(2):
            self.disk.make_directories(self.root, ("tmp", "new", "cur"))
        self.assertEqual(sorted(self.names(self.root)), ["cur", "new", "tmp"])

    def test_a_maildir_and_what_it_is_in_are_synced(self) -> None:
        """They are when a Maildir is made; one that is not there cannot be, and silence would be a promise."""
        self.assertRaises(FileNotFoundError, self.disk.sync_directory, self.root)
        self.assertRaises(FileNotFoundError, self.disk.sync_directory, f"{self.root}/new")
        self.make()
        for directory in (f"{self.root}/new", self.root, self.root.rpartition("/")[0]):
            self.disk.sync_directory(directory)

    def test_a_name_is_removed_and_a_missing_one_is_fine(self) -> None:
        """A reader may have been faster."""
        self.make()
        path = self.publish(1, b"content")
        self.disk.remove(path)
        self.disk.remove(path)
        self.assertEqual(list(self.names(f"{self.root}/new")), [])

    def test_a_file_in_tmp_is_stale_once_untouched_for_so_long_and_can_be_removed(self) -> None:
        """Others write there too, and are not to be disturbed. 36 hours is the Maildir page's time."""
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/tmp", 36 * 3600)), [])
        self.make()
        path = f"{self.root}/tmp/1234.somebody_s.other"
        self.put(path, b"content")
        self.put_directory(f"{self.root}/tmp/directory")
        self.wait(36 * 3600 - 60)
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/tmp", 36 * 3600)), [])
        self.wait(120)
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/tmp", 36 * 3600)), [path])
        self.disk.remove(path)
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/tmp", 36 * 3600)), [])

    def test_free_space_is_told_of_a_directory_that_is_not_there_yet(self) -> None:
        """Before the first mail there is no Maildir."""
        self.assertGreater(self.disk.free_octets(f"{self.root}/tmp"), 0)


class MaildirsizeSuite(DiskSuite):
    """For a disk that keeps Maildir++ quotas too: `twistedmx.delivery.tally.KeepsMaildirsize`."""

    def keeps(self) -> KeepsMaildirsize:
        """The disk, as one that does."""
        if not isinstance(self.disk, KeepsMaildirsize):
            raise AssertionError("it does not")
        return self.disk

    def test_a_message_is_added_to_a_maildirsize_that_is_there(self) -> None:
        """Its last line may be anybody's; nothing of it is changed."""
        self.make()
        self.put(f"{self.root}/maildirsize", b"1000000S\n4000 3\n")
        self.assertTrue(self.keeps().add_to_maildirsize(self.root, 12345))
        self.assertTrue(self.keeps().add_to_maildirsize(self.root, 7))
        self.assertEqual(self.read(f"{self.root}/maildirsize"), b"1000000S\n4000 3\n12345 1\n7 1\n")

    def test_a_maildirsize_that_is_missing_is_not_made(self) -> None:
        """A file without the limit in its first line would be read as no quota, or as a fault."""
        self.make()
        self.assertFalse(self.keeps().add_to_maildirsize(self.root, 1))
        self.assertFalse(self.keeps().add_to_maildirsize(f"{self.root}", 1))
        self.assertEqual(sorted(self.names(self.root)), ["new", "tmp"])

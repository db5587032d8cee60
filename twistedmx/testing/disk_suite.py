"""What every `ports.Disk` keeps to, whatever it writes on. A mixin for a `SynchronousTestCase`.

What survives a power cut is not tested here: a real one cannot be asked.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twistedmx.ports import Disk

if TYPE_CHECKING:
    from unittest import TestCase as _Test
else:
    _Test = object


class DiskSuite(_Test):
    """`root`: absolute path of an empty directory on the disk, there before the test begins."""

    root: str
    disk: Disk

    def read(self, path: str) -> bytes:
        """All octets of a file, by another way than the disk under test."""
        raise NotImplementedError

    def names(self, directory: str) -> Sequence[str]:
        """The names in a directory, by another way, in any order."""
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Let the `now` of the disk be later."""
        raise NotImplementedError

    def make(self) -> None:
        """Two directories to work in."""
        self.disk.make_directories(f"{self.root}/begun")
        self.disk.make_directories(f"{self.root}/new")

    def publish(self, name: str, *blocks: bytes) -> str:
        """The path of a new published file."""
        file = self.disk.create(f"{self.root}/begun", f"t{name}")
        self.disk.write(file, blocks)
        self.disk.sync(file)
        path = f"{self.root}/new/{name}"
        self.disk.publish(file, path)
        self.disk.sync_directory(f"{self.root}/new")
        self.disk.close(file)
        return path

    def test_a_published_file_has_all_blocks_in_order_and_no_other_name(self) -> None:
        """Half a message, or a second name where it was begun, would be a mail lost or kept for ever."""
        self.make()
        blocks = [b"%d\n" % number for number in range(3000)]
        path = self.publish("one", *blocks)
        self.assertEqual(self.read(path), b"".join(blocks))
        self.assertEqual(list(self.names(f"{self.root}/new")), ["one"])
        self.assertEqual(list(self.names(f"{self.root}/begun")), [])

    def test_publishing_never_replaces(self) -> None:
        """The other file of that name is somebody's mail."""
        self.make()
        path = self.publish("one", b"first")
        file = self.disk.create(f"{self.root}/begun", "two")
        self.disk.write(file, (b"second",))
        self.assertRaises(FileExistsError, self.disk.publish, file, path)
        self.disk.publish(file, f"{self.root}/new/two")
        self.disk.close(file)
        self.assertEqual(self.read(path), b"first")
        self.assertEqual(self.read(f"{self.root}/new/two"), b"second")

    def test_a_copy_is_appended_from_the_offset_on(self) -> None:
        """Each copy has a trace of its own, of another length."""
        self.make()
        content = bytes(range(256)) * 2000
        first = self.disk.create(f"{self.root}/begun", "one")
        self.disk.write(first, (b"long trace\n", content))
        second = self.disk.create(f"{self.root}/begun", "two")
        self.disk.write(second, (b"trace\n",))
        self.disk.copy(first, len(b"long trace\n"), second)
        self.disk.write(first, (b"more",))
        for name, file in (("one", first), ("two", second)):
            self.disk.start_writeback(file)
            self.disk.sync(file)
            self.disk.publish(file, f"{self.root}/new/{name}")
            self.disk.close(file)
        self.assertEqual(self.read(f"{self.root}/new/one"), b"long trace\n" + content + b"more")
        self.assertEqual(self.read(f"{self.root}/new/two"), b"trace\n" + content)

    def test_a_discarded_file_leaves_no_name(self) -> None:
        """What was given up must not fill the disk."""
        self.make()
        file = self.disk.create(f"{self.root}/begun", "one")
        self.disk.write(file, (b"content",))
        self.disk.discard(file)
        self.assertEqual(list(self.names(f"{self.root}/begun")), [])

    def test_creating_in_a_missing_directory_says_so(self) -> None:
        """It is how a Maildir that was taken away is noticed."""
        self.assertRaises(FileNotFoundError, self.disk.create, f"{self.root}/missing/tmp", "one")

    def test_publishing_into_a_missing_directory_says_so_and_the_file_lives(self) -> None:
        """The mailbox may be removed at any moment."""
        self.make()
        file = self.disk.create(f"{self.root}/begun", "one")
        self.assertRaises(FileNotFoundError, self.disk.publish, file, f"{self.root}/missing/one")
        self.disk.publish(file, f"{self.root}/new/one")
        self.disk.close(file)

    def test_directories_are_made_with_their_parents_and_again(self) -> None:
        """The first mail of a new user, and the second."""
        for _ in range(2):
            self.disk.make_directories(f"{self.root}/a/b/c")
        self.assertEqual(list(self.names(f"{self.root}/a/b")), ["c"])

    def test_syncing_a_missing_directory_fails(self) -> None:
        """Silence would be a promise."""
        self.assertRaises(FileNotFoundError, self.disk.sync_directory, f"{self.root}/missing")

    def test_a_name_is_removed_and_a_missing_one_is_fine(self) -> None:
        """A reader may have been faster."""
        self.make()
        path = self.publish("one", b"content")
        self.disk.remove(path)
        self.disk.remove(path)
        self.assertEqual(list(self.names(f"{self.root}/new")), [])

    def test_a_file_is_stale_once_untouched_for_so_long(self) -> None:
        """Others write there too, and are not to be disturbed."""
        self.make()
        path = self.publish("one", b"content")
        self.disk.make_directories(f"{self.root}/new/directory")
        self.wait(90)
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/new", 100)), [])
        self.wait(20)
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/new", 100)), [path])
        self.assertEqual(list(self.disk.list_stale(f"{self.root}/missing", 100)), [])

    def test_free_space_is_told_of_a_directory_that_is_not_there_yet(self) -> None:
        """Before the first mail there is no Maildir."""
        self.assertGreater(self.disk.free_octets(f"{self.root}/not/yet"), 0)

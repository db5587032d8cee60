"""The system calls of acceptance: the real disk in both its ways of writing, and the one in memory."""

import errno
import os
import time
from collections.abc import Sequence
from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery import disk, paths
from twistedmx.delivery.disk import PosixDisk
from twistedmx.delivery.filesystem import Kept, kept_by
from twistedmx.ports import File
from twistedmx.testing.disk import FakeDisk, PowerCut
from twistedmx.testing.disk_suite import MaildirsizeSuite


class RealFiles(MaildirsizeSuite):
    """The suite on real files, in trial's own directory."""

    nameless = True

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        self.root = f"{self.home}/Maildir"
        os.makedirs(self.home)
        self.waited = 0.0
        self.disk = PosixDisk(now=lambda: time.time() + self.waited, nameless=self.nameless)

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def names(self, directory: str) -> Sequence[str]:
        return os.listdir(directory)

    def put(self, path: str, octets: bytes) -> None:
        with open(path, "wb") as file:
            file.write(octets)

    def put_directory(self, path: str) -> None:
        os.mkdir(path)

    def take_away(self, path: str) -> None:
        os.rmdir(path)

    def wait(self, seconds: float) -> None:
        self.waited += seconds

    def copied(self, number: int = 2) -> bytes:
        self.make()
        first = self.begin(1, b"trace\n", b"content" * 100_000)
        second = self.disk.create(self.root, self.name(number))
        self.disk.copy(first, 6, second)
        path = f"{self.root}/new/{self.name(number)}"
        self.disk.publish(second, path)
        self.disk.close(second)
        self.disk.discard(first)
        return self.read(path)

    def test_a_refused_copy_goes_through_memory(self) -> None:
        """The two Maildirs may be on different file systems, the kernel may be old."""
        for number in (errno.EXDEV, errno.ENOSYS, errno.EINVAL):

            def refuse(*a: object, number: int = number, **k: object) -> int:
                raise OSError(number, "refused")

            self.patch(disk, "copy_file_range", refuse)
            self.assertEqual(self.copied(number), b"content" * 100_000)

    def test_a_copy_that_stops_early_is_ended_through_memory(self) -> None:
        """Some kernels answer 0, or less than asked."""
        real = disk.copy_file_range
        answers = iter([1000, 0])
        self.patch(disk, "copy_file_range", lambda s, t, n, **k: (most := next(answers)) and real(s, t, most, **k))
        self.assertEqual(self.copied(), b"content" * 100_000)

    def test_a_full_disk_is_said_and_not_tried_again(self) -> None:
        """ENOSPC has an outcome of its own."""

        def full(*a: object, **k: object) -> int:
            raise OSError(errno.ENOSPC, "full")

        self.patch(disk, "copy_file_range", full)
        self.assertRaises(OSError, self.copied)

    def test_what_was_not_taken_is_written_again_from_there(self) -> None:
        """A signal, or a disk nearly full, must not tear a message."""
        self.make()
        real = disk.writev
        self.patch(disk, "writev", lambda descriptor, blocks: real(descriptor, [b"".join(blocks)[:5]]))
        self.assertEqual(self.read(self.publish(1, b"abc", b"def", b"ghi")), b"abcdefghi")

    def test_a_maildirsize_that_is_no_file_is_not_written(self) -> None:
        """A link would lead elsewhere, a pipe would hold up all mail until somebody reads it."""
        self.make()
        os.mkfifo(f"{self.root}/maildirsize")
        self.assertRaises(OSError, self.keeps().add_to_maildirsize, self.root, 1)
        os.unlink(f"{self.root}/maildirsize")
        self.put(f"{self.home}/other", b"")
        os.symlink(f"{self.home}/other", f"{self.root}/maildirsize")
        self.assertRaises(OSError, self.keeps().add_to_maildirsize, self.root, 1)
        self.assertEqual(self.read(f"{self.home}/other"), b"")

    def test_a_file_in_the_way_is_an_error(self) -> None:
        """The operator hears of it; it is not replaced."""
        self.make()
        self.put(f"{self.root}/file", b"")
        self.assertRaises(OSError, self.disk.make_directories, f"{self.root}/file/tmp")
        self.assertRaises(OSError, self.disk.make_directories, f"{self.root}/file")

    @skipUnless(os.path.isdir("/proc/self/fd"), "needs /proc")
    def test_no_descriptor_is_left(self) -> None:
        """A leak of one a message ends the service within the hour."""
        before = len(os.listdir("/proc/self/fd"))
        self.make()
        self.publish(1, b"content")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class OwnFiles(RealFiles):
    """What can be tried where the calls are made in this process."""

    def test_a_directory_whose_parent_could_not_be_synced_is_taken_away(self) -> None:
        """Left there it would pass for a safe one, and the next mail would be lost with it."""
        disk = self.disk

        def broken(path: str) -> None:
            raise OSError(errno.EIO, "broken")

        disk.sync_directory = broken
        self.assertRaises(OSError, disk.make_directories, f"{self.root}/a/b", ("tmp", "new"))
        self.assertEqual(self.names(self.home), [])

    def test_what_a_maildir_was_made_in_is_synced_once(self) -> None:
        """The first message of a mailbox waits for each of them."""
        disk, synced = self.disk, []
        disk.sync_directory = synced.append
        self.assertEqual(
            disk.make_directories(f"{self.root}/a", ("tmp", "new")), [self.home, self.root, f"{self.root}/a"]
        )
        self.assertEqual(synced, [self.home, self.root, f"{self.root}/a"])
        self.assertEqual(disk.make_directories(f"{self.root}/a", ("tmp", "new", "cur")), [f"{self.root}/a"])
        self.assertEqual(disk.make_directories(f"{self.root}/a", ("tmp", "new", "cur")), [])
        self.assertEqual(synced, [self.home, self.root, f"{self.root}/a", f"{self.root}/a"])
        self.assertEqual(sorted(self.names(f"{self.root}/a")), ["cur", "new", "tmp"])


class NamelessFilesTests(OwnFiles, SynchronousTestCase):
    """Where O_TMPFILE is to be had and trusted."""

    def test_a_file_system_that_is_not_known_to_keep_nameless_files_gets_names(self) -> None:
        """/proc stands for btrfs, which could bring a message back empty after a power cut."""
        self.assertEqual(kept_by(os.stat("/proc").st_dev), Kept())

    def test_the_way_of_writing_is_remembered_for_a_bounded_number_of_directories(self) -> None:
        """Ten thousand users must not become a leak."""
        self.make()
        for _ in range(2):
            self.disk.discard(self.disk.create(self.root, "x"))
        self.assertEqual(list(self.disk._kept), [self.root])
        self.disk._kept.update((str(number), Kept()) for number in range(5000))
        self.disk.make_directories(f"{self.home}/other/new")
        self.disk.make_directories(f"{self.home}/other/tmp")
        self.disk.discard(self.disk.create(f"{self.home}/other", "x"))
        self.assertEqual(list(self.disk._kept), [f"{self.home}/other"])

    def test_a_refused_link_means_names_from_then_on(self) -> None:
        """Some security modules let us make a nameless file and will not link it: one message waits, not all."""
        self.make()
        file = self.disk.create(self.root, self.name(1))
        if file.temporary:
            self.skipTest("no nameless files here")
        self.patch(paths, "link", lambda *a: (_ for _ in ()).throw(OSError(errno.EPERM, "refused")))
        self.assertRaises(OSError, self.disk.publish, file, f"{self.root}/new/one")
        self.disk.discard(file)
        self.assertEqual(self.read(self.publish(2, b"content")), b"content")


class OfThisKindTests(OwnFiles, SynchronousTestCase):
    """The ways of file systems that keep more, and less, than the one here, where that makes files without a name."""

    kept = Kept(nameless=True)

    def setUp(self) -> None:
        super().setUp()
        self.patch(paths, "kept_by", lambda device: self.kept)

    def test_a_name_in_a_directory_that_went_away_is_not_safe(self) -> None:
        """Somebody removed the mailbox in this moment; its neighbours in the batch are delivered."""
        self.make()
        self.disk.make_directories(f"{self.home}/other/new")
        files = [self.begin(1, b"one"), self.disk.create(f"{self.home}/other", self.name(2))]
        published = list(
            zip(files, (f"{self.root}/new/{self.name(1)}", f"{self.home}/other/new/{self.name(2)}"), strict=True)
        )
        for file, path in published:
            self.disk.publish(file, path)
        os.rename(f"{self.home}/other", f"{self.home}/gone")
        _, answers = self.disk.sync((), published)
        self.assertEqual([answer is None for answer in answers], [True, self.kept.name_with_file])
        for file in files:
            self.disk.close(file)


class NameWithFileTests(OfThisKindTests):
    kept = Kept(nameless=True, name_with_file=True)


class InOrderTests(OfThisKindTests):
    kept = Kept(nameless=True, name_with_file=True, in_order=True)


class NamedFilesTests(OwnFiles, SynchronousTestCase):
    """Where every file has a name from the start."""

    nameless = False

    def test_without_hard_links_the_file_is_renamed_and_still_never_replaces(self) -> None:
        """FAT, and some network file systems, know no links."""
        self.make()
        self.patch(os, "link", lambda *a, **k: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
        path = self.publish(1, b"content")
        self.assertEqual(self.read(path), b"content")
        self.assertEqual(self.names(f"{self.root}/tmp"), [])
        file = self.disk.create(self.root, self.name(2))
        self.assertRaises(FileExistsError, self.disk.publish, file, path)
        self.disk.discard(file)

    def test_a_link_whose_answer_was_lost_counts(self) -> None:
        """NFS repeats the call and hears that the name is taken: by us. Another name would be a second delivery."""
        self.make()
        file = self.disk.create(self.root, self.name(1))
        os.link(file.temporary, f"{self.root}/new/one")
        self.disk.publish(file, f"{self.root}/new/one")
        self.disk.close(file)
        self.assertEqual(self.names(f"{self.root}/tmp"), [])

    def test_a_name_of_its_own_that_is_taken_is_said(self) -> None:
        """Two writers in one file would mix two messages."""
        self.make()
        self.disk.discard(self.disk.create(self.root, self.name(1)))
        file = self.disk.create(self.root, self.name(1))
        self.assertRaises(FileExistsError, self.disk.create, self.root, self.name(1))
        self.disk.discard(file)


class MemorySuiteTests(MaildirsizeSuite, SynchronousTestCase):
    """The disk in memory keeps the same suite, so that what is tested on it holds for the real one."""

    nameless = True

    def setUp(self) -> None:
        self.time = 1000.0
        self.root = "/mail/a"
        self.disk: FakeDisk = FakeDisk(now=lambda: self.time, nameless=self.nameless)
        self.disk.make_directories("/mail")

    def read(self, path: str) -> bytes:
        return self.disk.read(path)

    def names(self, directory: str) -> Sequence[str]:
        return self.disk.names(directory)

    def put(self, path: str, octets: bytes) -> None:
        self.disk.put(path, octets)

    def put_directory(self, path: str) -> None:
        self.disk.make_directories(path)

    def take_away(self, path: str) -> None:
        self.disk.remove_tree(path)

    def wait(self, seconds: float) -> None:
        self.time += seconds


class NamedMemorySuiteTests(MemorySuiteTests):
    """The same, with names from the start."""

    nameless = False


class OwnersTests(SynchronousTestCase):
    """The disk in memory in the hands of two users: what is tested of delivery as a user is worth what these are."""

    def setUp(self) -> None:
        self.own = FakeDisk(nameless=False)
        self.anns = self.own.as_seen_by("ann")
        self.anns.make_directories("/home/ann/Maildir/tmp")
        self.anns.make_directories("/home/ann/Maildir/new")

    def test_what_one_makes_is_its_own(self) -> None:
        """It is what the reader of the mail needs."""
        file = self.anns.create("/home/ann/Maildir", "one")
        self.anns.publish(file, "/home/ann/Maildir/new/one")
        self.assertEqual(self.own.owner("/home/ann/Maildir/new/one"), "ann")

    def test_another_user_can_neither_make_nor_name_nor_remove_there(self) -> None:
        """Whoever takes the wrong disk for a copy is found out."""
        file = self.anns.create("/home/ann/Maildir", "one")
        self.assertRaises(PermissionError, self.own.make_directories, "/home/ann/Maildir/cur")
        self.assertRaises(PermissionError, self.own.create, "/home/ann/Maildir", "two")
        self.assertRaises(PermissionError, self.own.publish, file, "/home/ann/Maildir/new/one")
        self.assertRaises(PermissionError, self.own.remove, "/home/ann/Maildir/tmp/one")
        self.own.discard(file)
        self.assertEqual(self.own.names("/home/ann/Maildir/tmp"), ["one"])

    def test_an_open_file_takes_octets_from_both_and_a_copy_crosses_over(self) -> None:
        """A descriptor that was handed over is as good as one's own."""
        theirs = self.anns.create("/home/ann/Maildir", "one")
        self.own.make_directories("/mail/a/tmp")
        ours = self.own.create("/mail/a", "one")
        self.own.write(ours, (b"trace", b"content"))
        self.own.write(theirs, (b"hers, ",))
        self.anns.copy(ours, 5, theirs)
        self.anns.sync([theirs], ())
        self.assertEqual(self.own.read("/home/ann/Maildir/tmp/one"), b"hers, content")

    def test_both_have_one_list_of_calls_and_one_power(self) -> None:
        """A test counts and cuts over both."""
        self.own.cut_at(len(self.own.calls))
        self.assertRaises(PowerCut, self.anns.sync_directory, "/home/ann")


class PowerCutTests(SynchronousTestCase):
    """What the disk in memory loses: the tests of the group commit are worth what these are."""

    def setUp(self) -> None:
        self.disk = FakeDisk()
        self.disk.make_directories("/new")
        self.file: File = self.disk.create("", "")
        self.disk.write(self.file, (b"content",))

    def test_octets_without_sync_may_be_lost_though_the_name_is_there(self) -> None:
        """The classical empty file after a crash."""
        self.disk.publish(self.file, "/new/one")
        self.disk.sync_directory("/new")
        self.assertEqual(self.disk.power_cut(names=False, octets=False).read("/new/one"), b"")
        self.assertEqual(self.disk.power_cut(names=False, octets=True).read("/new/one"), b"content")

    def test_a_name_without_sync_may_be_lost_or_not(self) -> None:
        """fsync of a file says nothing of its name."""
        self.disk.sync([self.file], ())
        self.disk.publish(self.file, "/new/one")
        self.assertEqual(self.disk.power_cut(names=False, octets=False).names("/new"), [])
        self.assertEqual(self.disk.power_cut(names=True, octets=False).read("/new/one"), b"content")

    def test_a_removed_name_may_come_back(self) -> None:
        """Removing is a change of the directory, too."""
        self.disk.publish(self.file, "/new/one")
        self.disk.sync_directory("/new")
        self.disk.remove("/new/one")
        self.assertEqual(self.disk.power_cut(names=False, octets=True).names("/new"), ["one"])
        self.assertEqual(self.disk.power_cut(names=True, octets=True).names("/new"), [])

    def test_a_name_comes_with_its_file_where_it_does(self) -> None:
        """ext4; and only for the file that was synced."""
        self.disk = FakeDisk(kept=Kept(name_with_file=True))
        self.disk.make_directories("/new")
        files = [self.disk.create("", name) for name in "ab"]
        for file, name in zip(files, "ab", strict=True):
            self.disk.write(file, (b"content",))
            self.disk.publish(file, f"/new/{name}")
        self.disk.sync((), [(files[0], "/new/a")])
        found = self.disk.power_cut(names=False, octets=False)
        self.assertEqual((found.names("/new"), found.read("/new/a")), (["a"], b"content"))

    def test_where_order_is_kept_a_name_brings_the_octets_that_were_waited_for_before_it(self) -> None:
        """A journal; without the wait the name may come alone, and a wait makes nothing safe by itself."""
        for waited in (False, True):
            self.disk = FakeDisk(kept=Kept(name_with_file=True, in_order=True))
            self.disk.make_directories("/new")
            file = self.disk.create("", "a")
            self.disk.write(file, (b"content",))
            if waited:
                self.disk.sync([file], ())
            self.disk.publish(file, "/new/a")
            self.assertEqual(
                self.disk.power_cut(names=True, octets=False).read("/new/a"), b"content" if waited else b""
            )
            self.assertEqual(self.disk.power_cut(names=False, octets=False).names("/new"), [])

    def test_after_the_cut_nothing_works(self) -> None:
        """Nobody tidies up after a power cut."""
        self.disk.cut_at(len(self.disk.calls))
        self.assertRaises(PowerCut, self.disk.sync, [self.file], ())
        self.assertRaises(PowerCut, self.disk.discard, self.file)

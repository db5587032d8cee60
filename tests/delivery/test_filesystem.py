"""What a file system is trusted with: no more than is known of it."""

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.delivery.filesystem import Kept, kept_by

DEVICE = os.makedev(254, 0)
LINE = b"27 1 254:0 / / rw,relatime shared:1 master:2 - %s /dev/vda rw\n"
OTHER = b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"


class KeptTests(SynchronousTestCase):
    def system(self, mounts: bytes, options: bytes | None = None) -> str:
        """A folder with such a /proc and /sys. `options`: of the one ext4."""
        root = os.path.abspath(self.mktemp())
        for folder in ("proc/self", "proc/fs/ext4/vda", "sys/dev/block"):
            os.makedirs(f"{root}/{folder}")
        with open(f"{root}/proc/self/mountinfo", "wb") as file:
            file.write(mounts)
        if options is not None:
            os.symlink("../../devices/pci0/block/vda", f"{root}/sys/dev/block/254:0")
            with open(f"{root}/proc/fs/ext4/vda/options", "wb") as file:
                file.write(options)
        return root

    def test_ext4_with_a_journal_keeps_order(self) -> None:
        """Its mode of data is told only where there is one."""
        for mode in (b"ordered", b"writeback", b"journal"):
            root = self.system(OTHER + LINE % b"ext4", b"rw\nbarrier\ndata=%s\n" % mode)
            self.assertEqual(kept_by(DEVICE, root), Kept(nameless=True, name_with_file=True, in_order=True))

    def test_ext4_without_a_journal_or_without_saying_so_keeps_names_with_their_files_alone(self) -> None:
        """Where /proc/fs is hidden (ProcSubset=pid), the careful way is taken."""
        for options in (b"rw\nbarrier\n", None):
            root = self.system(LINE % b"ext4", options)
            self.assertEqual(kept_by(DEVICE, root), Kept(nameless=True, name_with_file=True))

    def test_ext4_without_barriers_is_trusted_with_no_order(self) -> None:
        """Its commit flushes nothing, and an fsync before the name is all that is left."""
        root = self.system(LINE % b"ext4", b"rw\nnobarrier\ndata=ordered\n")
        self.assertFalse(kept_by(DEVICE, root).in_order)

    def test_others_keep_what_posix_says(self) -> None:
        """The ext2 driver has the same magic number as ext4, and another fsync."""
        for kind in (b"ext2", b"ext3", b"xfs", b"tmpfs"):
            self.assertEqual(kept_by(DEVICE, self.system(LINE % kind)), Kept(nameless=True))
        for kind in (b"btrfs", b"nfs4", b"overlay", b"fuse.sshfs", b""):
            self.assertEqual(kept_by(DEVICE, self.system(LINE % kind)), Kept())

    def test_a_device_that_is_not_mounted_or_is_two_things_is_not_known(self) -> None:
        """A guess could lose mail."""
        for mounts in (b"", OTHER, LINE % b"ext4" + LINE % b"xfs"):
            self.assertEqual(kept_by(DEVICE, self.system(mounts)), Kept())
        self.assertEqual(kept_by(DEVICE, "/nowhere"), Kept())

    @given(mounts=st.binary(max_size=200) | st.binary(max_size=100).map(lambda octets: b"27 1 254:0 " + octets))
    def test_any_octets_are_answered(self, mounts: bytes) -> None:
        """Fuzzed: a strange mount is no reason to take no mail."""
        self.assertIsInstance(kept_by(DEVICE, self.system(mounts)), Kept)

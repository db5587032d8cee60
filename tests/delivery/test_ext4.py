"""What ext4 with a journal is trusted with, asked of the kernel here: a file system that is shut down as by a crash.

Needs root and mkfs.ext4, to make one in a file. What the disk's own cache would lose a shutdown does not show.
"""

import fcntl
import os
import shutil
import struct
import subprocess
import time
from random import Random
from threading import Timer

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.delivery.disk import PosixDisk
from twistedmx.delivery.filesystem import Kept, kept_by
from twistedmx.delivery.maildir import Layout, Names
from twistedmx.delivery.owner_disks import nobody_else
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Stored

# EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what is not in the journal on the disk now will never be.
_SHUTDOWN, _AT_ONCE = 0x8004587D, struct.pack("I", 2)


class ShutDownTests(SynchronousTestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root may mount")
        mkfs = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if mkfs is None:
            raise SkipTest("mkfs.ext4 is not installed")
        self.image, self.root = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.makedirs(self.root)
        with open(self.image, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run([mkfs, "-q", "-F", "-J", "size=8", self.image], check=True, capture_output=True)
        self.mount()
        # Lazily: a test that fails with a file open must not leave the mount behind.
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.root], check=True)

    def mount(self) -> None:
        mounted = subprocess.run(["mount", "-o", "loop", self.image, self.root], capture_output=True, text=True)
        if mounted.returncode:
            raise SkipTest(f"cannot mount a file here: {mounted.stderr.strip()}")

    def crash(self) -> None:
        """Take the power from the file system, as seen from the journal."""
        root = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(root, _SHUTDOWN, _AT_ONCE)
        finally:
            os.close(root)

    def test_what_was_stored_is_there_and_nothing_is_torn_after_a_crash_at_any_moment(self) -> None:
        """The promise, where it rests on the order of the journal instead of on a sync of each directory."""
        chance = Random(1)
        self.assertEqual(kept_by(os.stat(self.root).st_dev), Kept(nameless=True, name_with_file=True, in_order=True))
        promised: dict[str, bytes] = {}
        wholes: set[bytes] = set()
        # On a machine that is busy some crashes come before anything is promised.
        for number in range(60):
            if number >= 6 and len(promised) > 6:
                break
            commit = GroupCommit(
                disk=PosixDisk(now=time.time),
                disk_of=nobody_else,
                layout=Layout(now=time.time),
                tally=Tally(now=time.time),
                names=Names(now=time.time, chance=chance, host="mx.example", pid=os.getpid),
            )
            crash = Timer(chance.uniform(0.001, 0.03), self.crash)
            crash.start()
            alive = True
            sent: dict[Draft, bytes] = {}
            while alive:
                contents = [b"%016x" % chance.getrandbits(64) * chance.choice((10, 300, 6000)) for _ in range(8)]
                wholes.update(contents)
                to = [[Copy(maildir=f"{self.root}/{chance.randrange(5)}", trace=b"")] for _ in contents]
                batch = [(Draft(copies), [content]) for copies, content in zip(to, contents, strict=True)]
                sent |= {draft: content for draft, (content,) in batch}
                # Each batch is written while the names of the one before wait for the journal.
                for draft, outcome in commit.advance(batch):
                    if isinstance(outcome, Stored):
                        promised[outcome.paths[0]] = sent.pop(draft)
                    else:
                        alive = False
            commit.advance(())
            crash.join()
            subprocess.run(["umount", self.root], check=True)
            self.mount()
            found = {}
            for folder, _, names in os.walk(self.root):
                for name in names:
                    with open(f"{folder}/{name}", "rb") as file:
                        found[f"{folder}/{name}"] = file.read()
            lost = [path for path, content in promised.items() if found.get(path) != content]
            torn = [(path, len(content)) for path, content in found.items() if content not in wholes]
            self.assertEqual((lost, torn), ([], []))
        self.assertGreater(len(promised), 6)

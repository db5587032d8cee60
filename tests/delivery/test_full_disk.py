"""A file system that is really full, and really read-only. Needs root, to mount one in memory."""

import os
import subprocess
import time
from random import Random

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.delivery.commit import Draft, GroupCommit
from twistedmx.delivery.disk import PosixDisk
from twistedmx.delivery.maildir import Layout, Names
from twistedmx.delivery.owner_disks import nobody_else
from twistedmx.delivery.tally import Tally
from twistedmx.model.storage import Copy, Failed, NoSpace, Outcome, Stored


class FullDiskTests(SynchronousTestCase):
    """On a tmpfs of 256 KiB, in both ways of writing."""

    nameless = True

    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        os.makedirs(self.root)
        if os.geteuid() != 0:
            raise SkipTest("only root may mount")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", self.root], capture_output=True, text=True
        )
        if mounted.returncode:
            raise SkipTest(f"cannot mount a tmpfs here: {mounted.stderr.strip()}")
        # Lazily: a test that fails with a file open must not leave the mount behind.
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.root], check=True)
        disk = PosixDisk(now=time.time, nameless=self.nameless)
        self.commit = GroupCommit(
            disk=disk,
            disk_of=nobody_else,
            layout=Layout(now=time.time),
            tally=Tally(now=time.time),
            names=Names(now=time.time, chance=Random(1), host="mx.example", pid=os.getpid),
        )

    def deliver(self, *sizes: int) -> list[Outcome]:
        batch = [
            (Draft([Copy(maildir=f"{self.root}/a", trace=b"trace\n")]), [b"x" * 1000] * (size // 1000))
            for size in sizes
        ]
        return self.commit.commit(batch)

    def test_a_full_file_system_refuses_what_does_not_fit_and_takes_what_does(self) -> None:
        """A message too many is answered 452, its neighbours in the batch are stored, nothing half stays."""
        outcomes = self.deliver(50_000, 500_000, 50_000)
        self.assertEqual([type(outcome) for outcome in outcomes], [Stored, NoSpace, Stored])
        self.assertEqual([len(os.listdir(f"{self.root}/a/{part}")) for part in ("tmp", "new")], [0, 2])
        self.assertEqual([type(outcome) for outcome in self.deliver(50_000)], [Stored])

    def test_a_file_system_that_becomes_read_only_fails_what_comes_after(self) -> None:
        """It is what Linux does with a disk that errs."""
        self.assertIsInstance(self.deliver(1000)[0], Stored)
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)
        self.assertIsInstance(self.deliver(1000)[0], Failed)
        self.assertEqual(len(os.listdir(f"{self.root}/a/new")), 1)
        subprocess.run(["mount", "-o", "remount,rw", self.root], check=True)
        self.assertIsInstance(self.deliver(1000)[0], Stored)


class FullDiskWithNamesTests(FullDiskTests):
    """The same, where every file has a name from the start."""

    nameless = False

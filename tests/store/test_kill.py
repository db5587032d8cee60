"""What was confirmed outlives SIGKILL, and a disk that is full for a while. Processes of their own."""

import contextlib  # a module's `suppress` is trial's
import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.store.opened import Opened
from twistedmx.model.block import Block
from twistedmx.store.blocks import Blocks
from twistedmx.store.jobs import Done
from twistedmx.testing.store import block

ROOT = Path(__file__).parent.parent.parent


class Apart(Opened):
    """A process on our file."""

    def run_apart(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.killed_store", self.path, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        return process

    def loaded(self) -> dict[str, Block]:
        blocks: list[Block] = []
        database = self.database()
        Blocks(database).load(blocks.extend, expired_before=0.0)
        database.start()
        self.finish(database.stop())
        return {one.id: one for one in blocks}


class KillTests(Apart):
    """SIGKILL."""

    def test_every_confirmed_change_outlives_sigkill(self) -> None:
        """Killed at its first entry, and in the midst of many, again and again on one file: no entry is lost or comes back."""
        confirmed: set[str] = set()
        removing: set[str] = set()
        for first, lines in ((0, 1), (10_000, 50), (20_000, 51), (30_000, 1500)):
            process = self.run_apart(str(first), str(lines))
            words = process.stdout.read().split()
            self.assertEqual((process.wait(), len(words)), (-9, lines))
            confirmed |= {word[1:] for word in words if word[0] == "+"}
            removed = {word[1:] for word in words if word[0] == "-"}
            confirmed -= removed
            removing |= removed
            found = self.loaded()
            # A removal that was asked for may be done though nobody was told any more.
            self.assertEqual({id for id in confirmed - found.keys() if int(id) % 3}, set())
            self.assertEqual(removing & found.keys(), set())
            self.assertEqual({one for one in found.values() if one != block(one.id)}, set())
        self.assertEqual(self.words(), [])


class FullDiskTests(Apart):
    """A disk without room."""

    def test_what_a_full_disk_holds_up_is_saved_when_there_is_room(self) -> None:
        """The limit of a process's files stands for the disk's end."""
        process = self.run_apart("full", "200000")
        fault, waited = process.stdout.read().splitlines()
        self.assertEqual(process.wait(), 0)
        self.assertIn(f"fault {self.path}: ", fault)
        self.assertRegex(waited, r"^waited [1-9]\d* Done$")
        self.assertEqual(len(self.loaded()), 500)

    def test_a_file_system_that_is_full_or_read_only_is_told_in_words(self) -> None:
        """A real one, in memory. The operator hears what to do."""
        root = os.path.dirname(self.path)
        os.makedirs(root)
        if os.geteuid() != 0:
            raise SkipTest("only root may mount")
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", root]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        if mounted.returncode:
            raise SkipTest(f"cannot mount a tmpfs here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", root], check=True)
        blocks = Blocks(database := self.started())
        mail = os.open(f"{root}/mail", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(mail, b"x" * 4096)
        asked = [blocks.put(block(str(number), evidence="x" * 1000)) for number in range(100)]
        self.until(lambda: bool(database.state.fault))
        self.assertEqual(database.state.fault, f"{self.path}: database or disk is full; free some space")
        os.ftruncate(mail, 0)
        os.close(mail)
        self.clock.advance(1)
        self.assertEqual({self.finish(one) for one in asked}, {Done()})
        self.finish(database.stop())
        subprocess.run(["mount", "-o", "remount,ro", root], check=True)
        blocks = Blocks(database := self.started())
        self.assertIn("; the server's user must be able to write to it and to its folder", database.state.fault)
        late = blocks.put(block("late"))
        subprocess.run(["mount", "-o", "remount,rw", root], check=True)
        self.clock.advance(1)
        self.assertEqual(self.finish(late), Done())
        self.finish(database.stop())
        self.assertEqual(len(self.loaded()), 101)

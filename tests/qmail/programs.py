"""Small real programs for tests, and the proof that nothing of them is left."""

import gc
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from twisted.internet import reactor, task
from twisted.internet.defer import inlineCallbacks
from twisted.trial.unittest import TestCase

from twistedmx.linux import pidfd_open

PYTHON = f"#!{sys.executable} -ISB\n"
SHELL = "#!/bin/sh\n"
ENVIRONMENT = {b"PATH": b"/usr/bin:/bin", b"LC_ALL": b"C"}


class Timed:
    """The reactor, with a clock of our own: real processes, and no waiting for limits."""

    def __init__(self) -> None:
        self.clock = task.Clock()
        self.callLater = self.clock.callLater
        self.seconds = self.clock.seconds
        self.spawnProcess = reactor.spawnProcess


def alive(pid: int) -> bool:
    """Whether there is such a process; one that has ended and was not reaped by its parent is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def ends(pid: int, limit: float = 10) -> bool:
    """Whether that process, killed before, is gone within limit seconds: SIGKILL is obeyed soon, not at once."""
    try:
        descriptor = pidfd_open(pid)
    except ProcessLookupError:
        return True
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    try:
        return bool(waiting.poll(limit * 1000))
    finally:
        os.close(descriptor)


def _descriptors() -> list[str]:
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            found.append(os.readlink(each))
    return found


def _children() -> set[int]:
    found = set()
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == os.getpid():
            found.add(int(each.parent.name))
    return found


class ProgramsCase(TestCase):
    """Each test leaves no child and no descriptor behind, whatever became of the program."""

    @inlineCallbacks
    def setUp(self) -> Iterator[object]:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        yield task.deferLater(reactor, 0)  # a reactor that runs has some descriptors more
        gc.collect()  # what other tests have left open
        self._descriptors = len(os.listdir("/proc/self/fd"))
        self._children = _children()
        self.addCleanup(self._nothing_is_left)

    def program(self, text: str, name: str = "program") -> bytes:
        """Its absolute path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return os.fsencode(path)

    @inlineCallbacks
    def run_until(self, holds: Callable[[], bool]) -> Iterator[object]:
        """Fires when that holds of what other processes do; fails when it never does."""
        for _ in range(1000):
            if holds():
                return
            yield task.deferLater(reactor, 0.01)
        self.fail(f"it never came so far; children: {self.new_children()}; descriptors: {_descriptors()}")

    def gone(self, pid: int) -> object:
        """Fires when there is no such process. SIGKILL is obeyed soon, not at once."""
        return self.run_until(lambda: not alive(pid))

    def new_children(self) -> set[int]:
        """Of ours, since the test began."""
        return _children() - self._children

    def _nothing_is_left(self) -> object:
        # Who was cancelled is killed, and its pipes are at their end some turns of the reactor later.
        return self.run_until(lambda: not self.new_children() and len(os.listdir("/proc/self/fd")) == self._descriptors)

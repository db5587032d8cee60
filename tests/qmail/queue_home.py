"""A home of qmail with the fake queue program in it, and what is left of programs when they are gone."""

import gc
import os
import select
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from twistedmx.linux import pidfd_open
from twistedmx.model.storage import Declined, HandedOver, Outcome
from twistedmx.qmail.queue_program import DEFAULT, QueueIncoming, QueuePrograms
from twistedmx.qmail.queue_settings import QueueSettings

FAKE = Path(__file__).with_name("fake_queue.py")
RECEIVED = b"Received: from unknown (192.0.2.1)\n  by mx.example with SMTP; 1 Jan 2026 00:00:00 -0000\n"
CONTENT = b"Subject: hello\n\nHello\n"
ENVELOPE = b"Fann@example.net\0Tbob@example.org\0\0"


def children() -> set[int]:
    """Of this process, zombies as well."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def ends(pid: int) -> bool:
    """Whether it ends, or has; one that was killed may take a moment to."""
    try:
        pidfd = pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], 10)[0])
    finally:
        os.close(pidfd)


def descriptors() -> dict[str, str]:
    """That are open, and of what."""
    found = {}
    gc.collect()  # what other tests have left open
    for name in os.listdir("/proc/self/fd"):
        if os.path.islink(f"/proc/self/fd/{name}"):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


class QueueCase(TestCase):
    """Each test begins and ends with the same descriptors, and without a child."""

    timeout = 60

    async def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        self.folder = f"{self.home}/found"
        os.makedirs(self.folder)
        self.program("bin/qmail-queue")
        await deferLater(reactor, 0)  # it runs from here on, and has its descriptors
        self.said: list[bytes] = []
        self.programs = self.build()
        self.before = descriptors(), children()

    def build(self, **settings: Any) -> QueuePrograms:
        """Programs with these settings."""
        chosen: dict[str, Any] = {"folder": self.home, **settings}
        return QueuePrograms(reactor, QueueSettings(**chosen), self.home)

    def program(self, name: str, text: str = "", mode: int = 0o755) -> None:
        """The fake under this name in the home, or another text."""
        path = Path(self.home, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text or f"#!{sys.executable} -IS\n{FAKE.read_text()}")
        path.chmod(mode)

    def open(
        self, steps: str = "", *, programs: QueuePrograms | None = None, says: bool = False, **words: Any
    ) -> QueueIncoming:
        """A message for a program that takes these steps. `says`: what it says is in `said`, else it has our descriptor 2."""
        environment = {b"FAKE_FOLDER": self.folder.encode(), **words.pop("environment", {})}
        if steps:
            environment[b"FAKE"] = steps.encode()
        asked: dict[str, Any] = {
            "program": DEFAULT,
            "reverse_path": b"ann@example.net",
            "recipients": [b"bob@example.org"],
            "received": RECEIVED,
            "environment": environment,
            "tell": self.said.append if says else None,
            **words,
        }
        return (programs or self.programs).open(**asked)

    def hand(self, steps: str = "", content: bytes = CONTENT, **words: Any) -> Deferred[Outcome]:
        """The outcome of a message."""
        incoming = self.open(steps, **words)
        incoming.write(content)
        return incoming.commit()

    async def reply(self, steps: str = "", content: bytes = CONTENT, **words: Any) -> str:
        """What the peer hears of a message that was not taken."""
        outcome = await self.hand(steps, content, **words)
        assert isinstance(outcome, Declined), outcome
        return str(outcome.reply)

    def found(self, outcome: Outcome, name: str) -> bytes:
        """What the program that took it has written."""
        assert isinstance(outcome, HandedOver), outcome
        return Path(self.folder, f"{outcome.name}.{name}").read_bytes()

    def look(self, outcome: Outcome) -> dict[str, Any]:
        """What it was started with."""
        looked: dict[str, Any] = literal_eval(self.found(outcome, "look").decode())
        return looked

    async def assert_nothing_is_left(self, programs: QueuePrograms | None = None) -> None:
        """No child, no descriptor, no file."""
        await (programs or self.programs).stop()
        self.assertEqual((descriptors(), children()), self.before)
        left = [name for name in os.listdir(self.home) if name not in ("bin", "found")]
        self.assertEqual(left, [])

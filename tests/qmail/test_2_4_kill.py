"""A delivery that is killed between any two of its steps leaves the whole message, or none, where readers look."""

import os
import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.homes import MESSAGE, Home

STEPS = ("open", "fsync", "link", "unlink", "close")


class KillTests(SynchronousTestCase):
    """In a process of its own, at each call of the system that matters."""

    def setUp(self) -> None:
        self.home = Home(self.addCleanup)
        self.home.maildir()
        self.home.put(".qmail", b"./Maildir/\n")

    def killed_at(self, wanted: int) -> bool:
        """Deliver, and die at this call. Whether there was such a call."""
        pid = os.fork()
        if not pid:
            count = 0

            def dying(call: Callable[..., Any]) -> Callable[..., Any]:
                def step(*words: Any, **more: Any) -> Any:
                    nonlocal count
                    count += 1
                    if count == wanted:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return call(*words, **more)

                return step

            for name in STEPS:
                setattr(os, name, dying(getattr(os, name)))
            self.home.deliver()
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])

    def test_a_kill_at_any_step_leaves_all_or_nothing(self) -> None:
        """250 is not spoken; the peer sends it again, and at worst it is there twice."""
        wanted = 1
        seen = set()
        while self.killed_at(wanted):
            found = [
                open(f"{self.home.path}/Maildir/new/{name}", "rb").read()  # noqa: SIM115
                for name in os.listdir(f"{self.home.path}/Maildir/new")
            ]
            seen.add(len(found))
            for message in found:
                self.assertTrue(message.endswith(MESSAGE))
            for folder in ("new", "tmp"):
                for name in os.listdir(f"{self.home.path}/Maildir/{folder}"):
                    os.unlink(f"{self.home.path}/Maildir/{folder}/{name}")
            wanted += 1
        self.assertGreater(wanted, 5)
        self.assertEqual(seen, {0, 1})

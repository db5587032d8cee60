"""Homes with `.qmail` files for tests, letters for them, and qmail-local in our own process."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from twistedmx.qmail import local
from twistedmx.qmail.account import Account
from twistedmx.qmail.endings import Delivered, Ending
from twistedmx.qmail.into_maildir import Names

MESSAGE = b"Received: from there\nSubject: hello\n\nbody\nFrom me\n>From you\n"
AT = 1_000_000_000.0  # Sun, 9 Sep 2001, 01:46:40 UTC
FROM_LINE = b"From sender@far.example Sun Sep 09 01:46:40 2001\n"


class Home:
    """A home. `forwarded`: what was handed to the queue: sender, recipients, message."""

    def __init__(self, cleanup: Callable[..., object]) -> None:
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="home"))
        cleanup(shutil.rmtree, self.path, ignore_errors=True)
        os.chmod(self.path, 0o700)
        self.forwarded: list[tuple[bytes, Sequence[bytes], bytes]] = []
        self.forward_ends: Ending = Delivered()
        self.waited: list[float] = []
        self.deadline = monotonic() + 60
        self.before: Callable[[], None] | None = None
        self.default = b"./Mailbox"

    def put(self, name: str, octets: bytes = b"", mode: int = 0o600) -> Path:
        path = Path(self.path, name)
        path.write_bytes(octets)
        path.chmod(mode)
        return path

    def read(self, name: str) -> bytes:
        return Path(self.path, name).read_bytes()

    def maildir(self, name: str = "Maildir") -> None:
        for folder in ("tmp", "new", "cur"):
            os.makedirs(f"{self.path}/{name}/{folder}")

    def in_maildir(self, name: str = "Maildir") -> list[bytes]:
        """What is in `new`; nothing may be left in `tmp`."""
        assert not os.listdir(f"{self.path}/{name}/tmp")
        return [path.read_bytes() for path in sorted(Path(self.path, name, "new").iterdir())]

    def forward(self, sender: bytes, recipients: Sequence[bytes], message: int) -> Ending:
        self.forwarded.append((sender, list(recipients), os.read(message, 1_000_000)))
        return self.forward_ends

    def deliver(
        self,
        *,
        message: bytes = MESSAGE,
        dash: bytes = b"",
        extension: bytes = b"",
        sender: bytes = b"sender@far.example",
        local_part: bytes = b"ann",
        host: bytes = b"mx.near.example",
    ) -> Ending:
        account = Account(user=b"ann", uid=1000, gid=1000, home=os.fsencode(self.path), dash=dash, extension=extension)
        with tempfile.TemporaryFile() as file:
            file.write(message)
            file.flush()
            letter = local.Letter(local=local_part, host=host, sender=sender, message=file.fileno())
            return local.deliver(
                letter,
                account,
                local.Surroundings(
                    default_delivery=self.default,
                    forward=self.forward,
                    now=lambda: AT,
                    seconds=monotonic,
                    wait=self.waited.append,
                    deadline=self.deadline,
                    names=Names(now=lambda: AT, pid=77, host="mx.near.example").next,
                    path=b"/usr/bin:/bin",
                    before=self.before,
                ),
            )

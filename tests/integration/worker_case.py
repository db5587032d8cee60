"""Servers of several workers, for tests: who is asked, from which address, and what is waited for."""

import smtplib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.integration.once import with_one_python
from tests.integration.stored import contents
from tests.integration.test_life import Client, Life
from twistedmx.cli.control import ask
from twistedmx.net.steering import worker_of

WORKERS = 4
DEADLINE = 60.0


class From(Client):
    """A client at another address of the loopback network."""

    def __init__(self, port: int, address: str) -> None:
        smtplib.SMTP.__init__(
            self, "127.0.0.1", port, local_hostname="client.example", timeout=60, source_address=(address, 0)
        )


def hosts_of(number: int) -> Iterator[str]:
    """Addresses whose worker it is."""
    return (host for host in (f"127.0.9.{last}" for last in range(1, 255)) if worker_of(host, WORKERS) == number)


def runs(pid: int) -> bool:
    """Is there such a process? One that nobody has waited for yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class WorkerCase(Life):
    """Dozens of processes, and minutes: where several Pythons are tried, one of them does it."""

    def setUp(self) -> None:
        with_one_python()
        super().setUp()
        self.settings()

    def settings(self, *, top: str = "", **more: str) -> None:
        super().settings(top=f"workers = {WORKERS}\n{top}", **more)

    def told(self, command: str = "status", **arguments: Any) -> Any:
        """What the control socket says."""
        return ask(str(self.data / "control.sock"), command, arguments)

    def until(self, there: Callable[[], Any], what: str = "") -> Any:
        """What it says once it says something. It asks the server, or the disk, which takes its time."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if found := there():
                return found
        raise AssertionError(f"not within {DEADLINE:g} s: {what or there}")

    def workers(self) -> list[Any]:
        """Of the status."""
        workers: list[Any] = self.told()["workers"]
        return workers

    def from_host(self, address: str) -> From:
        """Closed with the test."""
        client = From(self.port, address)
        self.addCleanup(client.close)
        return client

    def mail(self) -> list[bytes]:
        """Of ann."""
        return contents(str(self.data / "mail" / "example.org" / "ann"))

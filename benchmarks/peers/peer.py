"""What every server here has in common: a folder, a port, ten thousand mailboxes, a certificate; a start and a stop."""

import os
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import attrs

from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.peers.toml import Settings

DOMAIN = "example.org"
HOST = "mx.example.org"
MAILBOXES = 10_000
ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 30.0  # seconds for the first greeting


@attrs.frozen(kw_only=True)
class Place:
    """Where one server runs. `certificate`, `key`: PEM files. `cores`: that it runs on. `default_limits`: of what a client may do
    wrong are the program's own, where the harness raises them otherwise. `settings`: of ours, besides and before its others."""

    folder: Path
    port: int
    certificate: Path
    key: Path
    cores: tuple[int, ...]
    programs: Path | None = None  # where benchmarks.peers.install has put them
    default_limits: bool = False
    settings: Settings = attrs.Factory(dict)

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


# The first of the known recipients, to whom messages go: each has had mail when it is measured.
ADDRESSED = 500


def local_parts() -> list[str]:
    """Of the mailboxes that exist."""
    return [f"user{number:05}" for number in range(MAILBOXES)]


def free_port() -> int:
    """That nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def first_line(*command: str | Path) -> str:
    """What a program says of its version."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).strip().partition("\n")[0]


class Peer(ABC):
    """One server, as it is measured."""

    name: ClassVar[str]
    title: ClassVar[str]
    promise: ClassVar[str]  # what is true when it says 250 to a message
    recipients: ClassVar[str]  # how it knows them
    differs: ClassVar[str]  # from its defaults
    refusal: ClassVar[int] = 550  # of an unknown recipient
    unknown_domain: ClassVar[str] = DOMAIN  # in which recipients are refused
    pipelining: ClassVar[bool] = True
    starttls: ClassVar[bool] = True
    blocks: ClassVar[bool] = False  # `block_everybody` can be called
    at_once: ClassVar[int] = 128  # connections that may be in the making
    most_sessions: ClassVar[int] = 1_000_000
    warm_seconds: ClassVar[float] = 0  # of load, until it is as fast as it will be
    workers: ClassVar[int] = 1  # processes that share the sessions, each with descriptors of its own
    scenarios: ClassVar[tuple[str, ...]] = ()  # that alone it is there for; (): all
    unmeasured: ClassVar[Mapping[str, str]] = {}  # scenarios, and why they say nothing of this server

    def __init__(self, programs: Path | None = None) -> None:
        self.programs = programs

    @abstractmethod
    def why_not(self) -> str:
        """Why it cannot be started here, and how to get it; "" when it can."""

    @abstractmethod
    def version(self) -> str:
        """As the program says it."""

    @abstractmethod
    def command(self, place: Place) -> Sequence[str]:
        """Write what it reads into the folder; what starts it, in the foreground."""

    def environment(self, place: Place) -> dict[str, str]:
        """Of its process."""
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def clean(self, place: Place) -> None:  # noqa: B027  # most have nothing to do
        """Remove what it has written outside of the folder."""

    def block_everybody(self) -> None:
        """The one that was started last refuses all clients from now on, before a greeting. Raises CannotMeasure."""
        raise CannotMeasure(f"{self.title} is not told whom to block")

    def status(self) -> dict[str, Any]:
        """How the one that was started last is, in its own words. Raises CannotMeasure."""
        raise CannotMeasure(f"{self.title} is not asked how it is")

    def start(self, place: Place) -> "Running":
        """It has greeted when this returns. Raises CannotMeasure."""
        return Running(self, place)


class Running:
    """A server that runs."""

    def __init__(self, peer: Peer, place: Place) -> None:
        self._peer, self._place = peer, place
        self._output = place.folder / "output"
        self.group = Group(peer.name)
        with open(self._output, "wb") as output:
            self.group.start(
                peer.command(place),
                cores=place.cores,
                folder=place.folder,
                environment=peer.environment(place),
                output=output,
            )
        try:
            self._wait_for_greeting(peer.title, place.port)
            self.group.go_first()
        except CannotMeasure:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, with all its processes."""
        self.group.stop()
        self._peer.clean(self._place)

    def words(self) -> str:
        """The end of what it has said."""
        return self._output.read_text(errors="replace")[-2000:]

    def _wait_for_greeting(self, title: str, port: int) -> None:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            status = self.group.ended()
            if status is not None:
                raise CannotMeasure(f"{title} ended with status {status} before it greeted:\n{self.words()}")
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as probe:
                    probe.settimeout(5)
                    if probe.recv(100).startswith(b"220"):
                        probe.sendall(b"QUIT\r\n")
                        probe.recv(100)
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise CannotMeasure(f"{title} has not greeted within {_PATIENCE:.0f} s:\n{self.words()}")


def missing(program: str, how: str) -> str:
    """Why not, when a program is not in the PATH."""
    return "" if shutil.which(program) else f"{program} is not installed: {how}"

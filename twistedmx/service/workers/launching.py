"""A worker's process: started with its end of a channel and its sockets, and with nothing else that is ours."""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from twistedmx.service.workers.channel import Channel, connect

# Descriptors of the worker: standard ones, then these.
CHANNEL: Final = 3
FIRST_SOCKET: Final = 4

_PROGRAM: Final = "twistedmx.service.workers.process"
# What systemd says to us alone: a worker that said READY for us, or took our sockets, would not be one.
_OURS: Final = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_LONGEST: Final = 4096  # octets of a line on standard error


class Process(Protocol):
    """A worker that was started. `channel`: our end."""

    pid: int
    channel: Channel

    def kill(self) -> None:
        """SIGKILL. Harmless when it has ended."""


class Told(Protocol):
    """Who wants to know of a worker."""

    @property
    def hear(self) -> Mapping[str, Callable[[Any], Any]]:
        """What the channel may tell and ask."""

    def lost(self) -> None:
        """Its channel is."""

    def said(self, line: str) -> None:
        """On its standard error, where nothing is expected."""

    def ended(self, how: str) -> None:
        """The process is no more; at the end, and once."""


# Starts one, given its sockets. Raises OSError.
Launch = Callable[[Told, Sequence[socket.socket]], Process]


class Launching:
    """The real one. `environment`: of the workers."""

    def __init__(self, reactor: Any, environment: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._environment = {key: value for key, value in environment.items() if key not in _OURS}
        # They are to find what we have found, wherever that came from; and nothing else (-P).
        self._environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)

    def __call__(self, told: Told, sockets: Sequence[socket.socket]) -> "Launched":
        """Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs, open(os.devnull, "rb") as nothing:
            child: dict[int, Any] = {0: nothing.fileno(), 1: 1, 2: "r", CHANNEL: theirs.fileno()}
            child |= {FIRST_SOCKET + number: each.fileno() for number, each in enumerate(sockets)}
            launched = Launched(told)
            try:
                launched.transport = self._reactor.spawnProcess(
                    launched,
                    sys.executable,
                    [sys.executable, "-P", "-m", _PROGRAM],
                    env=self._environment,
                    path=None,
                    childFDs=child,
                )
            except OSError:
                ours.close()
                raise
        launched.pid = launched.transport.pid
        connect(self._reactor, ours, launched.channel)
        return launched


class Launched(ProcessProtocol):
    """One that runs."""

    transport: Any = None  # None: it was not started

    def __init__(self, told: Told) -> None:
        self.channel = Channel(told.hear, told.lost)
        self.pid = 0
        self._told = told
        self._line = b""

    def kill(self) -> None:
        """SIGKILL. Harmless when it has ended."""
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def errReceived(self, data: bytes) -> None:
        """Lines, cut where they are long."""
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > _LONGEST:
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self._told.said(line[:_LONGEST].decode("utf-8", "backslashreplace"))

    def processExited(self, reason: Failure) -> None:
        """The process is gone; who has a copy of its standard error may live on."""
        if self._line:
            self.errReceived(b"\n")
        self._told.ended(_words(reason))


def _words(reason: Failure) -> str:
    ended: Any = reason.value
    if isinstance(ended, ProcessDone):
        return "ended"
    return f"was ended by signal {ended.signal}" if ended.signal else f"ended with status {ended.exitCode}"

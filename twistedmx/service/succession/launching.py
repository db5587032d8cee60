"""Starts the process that follows, and hears what it says."""

import json
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from twistedmx.service.succession.estate import VARIABLE, Estate
from twistedmx.service.succession.start_words import StartWords

# Descriptors of who follows: standard ones, then these.
CHANNEL: Final = 3
FIRST_SOCKET: Final = 4

# A JSON object of the new process; None: it has ended.
Message = Mapping[str, Any] | None


class Successor(LineOnlyReceiver):
    """`pid`: of who was started; a daemon tells another."""

    delimiter = b"\n"
    MAX_LENGTH = 1_048_576

    def __init__(self) -> None:
        self.pid = 0
        self._heard: deque[Message] = deque()
        self._waiting: Deferred[Message] | None = None
        self._is_over = self._is_free = False

    def next(self) -> "Deferred[Message]":
        """Fires with the next message; with None, again and again, when it has ended."""
        heard: Deferred[Message] = Deferred(lambda _: self._wait_no_more())
        self._waiting = heard
        self._give()
        return heard

    def _wait_no_more(self) -> None:
        self._waiting = None

    def _give(self) -> None:
        if self._waiting is not None and (self._heard or self._is_over):
            waiting, self._waiting = self._waiting, None
            waiting.callback(self._heard.popleft() if self._heard else None)

    def lineReceived(self, line: bytes) -> None:
        """A message. What is none is as its end: who speaks so is not to follow."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            self.kill()
            return
        if type(message.get("pid")) is int:
            self.pid = message["pid"]
        self._heard.append(message)
        self._give()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It has ended, or needs us no more."""
        self._is_over = True
        self._give()

    def go(self) -> None:
        """It may serve."""
        self.sendLine(b"go")

    def let_be(self) -> None:
        """It is the server: nobody here ends it."""
        self._is_free = True

    def kill(self) -> None:
        """SIGKILL. Harmless when it has ended."""
        if not (self._is_over or self._is_free) and self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)


class _Started(ProcessProtocol):
    """What it writes goes where our own goes. twistd that daemonises is two processes: that the first one ends says nothing."""


# Starts who follows, given what is left and the sockets, in the order of the descriptors there. Raises OSError.
Launch = Callable[[StartWords, Estate, Sequence[int]], Successor]


class Launching:
    """The real one."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __call__(self, start: StartWords, estate: Estate, descriptors: Sequence[int]) -> Successor:
        """Raises OSError."""
        ours, theirs = socket.socketpair()
        successor = Successor()
        with theirs, open(os.devnull, "rb") as nothing:
            child: dict[int, Any] = {0: nothing.fileno(), 1: 1, 2: 2, CHANNEL: theirs.fileno()}
            child |= {FIRST_SOCKET + number: each for number, each in enumerate(descriptors)}
            try:
                process = self._reactor.spawnProcess(
                    _Started(),
                    start.program,
                    [start.program, *start.words],
                    env={**start.environment, VARIABLE: estate.written()},
                    path=start.folder,
                    childFDs=child,
                )
            except OSError:
                ours.close()
                raise
        successor.pid = process.pid
        ours.setblocking(False)
        transport: Any = tcp.Connection(ours, successor, self._reactor)
        transport.logstr = "successor"
        transport.connected = True
        successor.makeConnection(transport)
        transport.startReading()
        # Who ends us meanwhile wants no server.
        self._reactor.addSystemEventTrigger("before", "shutdown", successor.kill)
        return successor

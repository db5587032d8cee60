"""The post of one worker: filled, and filled again whenever who had it is gone.

    empty      nobody; a delay may run until the next is started
    beginning  a process that was told to begin, and has not said that it listens
    serving    it listens, and says every few seconds that it turns

Who dies is followed at once, then after 1, 2, 4 ... 60 seconds; a minute of life makes that forgotten.
"""

import socket
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from twistedmx.net.control import Refused
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.workers.launching import Launch, Process
from twistedmx.service.workers.sides import AnySupervisorSide

_LONG_LIVED: Final = 60.0  # seconds
_MOST_DELAY: Final = 60.0
_PING: Final = 10.0  # seconds between two
_ENDS: Final = 2.0  # seconds from the end of a channel to that of the process
_SILENT: Final = 60.0  # seconds without an answer: it turns no more


class State(Enum):
    """Of a post."""

    EMPTY = "empty"
    BEGINNING = "beginning"
    SERVING = "serving"


class Post:
    """`number`: of the worker, from 0. `first`: what it is asked to begin with. `sockets`: its own. `served`: called each time that
    one begins to serve; `emptied`: each time that one is gone; `refused`: told why one cannot begin."""

    _log = Logger(namespace="twistedmx")

    def __init__(
        self,
        number: int,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
        launch: Launch,
        side: AnySupervisorSide,
        sockets: Sequence[socket.socket],
        first: Callable[[int], Mapping[str, Any]],
        served: Callable[["Post"], None],
        emptied: Callable[["Post"], None],
        refused: Callable[[Sequence[str]], None] = lambda faults: None,
    ) -> None:
        self.number = number
        self.state = State.EMPTY
        self.since = 0.0  # seconds since the epoch, of who serves
        self.restarts = 0
        self.stops = False
        self.begun_with: Mapping[str, Any] = {}
        self._clock, self._now, self._launch, self._side, self._sockets = clock, now, launch, side, sockets
        self._first, self._served, self._emptied, self._refused = first, served, emptied, refused
        self._process: Process | None = None
        self._started = 0.0  # by the clock
        self._delay = 0.0
        self._waiting: IDelayedCall | None = None
        self._pinging: LoopingCall | None = None
        self._ping: Deferred[Any] | None = None
        self.hear: Mapping[str, Callable[[Any], Any]] = {**side.hear_from(number), "log": self._logged}

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def channel(self) -> Channel | None:
        """To who serves; None while nobody does."""
        return self._process.channel if self._process is not None and self.state is State.SERVING else None

    # -- fill --------------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Start one."""
        self._waiting = None
        self._started = self._clock.seconds()
        try:
            process = self._launch(self, self._sockets)
        except OSError as error:
            self._log.error(
                "worker {number} cannot be started: {error}", number=self.number, error=error.strerror or error
            )
            self._fill_again()
            return
        self._process, self.state = process, State.BEGINNING
        self.begun_with = self._first(self.number)
        asked = process.channel.ask("begin", self.begun_with).addCallback(self._made, process)
        asked.addCallback(self._serves, process).addErrback(self._not_begun, process)

    def _made(self, answer: Any, process: Process) -> Deferred[Any]:
        """It has a server, which is told what the others know before it listens."""
        if process is not self._process or self.stops:
            raise ChannelLost
        self._side.joined(self.number, process.channel)
        return process.channel.ask("serve")

    def _serves(self, answer: Any, process: Process) -> None:
        if process is not self._process or self.stops:
            return
        self.state, self.since = State.SERVING, self._now()
        self._log.info("worker {number} serves: process {pid}", number=self.number, pid=process.pid)
        self._pinging = LoopingCall(self._say_ping, process)
        self._pinging.clock = self._clock
        self._pinging.start(_PING, now=False)
        self._served(self)

    def _not_begun(self, failure: Failure, process: Process) -> None:
        if failure.check(ChannelLost) or process is not self._process:
            return  # its end was told, or is in a moment
        words = str(failure.value) if failure.check(Refused) else failure.getErrorMessage()
        for line in words.splitlines():
            self._log.error("worker {number} cannot serve: {line}", number=self.number, line=line)
        self.kill()
        self._refused([f"worker {self.number}: {line}" for line in words.splitlines()])

    def _say_ping(self, process: Process) -> None:
        if self._ping is not None or process.channel is not self.channel:
            return
        self._ping = process.channel.ask("ping")
        self._ping.addTimeout(_SILENT, self._clock)
        self._ping.addErrback(self._silent, process).addBoth(self._heard_ping)

    def _silent(self, failure: Failure, process: Process) -> None:
        if process is not self._process or failure.check(ChannelLost):
            return
        self._log.error("worker {number} has not answered for {seconds:g} s", number=self.number, seconds=_SILENT)
        self.kill()

    def _heard_ping(self, result: object) -> None:
        self._ping = None

    # -- what the process tells --------------------------------------------------------------------------------------

    def _logged(self, told: Any) -> None:
        """A line of its log, with the level and the name that it had there."""
        level = LogLevel.lookupByName(told["level"])
        Logger(namespace=told["namespace"]).emit(
            level, "worker {number}: {text}", number=self.number, text=told["text"]
        )

    def said(self, line: str) -> None:
        """Python's own last words, as a rule."""
        self._log.warn("worker {number} says: {line}", number=self.number, line=line)

    def lost(self) -> None:
        """It has closed its channel, as at its end, or was ended because it does not read: what is no end soon is made one."""
        process = self._process
        if process is not None and not self.stops:
            self._clock.callLater(_ENDS, self._end, process)

    def _end(self, process: Process) -> None:
        if process is self._process:
            process.kill()

    def ended(self, how: str) -> None:
        """The process is no more."""
        pid, self._process, self.state = self.pid, None, State.EMPTY
        if self._pinging is not None:
            self._pinging.stop()
            self._pinging = None
        self._side.left(self.number)
        if not self.stops:
            self._log.error("worker {number}, process {pid}, {how}", number=self.number, pid=pid, how=how)
            self._fill_again()
        self._emptied(self)

    def _fill_again(self) -> None:
        if self._clock.seconds() - self._started >= _LONG_LIVED:
            self._delay = 0.0
        delay, self._delay = self._delay, min(max(1.0, 2 * self._delay), _MOST_DELAY)
        self.restarts += 1
        if delay:
            self._log.info("worker {number} is started again in {delay:g} s", number=self.number, delay=delay)
        self._waiting = self._clock.callLater(delay, self.fill)

    # -- stop --------------------------------------------------------------------------------------------------------

    def retire(self) -> None:
        """Its worker takes nobody any more, and ends with its last session; nobody follows."""
        self._leave("retire")

    def stop(self) -> None:
        """In good order; nobody follows. Harmless twice."""
        self._leave("stop")

    def _leave(self, kind: str) -> None:
        self.stops = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._process is not None:
            self._process.channel.tell(kind, None)

    def kill(self) -> None:
        """At once. Who follows is started when the process has ended."""
        if self._process is not None:
            self._process.kill()

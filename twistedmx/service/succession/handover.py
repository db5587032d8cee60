"""In the old process: who follows is started, and when it serves, we finish what we have and end. Or nothing has changed.

BUGS: what we learn of clients after we let go of the store is lost, and so are counters, trail and history, as at a restart. Who is
blocked or banned afterwards stays in the sessions that he has with us.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.net.control import Refused
from twistedmx.net.systemd import Systemd
from twistedmx.service.faults import Faults
from twistedmx.service.reloading import STOPS, Reloading
from twistedmx.service.succession.estate import Estate
from twistedmx.service.succession.launching import Launch, Message, Successor
from twistedmx.service.succession.shared_log import share_log
from twistedmx.service.succession.start_words import StartWords

_log = Logger(namespace="twistedmx")

_READS: Final = 120.0  # seconds, for the start of the program, the settings and the ports
_SERVES: Final = 120.0  # seconds more, for what is remembered, and for workers
_ENDS: Final = 20.0  # seconds from its faults to its end; then it is killed
_FOLLOWED: Final = "process {pid} is the server now"
_UNDER_WAY: Final = "an upgrade is under way"
_FOREGROUND: Final = (
    "the server runs in the foreground: who has started it (daemontools, runit, a container, a terminal) sees this process end and "
    "does not know the next one, so it may start another beside it; upgrade --foreground if it will not"
)
_FIRST: Final = "this is the first process of its container or machine, and all ends with it: restart it"


class Bequeathing(Protocol):
    """A server that another can follow."""

    reloading: Reloading

    @property
    def systemd(self) -> Systemd: ...

    def bequeath(self) -> tuple[Estate, Sequence[int]]:
        """What is left, with descriptors as they will be there, and the same as they are here. Raises Faults for what cannot be
        handed over."""

    def rest(self) -> Awaitable[object]:
        """Let go of what cannot be had twice: the control socket, the store. Sessions go on."""

    def wake(self) -> None:
        """Take it up again."""

    def retire(self) -> "Deferred[None]":
        """Accept nobody any more; what is left stays open. Fires when the last session has ended, or its time has."""


class Handover:
    """Of `server`; called, it is the command of the control socket. `twistd`: its options. `pid`: ours. `stop`: end the program."""

    def __init__(
        self,
        server: Bequeathing,
        *,
        start: StartWords,
        launch: Launch,
        clock: IReactorTime,
        twistd: MutableMapping[str, Any],
        pid: Callable[[], int],
        stop: Callable[[], None],
    ) -> None:
        self._server, self._start, self._launch = server, start, launch
        self._clock, self._twistd, self._pid, self._stop = clock, twistd, pid, stop

    async def __call__(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """{"pid": of the new process, "before": of the old one, "steps": [[what, seconds since then], ...], "notes": [line, ...]}.
        Refused with every fault, a line each, and then nothing has changed. Of {"foreground": who started us may see us end}."""
        reloading = self._server.reloading
        busy = reloading.held or (STOPS if reloading.stops else "a reload is under way" if reloading.under_way else "")
        if busy:
            raise Refused(f"{busy}: wait for it")
        faults = list(self._start.faults)
        if self._pid() == 1:
            faults.append(_FIRST)
        elif self._start.foreground and not arguments.get("foreground"):
            faults.append(_FOREGROUND)
        if faults:
            raise Refused("\n".join(faults))
        reloading.held = _UNDER_WAY
        try:
            return await self._hand_over()
        except Faults as error:
            reloading.held = ""
            for fault in error.faults:
                _log.error("not upgraded: {fault}", fault=fault)
            raise Refused("\n".join(error.faults)) from None
        except Exception:
            reloading.held = ""
            raise

    async def _hand_over(self) -> dict[str, Any]:
        """Raises Faults."""
        began, steps = self._clock.seconds(), []
        estate, descriptors = self._server.bequeath()
        share_log(self._twistd, self._start.folder)
        estate = attrs.evolve(estate, pidfile=str(self._twistd.get("pidfile") or ""))
        try:
            successor = self._launch(self._start, estate, descriptors)
        except OSError as error:
            raise Faults([f"{self._start.program}: cannot be started: {error.strerror or error}"]) from None
        _log.info("upgrade: process {pid} is started", pid=successor.pid)
        await self._hear(successor, "ready", _READS)
        steps.append(["ready", round(self._clock.seconds() - began, 3)])
        try:
            await self._server.rest()
            successor.go()
            told = await self._hear(successor, "serves", _SERVES)
        except BaseException:
            successor.kill()
            self._server.wake()
            raise
        steps.append(["serves", round(self._clock.seconds() - began, 3)])
        notes = [str(note) for note in told.get("notes") or ()]
        self._leave(successor, notes)
        return {"pid": successor.pid, "before": self._pid(), "steps": steps, "notes": notes}

    async def _hear(self, successor: Successor, what: str, seconds: float) -> Mapping[str, Any]:
        """The message that it is so far. Raises Faults when it is not, and then it has ended."""
        said = await self._next(successor, seconds)
        if said is not None and said.get("is") == what and successor.pid:
            return said
        faults = said.get("faults") if said is not None else None
        if said is not None:
            said = await self._next(successor, _ENDS)
        if said is not None:
            successor.kill()
        if faults is None or not isinstance(faults, list):
            faults = [f"process {successor.pid}, which was to follow, has ended before it could; the log may say why"]
        raise Faults([str(fault) for fault in faults])

    async def _next(self, successor: Successor, seconds: float) -> Message:
        """Its next message, or None at its end. Who says nothing for so long is killed."""
        late: list[None] = []

        def end() -> None:
            late.append(None)
            successor.kill()

        timer = self._clock.callLater(seconds, end)
        try:
            said = await successor.next()
        finally:
            if timer.active():
                timer.cancel()
        if late:
            raise Faults(
                [f"process {successor.pid}, which was to follow, was not ready within {seconds:g} s: it was killed"]
            )
        return said

    def _leave(self, successor: Successor, notes: Sequence[str]) -> None:
        """It serves: ours is to finish."""
        server, pid = self._server, successor.pid
        successor.let_be()
        server.reloading.held = _FOLLOWED.format(pid=pid)
        for note in notes:
            _log.warn("upgrade: {note}", note=note)
        _log.info("upgrade: process {pid} serves; this one ends with its last session", pid=pid)
        server.systemd.hand_over(pid)
        self._twistd["pidfile"] = ""  # it is the new one's
        server.retire().addErrback(self._failed).addCallback(lambda _: self._end())

    def _failed(self, failure: Failure) -> None:
        _log.failure("the end after an upgrade failed by a fault of ours", failure=failure)

    def _end(self) -> None:
        if not self._server.reloading.stops:  # it was told to meanwhile
            self._stop()

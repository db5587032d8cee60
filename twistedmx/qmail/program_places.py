"""How many programs of the operator run at once, over all sessions: the others wait for a place, in their order, and not for long.

The originals start one for every session that there is: a flood of recipients is then a flood of processes.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, cast

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, TimeoutError, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twistedmx.qmail.program import Ended, Reactor, run
from twistedmx.setting import at_least, setting

_NO_PLACE: Final = Ended(could_not_start="too many programs run at once")


@attrs.frozen(kw_only=True)
class ProgramSettings:
    """Settings `[qmail.programs]`: of control/smtpplugins, and of RCPTCHECK."""

    time: float = setting(
        10.0,
        unit="seconds",
        why="A program that takes longer is killed and the client told to come again; it waits 5 minutes (RFC 5321 4.5.3.2.3).",
        precedent="qmail-spp and RCPTCHECK wait without end",
        validator=at_least(0.1),
    )
    at_once: int = setting(
        40,
        unit="programs",
        why="So many run at the same time, for all sessions together; others wait for `time`.",
        precedent="tcpserver's limit of connections, 40, of which each runs one",
        restart=True,
        validator=at_least(1),
    )
    waiting: int = setting(
        1000,
        unit="programs",
        why="So many wait for their place; for more, the client is told to come again.",
        restart=True,
        validator=at_least(0),
    )
    output: int = setting(
        65_536,
        unit="octets",
        why="What a program writes on one descriptor; behind it the pipe is closed.",
        precedent="Postfix pipe(8) line_length_limit 2048 for a reply; qmail-spp has no limit",
        validator=at_least(1024),
    )


class Places:
    """For all sessions of a process."""

    def __init__(self, reactor: Reactor, settings: ProgramSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._places = DeferredSemaphore(settings.at_once)

    def run(
        self,
        argv: Sequence[bytes],
        environment: Mapping[bytes, bytes],
        *,
        cwd: bytes | str,
        given: Mapping[int, bytes] | None = None,
        taken: Collection[int] = (1, 2),
    ) -> Deferred[Ended]:
        """As `program.run`, in its turn. Who finds no place in time could not be started. Never fails, but when it is cancelled."""
        settings = self._settings
        if not self._places.tokens and len(self._places.waiting) >= settings.waiting:
            return succeed(_NO_PLACE)
        place: Deferred[Any] = self._places.acquire()
        place.addTimeout(settings.time, cast(IReactorTime, self._reactor))

        def start(_: object) -> Deferred[Ended]:
            running = maybeDeferred(
                run,
                self._reactor,
                argv,
                environment,
                cwd=cwd,
                given=given or {},
                taken=taken,
                most_octets=settings.output,
                seconds=settings.time,
            )
            return running.addBoth(self._leave)

        return place.addCallbacks(start, _late)

    def _leave(self, result: Any) -> Any:
        self._places.release()
        return result


def _late(failure: Failure) -> Ended:
    failure.trap(TimeoutError, CancelledError)
    if failure.check(TimeoutError):
        return _NO_PLACE
    failure.raiseException()
    raise AssertionError  # for the type checker

"""One timer for all deadlines: a wheel of buckets, a second wide.

Putting a deadline off, which happens at every command, only stamps it; it is moved when its bucket comes round. So a
hundred thousand idle sessions cost what their buckets hold, and an active one costs nothing. A deadline is up to a tick late.
"""

import math
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_TICK: Final = 1.0


class Deadline:
    """One thing's time limit. `expired` is called when it passes; then, and at first, it is not set."""

    __slots__ = ("_at", "_bucket", "_slot", "expired")

    def __init__(self, expired: Callable[[], None]) -> None:
        self.expired = expired
        self._at = 0.0
        self._slot = 0  # whose turn is the bucket's: never after `_at` by a tick or more
        self._bucket: set[Deadline] | None = None  # that holds it while it is set


class Wheel:
    """The deadlines of all sessions. Ticks only while it holds any."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds  # what the deadlines are measured by
        self._buckets: dict[int, set[Deadline]] = {}
        self._origin = 0.0  # when slot 0 was
        self._turned = 0  # the last slot that had its turn
        self._call: IDelayedCall | None = None

    def set(self, deadline: Deadline, seconds: float) -> None:
        """`deadline` passes in `seconds`, whatever it was set to before."""
        now = self.seconds()
        if self._call is None:
            self._origin, self._turned = now, 0
            self._call = self._clock.callLater(_TICK, self._turn)
        at, before = now + seconds, deadline._at
        deadline._at = at
        if deadline._bucket is not None and at >= before:
            return  # nearly always: its bucket will find it put off
        slot = self._slot(at)
        if deadline._bucket is not None:
            if deadline._slot <= slot:
                return
            self.clear(deadline)
        self._put(deadline, slot)

    def clear(self, deadline: Deadline) -> None:
        """`deadline` does not pass any more."""
        if deadline._bucket is not None:
            deadline._bucket.discard(deadline)
            if not deadline._bucket:
                self._buckets.pop(deadline._slot, None)
            deadline._bucket = None

    def stop(self) -> None:
        """Forget everything."""
        for bucket in self._buckets.values():
            for deadline in bucket:
                deadline._bucket = None
        self._buckets.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _slot(self, at: float) -> int:
        return max(math.ceil((at - self._origin) / _TICK), self._turned + 1)

    def _put(self, deadline: Deadline, slot: int) -> None:
        bucket = self._buckets.setdefault(slot, set())
        bucket.add(deadline)
        deadline._slot, deadline._bucket = slot, bucket

    def _turn(self) -> None:
        now = self._clock.seconds()
        came = range(self._turned + 1, int((now - self._origin) / _TICK) + 1)
        self._turned = came.stop - 1
        due: set[Deadline] = set()
        for slot in came:
            for deadline in self._buckets.pop(slot, ()):
                if deadline._at <= now:
                    due.add(deadline)
                    deadline._bucket = due  # so that another's expiry may still clear it, or set it again
                else:
                    self._put(deadline, self._slot(deadline._at))
        next_tick = self._origin + (self._turned + 1) * _TICK
        self._call = self._clock.callLater(max(0.0, next_tick - now), self._turn)
        while due:
            deadline = due.pop()
            deadline._bucket = None
            if deadline._at > now:
                self._put(deadline, self._slot(deadline._at))
                continue
            try:
                deadline.expired()
            except Exception:
                self._log.failure("a deadline failed")
        if not self._buckets and self._call is not None:
            self._call.cancel()
            self._call = None

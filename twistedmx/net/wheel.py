"""One timer for all deadlines: a wheel of buckets, a second wide.

Putting a deadline off, which happens at every command, only stamps it; it is moved when its bucket comes round. So a
hundred thousand idle sessions cost what their buckets hold, and an active one costs nothing. A deadline is up to a tick late.
"""

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_TICK: Final = 1.0


class Deadline:
    """One thing's time limit. `expired` is called when it passes; then, and at first, it is not set."""

    __slots__ = ("_at", "_slot", "expired")

    def __init__(self, expired: Callable[[], None]) -> None:
        self.expired = expired
        self._at = 0.0
        self._slot: int | None = None  # the bucket that holds it; its turn is never after `_at` by more than a tick


class Wheel:
    """The deadlines of all sessions. Ticks only while it holds any."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._buckets: dict[int, set[Deadline]] = {}
        self._turned = 0  # the last slot that had its turn
        self._call: IDelayedCall | None = None

    def seconds(self) -> float:
        """What the deadlines are measured by."""
        return self._clock.seconds()

    def set(self, deadline: Deadline, seconds: float) -> None:
        """`deadline` passes in `seconds`, whatever it was set to before."""
        deadline._at = self._clock.seconds() + seconds
        slot = int(deadline._at / _TICK) + 1
        if deadline._slot is not None:
            if deadline._slot <= slot:
                return
            self._take_out(deadline)
        self._put(deadline, slot)
        if self._call is None:
            self._turned = int(self._clock.seconds() / _TICK)
            self._call = self._clock.callLater(_TICK, self._turn)

    def clear(self, deadline: Deadline) -> None:
        """`deadline` does not pass any more."""
        if deadline._slot is not None:
            self._take_out(deadline)

    def stop(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _put(self, deadline: Deadline, slot: int) -> None:
        deadline._slot = slot
        self._buckets.setdefault(slot, set()).add(deadline)

    def _take_out(self, deadline: Deadline) -> None:
        slot, deadline._slot = deadline._slot, None
        if slot in self._buckets:
            bucket = self._buckets[slot]
            bucket.discard(deadline)
            if not bucket:
                del self._buckets[slot]

    def _turn(self) -> None:
        now = self._clock.seconds()
        current = int(now / _TICK)
        due: list[Deadline] = []
        for slot in range(self._turned + 1, current + 1):
            for deadline in self._buckets.pop(slot, ()):
                if deadline._at <= now:
                    deadline._slot = None
                    due.append(deadline)
                else:
                    self._put(deadline, max(int(deadline._at / _TICK) + 1, current + 1))
        self._turned = current
        self._call = self._clock.callLater(_TICK, self._turn) if self._buckets else None
        for deadline in due:
            if deadline._slot is None:  # the expiry of another may have set it again
                deadline.expired()

"""How late the event loop is: how long something that is to be done has to wait for its turn.

A timer that should come ten times a second is asked when it came. Ten moments in a second are enough for a median, a tenth is about
the least lag that anything is to be done about, and a timer costs some microseconds. When the loop hangs, one timer comes, for all
that should have come meanwhile: each of those moments is counted, with its own wait. So what is told is what something would
have waited that was to be done at any moment since it was asked last: the median. A single hang of less than half of that time (a
garbage collection) leaves it at nothing; a hang of three seconds is most of the moments, so it shows, with about a third of its
length; and a loop that is always late by turns of `T` shows T/2, the half of its turns.
"""

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_STEP: Final = 0.1  # seconds
_LEAST: Final = 0.001  # seconds until it is asked again: two clocks may differ in their last digit for ever
_MOST: Final = 600  # moments that are kept: a minute, should nobody ask


class Lag:
    """`clock`: the reactor. `seconds`: by which lateness is measured; best one that cannot be set, for the reactor's is the wall
    clock: put forward by an hour, it would look like an hour's hang. None: the reactor's."""

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._seconds: Callable[[], float] = seconds or clock.seconds
        self._due = 0.0  # the next moment
        self._waits: deque[float] = deque(maxlen=_MOST)
        self._told: float | None = None
        self._call: IDelayedCall | None = None

    def start(self) -> None:
        """From now on it is measured. Once more changes nothing."""
        if self._call is None:
            self._due = self._seconds() + _STEP
            self._call = self._clock.callLater(_STEP, self._come)

    def stop(self) -> None:
        """No more; what was measured is forgotten."""
        if self._call is not None:
            self._call.cancel()
        self._call, self._told = None, None
        self._waits.clear()

    def take(self) -> float | None:
        """Seconds, since it was asked last; what was told then, if no moment came since. None: not yet known, or not started."""
        if self._call is not None:
            self._look()  # who asks may come before our timer, after a hang
        if self._waits:
            self._told = median(self._waits)
            self._waits.clear()
        return self._told

    def _come(self) -> None:
        self._look()
        self._call = self._clock.callLater(max(_LEAST, self._due - self._seconds()), self._come)

    def _look(self) -> None:
        """Count the moments that were due."""
        now = self._seconds()
        if self._due - now > _STEP:  # the clock was put back
            self._due = now + _STEP
        missed = int((now - self._due) / _STEP) + 1 if now >= self._due else 0
        for number in range(max(0, missed - _MOST), missed):
            self._waits.append(max(0.0, now - self._due - number * _STEP))
        self._due += missed * _STEP

"""The load at present, from the load average of a minute: its smoothing undone.

Linux counts the tasks that run or wait uninterruptibly each five seconds, and moves the average by 8 % of the way to that count
(kernel/sched/loadavg.c, `calc_load`): L1 = L0·f + n·(1-f). Four tasks that begin show as 0.3, 0.6, 0.9 ..., and a minute after they
ended there are still 1.5. Of two averages with an update between them the count comes back: n = (L1 - L0·f) / (1-f).

What is told is the mean of the last three counts, 15 seconds: a count is a sample of one moment, which misses or hits each burst,
and two decimals in /proc/loadavg leave an error of 0.12 in one count, 0.04 in the mean of three.

BUGS: an update is seen when the average is next heard. If we pause for longer than five seconds, the number of updates may be
doubtful by one: the larger is taken, which leaves the result nearer to the average than it is.
"""

from collections import deque
from itertools import repeat
from typing import Final

_KEPT: Final = 1884 / 2048  # f: EXP_1 and FIXED_1 of the kernel, which counts in integers; e^(-5/60) is 0.0001 more
_COUNTS: Final = 3
# Seconds between two updates: LOAD_FREQ is 5·HZ+1 ticks, and HZ is 100 to 1000.
_SHORTEST: Final = 5.001
_LONGEST: Final = 5.010
_PAUSE: Final = 60.0  # seconds after which the average, which has forgotten 63 % of what was before, is as good


class LoadAverage:
    """`heard` is called about once a second, in any case more often than the kernel updates, at any times."""

    def __init__(self) -> None:
        self._counts: deque[float] = deque(maxlen=_COUNTS)
        self._average: float | None = None
        self._time = 0.0
        self._since = (0.0, 0.0)  # the last update was after the first and not after the second

    @property
    def present(self) -> float | None:
        """Tasks, of the whole machine, over the last three updates. Before the first one: the average; before any: None."""
        if not self._counts:
            return self._average
        # Of the mean, not of each: else errors of rounding would count only upwards.
        return max(0.0, sum(self._counts) / len(self._counts))

    def heard(self, time: float, average: float) -> None:
        """`time`: seconds of a clock that should not be put back. `average`: of a minute, with two decimals or more."""
        before, paused = self._average, time - self._time
        if before is None or not 0.0 <= paused <= _PAUSE:
            self._counts.clear()
            self._since = (time - _LONGEST, time)
        elif updates := self._updates(time, paused, changed=average != before):
            kept = _KEPT**updates
            self._counts.extend(repeat((average - before * kept) / (1 - kept), min(updates, _COUNTS)))
        self._time, self._average = time, average

    def _updates(self, time: float, paused: float, *, changed: bool) -> int:
        """How many there were since it was heard last."""
        earliest, latest = self._since
        if not changed:
            # Those that certainly were, and changed nothing: the count was the average.
            updates = max(0, int((time - latest) / _LONGEST))
            if updates:
                self._since = self._moved(time, updates)
            return updates
        most = int(paused / _SHORTEST) + 1
        updates = max(1, min(most, int((time - earliest) / _SHORTEST)))
        # The last one was within this pause, and where those before it make us expect it.
        first, last = max(time - paused, time - _LONGEST), time
        steps = max(0, round(((first + last) - (earliest + latest)) / (_SHORTEST + _LONGEST)))
        earliest, latest = self._moved(time, steps)
        self._since = max(first, earliest), min(last, latest)
        if self._since[0] >= self._since[1]:
            self._since = first, last  # the machine had slept, or its ticks came late
        return updates

    def _moved(self, time: float, updates: int) -> tuple[float, float]:
        """Between which times it is so many updates later: somewhere, when that has become too vague."""
        earliest, latest = self._since
        earliest, latest = earliest + updates * _SHORTEST, latest + updates * _LONGEST
        return (earliest, latest) if latest - earliest < _LONGEST else (time - _LONGEST, time)

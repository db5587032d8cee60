"""Counts that fade, and the time by which they do.

A count is halved in each half-life, and nobody goes round to do it: what is left is worked out when it is looked at. The time
for that comes from the events themselves, and a clock may jump; what it jumps is not time that anybody has waited.
"""

from typing import Final

# Ticks and events come every few seconds: what is longer is a clock that was put right, or a machine that slept.
_LONGEST_STEP: Final = 3600.0
# Of the time between a stop and a start, in which nobody watched the clock.
_LONGEST_ABSENCE: Final = 86_400.0
_LAST: Final = 0xFFFF_FFFF  # what a record has room for: the year 2106


_MOST: Final = 1e9  # of a count that comes from outside


def kept_count(value: float) -> float:
    """A count that comes from outside, as one of ours. Raises TypeError and ValueError."""
    number = float(value)
    return min(max(number, 0.0), _MOST) if number == number else 0.0


def kept_time(value: float) -> int:
    """A time that does, in whole seconds. Raises as above, and OverflowError."""
    return min(max(int(value), 0), _LAST)


def later(time: int, seconds: int) -> int:
    """So many seconds later; 0 is no time, and stays."""
    return kept_time(max(time + seconds, 1)) if time else 0


def left(age: float, half_life: float) -> float:
    """The share of a count that is left after `age` seconds: 1 at most, never less than 0."""
    return 1.0 if age <= 0 else float(2.0 ** (-age / half_life))


class SteadyTime:
    """Seconds since the epoch as long as the clock is right; whatever it does, they never go back and never leap.

    A step ahead of more than an hour counts as an hour, a step back as none. Events that come a little late, or of several
    sources, are of the present: within an hour behind the latest the time stands still.
    """

    def __init__(self, now: float) -> None:
        """`now`: of the clock, seconds since the epoch."""
        self._mark = now
        self._seconds = max(now, 0.0)
        self.seconds = min(int(self._seconds), _LAST)

    @property
    def state(self) -> tuple[float, float]:
        """What to keep across a restart: these seconds, and those of the clock."""
        return self._seconds, self._mark

    def resume(self, seconds: float, clock: float) -> None:
        """Go on from a kept state. Of the time between it and now a day counts at most: the clock may be the wrong one."""
        self._seconds = max(seconds + min(max(self._mark - clock, 0.0), _LONGEST_ABSENCE), 0.0)
        self.seconds = min(int(self._seconds), _LAST)

    def tell(self, at: float) -> int:
        """The clock stood at `at`. The steady time, whole seconds."""
        ahead = at - self._mark
        if ahead > 0:
            self._mark = at
            self._seconds += min(ahead, _LONGEST_STEP)
            self.seconds = min(int(self._seconds), _LAST)
        elif ahead < -_LONGEST_STEP:
            self._mark = at
        return self.seconds

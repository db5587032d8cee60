"""How much of something there was in the last minute."""

from typing import Final

import attrs

_SECONDS: Final = 60


@attrs.frozen(kw_only=True)
class Rates:
    """In the last minute. `refused_recipients` are known when their transaction has ended."""

    sessions: int
    messages: int
    refused_recipients: int


class LastMinute:
    """A ring of seconds. Times are seconds since the epoch; a clock that was put back far empties it."""

    __slots__ = ("_counts", "_second")

    def __init__(self) -> None:
        self._counts = [0] * _SECONDS
        self._second = 0  # the newest one

    def add(self, at: float, count: int = 1) -> None:
        """It happened `count` times."""
        second = int(at)
        if second != self._second:
            self._turn_to(second)
        self._counts[self._second % _SECONDS] += count

    def total(self, now: float) -> int:
        """In the sixty seconds up to `now`."""
        self._turn_to(int(now))
        return sum(self._counts)

    def _turn_to(self, second: int) -> None:
        passed = second - self._second
        if abs(passed) >= _SECONDS:
            self._counts = [0] * _SECONDS
            self._second = second
            return
        for each in range(self._second + 1, second + 1):
            self._counts[each % _SECONDS] = 0
        self._second = max(self._second, second)  # put back a little: it belongs to the newest second

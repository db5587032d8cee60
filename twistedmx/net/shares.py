"""How much of a turn of the reactor each lane of the readers has, and how many connections are served at once.

                                           a turn   at once
    front                                  4 ms     64
    back, while little is heard in front   1 ms     4
    back, while nothing is                 1 ms     32
    back, while much is                    2 ms     64

A turn's share is a time, for to hang up costs ten times what it costs to refuse a recipient. What is served at once is read, then
heard, then sent its replies: the more, the cheaper.

Little is the siege as it mostly is: one first-time sender among two thousand hosts that have only failed. His connection and
his commands wait for those who are being served (benchmarks, victim-2000). Where much is heard in front, they wait for one
another more than for the others, and fewer at once would cost some of what can be refused (benchmarks, churn).
"""

from typing import Final, NamedTuple


class Share(NamedTuple):
    """`turn`: seconds, and what was begun is ended. `batch`: connections at once; before each batch of the back lane the front one
    is looked at."""

    turn: float
    batch: int


_FRONT: Final = Share(0.004, 64)
_BACK_WHILE_NOTHING: Final = Share(0.001, 32)
_BACK_WHILE_LITTLE: Final = Share(0.001, 4)
_BACK_WHILE_MUCH: Final = Share(0.002, 64)
# In so many seconds, so many packets are little.
_WINDOW: Final = 0.006
_LITTLE: Final = 16


class Shares:
    """Of both lanes. Times are in seconds of the reactor's clock, which may be set back."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._heard = 0
        self._back = _BACK_WHILE_NOTHING

    def front(self, now: float) -> Share:
        """Of this turn."""
        return _FRONT

    def back(self, now: float, heard_in_front: int) -> Share:
        """Of this turn. `heard_in_front`: packets, since the start."""
        heard, passed = heard_in_front - self._heard, abs(now - self._looked_at)
        # The first packet ends the nothing at once, or the whole of a transaction would be over before a window is.
        if passed >= _WINDOW or (heard and self._back is _BACK_WHILE_NOTHING):
            self._back = _back_while(heard * _WINDOW / max(passed, _WINDOW))
            self._looked_at, self._heard = now, heard_in_front
        return self._back


def _back_while(packets: float) -> Share:
    if not packets:
        return _BACK_WHILE_NOTHING
    return _BACK_WHILE_LITTLE if packets <= _LITTLE else _BACK_WHILE_MUCH

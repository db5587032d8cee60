"""Where blocked clients wait before they are turned away.

One that is refused at once is back at once: two thousand of them are a flood of connections in which everybody else waits to be
accepted (benchmarks, victim-2000). Who waits costs a descriptor, and what he says is thrown away (`turned_away`). All wait for as
long, on one timer, and leave in the order in which they came, also when a reload has shortened the wait meanwhile; some at a
time, so that a crowd that came together does not hold up the others when it leaves.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

# So many leave at a time, one to two milliseconds, and so many seconds later the next ones.
_AT_ONCE: Final = 32
_PACE: Final = 0.01


class Doorstep:
    """Of one server. `places`: that there are at most, whatever the settings say: descriptors are everybody's."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, places: int) -> None:
        self._clock = clock
        self._places = places
        self._line: OrderedDict[Callable[[], None], float] = OrderedDict()  # until when, in monotonic seconds
        self._call: IDelayedCall | None = None
        self._is_over = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def wait(self, leave: Callable[[], None], seconds: float, most: int) -> bool:
        """`leave` is called in `seconds` or a little later, and behind those of who waits already. False, and it is not, where so
        many wait that there is no place, where `seconds` are none, and once all were let go."""
        if self._is_over or seconds <= 0 or len(self._line) >= min(most, self._places):
            return False
        self._line[leave] = self._clock.seconds() + seconds
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._turn)
        return True

    def forget(self, leave: Callable[[], None]) -> None:
        """He has gone by himself."""
        self._line.pop(leave, None)

    def let_all_go(self) -> None:
        """The server stops: all leave now, and nobody waits any more."""
        self._is_over = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        while self._line:
            self._let_go()

    def _let_go(self) -> None:
        """The first of the line. A fault of his must not keep the others there for ever."""
        leave, _ = self._line.popitem(last=False)
        try:
            leave()
        except Exception:
            self._log.failure("a blocked client could not be told so")

    def _turn(self) -> None:
        now = self._clock.seconds()
        for _ in range(_AT_ONCE):
            if not self._line or next(iter(self._line.values())) > now:
                break
            self._let_go()
        self._call = None
        if self._line:
            self._call = self._clock.callLater(max(_PACE, next(iter(self._line.values())) - now), self._turn)

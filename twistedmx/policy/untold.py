"""Sessions that have something to tell, and when they tell it.

One timer for all. Of those whose time has come some have their turn, and the next in the reactor's next turn: of two thousand
sessions that guess some seven hundred tell each second what is a fifth of a millisecond of work, and who comes meanwhile waited
for all that were due together (benchmarks, unpunished-2000: two to three milliseconds).
"""

from collections import OrderedDict
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

# Seconds. docs/log.md says three at most: two thousand that begin to guess together are told of in one more second, as below.
_AFTER: Final = 1.75
# Seconds for those whose time has come, in a turn of the reactor; what was begun is ended. Two of them, as a rule: as long as that
# is enough, nobody notices. The longer the first is overdue the more, or long turns would make them later and later; but slowly, or
# those two thousand would be noticed (benchmarks, unpunished-2000: a p99 of 14.5 ms in the first minute with a fiftieth).
_TURN: Final = 0.0004
_OF_WHAT_IS_OVERDUE: Final = 0.0015


class Teller(Protocol):
    """A session that gathers what it has to tell."""

    def tell_gathered(self) -> None:
        """The time has come."""


class Untold:
    """Of the sessions of one `Site`; after settings were reloaded there are two for a while. Its clock may be set back."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # Since when each gathers, first who is first. Not a dict: to take the first of one looks at all before him that are gone.
        self._since: OrderedDict[Teller, float] = OrderedDict()
        self._call: IDelayedCall | None = None

    def gather(self, teller: Teller) -> None:
        """It has begun to have something to tell, and does so within three seconds."""
        now = self._since[teller] = self._clock.seconds()
        if self._call is None:
            self._call = self._clock.callLater(_AFTER, self._turn)
        elif self._call.getTime() - now > _AFTER:  # the clock was set back
            self._call.reset(_AFTER)

    def forget(self, teller: Teller) -> None:
        """It tells now; harmless where it has gathered nothing."""
        if self._since.pop(teller, None) is not None and not self._since and self._call is not None:
            self._call.cancel()
            self._call = None

    def _turn(self) -> None:
        self._call = None
        began = now = self._clock.seconds()
        share = max(_TURN, _OF_WHAT_IS_OVERDUE * -self._remaining(now))
        while self._since and abs(now - began) < share and self._remaining(now) <= 0:
            teller, _ = self._since.popitem(last=False)
            try:
                teller.tell_gathered()
            except Exception:
                self._log.failure("what a session has gathered could not be told")
            now = self._clock.seconds()
        if self._call is not None:  # somebody has gathered meanwhile, and others are before him
            self._call.cancel()
            self._call = None
        if self._since:
            self._call = self._clock.callLater(max(0.0, self._remaining(now)), self._turn)

    def _remaining(self, now: float) -> float:
        """Seconds, of the first; who has begun in what is the future by now has none."""
        gathers = now - next(iter(self._since.values()))
        return _AFTER - gathers if gathers >= 0 else 0.0

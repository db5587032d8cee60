"""Who may run a queue program now: so many at a time, and a line of those who wait, bounded in length and in time."""

from collections import deque

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime


class Places:
    """`most`: at work at a time. `line`: who may wait. `wait`: seconds that one waits at most."""

    def __init__(self, clock: IReactorTime, *, most: int, line: int, wait: float) -> None:
        self._clock = clock
        self._most = most
        self._most_waiting = line
        self._wait = wait
        self._closed = False
        self._waiting: deque[Deferred[bool]] = deque()
        self._emptied: list[Deferred[None]] = []
        self.taken = 0

    def take(self) -> Deferred[bool]:
        """Fires with True when a place is yours, to be given back; with False where there is none in time, or the line is full.

        May be cancelled while it waits, and fails then."""
        if self._closed:
            return succeed(False)
        if self.taken < self._most:
            self.taken += 1
            return succeed(True)
        if len(self._waiting) >= self._most_waiting:
            return succeed(False)
        turn: Deferred[bool] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        limit = self._clock.callLater(self._wait, self._give_up, turn)

        def over(result: object) -> object:
            if limit.active():
                limit.cancel()
            return result

        turn.addBoth(over)
        return turn

    def _give_up(self, turn: Deferred[bool]) -> None:
        self._waiting.remove(turn)
        turn.callback(False)

    def give_back(self) -> None:
        """A place that was taken. The first of the line has it next."""
        if self._waiting:
            self._waiting.popleft().callback(True)
            return
        self.taken -= 1
        if not self.taken:
            emptied, self._emptied = self._emptied, []
            for each in emptied:
                each.callback(None)

    def close(self) -> Deferred[None]:
        """Nobody gets one from now on, those in the line neither. Fires when all are given back; may be cancelled."""
        self._closed = True
        while self._waiting:
            self._waiting.popleft().callback(False)
        if not self.taken:
            return succeed(None)
        emptied: Deferred[None] = Deferred(self._emptied.remove)
        self._emptied.append(emptied)
        return emptied

"""Answers that come later, so that an error costs its session time. Of errors never more than some: each holds a place."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from twistedmx.smtp.reply import Reply


class Tarpit:
    """Of one server. `held`: errors whose answers wait now. `is_lifted`: nobody is held, for each holds a place."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[Deferred[Reply], tuple[Reply, IDelayedCall, bool]] = {}
        self._is_over = False
        self.held = 0
        self.is_lifted = False

    def hold(self, words: Reply, seconds: float, most: int | None) -> Reply | Deferred[Reply]:
        """`words`, after `seconds`; at once where `most` wait already. None: it is no error, and does not count. The Deferred does
        not fail, unless it is cancelled."""
        if self._is_over or self.is_lifted or (most is not None and self.held >= most):
            return words
        held: Deferred[Reply] = Deferred(self._cancelled)
        late = self._clock.callLater(seconds, self._say, held)
        self._waiting[held] = words, late, most is not None
        self.held += most is not None
        return held

    def let_all_go(self) -> None:
        """The server stops: what is held is said now, and nothing is held any more."""
        self._is_over = True
        for held in list(self._waiting):
            if held in self._waiting:  # not cancelled by what another one brought about
                self._say(held)

    def _say(self, held: Deferred[Reply]) -> None:
        words = self._forget(held)
        held.callback(words)

    def _cancelled(self, held: Deferred[Reply]) -> None:
        self._forget(held)

    def _forget(self, held: Deferred[Reply]) -> Reply:
        words, late, counts = self._waiting.pop(held)
        self.held -= counts
        if late.active():
            late.cancel()
        return words

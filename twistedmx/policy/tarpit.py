"""Answers that come later, so that an error costs its session time. Never more than some at a time: each holds a place of ours."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from twistedmx.smtp.reply import Reply


class Tarpit:
    """Of one server. `held`: answers that wait now."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.held = 0

    def hold(self, words: Reply, seconds: float, most: int) -> Reply | Deferred[Reply]:
        """`words`, after `seconds`; at once where `most` wait already. The Deferred does not fail, unless it is cancelled."""
        if self.held >= most:
            return words
        self.held += 1

        def let_go(gone: Deferred[Reply]) -> None:
            self.held -= 1
            late.cancel()

        def say() -> None:
            self.held -= 1
            held.callback(words)

        held: Deferred[Reply] = Deferred(let_go)
        late = self._clock.callLater(seconds, say)
        return held

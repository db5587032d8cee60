"""All workers of a server: filled posts, asked together, stopped together."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.net.control import Refused
from twistedmx.service.workers.channel import ChannelLost
from twistedmx.service.workers.post import Post, State

_PATIENCE: Final = 10.0  # seconds for an answer
_AFTER_GRACE: Final = 10.0  # seconds: what a stop may take beyond the time that sessions have


@attrs.frozen(kw_only=True)
class Answer:
    """What a worker said: `value`, or what it refused it with. Who is lost, or too late, has said nothing."""

    number: int
    value: Any = None
    refused: str | None = None


class Crew:
    """`ready`: called once, when all serve for the first time."""

    _log = Logger(namespace="twistedmx")

    def __init__(self, posts: Sequence[Post], *, clock: IReactorTime, ready: Callable[[], None]) -> None:
        self.posts = tuple(posts)
        self._clock = clock
        self._ready: Callable[[], None] | None = ready
        self._gone: Deferred[None] | None = None
        self._killing: IDelayedCall | None = None

    def start(self) -> None:
        """All of them."""
        for post in self.posts:
            post.fill()

    def serving(self) -> list[Post]:
        """Those that do."""
        return [post for post in self.posts if post.channel is not None]

    def served(self) -> None:
        """One more does."""
        if self._ready is not None and len(self.serving()) == len(self.posts):
            ready, self._ready = self._ready, None
            ready()

    def emptied(self) -> None:
        """One is gone."""
        if self._gone is not None and all(post.state is State.EMPTY for post in self.posts):
            gone, self._gone = self._gone, None
            if self._killing is not None:
                self._killing.cancel()
                self._killing = None
            gone.callback(None)

    def tell(self, kind: str, value: Any = None) -> None:
        """All that serve."""
        for post in self.serving():
            if post.channel is not None:
                post.channel.tell(kind, value)

    def ask(
        self, kind: str, value: Any = None, *, of: Iterable[Post] | None = None, within: float | None = _PATIENCE
    ) -> Deferred[list[Answer]]:
        """Fires with the answers of all that serve, or of these, by number. `within`: seconds; None: as long as it takes."""
        asked: list[Deferred[Any]] = []
        for post in self.serving() if of is None else of:
            if post.channel is not None:
                one = post.channel.ask(kind, value)
                if within is not None:
                    one.addTimeout(within, self._clock)
                asked.append(one.addCallbacks(_answer, _refusal, (post.number,), {}, (post.number,)))
        return DeferredList(asked).addCallback(lambda results: [each for _, each in results if each is not None])

    def stop(self, grace: float) -> Deferred[None]:
        """Fires when all are gone: some seconds after `grace` at the latest, for then they are killed."""
        for post in self.posts:
            post.stop()
        if all(post.state is State.EMPTY for post in self.posts):
            return succeed(None)
        self._killing = self._clock.callLater(grace + _AFTER_GRACE, self._kill)
        self._gone = Deferred()
        return self._gone

    def retire(self) -> Deferred[None]:
        """Nobody is followed any more. Fires when all have ended: each with its last session, or when these have had their time."""
        self._gone = Deferred()
        for post in self.posts:
            post.retire()
        gone = self._gone
        self.emptied()
        return gone

    def _kill(self) -> None:
        self._killing = None
        for post in self.posts:
            if post.state is not State.EMPTY:
                self._log.error("worker {number} does not end: it is killed", number=post.number)
                post.kill()


def _answer(value: Any, number: int) -> Answer:
    return Answer(number=number, value=value)


def _refusal(failure: Failure, number: int) -> Answer | None:
    if failure.check(Refused):
        return Answer(number=number, refused=str(failure.value))
    if not failure.check(ChannelLost):
        Crew._log.warn("worker {number} has not answered: {why}", number=number, why=failure.getErrorMessage())
    return None

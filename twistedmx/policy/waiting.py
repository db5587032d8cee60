"""An awaitable of a port as a Deferred, made only when there is something to wait for."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")


def deferred_of(awaitable: Awaitable[T]) -> Deferred[T]:
    """Fires or fails as `awaitable` does; cancelling it cancels what is waited for."""
    return awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(_wait(awaitable))


async def _wait(awaitable: Awaitable[T]) -> T:
    return await awaitable


def in_time(
    awaitable: Awaitable[T],
    seconds: float,
    clock: IReactorTime,
    *,
    late: Callable[[], T],
    failed: Callable[[Failure], T],
) -> Deferred[T]:
    """Fires with what `awaitable` gives within `seconds`, else with what `late` or `failed` make of it. Fails only when it is
    cancelled. A Deferred of our own: who clings to his work when he is cancelled holds nobody up."""
    over = False
    working = deferred_of(awaitable)

    def give_up(result: Deferred[T]) -> None:
        nonlocal over
        over = True
        limit.cancel()
        working.cancel()

    def end(outcome: T) -> None:
        nonlocal over
        if not over:
            over = True
            if limit.active():
                limit.cancel()
            result.callback(outcome)

    def expire() -> None:
        end(late())
        working.cancel()

    def fail(failure: Failure) -> None:
        if not over:  # else it was given up, and this is how it takes that
            end(failed(failure))

    result: Deferred[T] = Deferred(give_up)
    limit = clock.callLater(seconds, expire)
    working.addCallbacks(end, fail)
    return result

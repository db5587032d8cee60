"""An awaitable of a port as a Deferred, made only when there is something to wait for."""

from collections.abc import Awaitable
from typing import TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


def deferred_of(awaitable: Awaitable[T]) -> Deferred[T]:
    """Fires or fails as `awaitable` does; cancelling it cancels what is waited for."""
    return awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(_wait(awaitable))


async def _wait(awaitable: Awaitable[T]) -> T:
    return await awaitable

"""A coroutine that waits for nobody, most of the time: run without a Deferred then (4 us of some 30 for a refused RCPT)."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, where it need not wait; else a Deferred of that, which is cancelled as one of `Deferred.fromCoroutine`.

    Raises what it raises before it waits. A Deferred is none of the things that it may return.
    """
    try:
        awaited = coroutine.send(None)
    except StopIteration as done:
        return done.value
    return Deferred.fromCoroutine(_go_on(coroutine, awaited))


async def _go_on(coroutine: Coroutine[Any, Any, Any], awaited: Deferred[Any]) -> Any:
    result: Any = None
    while True:
        try:
            result = await awaited
        except BaseException as error:  # it is the coroutine's, to see to or not, and CancelledError as well
            failed: BaseException | None = error
        else:
            failed = None
        try:
            awaited = coroutine.send(result) if failed is None else coroutine.throw(failed)
        except StopIteration as done:
            return done.value

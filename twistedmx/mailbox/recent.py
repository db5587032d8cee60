"""What a thread finds out of the disk, as it was at most a few seconds ago: who asks again is answered from memory.

One thing is found out once, however many wait for it, and two things at a time, so that a disk that does not answer (NFS)
takes two threads and no more; who asks for what has not come in a while is told so at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, DeferredSemaphore

from twistedmx.mailbox.backend import Means

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_AT_ONCE: Final = 2
_PATIENCE: Final = 5.0  # seconds; RecipientSettings.look_up_time is above it


@attrs.define(kw_only=True)
class _UnderWay(Generic[V]):
    since: float
    waiting: list[Deferred[V]] = attrs.Factory(list)


class Recent(Generic[K, V]):
    """`find_out`: is called in a thread, with the key and what was there before. `failed`: the value when that raised, or
    has not answered (None). `fresh`: seconds a value holds. `most`: values kept; the least lately asked for leaves first."""

    def __init__(
        self,
        find_out: Callable[[K, V | None], V],
        *,
        failed: Callable[[K, BaseException | None], V],
        fresh: float,
        most: int,
        means: Means,
    ) -> None:
        self._find_out = find_out
        self._failed = failed
        self._holds = fresh
        self._most = most
        self._means = means
        self._kept: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._under_way: dict[K, _UnderWay[V]] = {}
        self._turn = DeferredSemaphore(_AT_ONCE)

    def get(self, key: K) -> V | Deferred[V]:
        """The value; at once while it is fresh. The Deferred does not fail; cancelling it leaves all others alone."""
        kept = self._kept.get(key)
        now = self._means.clock.seconds()
        if kept is not None and now < kept[1]:
            return kept[0]
        under_way = self._under_way.get(key)
        if under_way is not None and now - under_way.since >= _PATIENCE:
            return self._failed(key, None)
        answer: Deferred[V] = Deferred()
        if under_way is not None:
            under_way.waiting.append(answer)
            return answer
        self._under_way[key] = _UnderWay(since=now, waiting=[answer])
        before = None if kept is None else kept[0]
        finding = self._turn.run(self._means.run_in_thread, self._find_out, key, before)
        finding.addErrback(lambda failure: self._failed(key, failure.value))
        finding.addCallback(self._found, key)
        return answer

    def fresh(self, key: K) -> V | None:
        """The value while it is fresh; nothing is found out."""
        kept = self._kept.get(key)
        return kept[0] if kept is not None and self._means.clock.seconds() < kept[1] else None

    def last(self, key: K) -> V | None:
        """What was found out last, however long ago."""
        kept = self._kept.get(key)
        return None if kept is None else kept[0]

    def _found(self, value: V, key: K) -> None:
        self._kept[key] = value, self._means.clock.seconds() + self._holds
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        for answer in self._under_way.pop(key).waiting:
            answer.callback(value)

"""A bounded table in two segments, so that what is worth keeping is never pushed out by what is not.

In each the one heard of longest ago goes first. Whoever puts a value says which segment it belongs to, and it moves when that
changes. What has changed since it was last saved is known, and what is gone of that which was saved.

Values are never changed in place: what a thread is writing stays as it is. Not for several threads at a time.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

import attrs

from twistedmx.policy.allocations import Allocations

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _no_group(key: object) -> bytes:
    return b""


@attrs.frozen(kw_only=True)
class Changes(Generic[K, V]):
    """`put`: keys with their values as they are to be saved. `gone`: keys that are to be saved no more."""

    put: tuple[tuple[K, V], ...] = ()
    gone: tuple[K, ...] = ()


class Segments(Generic[K, V]):
    """`proven`, `strangers`: for reading, the one heard of longest ago first. `evicted`: how many went of each, since the start.

    `most_proven`, `most_strangers`: so many of each. `group_of`: the group that a key is counted in, of which there are at most
    `allocation` strangers; b"" for none.
    """

    def __init__(
        self,
        *,
        most_proven: int,
        most_strangers: int,
        allocation: int = 0,
        group_of: Callable[[K], bytes] = _no_group,
    ) -> None:
        self.proven: OrderedDict[K, V] = OrderedDict()
        self.strangers: OrderedDict[K, V] = OrderedDict()
        self.evicted = [0, 0]  # proven, strangers
        self._most_proven = most_proven
        self._most_strangers = most_strangers
        self._group_of = group_of
        self._groups: Allocations[K] = Allocations(allocation, self.strangers.__contains__)
        self._changed: set[K] = set()
        self._gone: set[K] = set()
        self._unsaved: set[K] = set()  # of those that changed: they were never saved

    def configure(self, *, most_proven: int, most_strangers: int, allocation: int = 0) -> None:
        """From now on these hold. Of a group that has too many, no more than come go."""
        self._most_proven, self._most_strangers, self._groups.most = most_proven, most_strangers, allocation
        self._make_room()

    def get(self, key: K) -> V | None:
        """What was put."""
        value = self.strangers.get(key)
        return value if value is not None else self.proven.get(key)

    def put(self, key: K, value: V, *, proven: bool) -> None:
        """Keep it as the latest of its segment."""
        segment = self.proven if proven else self.strangers
        if key in segment:  # as it mostly is
            segment[key] = value
            segment.move_to_end(key)
        else:
            self._keep(key, value, proven)
        self._changed.add(key)

    def restore(self, key: K, value: V, *, proven: bool) -> None:
        """Keep what was saved: it need not be saved again. To be called in the order in which they were heard of."""
        self._keep(key, value, proven)
        if key not in self._changed:
            self._unsaved.discard(key)

    def forget(self, is_old: Callable[[V], bool], most: int) -> int:
        """Drop those heard of longest ago as long as they are old, so many at most. How many were dropped."""
        dropped = 0
        for segment in (self.strangers, self.proven):
            while segment and dropped < most:
                key = next(iter(segment))
                if not is_old(segment[key]):
                    break
                self._drop(segment, key)
                dropped += 1
        return dropped

    def __len__(self) -> int:
        return len(self.proven) + len(self.strangers)

    def items(self) -> Iterator[tuple[K, V]]:
        """All, as they are when this begins."""
        yield from (*self.proven.items(), *self.strangers.items())

    # What is to be saved

    def take_changes(self, most: int) -> Changes[K, V]:
        """Some of those since the last time, so many of each kind at most. They count as saved from now on."""
        put: list[tuple[K, V]] = []
        while self._changed and len(put) < most:
            key = self._changed.pop()
            self._unsaved.discard(key)
            value = self.get(key)
            if value is not None:
                put.append((key, value))
        gone: list[K] = []
        while self._gone and len(gone) < most:
            gone.append(self._gone.pop())
        return Changes(put=tuple(put), gone=tuple(gone))

    def give_back(self, changes: Changes[K, V]) -> None:
        """They were not saved after all."""
        for key in (*(key for key, _ in changes.put), *changes.gone):
            (self._gone if self.get(key) is None else self._changed).add(key)

    def have_changed(self) -> None:
        """Nothing is saved any more: all of it is to be."""
        self._changed = {*self.proven, *self.strangers}
        self._unsaved = set(self._changed)
        self._gone.clear()

    @property
    def changed(self) -> int:
        """How many are to be saved, or to be saved no more."""
        return len(self._changed) + len(self._gone)

    # Within

    def _keep(self, key: K, value: V, proven: bool) -> None:
        segment, other = (self.proven, self.strangers) if proven else (self.strangers, self.proven)
        if key in segment:
            segment[key] = value
            segment.move_to_end(key)
            return
        if other.pop(key, None) is None:
            if key in self._gone:
                self._gone.discard(key)
            else:
                self._unsaved.add(key)
        elif proven:
            self._leave_group(key)
        segment[key] = value
        if not proven:
            group = self._group_of(key)
            if group:
                oldest = self._groups.add(group, key)
                if oldest is not None:
                    self._evict(oldest)
        self._make_room()

    def _make_room(self) -> None:
        while len(self.strangers) > self._most_strangers:
            self._evict(next(iter(self.strangers)))
        while len(self.proven) > self._most_proven:
            self._drop(self.proven, next(iter(self.proven)))
            self.evicted[0] += 1

    def _evict(self, key: K) -> None:
        self._drop(self.strangers, key)
        self.evicted[1] += 1

    def _drop(self, segment: "OrderedDict[K, V]", key: K) -> None:
        del segment[key]
        if segment is self.strangers:
            self._leave_group(key)
        self._changed.discard(key)
        if key in self._unsaved:
            self._unsaved.discard(key)
        else:
            self._gone.add(key)

    def _leave_group(self, key: K) -> None:
        group = self._group_of(key)
        if group:
            self._groups.remove(group)

"""How many keys of a table lie in one group, an IPv6 /32 say, and which of them came first: so that none fills the table alone."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SLACK: Final = 16  # keys that are gone and stand here still, beside as many as are there


class Allocations(Generic[K]):
    """`most`: of one group. `is_there`: whether the table has a key."""

    def __init__(self, most: int, is_there: Callable[[K], bool]) -> None:
        self.most = most
        self._is_there = is_there
        self._keys: dict[bytes, deque[K]] = {}  # in their order; some are gone
        self._counts: dict[bytes, int] = {}

    def add(self, group: bytes, key: K) -> K | None:
        """`key` was put into the table. Another of the group that has to go for it, if there are too many."""
        keys = self._keys.get(group)
        if keys is None:
            keys = self._keys[group] = deque()
        keys.append(key)
        count = self._counts[group] = self._counts.get(group, 0) + 1
        if count > self.most:
            while len(keys) > 1:
                oldest = keys.popleft()  # perhaps `key` itself, as it was there before
                if oldest != key and self._is_there(oldest):
                    return oldest
        elif len(keys) > 2 * count + _SLACK:
            self._keys[group] = deque(filter(self._is_there, dict.fromkeys(keys)))
        return None

    def remove(self, group: bytes) -> None:
        """One of the group is gone, whichever."""
        count = self._counts[group] - 1
        if count:
            self._counts[group] = count
        else:
            del self._counts[group], self._keys[group]

"""A bounded table that groups share: whoever fills it pushes out his own, oldest first, and not what others have there.

When it is too full, the group that takes most of it loses its oldest entry. So a group that takes less than an equal share of it
loses nothing, however many come in others ("longest queue drop").
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shares(Generic[K, V]):
    """`most`: entries. `octets`: what they may weigh together. Both may be replaced."""

    def __init__(self, most: int, octets: int) -> None:
        self.most = most
        self.octets = octets
        self.weight = 0
        self._entries: dict[K, tuple[V, Hashable, int]] = {}  # with its group and its weight
        self._groups: dict[Hashable, OrderedDict[K, None]] = {}
        self._weights: dict[Hashable, int] = {}

    def get(self, key: K) -> V | None:
        """What is there."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def put(self, key: K, value: V, group: Hashable, weight: int) -> None:
        """In place of what is there; it is the newest of its group. `evict` keeps the bounds."""
        self.pop(key)
        self._entries[key] = (value, group, weight)
        self._groups.setdefault(group, OrderedDict())[key] = None
        self._weights[group] = self._weights.get(group, 0) + weight
        self.weight += weight

    def pop(self, key: K) -> V | None:
        """Take it out. What it was."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        value, group, weight = entry
        keys = self._groups[group]
        del keys[key]
        self.weight -= weight
        if keys:
            self._weights[group] -= weight
        else:
            del self._groups[group], self._weights[group]
        return value

    def evict(self) -> V | None:
        """Take out one that is too many, if there is one."""
        if len(self._entries) <= self.most and self.weight <= self.octets:
            return None
        heaviest = max(self._weights, key=self._weights.__getitem__)
        return self.pop(next(iter(self._groups[heaviest])))

    def __iter__(self) -> Iterator[V]:
        """All, in no order."""
        return (value for value, _, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

"""Records of blocks by their ids: 20 octets a record for a million of them, where a dict of ids takes 95.

A hash table with a fixed number of buckets, each a list that is searched: right for what is asked rarely, and must be small.
benchmarks/blocklist.py measures it.
"""

from typing import Final

from twistedmx.policy.block_record import id_of

_BUCKETS: Final = 131_072


class RecordsById:
    """Ids are 8 octets."""

    def __init__(self) -> None:
        self._buckets: list[list[bytes] | None] = [None] * _BUCKETS
        self._length = 0

    def get(self, id_: bytes) -> bytes | None:
        """The record with this id."""
        for record in self._buckets[hash(id_) % _BUCKETS] or ():
            if id_of(record) == id_:
                return record
        return None

    def put(self, record: bytes) -> bytes | None:
        """Put a record in. The one with its id that it replaces, if there was one."""
        id_ = id_of(record)
        index = hash(id_) % _BUCKETS
        bucket = self._buckets[index]
        if bucket is None:
            bucket = self._buckets[index] = []
        for place, other in enumerate(bucket):
            if id_of(other) == id_:
                bucket[place] = record
                return other
        bucket.append(record)
        self._length += 1
        return None

    def remove(self, id_: bytes) -> None:
        """Take the record with this id out. Raises KeyError when there is none."""
        index = hash(id_) % _BUCKETS
        bucket = self._buckets[index] or []
        for place, record in enumerate(bucket):
            if id_of(record) == id_:
                del bucket[place]
                if not bucket:
                    self._buckets[index] = None
                self._length -= 1
                return
        raise KeyError(id_)

    def __len__(self) -> int:
        return self._length

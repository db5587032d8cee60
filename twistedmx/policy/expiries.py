"""Which entries expire first: their ids in buckets, a minute wide, for 8 octets each.

An entry stands here once. One that was lengthened stays where it is: whoever takes it out sees that its time is later, and puts
it in again. So lengthening costs nothing here, however often it happens.
"""

from array import array
from heapq import heappop, heappush
from typing import Final

_MINUTE: Final = 60.0
_LAST: Final = 2.0**53  # the minute of what never expires comes after all others
_ID: Final = 8  # octets


class Expiries:
    """Ids of 8 octets in the order of their minutes; within a minute, in none that is told."""

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._minutes: list[int] = []  # a heap: each that has a bucket

    def put(self, id_: bytes, expiry: float) -> None:
        """`id_` expires at `expiry`, seconds since the epoch or infinity."""
        minute = minute_of(expiry)
        bucket = self._buckets.get(minute)
        if bucket is None:
            bucket = self._buckets[minute] = array("Q")
            heappush(self._minutes, minute)
        bucket.append(int.from_bytes(id_, "big"))

    def take(self, until: float | None = None) -> tuple[bytes, int] | None:
        """One of the first minute and that minute, if it is over by `until`; it then is here no more."""
        if not self._minutes:
            return None
        minute = self._minutes[0]
        if until is not None and minute >= minute_of(until):
            return None
        bucket = self._buckets[minute]
        number = bucket.pop()
        if not bucket:
            del self._buckets[minute]
            heappop(self._minutes)
        return number.to_bytes(_ID, "big"), minute


def minute_of(expiry: float) -> int:
    """The minute that a time is in."""
    return int(max(min(expiry, _LAST), -_LAST) // _MINUTE)

"""Who was told to come again, and does.

Where there is no place, one first-time sender among hundreds of bots is as they are: all of them wait for their greeting. But he
does as he is told, as every mail server does (RFC 5321 4.5.4.1), and after minutes. That is what greylisting goes by, of those
alone for whom there was no place. A return is worth one session: a bot that comes back every few minutes has that, and no more.

    told                        time begins
    told once more              goes on: who has much mail comes often
    comes within two seconds    begins anew: nothing was done that one was told
    has a session               is over

A table that never grows: a host has one slot of a million, by a hash that nobody outside can foresee, and who comes to the same
one takes its place. Of a flood in which two hundred hosts are told each second a sixth of those told are forgotten within a
quarter of an hour. Memory that was never written to is not used; all of it is 8 MB. A restart forgets.

BUGS: one host in 65,536 of those whose slot is taken is mistaken for who is there, and who comes half a year later for who comes
in time. A mail server that has another message within two seconds of each 421 never comes again.
"""

import mmap
from typing import Final

_SLOTS: Final = 1 << 20
_AT_ONCE: Final = 2  # seconds
# Seconds. Postfix tries again after 300, qmail after 400, Exim after 900; who is put off more often waits for hours.
FORGOTTEN: Final = 4 * 3600
# A slot: whose it is, when it was told first, when last; 16, 24 and 24 bits. Times are of a clock that comes round in half a year.
_ROUND: Final = (1 << 24) - 1


class Returns:
    """Of one server. Hosts are given by their keys, times in seconds, of a clock that may be put back."""

    def __init__(self) -> None:
        self._slots = memoryview(mmap.mmap(-1, 8 * _SLOTS, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)).cast("Q")

    def tell(self, host: bytes, time: float) -> None:
        """It is told to come again."""
        at, whose = _place(host)
        now = int(time) & _ROUND
        slot = self._slots[at]
        first = slot >> 24 & _ROUND
        if slot >> 48 != whose or now - first & _ROUND >= FORGOTTEN:
            first = now
        self._slots[at] = whose << 48 | first << 24 | now

    def comes(self, host: bytes, time: float, after: float) -> bool:
        """It has come, and nothing else of it is there: whether it does as it was told, so many seconds ago at least."""
        at, whose = _place(host)
        slot = self._slots[at]
        if slot >> 48 != whose:
            return False
        now = int(time) & _ROUND
        if now - slot & _ROUND < _AT_ONCE:
            self._slots[at] = whose << 48 | now << 24 | now
            return False
        return after <= now - (slot >> 24) & _ROUND < FORGOTTEN

    def spend(self, host: bytes) -> None:
        """It has a session; harmless of one that was told nothing."""
        at, whose = _place(host)
        if self._slots[at] >> 48 == whose:
            self._slots[at] = 0


def _place(host: bytes) -> tuple[int, int]:
    """Which slot, and who is there: never 0, which is nobody."""
    number = hash(host)
    return number & _SLOTS - 1, number >> 20 & 0xFFFF or 1

"""Who was told to come again, and does.

Where there is no place, one first-time sender among hundreds of bots is as they are: all of them wait for their greeting. But he
does as he is told, as every mail server does (RFC 5321 4.5.4.1), and after minutes; of bots some are back at once, and others
are never seen again (benchmarks, governor). That is what greylisting goes by, of those alone for whom there was no place.

Bounded: beyond so many hosts the one that was told longest ago is forgotten. A restart forgets all.
"""

from collections import OrderedDict
from typing import Final

_MOST: Final = 65_536  # hosts: 10 MB
# Seconds. qmail tries again after 400, Postfix after 300, Exim after 900; who is put off more often waits for hours.
_FORGOTTEN: Final = 4 * 3600.0


class Returns:
    """Of one server. `most`: hosts that are remembered."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._told: OrderedDict[bytes, float] = OrderedDict()  # when, the latest last

    def __len__(self) -> int:
        """Hosts that are remembered."""
        return len(self._told)

    def tell(self, host: bytes, time: float) -> None:
        """It is told to come again, perhaps once more. `host`: its key. `time`: seconds."""
        told = self._told
        told[host] = time
        told.move_to_end(host)
        if len(told) > self._most:
            told.popitem(last=False)

    def has_returned(self, host: bytes, time: float, after: float) -> bool:
        """Whether it was told to, so many seconds ago at least. Of a clock that was put back: no."""
        told = self._told.get(host)
        return told is not None and after <= time - told < _FORGOTTEN

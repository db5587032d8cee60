"""Times and spans as people say them."""

from datetime import UTC, datetime
from typing import Final

_SCALE: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def moment(seconds: float) -> str:
    """ "2026-11-20 08:00:12 UTC". `seconds`: since the epoch. Raises OSError, OverflowError and ValueError for what is no time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def length(seconds: float) -> str:
    """ "2 h 3 min": the two largest units."""
    left = int(seconds)
    words: list[str] = []
    for size, unit in _SCALE:
        if left >= size or (unit == "s" and not words):
            words.append(f"{left // size} {unit}")
        left %= size
    return " ".join(words[:2])

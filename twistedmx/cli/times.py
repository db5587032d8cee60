"""Times and spans as an operator reads and writes them."""

import argparse
import re
from datetime import UTC, datetime
from typing import Any, Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "": 1}
_SCALE: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LAST: Final = 253_402_300_799  # the last second that has four digits for its year


def moment(seconds: float) -> str:
    """ "2026-11-20 08:00:12 UTC". `seconds`: since the epoch."""
    return f"{_moment(seconds):%Y-%m-%d %H:%M:%S} UTC"


def until(expiry: Any, otherwise: str = "it is removed") -> str:
    """The minute, or what it is without one."""
    return otherwise if expiry is None else f"{_moment(expiry):%Y-%m-%d %H:%M} UTC"


def day(seconds: float) -> str:
    """ "2026-11-20"."""
    return f"{_moment(seconds):%Y-%m-%d}"


def length(seconds: float) -> str:
    """ "2 h 3 min": the two largest units."""
    left = int(seconds)
    words: list[str] = []
    for size, unit in _SCALE:
        if left >= size or (unit == "s" and not words):
            words.append(f"{left // size} {unit}")
        left %= size
    return " ".join(words[:2])


def seconds_of(text: str) -> float:
    """ "90", "30m", "12h", "7d" or "ever". Raises ArgumentTypeError with words for the operator."""
    if text == "ever":
        return float("inf")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f'{text!r} is no time; write 30m, 12h, 7d or "ever"')
    return float(found[1]) * _UNITS[found[2]]


def in_json(seconds: float | None) -> float | None:
    """Which has no infinity."""
    return 1e300 if seconds == float("inf") else seconds


def _moment(seconds: Any) -> datetime:
    """The nearest one that can be said: a server may tell anything that is a number."""
    return datetime.fromtimestamp(max(0, min(float(seconds), _LAST)), UTC)

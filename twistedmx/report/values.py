"""What the fields of a line of the log hold: strings, numbers and lists of strings, by name; and times among them."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Fields = dict[str, Any]


def time_of(at: float) -> str:
    """RFC 3339, UTC, milliseconds. `at`: seconds since the epoch."""
    second, milliseconds = divmod(round(at * 1000), 1000)
    return f"{_second(second)}.{milliseconds:03}Z"


@lru_cache(maxsize=2)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")

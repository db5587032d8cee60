"""How long each transaction took, and which failed: of one phase of a drill."""

import math
from collections.abc import Mapping
from typing import Final

_MOST_WORDS: Final = 20  # different failures that are told apart
_OTHERS: Final = "others"


class Latencies:
    """`sent`: transactions that were to begin. Those that are under way are neither in `seconds` nor failed."""

    def __init__(self) -> None:
        self.sent = 0
        self.seconds: list[float] = []
        self.failed = 0
        self.failures: dict[str, int] = {}

    def took(self, seconds: float) -> None:
        """One went well. `seconds`: since it was to begin."""
        self.seconds.append(seconds)

    def fail(self, words: str) -> None:
        """One did not."""
        self.failed += 1
        if words not in self.failures and len(self.failures) >= _MOST_WORDS:
            words = _OTHERS
        self.failures[words] = self.failures.get(words, 0) + 1

    def percentile(self, share: float) -> float | None:
        """Seconds that so many of those that went well took at the most: the nearest rank. None where there were none."""
        return nearest_rank(self.seconds, share)

    def document(self) -> Mapping[str, object]:
        """For machines; milliseconds."""
        return {
            "sent": self.sent,
            "answered": len(self.seconds),
            "failed": self.failed,
            "failures": dict(self.failures),
            "p50_ms": milliseconds(self.percentile(0.5)),
            "p99_ms": milliseconds(self.percentile(0.99)),
            "most_ms": milliseconds(self.percentile(1.0)),
        }


def nearest_rank(values: list[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not pass; None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def milliseconds(seconds: float | None) -> float | None:
    """To a tenth."""
    return None if seconds is None else round(seconds * 1000, 1)

"""How long each transaction took, and which failed: of one phase of a drill."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

_MOST_KINDS: Final = 20  # different failures that are told apart
_OTHERS: Final = "others"
# Up to the codes of a reply: what is behind them may differ for each client.
_kind = re.compile(r".*?\b[2-5][0-5][0-9](?: [2-5]\.[0-9]{1,3}\.[0-9]{1,3})?(?= |$)")


class Failures:
    """How often what went wrong, each kind with the words of its first time."""

    def __init__(self) -> None:
        self.total = 0
        self._kinds: dict[str, tuple[str, int]] = {}

    def add(self, words: str, count: int = 1) -> None:
        """`words`: what was said, and what was answered."""
        self.total += count
        found = _kind.match(words)
        kind = found[0] if found else words
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            kind = words = _OTHERS
        first, before = self._kinds.get(kind, (words, 0))
        self._kinds[kind] = (first, before + count)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Words and how often, in the order of their first time."""
        return iter(self._kinds.values())


class Latencies:
    """`sent`: transactions that were to begin. Those that are under way are neither in `seconds` nor in `failures`."""

    def __init__(self) -> None:
        self.sent = 0
        self.seconds: list[float] = []
        self.failures = Failures()

    @property
    def failed(self) -> int:
        """How many."""
        return self.failures.total

    def took(self, seconds: float) -> None:
        """One went well. `seconds`: since it was to begin."""
        self.seconds.append(seconds)

    def fail(self, words: str) -> None:
        """One did not."""
        self.failures.add(words)

    def percentile(self, share: float) -> float | None:
        """Seconds that so many of those that went well took at the most: the nearest rank. None where there were none."""
        return nearest_rank(self.seconds, share)

    def document(self) -> Mapping[str, object]:
        """For machines; milliseconds."""
        return {
            "sent": self.sent,
            "answered": len(self.seconds),
            "failed": self.failed,
            "failures": [{"words": words, "count": count} for words, count in self.failures],
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

"""What was in a span of time: a minute of `report.history`, or several of them together, for a table or a picture."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

MINUTE: Final = 60  # seconds
# How long a row of a table or a step of a picture may be, seconds: what a reader counts in, each a divisor of a day.
_LENGTHS: Final = tuple(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440))


def highest(one: float | None, other: float | None) -> float | None:
    """Of what is known of two loads; None where nothing is."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


@attrs.define(kw_only=True)
class Span:
    """`start`: seconds since the epoch, a whole minute. `minutes`: in which anything was recorded; 0: a gap, and nobody knows.

    `messages`, `accepted`: messages and recipients that were accepted. `refused`: recipients, by the word of the reason.
    `sessions`: that began. `turned_away`: connections of blocked hosts. `most_open`, `load`: the highest number of connections at
    once, and the highest load average of a minute, of the machine, not for each CPU; None: it could not be read.
    """

    start: int
    minutes: int = 0
    messages: int = 0
    accepted: int = 0
    refused: Counter[str] = attrs.Factory(Counter)
    sessions: int = 0
    turned_away: int = 0
    most_open: int = 0
    load: float | None = None

    def add(self, other: "Span") -> None:
        """It was in here, too."""
        self.minutes += other.minutes
        self.messages += other.messages
        self.accepted += other.accepted
        self.refused.update(other.refused)
        self.sessions += other.sessions
        self.turned_away += other.turned_away
        self.most_open = max(self.most_open, other.most_open)
        self.load = highest(self.load, other.load)

    def told(self) -> dict[str, Any]:
        """A minute, as JSON can say it: docs/history.md has the fields."""
        told = attrs.asdict(self, filter=attrs.filters.exclude("minutes"), recurse=False)
        return {**told, "refused": dict(self.refused)}


def minute_of(told: Mapping[str, Any]) -> Span:
    """What `Span.told` said of a minute; what a newer server says beside is left out."""
    fields = {field.name: told[field.name] for field in attrs.fields(Span) if field.name in told}
    return Span(**{**fields, "minutes": 1, "refused": Counter(told.get("refused", {}))})


def gathered(minutes: Sequence[Span], most: int) -> tuple[int, list[Span]]:
    """Seconds, and spans of that length from the first minute to the last, gaps among them. `minutes`: of a day, by time. `most`:
    spans, two at least. Each begins at what a clock shows: those of an hour at full hours, UTC."""
    if not minutes:
        return MINUTE, []
    for length in _LENGTHS:
        begin = minutes[0].start // length * length
        starts = range(begin, minutes[-1].start + MINUTE, length)
        if len(starts) <= most:
            break
    spans = [Span(start=start) for start in starts]
    for minute in minutes:
        spans[(minute.start - begin) // length].add(minute)
    return length, spans

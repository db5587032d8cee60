"""The two pictures of an afternoon under siege: what was refused and why, and how many sessions there were beside the load."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from twistedmx.report.chart import Chart, axis_for
from twistedmx.report.span import MINUTE, Span, gathered

_STEPS: Final = 480  # at most: more are narrower than what a screen shows
_REASONS: Final = 6  # that have a colour of their own
_OTHERS: Final = 6  # the colour of the others
_TURNED_AWAY: Final = 7
TURNED_AWAY: Final = "turned away"


def top_reasons(spans: Sequence[Span], most: int) -> list[str]:
    """Those that refused most recipients, the one that refused most first."""
    total: Counter[str] = Counter()
    for span in spans:
        total.update(span.refused)
    return [reason for reason, count in total.most_common(most) if count]


def rejections(minutes: Sequence[Span]) -> str:
    """Recipients that were refused, by reason, and connections that were turned away: an SVG. `minutes`: one at least."""
    length, spans = gathered(minutes, _STEPS)
    layers = _layers(spans)
    highest = max(_a_minute(span, span.refused.total() + span.turned_away) or 0.0 for span in spans)
    chart = Chart(
        "Rejections by reason",
        f"recipients refused, and connections turned away, a minute; {_times(spans, length)}",
        [span.start for span in spans],
        length,
        axis_for(highest),
    )
    below = [0.0] * len(spans)
    for name, tone, counts in layers:
        above = [_a_minute(span, count + floor) for span, count, floor in zip(spans, counts, below, strict=True)]
        chart.area(name, tone, [_a_minute(span, floor) or 0.0 for span, floor in zip(spans, below, strict=True)], above)
        below = [count + floor for count, floor in zip(counts, below, strict=True)]
    told = [[f"{name} {counts[n]:,}" for name, _, counts in layers if counts[n]] for n in range(len(spans))]
    chart.words([_words(span, length, ", ".join(words) or "nothing") for span, words in zip(spans, told, strict=True)])
    return chart.svg()


def sessions(minutes: Sequence[Span], cpus: int) -> str:
    """Sessions that were open at once, beside the load average: an SVG. `minutes`: one at least."""
    length, spans = gathered(minutes, _STEPS)
    left = axis_for(max(span.most_open for span in spans))
    # At least as high as there are CPUs: what a machine has left is half of what this picture is asked for.
    right = axis_for(max(cpus, *(span.load or 0.0 for span in spans)), least=0.1, right=True)
    right = right.beside(left)
    chart = Chart(
        "Parallel sessions and load",
        f"the highest of each time; {cpus} CPU{'' if cpus == 1 else 's'}; {_times(spans, length)}",
        [span.start for span in spans],
        length,
        left.beside(right),
        right,
    )
    chart.hill("sessions at once (left)", 0, [span.most_open if span.minutes else None for span in spans])
    chart.line("load average of a minute (right)", 1, [span.load for span in spans], right)
    chart.words([_words(span, length, f"{span.most_open:,} sessions, load {_load(span)}") for span in spans])
    return chart.svg()


def _layers(spans: Sequence[Span]) -> list[tuple[str, int, list[int]]]:
    """From the ground up: name, tone, and how many in each span; without those of nothing."""
    reasons = top_reasons(spans, _REASONS)
    layers = [(reason, tone, [span.refused[reason] for span in spans]) for tone, reason in enumerate(reasons)]
    others = [span.refused.total() - sum(span.refused[reason] for reason in reasons) for span in spans]
    layers += [("others", _OTHERS, others), (TURNED_AWAY, _TURNED_AWAY, [span.turned_away for span in spans])]
    return [layer for layer in layers if any(layer[2])]


def _a_minute(span: Span, count: float) -> float | None:
    """None: nobody knows."""
    return count / span.minutes if span.minutes else None


def _load(span: Span) -> str:
    return "not known" if span.load is None else f"{span.load:.2f}"


def _words(span: Span, length: int, words: str) -> str:
    begin = datetime.fromtimestamp(span.start, UTC)
    end = "" if length == MINUTE else f" to {datetime.fromtimestamp(span.start + length, UTC):%H:%M}"
    return f"{begin:%H:%M}{end}: {words if span.minutes else 'not recorded'}"


def _times(spans: Sequence[Span], length: int) -> str:
    begin, end = (datetime.fromtimestamp(time, UTC) for time in (spans[0].start, spans[-1].start + length))
    day = "" if begin.date() == end.date() else f"{end:%Y-%m-%d} "
    return f"{begin:%Y-%m-%d %H:%M} to {day}{end:%H:%M} UTC"

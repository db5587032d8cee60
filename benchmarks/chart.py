"""Results as charts: SVG of horizontal bars, drawn by hand, readable on white and on black."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import attrs

from benchmarks import limit_chart
from benchmarks.results import Result, medians
from benchmarks.scenarios import CASES, Case
from benchmarks.targets import OURS

_WIDTH: Final = 760
_LEFT: Final = 150  # of the bars
_RIGHT: Final = 110  # for the figure behind the longest
_BAR: Final = 18
_STEP: Final = 26
_HEAD: Final = 58
_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note { font-size: 12px; fill: #656d76 }
.bar { fill: #9aa4af }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #8d96a0 }
  .bar { fill: #6e7681 }
  .ours { fill: #4493f8 }
}"""


@attrs.frozen(kw_only=True)
class Bar:
    """`words`: what stands behind it."""

    name: str
    value: float
    words: str
    ours: bool


def svg(title: str, note: str, bars: Sequence[Bar]) -> str:
    """The picture."""
    longest = max(bar.value for bar in bars) or 1.0
    height = _HEAD + _STEP * len(bars) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="18">{escape(title)}</text>',
        f'<text class="note" x="0" y="38">{escape(note)}</text>',
    ]
    for n, bar in enumerate(bars):
        top = _HEAD + n * _STEP
        width = max(1.0, bar.value / longest * (_WIDTH - _LEFT - _RIGHT))
        base = top + _BAR - 5
        parts += [
            f'<text x="{_LEFT - 10}" y="{base}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect class="{"ours" if bar.ours else "bar"}" x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
            f'<text x="{_LEFT + width + 8:.1f}" y="{base}">{escape(bar.words)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def _field(case: Case) -> tuple[str, str, str]:
    """What the bars show, how it is written, and what is good."""
    if case.scenario == "idle":
        return "kb_per_session", "{:,.1f} KB", "memory of processes per session; less is better"
    if case.scenario == "workers":
        return "cpu", "{:,.4f}", "CPU seconds of all processes of the server per 1000; less is better"
    if case.scenario in ("reject", "tls"):
        return "cpu", "{:,.3f}", "CPU seconds of the server per 1000; less is better"
    if case.scenario == "tlsflood":
        return (
            "flood_us_p99",
            "{:,.1f} ms",
            "p99 of plain mail under the flood; what has failed counts as 30 s; less is better",
        )
    if case.mode == "victim":
        return (
            "attack_us_p99",
            "{:,.0f} ms",
            "p99 under attack, after its first minute; what has failed counts as 30 s; less is better",
        )
    return "rate", "{:,.0f} " + case.unit, "on one core; more is better"


def draw(case: Case, result: Result) -> str:
    """The chart of a case, best first; "" when fewer than two servers have a figure. Of `governor` its first run over time."""
    title = case.title[0].upper() + case.title[1:]
    if case.mode == "governor":
        runs = (run["values"] for run in result["runs"] if run["case"] == case.name)
        return next((limit_chart.draw(title, case.options, values) for values in runs), "")
    field, form, note = _field(case)
    scale = 1e-3 if "_us_" in field else 1
    found = medians(result).get(case.name, {})
    titles = {name: peer["title"] for name, peer in result["peers"].items()}
    names = sorted(found, key=lambda name: found[name][field], reverse=field == "rate")
    if len(names) < 2:
        return ""
    bars = [
        Bar(
            name=titles[name],
            value=found[name][field] * scale,
            words=form.format(found[name][field] * scale),
            ours=name == OURS,
        )
        for name in names
    ]
    return svg(title, note, bars)


def draw_all(result: Result, folder: Path) -> list[Case]:
    """A file of each case, by its name. Those that were drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for case in CASES:
        picture = draw(case, result)
        if picture:
            (folder / f"{case.name}.svg").write_text(picture)
            drawn.append(case)
    return drawn

"""A chart over time as SVG, drawn by hand: steps and areas, two axes, a legend; readable on white and on black.

One look with benchmarks/chart.py. Nothing is loaded and nothing runs: an SVG of ours is safe in any page. What lies between two
steps that nobody recorded is left empty.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

import attrs

_WIDTH: Final = 760
_LEFT: Final = 66
_HEIGHT: Final = 220  # of what is drawn between the axes
_HEAD: Final = 58
_TEXT: Final = 13  # pixels; of its letters a few more than half
_TICKS: Final = 5  # on an axis of numbers, at most
_TIMES: Final = 9  # on the axis of time
_MINUTE: Final = 60
# Minutes between two times that are written, and at which hands of a clock point.
_APART: Final = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
TONES: Final = 8
_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note { font-size: 12px; fill: #656d76 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.area { fill: currentColor }
.faint { fill-opacity: 0.3 }
.line { fill: none; stroke: currentColor; stroke-width: 1.5 }
.look { fill: transparent }
.look:hover { fill: #656d76; fill-opacity: 0.25 }
.tone0 { color: #0969da }
.tone1 { color: #bc4c00 }
.tone2 { color: #1a7f37 }
.tone3 { color: #8250df }
.tone4 { color: #d4a72c }
.tone5 { color: #bf3989 }
.tone6 { color: #9aa4af }
.tone7 { color: #57606a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #8d96a0 }
  .grid { stroke: #30363d }
  .tone0 { color: #4493f8 }
  .tone1 { color: #f0883e }
  .tone2 { color: #3fb950 }
  .tone3 { color: #a371f7 }
  .tone4 { color: #e3b341 }
  .tone5 { color: #f778ba }
  .tone6 { color: #6e7681 }
  .tone7 { color: #b1bac4 }
}"""


@attrs.frozen(kw_only=True)
class Axis:
    """Numbers from nought to `top`, with a mark each `step`. `right`: it stands there, and what belongs to it is a line."""

    top: float
    step: float
    right: bool = False

    def marks(self) -> list[float]:
        """From the bottom up."""
        return [number * self.step for number in range(round(self.top / self.step) + 1)]

    def beside(self, other: "Axis") -> "Axis":
        """With at least as many marks, so that those of both can lie on the same lines."""
        return attrs.evolve(self, top=self.step * max(len(self.marks()) - 1, len(other.marks()) - 1))


def axis_for(highest: float, *, least: float = 1.0, right: bool = False) -> Axis:
    """Round numbers, up to the first that is not below `highest`. `least`: between two of them, a power of ten."""
    step = least
    while True:
        for factor in (1, 2, 5):
            if highest <= step * factor * _TICKS:
                each = step * factor
                return Axis(top=max(-(-round(highest / each, 9) // 1), 1) * each, step=each, right=right)
        step *= 10


class Chart:
    """`starts`: of the steps, seconds since the epoch, evenly `length` seconds apart. `axis`: the left one."""

    def __init__(
        self, title: str, note: str, starts: Sequence[int], length: int, axis: Axis, right: Axis | None = None
    ) -> None:
        self._title, self._note = title, note
        self._starts, self._length = starts, length
        self._axis, self._right = axis, right
        self._across = _WIDTH - _LEFT - (_LEFT if right else 12)
        self._drawn: list[str] = []
        self._legend: list[tuple[str, int]] = []

    def hill(self, name: str, tone: int, values: Sequence[float | None]) -> None:
        """A line of steps, and the ground below it in a light tone: other lines are seen before it. None is a gap."""
        self._drawn.append(f'<path class="area faint tone{tone}" d="{self._between([0.0] * len(values), values)}"/>')
        self.line(name, tone, values, self._axis)

    def area(self, name: str, tone: int, lower: Sequence[float], upper: Sequence[float | None]) -> None:
        """Between two lines of steps. An `upper` of None is a gap."""
        self._add(name, tone, f'<path class="area tone{tone}" d="{self._between(lower, upper)}">')

    def line(self, name: str, tone: int, values: Sequence[float | None], axis: Axis) -> None:
        """A line of steps. None is a gap."""
        path = "".join(self._steps(run, values, axis) for run in _runs(values))
        self._add(name, tone, f'<path class="line tone{tone}" d="{path}">')

    def words(self, words: Sequence[str]) -> None:
        """What is told of each step, to whoever points at it."""
        for n, text in enumerate(words):
            left, right = self._x(n), self._x(n + 1)
            self._drawn.append(
                f'<rect class="look" x="{left:.1f}" y="{_HEAD}" width="{right - left:.1f}" height="{_HEIGHT}">'
                f"<title>{escape(text)}</title></rect>"
            )

    def svg(self) -> str:
        """The picture."""
        legend, bottom = self._written_legend()
        height = bottom + 10
        size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
                f"<title>{escape(self._title)}</title>",
                f"<style>{_STYLE}</style>",
                f'<text class="title" x="0" y="18">{escape(self._title)}</text>',
                f'<text class="note" x="0" y="38">{escape(self._note)}</text>',
                *self._written_axes(),
                *self._drawn,
                *legend,
                "</svg>",
                "",
            ]
        )

    def _add(self, name: str, tone: int, path: str) -> None:
        self._drawn.append(f"{path}<title>{escape(name)}</title></path>")
        self._legend.append((name, tone))

    def _x(self, step: int) -> float:
        return _LEFT + self._across * step / max(len(self._starts), 1)

    def _between(self, lower: Sequence[float], upper: Sequence[float | None]) -> str:
        return "".join(
            f"{self._steps(run, upper, self._axis)}{self._steps(run, lower, self._axis, back=True)}Z"
            for run in _runs(upper)
        )

    def _steps(self, run: range, values: Sequence[float | None], axis: Axis, *, back: bool = False) -> str:
        """A path along the steps of `run`, from the left to the right or `back`; it goes on where one was, or begins."""
        parts: list[str] = []
        for n in reversed(run) if back else run:
            begin, end = (n + 1, n) if back else (n, n + 1)
            y = _HEAD + _HEIGHT * (1 - (values[n] or 0.0) / axis.top)
            parts.append(
                f"V{y:.1f}H{self._x(end):.1f}" if parts or back else f"M{self._x(begin):.1f} {y:.1f}H{self._x(end):.1f}"
            )
        return "".join(parts)

    def _written_axes(self) -> Iterator[str]:
        for axis in filter(None, (self._axis, self._right)):
            side = _WIDTH - _LEFT + 8 if axis.right else _LEFT - 8
            for mark in axis.marks():
                y = _HEAD + _HEIGHT * (1 - mark / axis.top)
                if not axis.right:
                    yield f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + self._across}" y2="{y:.1f}"/>'
                anchor = "start" if axis.right else "end"
                yield f'<text class="note" x="{side}" y="{y + 4:.1f}" text-anchor="{anchor}">{mark:,.10g}</text>'
        for n, time in self._times():
            yield f'<text class="note" x="{self._x(n):.1f}" y="{_HEAD + _HEIGHT + 18}" text-anchor="middle">{time}</text>'

    def _times(self) -> Iterator[tuple[int, str]]:
        """The steps that have their time written below, UTC."""
        whole = len(self._starts) * self._length
        apart = next((each for each in _APART if whole <= each * _MINUTE * _TIMES), _APART[-1]) * _MINUTE
        for n, start in enumerate(self._starts):
            if start % apart == 0:
                yield n, f"{datetime.fromtimestamp(start, UTC):%H:%M}"

    def _written_legend(self) -> tuple[list[str], int]:
        """Its lines, and where it ends."""
        parts: list[str] = []
        x, y = _LEFT, _HEAD + _HEIGHT + 44
        for name, tone in self._legend:
            width = 36 + len(name) * _TEXT * 6 // 11
            if x > _LEFT and x + width > _WIDTH:
                x, y = _LEFT, y + 20
            parts += [
                f'<rect class="area tone{tone}" x="{x}" y="{y - 10}" width="11" height="11" rx="2"/>',
                f'<text x="{x + 17}" y="{y}">{escape(name)}</text>',
            ]
            x += width
        return parts, y


def _runs(values: Sequence[float | None]) -> Iterator[range]:
    """Steps that lie side by side and are no gap."""
    begin = 0
    for n, value in enumerate([*values, None]):
        if value is None:
            if n > begin:
                yield range(begin, n)
            begin = n + 1

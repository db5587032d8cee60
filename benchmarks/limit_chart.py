"""The limit of sessions over a run of `governor`, as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twistedmx.report.chart import Chart, axis_for

_MINUTE: Final = 60
_TOGETHER: Final = 5  # seconds of which mail is drawn as one step: a second has few messages


def draw(title: str, options: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """`values`: of one run. Where the server was not heard of there is a gap."""
    seconds = values["seconds"]
    limit, strangers, load = ([second.get(key) for second in seconds] for key in ("limit", "strangers", "load"))
    mail = in_a_minute([second["accepted"] for second in seconds])
    left = axis_for(max(number or 0 for number in (*limit, *strangers, *mail)))
    right = axis_for(max(number or 0.0 for number in load), right=True).beside(left)
    left = left.beside(right)
    chart = Chart(title, _note(options, values), range(len(seconds)), 1, left, right)
    chart.hill("sessions of strangers", 0, strangers)
    chart.line("limit", 2, limit, left)
    chart.line("messages a minute", 3, mail, left)
    chart.line("load, each CPU", 1, load, right)
    return chart.svg()


def in_a_minute(accepted: Sequence[int]) -> list[float]:
    """Of each second, at the pace of the five that it belongs to."""
    found: list[float] = []
    for begin in range(0, len(accepted), _TOGETHER):
        some = accepted[begin : begin + _TOGETHER]
        found += [sum(some) / len(some) * _MINUTE] * len(some)
    return found


def _note(options: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Who came when."""
    lengths = values["lengths"]
    come = lengths["calm"]
    hogs = come + lengths["strangers"]
    end = hogs + lengths["hogs"]
    return (
        f"{options['connections']} strangers from {come} s on; {values['hogs']} busy processes of another program from {hogs} s "
        f"to {end} s"
    )

"""A result as tables of text, in the terminal or in Markdown."""

import math
from collections.abc import Sequence

from benchmarks.governor import PHASES
from benchmarks.results import Result, medians
from benchmarks.scenarios import CASES, Case
from benchmarks.targets import OURS, TARGETS

Row = Sequence[str]

# What a time is of, where it is of no reply.
_TIMED = {"accept": "message", "churn": "connection", "blocked": "connection", "tls": "handshake or reply"}


def aligned(rows: Sequence[Row]) -> str:
    """In columns; the first row is the heading."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(rows: Sequence[Row]) -> str:
    """As a table of Markdown."""
    heading, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([heading, "| --- |" + " ---: |" * (len(rows[0]) - 1), *rest])


def columns(case: Case) -> list[tuple[str, str, str]]:
    """Heading, field and form of what is shown of a case."""
    if case.scenario == "idle":
        met = [("greeting of the known: p50 ms", "greeting_p50", "{:,.1f}"), ("p99", "greeting_p99", "{:,.1f}")]
        return [
            ("sessions", "sessions", "{:,.0f}"),
            ("KB each", "kb_per_session", "{:,.2f}"),
            ("MB in all", "mb", "{:,.0f}"),
            ("processes", "processes", "{:,.0f}"),
            ("new sessions/s", "rate", "{:,.0f}"),
            ("CPU-s per 1000", "cpu", "{:.3f}"),
            *(met if "known" in case.options else []),
        ]
    if case.scenario == "unpunished":
        return [
            ("calm: p50 ms", "calm_p50", "{:,.1f}"),
            ("p99", "calm_p99", "{:,.1f}"),
            ("first minute: p50 ms", "onset_p50", "{:,.1f}"),
            ("p99", "onset_p99", "{:,.1f}"),
            ("later: p50 ms", "attack_p50", "{:,.1f}"),
            ("p99", "attack_p99", "{:,.1f}"),
            ("max", "attack_max", "{:,.1f}"),
            ("failed", "failed", "{:,.0f}"),
            ("guesses/s", "rate", "{:,.0f}"),
            ("commands/s", "commands_rate", "{:,.0f}"),
            ("core busy", "busy", "{:.0%}"),
        ]
    if case.scenario == "tlsflood":
        return [
            ("calm, plain: p50 ms", "calm_p50", "{:,.1f}"),
            ("p99", "calm_p99", "{:,.1f}"),
            ("STARTTLS: p99", "calm_tls_p99", "{:,.1f}"),
            ("flood, plain: p50 ms", "flood_p50", "{:,.1f}"),
            ("p99", "flood_p99", "{:,.1f}"),
            ("failed", "flood_failed", "{:,.0f}"),
            ("STARTTLS: p50", "flood_tls_p50", "{:,.1f}"),
            ("p99", "flood_tls_p99", "{:,.1f}"),
            ("failed", "tls_failed", "{:,.0f}"),
            ("heard 454", "tls_plain", "{:.0%}"),
            ("handshakes/s", "rate", "{:,.0f}"),
            ("refused/s", "refused_rate", "{:,.0f}"),
            ("connections/s", "connections_rate", "{:,.0f}"),
            ("ms CPU each", "cost_ms", "{:.2f}"),
            ("their share of the core", "share", "{:.0%}"),
            ("core busy", "busy", "{:.0%}"),
        ]
    if case.scenario == "victim":
        return [
            ("calm: p50 ms", "calm_p50", "{:,.1f}"),
            ("p99", "calm_p99", "{:,.1f}"),
            ("max", "calm_max", "{:,.1f}"),
            ("failed", "calm_failed", "{:,.0f}"),
            ("first minute: p50 ms", "onset_p50", "{:,.1f}"),
            ("p99", "onset_p99", "{:,.1f}"),
            ("failed", "onset_failed", "{:,.0f}"),
            ("later: p50 ms", "attack_p50", "{:,.1f}"),
            ("p99", "attack_p99", "{:,.1f}"),
            ("max", "attack_max", "{:,.1f}"),
            ("failed", "attack_failed", "{:,.0f}"),
            ("p99 to calm: first minute", "onset_factor", "{:,.1f} x"),
            ("later", "factor", "{:,.1f} x"),
            ("guesses/s", "rate", "{:,.0f}"),
            ("connections/s", "connections_rate", "{:,.0f}"),
            ("core busy", "busy", "{:.0%}"),
        ]
    if case.scenario == "governor":
        return [
            ("load before", "calm_load", "{:.1f}"),
            ("limit at first", "begin_limit", "{:,.0f}"),
            ("at most", "most_limit", "{:,.0f}"),
            ("s until all are in", "rise_seconds", "{:.0f}"),
            ("beside hogs: limit", "least_limit", "{:,.0f}"),
            ("s to the floor", "fall_seconds", "{:.0f}"),
            ("load at most", "most_load", "{:.1f}"),
            ("s until all are in again", "back_seconds", "{:.0f}"),
            *(
                column
                for kind, name in (
                    *zip(PHASES, ("mail in calm", "beside strangers", "hogs", "after"), strict=True),
                    ("again_hogs", "come again beside hogs"),
                    ("known_hogs", "known hosts beside hogs"),
                )
                for column in (
                    (f"{name}: p99 ms", f"{kind}_p99", "{:,.1f}"),
                    ("accepted", f"{kind}_accepted", "{:,.0f}"),
                    ("failed", f"{kind}_failed", "{:,.0f}"),
                )
            ),
        ]
    shown = [
        (case.unit, "rate", "{:,.0f}"),
        (f"CPU-s per {case.per_unit}", "cpu", "{:.4f}" if case.per == 1000 else "{:.2f}"),
    ]
    if case.scenario == "workers":
        return [
            *shown,
            ("CPU to one worker", "to_one", "{:.2f} x"),
            ("most sessions to least", "spread", "{:.1f} x"),
            ("cores busy", "busy", "{:.0%}"),
        ]
    if case.memory:
        return [*shown, ("MB before", "base_mb", "{:,.0f}"), ("MB at most", "peak_mb", "{:,.0f}")]
    which = {"accept": "round", "churn": "connection", "blocked": "connection"}.get(case.scenario, "reply")
    what = _TIMED.get(case.scenario, "reply")
    return [
        *shown,
        ("core busy", "busy", "{:.0%}"),
        (f"{what} p50 ms", f"{which}_p50", "{:.2f}"),
        ("p99 ms", f"{which}_p99", "{:.2f}"),
    ]


def rows(case: Case, result: Result) -> list[Row]:
    """Of all peers that have a figure, in the order of the peers."""
    heading = columns(case)
    found: list[Row] = [["", *(name for name, _, _ in heading)]]
    of_peers = medians(result).get(case.name, {})
    for name, peer in result["peers"].items():
        if name not in of_peers:
            continue
        values = _shown(of_peers[name])
        if case.scenario == "workers":
            one = of_peers.get(OURS)
            values["to_one"] = values["cpu"] / one["cpu"] if one else math.nan
        cells = ("" if math.isnan(values[field]) else form.format(values[field]) for _, field, form in heading)
        found.append([peer["title"], *cells])
    return found


def _shown(values: dict[str, float]) -> dict[str, float]:
    """With the times in milliseconds and the sizes in MB."""
    more = {key.replace("_us_", "_"): value / 1000 for key, value in values.items() if "_us_" in key}
    more |= {f"{key.removesuffix('pss')}mb": value / 1e6 for key, value in values.items() if key.endswith("pss")}
    return values | more


def targets(result: Result) -> list[Row]:
    """What we wanted and what was reached."""
    found = medians(result)
    return [("on one core", "wanted", "measured", "reached"), *(target.row(found) for target in TARGETS)]


def report(result: Result) -> str:
    """All of it, for the terminal."""
    parts = []
    for case in CASES:
        found = rows(case, result)
        if len(found) > 1:
            parts.append(f"{case.name}: {case.title}\n{aligned(found)}")
    lost = [f"not measured: {row['case']} of {row['peer']}: {row['why']}" for row in result["skipped"]]
    parts += ["\n".join(lost)] if lost else []
    reached = [row for row in targets(result) if row[3] != "not measured"]
    if len(reached) > 1:
        parts.append(aligned(reached))
    return "\n\n".join(parts)

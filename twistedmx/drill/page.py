"""The figures as a page of text, and a line of them while they come."""

from collections.abc import Iterator

from twistedmx.drill.counts import Counts
from twistedmx.drill.figures import Figures, Mark, Starved, verdict
from twistedmx.drill.latencies import Failures, Latencies, milliseconds
from twistedmx.drill.limits import Limits

_MIB = 1 << 20


def page(figures: Figures, marks: tuple[Mark, ...], hints: tuple[str, ...]) -> Iterator[str]:
    """The lines."""
    plan = figures.plan
    words = verdict(figures, marks)
    yield f"drill {plan.siege}, {figures.title}, on {plan.host}:{plan.port}: {words}"
    yield ""
    for label, lines in (
        ("attackers", _attackers(figures)),
        ("legitimate", [_latencies("calm  ", figures.calm), _latencies("attack", figures.attack)]),
        ("server", [_server(figures)]),
        ("governor", [_governor(figures.limits)]),
        ("hogs", [] if figures.starved is None else _starved(plan.hogs, figures.starved)),
        ("failures", [f"{count:,} x {words}" for words, count in _failures(figures)]),
    ):
        for number, line in enumerate(lines):
            yield f"{label if not number else '':<12}{line}"
    yield ""
    for mark in marks:
        yield f"{'passed' if mark.passed else 'FAILED':<8}{mark.name}: {_mark(mark)}"
    for hint in hints:
        yield f"hint: {hint}"


def calm_line(siege: int, seconds: float, of: float, calm: Latencies, limits: Limits) -> str:
    """What is told each second before the attack."""
    return f"drill {siege}: calm, {seconds:.0f} of {of:g} s; mail {_mail(calm)}{_limit_now(limits)}"


def attack_line(
    siege: int, phase: str, seconds: float, of: float, counts: Counts, latencies: Latencies, limits: Limits
) -> str:
    """What is told each second under attack."""
    return (
        f"drill {siege}: {phase}, {seconds:.0f} of {of:g} s; {counts.open:,} sessions, "
        f"{counts.hung_up + counts.turned_away:,} closed, {counts.guesses:,} guesses answered; "
        f"mail {_mail(latencies)}{_limit_now(limits)}"
    )


def _limit_now(limits: Limits) -> str:
    """Behind all else, where it is told."""
    if limits.last is None:
        return ""
    return f"; limit {limits.last:,}" + ("" if limits.load_now is None else f", load {limits.load_now:.2f}")


def _mail(latencies: Latencies) -> str:
    p99 = milliseconds(latencies.percentile(0.99))
    return (
        f"{len(latencies.seconds):,} of {latencies.sent:,} sent, {latencies.failed:,} failed, p99 {_number(p99, 'ms')}"
    )


def _attackers(figures: Figures) -> list[str]:
    counts, seconds = figures.counts, figures.seconds
    rate = f", {counts.guesses / seconds:,.0f} a second" if seconds else ""
    lines = [
        f"{counts.connections:,} connections from {counts.hosts:,} hosts in {seconds:.0f} s, {counts.most_open:,} at once",
        f"{counts.guesses:,} guesses answered{rate}, at most {counts.most_guesses:,} in a session",
        f"{counts.hung_up:,} sessions hung up on, {counts.turned_away:,} turned away, {counts.left:,} left by themselves",
    ]
    odd = {
        "without an answer": counts.silent,
        "answered in no words of SMTP": counts.garbled,
        "not connected": counts.not_connected,
    }
    if any(odd.values()):
        lines.append(", ".join(f"{count:,} {words}" for words, count in odd.items() if count))
    return lines


def _latencies(phase: str, latencies: Latencies) -> str:
    p50, p99 = (_number(milliseconds(latencies.percentile(share)), "ms") for share in (0.5, 0.99))
    return f"{phase}  {latencies.sent:,} sent, {latencies.failed:,} failed, p50 {p50}, p99 {p99}"


def _server(figures: Figures) -> str:
    memory = "memory not known"
    if figures.resident_before is not None and figures.resident_most is not None:
        memory = (
            f"memory {figures.resident_before / _MIB:.1f} MiB before, at most {figures.resident_most / _MIB:.1f} MiB"
        )
    return f"{'takes mail' if figures.alive else 'TAKES NO MAIL'} afterwards, {memory}"


def _governor(limits: Limits) -> str:
    if limits.first is None:
        return "not known"
    return (
        f"limit {limits.first:,} at first, at most {limits.highest:,}, at least {limits.lowest:,}; "
        f"strangers at most {_number(limits.strangers)}, load at most {_load(limits)}"
    )


def _starved(hogs: int, starved: Starved) -> list[str]:
    limits = starved.limits
    if limits.first is None or limits.lowest is None or limits.lowest_after is None:
        fell = "the limit is not known"
    elif limits.lowest < limits.first:
        fell = f"limit from {limits.first:,} down to {limits.lowest:,}, after {limits.lowest_after:.0f} s"
    else:
        fell = f"limit {limits.first:,} at first, and never below"
    lag = starved.lag
    return [
        f"{hogs:,} for {starved.seconds:.0f} s: {fell}; load at most {_load(limits)}",
        f"{_latencies('legitimate', starved.latencies)}; late itself p99 {_number(lag, 'ms')}",
        *(f"{count:,} x {words}" for words, count in starved.latencies.failures),
    ]


def _load(limits: Limits) -> str:
    return "not known" if limits.load is None else f"{limits.load:.2f}"


def _failures(figures: Figures) -> Failures:
    both = Failures()
    for words, count in (*figures.calm.failures, *figures.attack.failures):
        both.add(words, count)
    return both


def _mark(mark: Mark) -> str:
    measured = _number(mark.measured, mark.unit)
    if mark.unit == "yes":
        return measured
    return f"{measured}, {'at most' if mark.at_most else 'at least'} {_number(mark.limit, mark.unit)}"


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "none"
    match unit:
        case "ms":
            return f"{value:,.1f} ms"
        case "octets":
            return f"{value / _MIB:,.1f} MiB"
        case "share":
            return f"{100 * value:.4g} %"
        case "yes":
            return "yes" if value else "no"
        case _:
            return f"{value:,}"

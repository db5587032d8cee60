"""Figures by thresholds: what passed and what did not."""

from typing import Final

from twistedmx.drill.figures import Figures, Mark
from twistedmx.drill.latencies import milliseconds
from twistedmx.drill.thresholds import Thresholds

LATE: Final = 50.0  # milliseconds: a sender that was as late itself has measured itself


def judge(figures: Figures, thresholds: Thresholds) -> tuple[Mark, ...]:
    """A mark for each threshold, in the order in which one reads them. What is not told (memory) has none."""
    counts = figures.counts
    calm, attack = (milliseconds(latencies.percentile(0.99)) for latencies in (figures.calm, figures.attack))
    slowest = round(max(thresholds.p99_floor, thresholds.p99_factor * (calm or 0.0)), 1)
    marks = [
        _at_most("legitimate failures", thresholds.legitimate_failures, figures.failures),
        _at_most("legitimate p99", slowest, attack, "ms"),
        _at_most("unknown recipients accepted", thresholds.unknown_accepted, counts.accepted),
        _at_most("unknown recipients deferred", thresholds.unknown_deferred, counts.deferred),
        _at_most("guesses answered in a session", thresholds.guesses_per_session, counts.most_guesses),
        _at_least("sessions closed by the server", thresholds.closed_share, counts.closed_share, "share"),
        _at_least("attackers' connections", thresholds.connections, counts.connections - counts.not_connected),
        _at_least("server takes mail afterwards", 1, int(figures.alive), "yes"),
    ]
    if figures.growth is not None:
        marks.append(_at_most("server's memory grew by", thresholds.resident_growth, figures.growth, "octets"))
    return tuple(marks)


def hints(figures: Figures, *, loopback_is_spared: bool) -> tuple[str, ...]:
    """What the reader should know of the figures. `loopback_is_spared`: the server never blocks 127.0.0.0/8."""
    found = []
    if loopback_is_spared and figures.plan.siege == 1:
        found.append(
            "the server never blocks 127.0.0.0/8: sessions are hung up on, hosts are not blocked. For the full effect: "
            "[blocklist] loopback = true and [reputation] private = true"
        )
    if figures.limits.high_at_first:
        found.append(
            "the machine had too much to do already before the attack, and the server held its limit of sessions low for that: "
            "see what else runs (twistedmx status: governor)"
        )
    if (figures.lag or 0.0) > LATE:
        found.append(
            f"the sender itself was late by {figures.lag} ms (p99), which is part of its figures: "
            "this machine has too little to spare; try fewer --sessions or a lower --rate"
        )
    if figures.counts.at_work > 0.9:
        found.append(
            "the attackers' process had all of a core and could do no more: the server was asked less than --rate says"
        )
    if figures.counts.not_connected:
        found.append(
            f"{figures.counts.not_connected:,} connections of attackers were not made within half a minute, or were refused: "
            "the accept queue was full (backlog, net.core.somaxconn), or the server was gone"
        )
    return tuple(found)


def _at_most(name: str, limit: float, measured: float | None, unit: str = "") -> Mark:
    passed = measured is not None and measured <= limit
    return Mark(name=name, limit=limit, measured=measured, at_most=True, unit=unit, passed=passed)


def _at_least(name: str, limit: float, measured: float | None, unit: str = "") -> Mark:
    passed = measured >= limit if measured is not None else not limit
    return Mark(name=name, limit=limit, measured=measured, at_most=False, unit=unit, passed=passed)

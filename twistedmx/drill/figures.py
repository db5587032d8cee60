"""What a drill has measured, and what came of it; as a document for machines. docs/drill.schema.json holds its shape."""

from collections.abc import Mapping
from typing import Any

import attrs

from twistedmx.drill.counts import Counts
from twistedmx.drill.latencies import Latencies, milliseconds, nearest_rank
from twistedmx.drill.limits import Limits
from twistedmx.drill.plan import Plan


@attrs.frozen(kw_only=True)
class Starved:
    """Attack beside hogs, which nothing is judged by. `seconds`: that it lasted. `latencies`, `own_lag`, `limits`: as `Figures` has
    them."""

    seconds: float
    latencies: Latencies
    own_lag: list[float]
    limits: Limits

    @property
    def lag(self) -> float | None:
        """p99 of the sender's own, milliseconds."""
        return milliseconds(nearest_rank(self.own_lag, 0.99))


@attrs.frozen(kw_only=True)
class Figures:
    """`title`: of the siege. `seconds`: that the attack lasted. `calm`, `attack`: the legitimate sender's. `own_lag`: seconds by
    which the sender itself was late. `alive`: whether the server took mail when it was over. `resident_before`,
    `resident_most`: octets, or None. `limits`: of sessions, in calm and attack. `starved`: the same attack afterwards, beside hogs;
    None where there were none. `interrupted`: by the operator.
    """

    plan: Plan
    title: str
    seconds: float
    counts: Counts
    calm: Latencies
    attack: Latencies
    own_lag: list[float]
    alive: bool
    resident_before: int | None
    resident_most: int | None
    limits: Limits
    starved: Starved | None
    interrupted: bool

    @property
    def failures(self) -> int:
        """Legitimate transactions that failed."""
        return self.calm.failed + self.attack.failed

    @property
    def growth(self) -> int | None:
        """Octets; None where they were not told."""
        if self.resident_before is None or self.resident_most is None:
            return None
        return self.resident_most - self.resident_before

    @property
    def lag(self) -> float | None:
        """p99 of the sender's own, milliseconds."""
        return milliseconds(nearest_rank(self.own_lag, 0.99))


@attrs.frozen(kw_only=True)
class Mark:
    """One threshold. `limit`, `measured`: numbers; None where there was nothing to measure. `at_most`: or at least. `unit`:
    "ms", "octets", "share" (0 to 1), "yes" (1 or 0), or "".
    """

    name: str
    limit: float
    measured: float | None
    at_most: bool
    unit: str
    passed: bool


def document(figures: Figures, marks: tuple[Mark, ...], hints: tuple[str, ...]) -> Mapping[str, Any]:
    """All of it, as JSON can say it."""
    plan, counts, starved = figures.plan, figures.counts, figures.starved
    share = counts.closed_share
    return {
        "siege": plan.siege,
        "title": figures.title,
        "verdict": verdict(figures, marks),
        "target": f"{plan.host}:{plan.port}",
        "recipients": list(plan.recipients),
        "unknown": plan.unknown,
        "hosts": plan.hosts,
        "sessions": plan.sessions,
        "rate": plan.rate,
        "calm_seconds": plan.calm,
        "attack_seconds": round(figures.seconds, 1),
        "attackers": {
            **{name: value for name, value in attrs.asdict(counts).items() if name not in ("open", "at_work")},
            "guesses": counts.guesses,
            "closed_share": None if share is None else round(share, 4),
            "core_share": round(counts.at_work, 2),
        },
        "legitimate": {
            "calm": figures.calm.document(),
            "attack": figures.attack.document(),
            "own_lag_p99_ms": figures.lag,
        },
        "server": {
            "alive": figures.alive,
            "resident_before": figures.resident_before,
            "resident_most": figures.resident_most,
        },
        "governor": figures.limits.document(),
        "hog": None
        if starved is None
        else {
            "processes": plan.hogs,
            "seconds": round(starved.seconds, 1),
            "legitimate": starved.latencies.document(),
            "own_lag_p99_ms": starved.lag,
            "governor": starved.limits.document(),
        },
        "thresholds": [attrs.asdict(mark) for mark in marks],
        "hints": list(hints),
    }


def verdict(figures: Figures, marks: tuple[Mark, ...]) -> str:
    """ "passed", "failed", or "interrupted", which is neither."""
    if figures.interrupted:
        return "interrupted"
    return "passed" if all(mark.passed for mark in marks) else "failed"

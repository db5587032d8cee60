"""Figures of a drill that went well."""

from typing import Any

import attrs

from twistedmx.drill.counts import Counts
from twistedmx.drill.figures import Figures, Starved
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.limits import Limits
from twistedmx.drill.plan import Plan
from twistedmx.drill.sieges import SIEGES

_MIB = 1 << 20


def latencies(sent: int, *seconds: float) -> Latencies:
    """`seconds`: of the last ones; all others took as long as the first."""
    found = Latencies()
    found.sent = sent
    for value in (*[seconds[0]] * (sent - len(seconds)), *seconds):
        found.took(value)
    return found


def limits(*told: tuple[float, int, int, float | None]) -> Limits:
    """Of looks: after how many seconds, the limit, strangers, and the load."""
    found = Limits()
    for seconds, limit, strangers, load in told:
        found.told({"limit": limit, "strangers": strangers, "vitals": {"load": load}}, seconds)
    return found


def starved(**more: Any) -> Starved:
    """A phase beside hogs in which the limit fell."""
    good = Starved(
        seconds=40.0,
        latencies=latencies(200, 0.02, 0.4),
        own_lag=[0.004],
        limits=limits((0.2, 580, 570, 0.5), (9.4, 290, 290, 3.1), (21.3, 50, 50, 4.9), (39.2, 50, 50, 4.8)),
    )
    return attrs.evolve(good, **more)


def figures(plan: Plan, **more: Any) -> Figures:
    """`more`: what is otherwise."""
    good = Figures(
        plan=plan,
        title=SIEGES[plan.siege].title,
        seconds=12.0,
        counts=Counts(
            hosts=121,
            connections=2402,
            most_open=281,
            hung_up=2148,
            refused=19_530,
            most_guesses=9,
            commands=28_000,
            last_words={"421 4.7.0": 2148},
            at_work=0.25,
        ),
        calm=latencies(15, 0.0061, 0.0142),
        attack=latencies(60, 0.0068, 0.0225),
        own_lag=[0.001, 0.002],
        alive=True,
        resident_before=52 * _MIB,
        resident_most=54 * _MIB,
        limits=limits((0.0, 140, 0, 0.1), (5.2, 580, 281, 0.42), (11.3, 560, 270, None)),
        starved=None,
        interrupted=False,
    )
    return attrs.evolve(good, **more)

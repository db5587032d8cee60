"""Figures of a drill that went well."""

from typing import Any

import attrs

from twistedmx.drill.counts import Counts
from twistedmx.drill.figures import Figures
from twistedmx.drill.latencies import Latencies
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
        interrupted=False,
    )
    return attrs.evolve(good, **more)

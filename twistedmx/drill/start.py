"""A drill with a reactor of its own: once in a process."""

import signal
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from twistedmx.drill.course import Course, Tell
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.figures import Figures, document, verdict
from twistedmx.drill.judgement import hints, judge
from twistedmx.drill.names import never_existed
from twistedmx.drill.page import page
from twistedmx.drill.plan import Plan
from twistedmx.drill.thresholds import read_thresholds
from twistedmx.drill.watch import Ask
from twistedmx.drill.world import complain_only, raise_descriptors, this_world

_SPARE: Final = 64  # descriptors, beside those of the sessions


@attrs.frozen(kw_only=True)
class Drilled:
    """What came of it. `verdict`: as in `document`, which is for machines; `lines`: for people."""

    verdict: str
    document: Mapping[str, Any]
    lines: Sequence[str]


def drill(plan: Plan, thresholds: str | None, *, ask: Ask | None, tell: Tell, loopback_is_spared: bool) -> Drilled:
    """`thresholds`: a file, or None for the shipped one. `ask`: gives the server's status, called in a thread. `tell`: a line of
    progress a second. `loopback_is_spared`: the server never blocks 127.0.0.0/8.

    SIGINT and SIGTERM end it with what was measured so far. Raises CannotDrill, and settings.BadSettings with all faults of a file.
    """
    limits = read_thresholds(thresholds).of(plan.siege)
    figures = _run(plan, ask, tell)
    marks = judge(figures, limits)
    more = hints(figures, loopback_is_spared=loopback_is_spared)
    return Drilled(
        verdict=verdict(figures, marks),
        document=document(figures, marks, more),
        lines=tuple(page(figures, marks, more)),
    )


def _run(plan: Plan, ask: Ask | None, tell: Tell) -> Figures:
    descriptors = raise_descriptors()
    if plan.sessions + _SPARE > descriptors:
        raise CannotDrill(
            f"--sessions {plan.sessions}: each takes a descriptor, and this process may have {descriptors}; "
            "name fewer, or raise the limit (ulimit -Hn)"
        )
    complain_only()
    world = this_world()
    plan = attrs.evolve(plan, unknown=plan.unknown or never_existed(world.chance(), plan.domain))
    course = Course(plan, world, ask, tell)
    outcome: list[Any] = []

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: world.reactor.callFromThread(course.interrupt))
        Deferred.fromCoroutine(course.run()).addBoth(outcome.append).addBoth(lambda _: world.reactor.stop())

    world.reactor.callWhenRunning(begin)
    world.reactor.run()
    (figures,) = outcome
    if isinstance(figures, Failure):
        figures.raiseException()
    found: Figures = figures
    return found

"""A model of a machine under a governor: what its sessions cost, what else runs there, and what the kernel tells of it.

Sessions are a liquid: so many think, wait for the event loop, for a CPU (another process works for them), for a disk. What is
beyond the capacity of loop or CPUs stays where it is, and what comes slows down. Counts of tasks are whole numbers, by chance
around that level as such counts are (Poisson). The load average is the kernel's, in its integers (kernel/sched/loadavg.c), read
once a second and its smoothing undone by `policy.load_average`.

A second of the model takes 30 to 80 microseconds. `machine_picture` draws ten minutes of one.

BUGS: all sessions are alike; a command takes at least a step of the model, 0.2 seconds; who finds no place waits.
"""

from collections.abc import Callable
from math import ceil, exp
from random import Random
from typing import Any, Final

import attrs

from twistedmx.model.vitals import Vitals
from twistedmx.policy.governor import Demand, Governor, Move
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.load import Load, LoadSettings
from twistedmx.policy.load_average import LoadAverage

_STEPS: Final = 5  # a second
_STEP: Final = 1 / _STEPS
_MANY: Final = 0.8  # of the limit in use
_FIXED_1: Final = 1 << 11  # FSHIFT
_EXP_1: Final = 1884
_UPDATE: Final = 5.004  # seconds: 5·HZ+1 ticks of 250
_SHED: Final = 50  # sessions a second that have failed and go for the limit
_NORMAL: Final = 30.0  # from here on chance is normal
ALL: Final = frozenset({"load", "runnable", "lag", "free_memory", "throttled"})  # signals that can be read

Level = Callable[[float], float]  # of something at a time, in seconds since the start


def steady(level: float) -> Level:
    """The same at any time."""
    return lambda time: level


_NONE: Final = steady(0.0)
_HALF: Final = steady(0.5)
_MANY_DESCRIPTORS: Final = steady(100_000.0)


@attrs.frozen(kw_only=True)
class Strangers:
    """What one session does: it `thinks`, then says a command that costs the `loop`, a `task` of another process and the `disk`,
    all in seconds; so many `commands`. `failing`: share of sessions that fail at once, and may be asked to go. `memory`: share of
    the machine's."""

    thinks: float = 1.0
    loop: float = 0.0002
    task: float = 0.0
    disk: float = 0.0
    commands: float = 10.0
    failing: float = 0.0
    memory: float = 0.0


@attrs.frozen(kw_only=True)
class Second:
    """How it was at the end of one. `load`: at present, for each CPU; `average`: the kernel's of a minute, as it was read."""

    time: float
    limit: int
    sessions: int
    outside: int
    load: float
    average: float
    lag: float
    move: Move | None


def poisson(chance: Random, mean: float) -> int:
    """A count around a mean."""
    if mean > _NORMAL:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    count, left, end = 0, chance.random(), exp(-mean)
    while left > end:
        left *= chance.random()
        count += 1
    return count


def calc_load(average: int, tasks: int) -> int:
    """The kernel's next average, in its integers, of the tasks that it has counted."""
    active = tasks * _FIXED_1
    moved = average * _EXP_1 + active * (_FIXED_1 - _EXP_1)
    return (moved + _FIXED_1 - 1 if active >= average else moved) // _FIXED_1


def _through(stock: float, coming: float, each: float) -> tuple[float, float]:
    """What is left after a step where `each` stays so many seconds, and what went on."""
    if not each:
        return 0.0, stock + coming
    level = coming / _STEP * each
    left = level + (stock - level) * exp(-_STEP / each)
    return left, stock + coming - left


class Machine:
    """`wanted`: sessions that strangers want at once. `hogs`: tasks of other programs that run all the time; `others`: those that
    come and go, their mean. `free`: of the memory, without sessions. `room`: of descriptors. `readable`: of `ALL`. `rounded`: the
    average has two decimals, as in /proc/loadavg. `chance`: None: tasks are never by chance."""

    def __init__(
        self,
        strangers: Strangers,
        wanted: Level,
        *,
        cpus: int = 2,
        hogs: Level = _NONE,
        others: Level = _NONE,
        free: Level = _HALF,
        throttled: Level = _NONE,
        room: Level = _MANY_DESCRIPTORS,
        readable: frozenset[str] = ALL,
        rounded: bool = True,
        chance: Random | None = None,
        governor: Governor | None = None,
    ) -> None:
        self.strangers, self.wanted, self.cpus = strangers, wanted, cpus
        self.hogs, self.others, self.free, self.throttled, self.room = hogs, others, free, throttled, room
        self.governor = governor or Governor(GovernorSettings(), Load(LoadSettings()))
        self.time = 0.0
        self._readable, self._rounded, self._chance = readable, rounded, chance
        self._thinking = self._queued = self._working = self._writing = 0.0  # sessions
        self._failed = 0.0  # of all of them
        self._busy = 0.0  # share of the time in which our own process runs
        self._speed = 1.0
        self._average, self._updated = 0, 0.0
        self._present = LoadAverage()
        self._seen = Vitals()

    @property
    def sessions(self) -> float:
        """Of strangers, at this moment."""
        return self._thinking + self._queued + self._working + self._writing

    def run(self, seconds: int) -> list[Second]:
        """What happens in the next so many."""
        return [self._second() for _ in range(seconds)]

    def _second(self) -> Second:
        most, lag = 0.0, 0.0
        for _ in range(_STEPS):
            self._enter_and_go()
            most = max(most, self.sessions)
            self._judge_again()
            self._work()
            lag += self._queued * self.strangers.loop / self._speed / _STEPS
            self.time += _STEP
            if self.time >= self._updated + _UPDATE:
                self._updated += _UPDATE
                tasks = self._runnable() + self._counted(self._writing) + min(self._counted(self._busy), 1)
                self._average = calc_load(self._average, tasks)
        average = self._average / _FIXED_1
        if self._rounded:
            average = round(average, 2)
        self._present.heard(self.time, average)
        vitals = self._seen = self._vitals(lag)
        outside = max(0, ceil(self.wanted(self.time) - self.governor.limit))
        demand = Demand(used=round(most), unmet=outside, room=int(self.room(self.time)))
        move = self.governor.judge(self.time, vitals, demand)
        return Second(
            time=self.time,
            limit=self.governor.limit,
            sessions=round(self.sessions),
            outside=outside,
            load=(self._present.present or 0.0) / self.cpus,
            average=average / self.cpus,
            lag=lag,
            move=move,
        )

    def _judge_again(self) -> None:
        """As a server does while many come: by what was seen of the machine last (`service.governing`)."""
        used, limit = round(self.sessions), self.governor.limit
        outside = max(0, ceil(self.wanted(self.time) - limit))
        if outside or used > limit * _MANY:
            demand = Demand(used=used, unmet=outside, room=int(self.room(self.time)))
            self.governor.judge(self.time, self._seen, demand)

    def _enter_and_go(self) -> None:
        """Who finds a place comes in; those that have failed give up theirs while there are too many."""
        limit, sessions = self.governor.limit, self.sessions
        coming = min(self.wanted(self.time), limit) - sessions
        if coming > 0:
            self._thinking += coming
            self._failed += coming * self.strangers.failing
        going = min(sessions - limit, _SHED * _STEP, self._failed)
        if going > 0:
            self._failed -= going
            self._leave(going / sessions)

    def _leave(self, share: float) -> None:
        stay = 1 - share
        self._thinking *= stay
        self._queued *= stay
        self._working *= stay
        self._writing *= stay

    def _work(self) -> None:
        """A step of all sessions."""
        one = self.strangers
        others = self.hogs(self.time) + self.others(self.time)
        tasks = self._working + others + self._busy
        self._speed = speed = min(1.0, self.cpus / tasks) if tasks else 1.0
        said = self._thinking * min(1.0, _STEP / one.thinks)
        self._thinking -= said
        self._queued += said
        read = min(self._queued, _STEP * speed / one.loop) if one.loop else self._queued
        self._queued -= read
        self._busy = min(1.0, read * one.loop / speed / _STEP)
        self._working, done = _through(self._working, read, one.task / speed)
        self._writing, written = _through(self._writing, done, one.disk)
        ended = written / one.commands
        self._thinking += written - ended
        if self._failed:
            self._failed *= 1 - ended / (self.sessions + ended)

    def _counted(self, mean: float) -> int:
        return round(mean) if self._chance is None else poisson(self._chance, mean)

    def _runnable(self) -> int:
        """Other tasks than ourselves that run or wait for a CPU at this moment."""
        return round(self.hogs(self.time)) + self._counted(self._working + self.others(self.time))

    def _vitals(self, lag: float) -> Vitals:
        load = self._present.present
        free = self.free(self.time) - self.strangers.memory * self.sessions
        read: dict[str, Any] = {
            "load": None if load is None else load / self.cpus,
            "runnable": self._runnable() / self.cpus,
            "lag": lag,
            "free_memory": min(max(free, 0.0), 1.0),
            "throttled": self.throttled(self.time),
        }
        return Vitals(**{name: value for name, value in read.items() if name in self._readable})

"""How many strangers may have a session at a time: a limit that follows how loaded the machine is. docs/governor.md has the picture.

It is judged every second, by the signal that presses most (`policy.load`), in shares of that signal's target:

    pressure                       the limit
    high: a signal is at its mark  falls by a third, each second, to the floor
    more than 1                    falls in proportion: to what is used, divided by the pressure; then waits until that is felt
    from 0.75 to 1                 stays
    less                           rises while somebody finds no place: by a fourth a second, or more slowly near where it fell last
    whatever                       falls slowly to twice what is used: a limit that holds nobody out need not be that high

Two marks and not one, and a wait behind each step, because signals are late: the kernel looks at who runs each five seconds, and one
look is an accident. What runs just now (`Vitals.runnable`) is rough, but quick: it stops a rise, and brings about no fall.

It knows no clock and no sessions: both are told.
"""

from enum import StrEnum
from typing import Final

import attrs

from twistedmx.model.vitals import Vitals
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.load import Load, Pressure, Signal

_ROOM: Final = 0.75  # of a target: below this the limit may rise
# Seconds until a step down shows in a signal: the load is a mean over as many (policy.load_average).
_FELT: Final = {Signal.LOAD: 15.0, Signal.LAG: 3.0, Signal.MEMORY: 5.0, Signal.THROTTLED: 5.0}
_DEEPEST: Final = 0.5  # of what is used: one step down is never deeper
_HIGH: Final = 2 / 3  # of the limit, a second, while a signal is high
_WANTED: Final = 0.9  # of the limit in use: somebody will find no place
_LEAST_STEP: Final = 10.0  # sessions a second
# Near where it fell last the limit rises so slowly that the load's answer comes before a tenth more is let in; with each step that
# brings no fall, that place is a little higher, and forgotten after a while.
_NEAR: Final = 0.8  # of where it fell
_SLOW: Final = 0.005  # of the limit, a second
_FORGOTTEN: Final = 600.0  # seconds after the fall
_UNUSED: Final = 0.01  # of the limit, a second
_LONGEST: Final = 5.0  # seconds that a step may be for: a pause of ours is no reason for a leap


class Why(StrEnum):
    """What moved the limit last, or holds it."""

    START = "start"
    WANTED = "wanted"
    LOAD = "load"
    LAG = "lag"
    MEMORY = "memory"
    THROTTLED = "throttled"
    UNUSED = "unused"
    SETTINGS = "settings"
    DESCRIPTORS = "descriptors"


_PRESSED: Final = {signal: Why(signal.value) for signal in Signal}


@attrs.frozen(kw_only=True)
class Demand:
    """Of strangers, since the limit was judged last. `used`: sessions at once, at the most. `unmet`: how many found no place, or
    wait for one. `room`: sessions that descriptors allow."""

    used: int
    unmet: int
    room: int


@attrs.frozen(kw_only=True)
class Move:
    """The limit is another one."""

    before: int
    limit: int
    why: Why
    pressure: Pressure


class Governor:
    """`limit`: of strangers' sessions. `why`: what moved it last. `pressure`: as judged last. `load`: is told how high it is."""

    def __init__(self, settings: GovernorSettings, load: Load) -> None:
        self.load = load
        self.settings = settings
        self.why = Why.START
        self.pressure: Pressure | None = None
        self._limit = float(settings.start)
        self._at: float | None = None  # when it was judged last; these in seconds of `judge`
        self._felt_at = 0.0  # when the last fall will be felt
        self._fell_from = 0.0  # 0: not lately
        self._fell_at = 0.0

    @property
    def limit(self) -> int:
        return int(self._limit)

    def judge(self, time: float, vitals: Vitals, demand: Demand) -> Move | None:
        """From now on another limit, or the same. `time`: seconds of a clock that is never put back."""
        passed = 1.0 if self._at is None else min(max(time - self._at, 0.0), _LONGEST)
        self._at = time
        before = self.limit
        pressure = self.pressure = self.load.judge(time, vitals)
        limit, why = self._judged(time, passed, vitals, pressure, demand)
        limit, why = self._bounded(limit, why, demand.room)
        self._limit = limit
        if self.limit == before:
            return None
        self.why = why
        return Move(before=before, limit=self.limit, why=why, pressure=pressure)

    def _judged(
        self, time: float, passed: float, vitals: Vitals, pressure: Pressure, demand: Demand
    ) -> tuple[float, Why]:
        limit, why = self._limit, _PRESSED[pressure.signal]
        if pressure.high:
            self._fall(time, pressure)
            return limit * _HIGH**passed, why
        if pressure.share > 1:
            if time < self._felt_at:
                return limit, why
            used = min(limit, float(max(demand.used, self.settings.floor)))
            self._fall(time, pressure)
            return used * max(1 / pressure.share, _DEEPEST), why
        if pressure.share < _ROOM and _has_room(vitals, self.load.settings.target):
            if demand.unmet or demand.used >= limit * _WANTED:
                return limit + self._step(time, passed, demand), Why.WANTED
            resting = max(float(self.settings.start), 2.0 * demand.used)
            if limit > resting:
                return max(limit * (1 - _UNUSED) ** passed, resting), Why.UNUSED
        return limit, why

    def _fall(self, time: float, pressure: Pressure) -> None:
        self._felt_at = time + _FELT[pressure.signal]
        if not self._fell_from or self._limit > self._fell_from or time - self._fell_at >= _FORGOTTEN:
            self._fell_from = self._limit
        self._fell_at = time

    def _step(self, time: float, passed: float, demand: Demand) -> float:
        """Sessions more, after `passed` seconds."""
        if time - self._fell_at >= _FORGOTTEN:
            self._fell_from = 0.0
        fast = max(self._limit * self.settings.growth, _LEAST_STEP) * passed
        if not self._fell_from:
            return fast
        near = self._fell_from * _NEAR
        if self._limit < near:
            return min(fast, near - self._limit + 1)
        slow = max(self._limit * _SLOW, 1.0) * passed
        if self._limit + slow > self._fell_from:
            self._fell_from = self._limit + slow
        return slow

    def _bounded(self, limit: float, why: Why, room: int) -> tuple[float, Why]:
        """Between floor and ceiling, and within the descriptors."""
        settings = self.settings
        if limit < settings.floor:
            limit, why = float(settings.floor), why if self._limit >= settings.floor else Why.SETTINGS
        if settings.ceiling and limit > settings.ceiling:
            limit, why = float(settings.ceiling), why if self._limit <= settings.ceiling else Why.SETTINGS
        if limit > room:
            limit, why = float(max(room, 1)), Why.DESCRIPTORS
        return limit, why


def _has_room(vitals: Vitals, target: float) -> bool:
    """Whether what runs just now allows for more."""
    return vitals.runnable is None or not target or vitals.runnable < target

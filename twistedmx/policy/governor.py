"""How many strangers may have a session at a time: a limit that follows how loaded the machine is. docs/governor.md has a picture.

It is judged every second, by the signal that presses most (`policy.load`), in shares of that signal's target; while many come five
times a second by what was read last (`service.governing`), so that who comes to a calm machine need not wait for the next reading:

    pressure          the limit
    more than 1       falls: to what is used, divided by the pressure, to half of it at the most; then waits until that is felt
    from 0.75 to 1    stays
    less              rises while somebody finds no place or will soon, the faster the more room is left: by as many a second as
                      it is at nothing, or three times where it began if that is less; by a hundredth near where it fell last;
                      and back to where it began, whether it is wanted or not
    up to 1           falls by a hundredth a second, to twice what is used, where nobody is held out

Two marks and not one, and a wait behind each step, because signals are late: the kernel looks at who runs each five seconds, and
one look is an accident. What runs just now (`Vitals.runnable`) is rough, but quick: it slows a rise, and brings about no fall.

It knows no clock and no sessions: both are told.

BUGS: whether sessions are what weighs is not known; a limit that falls for another program's load holds out mail that would
have cost nothing.
"""

from enum import StrEnum
from typing import Final

import attrs

from twistedmx.model.vitals import Vitals
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.load import Load, Pressure, Signal

_ROOM: Final = 0.75  # of a target: below this the limit may rise
_DEEPEST: Final = 0.5  # of what is used: behind a queue that has just begun, tasks are many times what is too much
_FELT: Final = 15.0  # seconds until a step down shows in the load, a mean over as many (policy.load_average)
_BLIND: Final = 1 / 3  # of `growth`, where what runs just now cannot be read: the load needs so many times longer
# Times `start`: a larger limit rises by no more a second than one of this size. Who comes, comes by so many a second, not by so
# many for each who is there; and whom the machine cannot bear is in before the load, 15 seconds late, tells of it.
_AT_ONCE: Final = 3.0
_WANTED: Final = 0.8  # of the limit in use: the rest is for who comes until it is judged again; a tenth is too little
# Near where it fell last, so slowly that the load's answer comes before more than a tenth is let in. As slowly an unused one falls.
_GENTLE: Final = 0.01  # of the limit, a second
_NEAR: Final = 0.8  # of where it fell: a fall leads below that, and the rise on the way back ends before it
_FORGOTTEN: Final = 300.0  # seconds after a fall; where it falls again and again, that is each minute
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
    """Of strangers, since the limit was judged last. `used`: places in use at once, at the most: of who is heard out beyond the
    limit none. `unmet`: how many found no place, or wait for one. `room`: sessions that descriptors allow."""

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
    """`limit`: of strangers' sessions. `why`: what moved it last, or holds it now. `pressure`: as judged last. `load`: is told how
    high it is. `settings` may be replaced at any time."""

    def __init__(self, settings: GovernorSettings, load: Load) -> None:
        self.load = load
        self.settings = settings
        self.why = Why.START
        self.pressure: Pressure | None = None
        self._limit = float(settings.start)
        self._limit, _ = self._bounded(self._limit, self.why)
        self._moved = Why.START  # by what, last
        self._at: float | None = None  # when it was judged last
        self._unfelt = 0.0  # seconds until the last fall will be felt
        self._rising = True
        self._was_full = False
        self._fell_from = 0.0
        self._fell_ago = _FORGOTTEN

    @property
    def limit(self) -> int:
        return int(self._limit)

    def begin_at(self, limit: int) -> None:
        """Where another left off, in place of `start`."""
        self._limit, self.why = self._bounded(float(limit), Why.START)

    def judge(self, time: float, vitals: Vitals, demand: Demand) -> Move | None:
        """From now on another limit, or the same. `time`: seconds of a clock that should not be put back."""
        passed = 1.0 if self._at is None else min(max(time - self._at, 0.0), _LONGEST)
        self._at = time
        self._unfelt = max(self._unfelt - passed, 0.0)
        self._fell_ago += passed
        before = self.limit
        pressure = self.pressure = self.load.judge(time, vitals)
        if pressure.share > 1:
            limit, why = self._pressed(pressure, demand), _PRESSED[pressure.signal]
        else:
            limit, why = self._calm(passed, pressure, self.load.quick(vitals), demand)
        self._limit, self.why = self._bounded(limit, why, demand.room)
        if self.limit == before:
            return None
        self._moved = self.why
        return Move(before=before, limit=self.limit, why=self.why, pressure=pressure)

    def _pressed(self, pressure: Pressure, demand: Demand) -> float:
        """The limit where there is too much to do."""
        limit = self._limit
        # Sessions end as they end: while there are more than it allows, the last step has not even been carried out.
        if self._unfelt or demand.used > self.limit:
            return limit
        if self._rising:
            self._rising = False
            self._was_full = demand.used >= limit * _WANTED  # else it is not known what so many sessions weigh
            if self._was_full:
                self._fell_from = limit
        if self._was_full:
            self._fell_ago = 0.0
        self._unfelt = _FELT
        return min(limit, max(demand.used, self.settings.floor)) * max(1 / pressure.share, _DEEPEST)

    def _calm(self, passed: float, pressure: Pressure, quick: float | None, demand: Demand) -> tuple[float, Why]:
        """The limit where there is not."""
        limit, start = self._limit, float(self.settings.start)
        wanted = demand.unmet > 0 or demand.used >= limit * _WANTED
        if wanted or limit < start:
            share = max(pressure.share, quick or 0.0)
            if share >= _ROOM:
                return limit, _PRESSED[pressure.signal] if share == pressure.share else Why.LOAD
            # Squared: all of it where nothing is to be done, and a fourth where half of the room is taken, for those who were let
            # in last do not show yet.
            growth = self.settings.growth * (1 - share / _ROOM) ** 2 * (_BLIND if quick is None else 1)
            risen = limit + self._step(min(limit, start * _AT_ONCE) * growth * passed, limit * _GENTLE * passed)
            self._rising = True
            return (risen, Why.WANTED) if wanted else (min(risen, start), Why.START)
        unused = max(start, 2.0 * demand.used)
        if limit > unused:
            return max(limit * (1 - _GENTLE) ** passed, unused), Why.UNUSED
        return limit, self._moved

    def _step(self, fast: float, gentle: float) -> float:
        """Sessions more: no faster than gently once it is near where it fell."""
        if self._fell_ago >= _FORGOTTEN:
            return fast
        return min(fast, max(self._fell_from * _NEAR - self._limit, gentle))

    def _bounded(self, limit: float, why: Why, room: int | None = None) -> tuple[float, Why]:
        """Between floor and ceiling, and within the descriptors. `room`: None: not yet told."""
        settings = self.settings
        if limit < settings.floor:
            limit, why = float(settings.floor), why if self._limit >= settings.floor else Why.SETTINGS
        if settings.ceiling and limit > settings.ceiling:
            limit, why = float(settings.ceiling), why if self._limit < settings.ceiling else Why.SETTINGS
        if room is not None and limit > room:
            limit, why = float(max(room, 1)), Why.DESCRIPTORS
        return limit, why

"""Whether the machine has more to do than it can: what limits "under load" are for, and what the governor follows.

Four signals, each with a target, beyond which the limit of sessions falls, and a mark at which it is high. How far each is on its
way is told in shares of its target, so that the one that weighs most can be told: the pressure. What cannot be read is left out.

    load         tasks that run, or wait for a disk, for each CPU; at present, not over a minute
    lag          seconds that our own event loop is late
    memory       share of the memory that is free; the less, the higher
    throttled    share of the time in which the CPU quota of our control group holds us back
"""

from enum import StrEnum
from typing import Any, Final

import attrs

from twistedmx.model.vitals import Vitals
from twistedmx.policy.latch import Latch
from twistedmx.setting import at_least, setting

_MOST: Final = 100.0  # shares of a target: no memory at all would be without end


def _level(default: float, unit: str, why: str, precedent: str) -> Any:
    return setting(default, unit=unit, why=why, precedent=precedent, validator=at_least(0))


@attrs.frozen(kw_only=True)
class LoadSettings:
    """Settings `[load]`. A mark (`high`) of 0: that signal is not looked at. A target of 0, or
    beyond the mark: it is the mark."""

    target: float = _level(
        3.0,
        "tasks for each CPU",
        "Beyond so many that run, or wait for a disk, at present, the limit of sessions falls; well below, it may rise.",
        "Sendmail QueueLA 8, Exim queue_only_load",
    )
    high: float = _level(
        4.0,
        "tasks for each CPU",
        "From here on the limits under load hold (the second of three values), for strangers.",
        "Sendmail RefuseLA 12, as 4 for each CPU; Exim smtp_load_reserve",
    )
    lag_target: float = _level(0.05, "seconds", "As `target`, of what our own event loop is late.", "none")
    lag_high: float = _level(0.5, "seconds", "As `high`, of what our own event loop is late.", "none")
    memory_target: float = _level(
        0.10,
        "of the memory",
        "As `target`: less than this is free, of the machine or of our control group.",
        "Linux vm.min_free_kbytes, systemd-oomd 90 % of swap",
    )
    memory_high: float = _level(0.03, "of the memory", "As `high`: less than this is free.", "earlyoom 10 %")
    throttled_target: float = _level(
        0.25, "of the time", "As `target`, of what the CPU quota of our control group holds us back.", "none"
    )
    throttled_high: float = _level(0.75, "of the time", "As `high`, of the same.", "none")
    leave: float = setting(
        0.7,
        unit="of a mark",
        why="Below this, for `calm`, limits under load hold no longer; for memory, the mark divided by it.",
        precedent="Postfix postscreen 70 %",
        validator=at_least(0.1),
    )
    calm: float = setting(
        30.0,
        unit="seconds",
        why="So long the load must have been low, so that limits do not change with each wave.",
        precedent="Postfix in_flow and stress: 1000 s",
        validator=at_least(0),
    )

    def __attrs_post_init__(self) -> None:
        if self.leave > 1:
            raise ValueError(f"leave must be at most 1, is {self.leave:g}: else it would be left before it is entered")


class Signal(StrEnum):
    """What presses."""

    LOAD = "load"
    LAG = "lag"
    MEMORY = "memory"
    THROTTLED = "throttled"


@attrs.frozen(kw_only=True)
class Pressure:
    """Of the signal that weighs most. `value`: as it was read. `share`: of its target; from 1 on it is beyond that. `high`: it has
    reached its mark."""

    signal: Signal
    value: float
    share: float
    high: bool


# Nothing could be read.
NO_PRESSURE: Final = Pressure(signal=Signal.LOAD, value=0.0, share=0.0, high=False)


class Load:
    """`high`: as it was judged last, with hysteresis."""

    def __init__(self, settings: LoadSettings) -> None:
        self.settings = settings
        self._latch = Latch()

    @property
    def high(self) -> bool:
        return self._latch.on

    def judge(self, time: float, vitals: Vitals) -> Pressure:
        """What presses most. `time`: seconds of a clock that is never put back."""
        settings = self.settings
        pressures = _pressures(vitals, settings)
        stays = any(one.high for one in _pressures(vitals, settings, settings.leave))
        enters = any(one.high for one in pressures)
        self._latch.judge(time, enters=enters, stays=stays, calm=settings.calm)
        return max(pressures, key=lambda one: one.share, default=NO_PRESSURE)

    def ours_is_high(self, vitals: Vitals) -> bool:
        """Whether a signal is that tells of us first: all but the load, which may be other programs'."""
        return any(one.high for one in _pressures(vitals, self.settings) if one.signal is not Signal.LOAD)

    def quick(self, vitals: Vitals) -> float | None:
        """What runs just now, in shares of the load's target: rough, but seconds before the load. None: cannot be read."""
        settings = self.settings
        if not settings.high:
            return 0.0
        return None if vitals.runnable is None else vitals.runnable / _target(settings.target, settings.high)


def _target(target: float, high: float) -> float:
    return min(target, high) or high


def _pressures(vitals: Vitals, settings: LoadSettings, leave: float = 1.0) -> list[Pressure]:
    """Of each signal that is known and looked at. `leave`: high already at so much of the mark."""
    pressures: list[Pressure] = []
    for signal, value, target, high in (
        (Signal.LOAD, vitals.load, settings.target, settings.high),
        (Signal.LAG, vitals.lag, settings.lag_target, settings.lag_high),
        (Signal.THROTTLED, vitals.throttled, settings.throttled_target, settings.throttled_high),
    ):
        if value is not None and high:
            share = min(value / _target(target, high), _MOST)
            pressures.append(Pressure(signal=signal, value=value, share=share, high=value >= high * leave))
    free = vitals.free_memory
    if free is not None and settings.memory_high:
        target = max(settings.memory_target, settings.memory_high)
        # Squared: with three times what is too little, nothing is wrong yet.
        share = (target / max(free, target / _MOST**0.5)) ** 2
        is_high = free * leave <= settings.memory_high
        pressures.append(Pressure(signal=Signal.MEMORY, value=free, share=share, high=is_high))
    return pressures

"""Whether the machine has more to do than it can: what limits "under load" are for.

The load average of a minute for each CPU, judged every second with hysteresis. BUGS: it is a minute late, and counts who waits for
a disk; what this server itself is late with is not looked at.
"""

import attrs

from twistedmx.policy.latch import Latch
from twistedmx.setting import at_least, setting


@attrs.frozen(kw_only=True)
class LoadSettings:
    """Settings `[load]`."""

    high: float = setting(
        4.0,
        unit="load average of a minute for each CPU",
        why="From here on the limits under load hold (the second of three values), for strangers. 0: never.",
        precedent="Sendmail DelayLA, as 4 for each CPU; Postfix switches to stress when all its processes are busy",
        validator=at_least(0),
    )
    leave: float = setting(
        0.7,
        unit="of `high`",
        why="Below this, for `calm`, they hold no longer.",
        precedent="Postfix postscreen 70 %",
        validator=at_least(0),
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


class Load:
    """`high`: as it was judged last."""

    def __init__(self, settings: LoadSettings) -> None:
        self.settings = settings
        self._latch = Latch()

    @property
    def high(self) -> bool:
        return self._latch.on

    def judge(self, time: float, load: float) -> bool:
        """`time`: seconds of a clock that is never put back. `load`: average of a minute for each CPU. Whether it is high."""
        settings = self.settings
        if not settings.high:
            self._latch = Latch()
            return False
        lower = settings.high * settings.leave
        return self._latch.judge(time, enters=load >= settings.high, stays=load >= lower, calm=settings.calm)

"""How often something dear is done for those who come in floods: so many at once, so many a second; what is more is left out."""

from collections.abc import Callable


class Ration:
    """`a_second`: how often in the long run. `at_once`: how often before that is felt. Time is the events', which may jump."""

    __slots__ = ("_at", "_at_once", "_left", "_per_second")

    def __init__(self, *, a_second: float, at_once: float) -> None:
        self._per_second = a_second
        self._at_once = self._left = at_once
        self._at = 0.0

    def take(self, at: float) -> bool:
        """Whether it is done once more. `at`: seconds since the epoch."""
        passed = at - self._at
        if passed > 0.0:
            self._at = at
            self._left = min(self._left + passed * self._per_second, self._at_once)
        elif passed < -1.0:  # the clock was put back
            self._at = at
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def sample_ration() -> Callable[[float], bool]:
    """How many refusals of one reason become samples: all in calm, one a second in a flood."""
    return Ration(a_second=1.0, at_once=10.0).take


def flood_ration() -> Callable[[float], bool]:
    """How many sessions of strangers are looked at one by one: some hundredths of a core (benchmarks, churn)."""
    return Ration(a_second=500.0, at_once=2000.0).take

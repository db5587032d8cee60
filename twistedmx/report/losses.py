"""Lines of the log that could not be written: counted, and said once until one gets through again, and once a minute at most."""

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

_QUIET: Final = 60.0  # seconds: what comes and goes under a flood would fill the other log


class Losses:
    """Of every destination that the log has had. `lines`: how many, since the start. `seconds`: a clock that is never put
    back; without one, each time that lines begin to be lost is said."""

    _log = Logger()

    def __init__(self, seconds: Callable[[], float] | None = None) -> None:
        self.lines = 0
        self._seconds = seconds
        self._said = False
        self._quiet_until = float("-inf")

    def lost(self, destination: str, error: str, lines: int = 1) -> None:
        """Lines are gone, and `error` says why."""
        self.lines += lines
        if self._said or self._is_too_soon():
            return
        self._said = True
        self._log.error("lines of the log are lost: {destination}: {error}", destination=destination, error=error)

    def got_through(self) -> None:
        """A line was written."""
        self._said = False

    def _is_too_soon(self) -> bool:
        if self._seconds is None:
            return False
        now = self._seconds()
        if now < self._quiet_until:
            return True
        self._quiet_until = now + _QUIET
        return False

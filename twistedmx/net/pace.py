"""How fast a message comes in, and when it is too slow."""

from twistedmx.net.timeouts import Timeouts
from twistedmx.smtp.session import Phase


class Pace:
    """The pace of one message after the other. Times are monotonic seconds."""

    __slots__ = ("_octets", "_since", "_timeouts")

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._since: float | None = None  # when the present message began
        self._octets = 0

    def heard(self, octets: int) -> None:
        """So many came."""
        self._octets += octets

    def begin_anew(self) -> None:
        """What comes now is another message."""
        self._since = None

    def forgive(self, seconds: float) -> None:
        """So long it was us who did not listen."""
        if self._since is not None:
            self._since += seconds

    def seconds_left(self, now: float, phase: Phase) -> float:
        """Until the message of this phase is too slow, if nothing more comes; 0 or less when it is already."""
        if self._since is None:
            self._since, self._octets = now, 0
        timeouts = self._timeouts
        idle = timeouts.command if phase is Phase.CHUNKS else timeouts.content
        if not timeouts.minimum_rate:
            return idle
        # Chunks have commands between them, and the time of one of these for all.
        start = timeouts.content + (timeouts.command if phase is not Phase.DATA else 0.0)
        return min(idle, self._since + start + self._octets / timeouts.minimum_rate - now)

"""How long a peer is waited for now: for its next command, for a message at its pace, or for whatever else is said."""

from collections.abc import Callable
from typing import Final

from twistedmx.net.timeouts import Timeouts
from twistedmx.net.wheel import Deadline, Wheel
from twistedmx.smtp.session import Phase

_MESSAGE: Final = frozenset((Phase.DATA, Phase.CHUNK, Phase.CHUNKS))


def _nothing() -> None: ...


class Patience(Deadline):
    """The one deadline of a session, by what the session waits for. `expired` is called when it passes."""

    __slots__ = ("_deaf_since", "_since", "_wheel", "octets", "timeouts")

    def __init__(self, wheel: Wheel, timeouts: Timeouts, expired: Callable[[], None]) -> None:
        super().__init__(expired)
        self.timeouts = timeouts
        self._wheel = wheel
        self._since: float | None = None  # when the present message began, in monotonic seconds
        self.octets = 0
        self._deaf_since = 0.0

    def wait(self, seconds: float) -> None:
        """So long from now, whatever for."""
        self._wheel.set(self, seconds)

    def end(self) -> None:
        """Nothing is waited for; at least not from the peer."""
        self._wheel.clear(self)

    def forget(self) -> None:
        """Nothing will be waited for any more. Until then this and its session hold each other, which only a collector ends."""
        self.end()
        self.expired = _nothing

    def stop_listening(self) -> None:
        """It is us who keep the peer waiting."""
        self._deaf_since = self._wheel.seconds()

    def listen_again(self) -> None:
        """The time since `stop_listening` is not the message's."""
        if self._since is not None:
            self._since += self._wheel.seconds() - self._deaf_since

    def replied(self, phase: Phase) -> None:
        """What comes now is another message, unless it is the next chunk of the same."""
        if phase is not Phase.CHUNKS:
            self._since = None

    def turned(self, phase: Phase, replied: bool) -> None:
        """A command has its time from our last reply on, however it trickles in; content has to flow."""
        if phase in _MESSAGE:
            if replied:
                self.replied(phase)
            self._wheel.set(self, self._for_message(phase))
        elif replied:
            self._since = None
            self._wheel.set(self, self.timeouts.command)

    def put_off(self) -> None:
        """As `turned`, after a reply to what was no message."""
        self._since = None
        at = self._wheel.seconds() + self.timeouts.command
        if self._bucket is not None and at >= self._at:
            self._at = at  # as Wheel.set does, nearly always
        else:
            self._wheel.set(self, self.timeouts.command)

    def in_message(self, phase: Phase) -> bool:
        """Whether what is waited for is a message."""
        return phase in _MESSAGE

    def idle(self, phase: Phase) -> float:
        """Seconds that a command has been waited for."""
        if self._bucket is None or phase in _MESSAGE:
            return 0.0
        return self.timeouts.command - (self._at - self._wheel.seconds())

    def _for_message(self, phase: Phase) -> float:
        """Seconds until the message is too slow, if nothing more comes; 0 or less when it is already."""
        now = self._wheel.seconds()
        if self._since is None:
            self._since, self.octets = now, 0
        timeouts = self.timeouts
        idle = timeouts.command if phase is Phase.CHUNKS else timeouts.content
        if not timeouts.minimum_rate:
            return idle
        # Chunks have commands between them, and the time of one of these for all.
        start = timeouts.content + (timeouts.command if phase is not Phase.DATA else 0.0)
        return min(idle, self._since + start + self.octets / timeouts.minimum_rate - now)

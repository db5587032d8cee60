"""Turns, so that one peer with ten thousand commands does not hold up a thousand peers with one.

What is heard is counted in inputs: a command is one, and so are some hundred octets of content. Each turn of the reactor has a
budget of them for those who have many; a session which finds it spent, or has had its share, waits in a line, and a few of
the line go on at each turn. Who has little to say is always served at once.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

# A turn of the reactor, in inputs: some four milliseconds.
_BUDGET: Final = 440
# Of these at once for one session: a pipelined message with all its recipients.
_MOST: Final = 110
# And whatever was spent: more than a peer sends that waits for replies.
_LEAST: Final = 8
_SERVED: Final = 4  # of the line, at each turn
_OCTETS: Final = 640  # of content cost as much as a command


def inputs_in(octets: int) -> int:
    """What a block of content counts."""
    return 1 + octets // _OCTETS


class Turns:
    """The turns of one server. `clock`: whose callLater(0) is the next turn of the reactor. The rest are inputs: `least` are
    answered without asking."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, *, budget: int = _BUDGET, most: int = _MOST, least: int = _LEAST) -> None:
        self._clock = clock
        self._budget, self._most, self.least = budget, most, least
        self._line: deque[Callable[[], None]] = deque()
        self._left = budget
        self._asked = False

    @property
    def spent(self) -> bool:
        """Whether nothing is left of this turn's budget."""
        return self._left <= 0

    def share(self) -> int:
        """Inputs that a session may answer now."""
        return max(self.least, min(self._most, self._left))

    def spend(self, inputs: int) -> None:
        """So many were answered; fewer than `least` are not worth counting."""
        self._left -= inputs
        self._ask()

    def wait(self, go_on: Callable[[], None]) -> None:
        """`go_on` is called when its turn has come."""
        self._line.append(go_on)
        self._ask()

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._clock.callLater(0, self._serve)

    def _serve(self) -> None:
        self._asked = False
        self._left = self._budget
        if len(self._line) > _SERVED:
            self._ask()  # before anything can go wrong: the line is everybody's
        for _ in range(min(_SERVED, len(self._line))):
            go_on = self._line.popleft()
            try:
                go_on()
            except Exception:
                self._log.failure("a session failed in its turn")

"""Turns for sessions that have heard more than they may answer at once.

They wait in a line, and at each turn of the reactor a few of them go on. All other sessions are served in every turn, so that
a peer with one command waits for a few of these, and not for all of them.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

# At each turn of the reactor: with Shell's inputs a turn, some three milliseconds of it.
_SERVED: Final = 4


class Turns:
    """The line of one server. `clock`: whose callLater(0) is the next turn of the reactor."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._line: deque[Callable[[], None]] = deque()

    def wait(self, go_on: Callable[[], None]) -> None:
        """`go_on` is called when its turn has come."""
        self._line.append(go_on)
        if len(self._line) == 1:
            self._clock.callLater(0, self._serve)

    def _serve(self) -> None:
        for _ in range(min(_SERVED, len(self._line))):
            # Before it leaves the line, so that it does not find it empty and ask for a turn of its own.
            try:
                self._line[0]()
            finally:
                self._line.popleft()
        if self._line:
            self._clock.callLater(0, self._serve)

"""What is still done for a session when the server stops: the transaction that is under way, else the next one, is the last."""

from twisted.internet.defer import Deferred

from twistedmx.smtp.phase import TRANSACTION
from twistedmx.smtp.session import Phase


class Leaving:
    """Of one session, from the stop on. `transactions`: begun so far. `hurried`: not even that one."""

    __slots__ = ("_ended", "_last", "hurried")

    def __init__(self, transactions: int, phase: Phase) -> None:
        self._last = transactions if phase in TRANSACTION else transactions + 1
        self._ended: list[Deferred[None]] = []
        self.hurried = False

    def wait(self) -> Deferred[None]:
        """Fires when the session has ended."""
        ended: Deferred[None] = Deferred()
        self._ended.append(ended)
        return ended

    def ended(self) -> None:
        """The session has."""
        for ended in self._ended:
            ended.callback(None)

    def is_over(self, transactions: int, phase: Phase) -> bool:
        """Whether nothing more is to be done for it."""
        return self.hurried or (transactions >= self._last and phase not in TRANSACTION)

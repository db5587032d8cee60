"""What looks again and again as long as the server runs."""

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

_SECONDS = 1.0
_QUIET = 300


class Looking(Service):
    """`clock`: by which it goes; `seconds`: between two looks. What is done is `_look`. A fault there ends it, unless `goes_on`,
    which is for what must not end; `_failed` hears of it, in a row of faults at each three hundredth."""

    def __init__(self, clock: IReactorTime, seconds: float = _SECONDS, *, goes_on: bool = False) -> None:
        self._every = seconds
        self._quiet = 0  # looks, until a fault is told again
        self._looking: LoopingCall = LoopingCall(self._look_on if goes_on else self._look)
        self._looking.clock = clock

    def startService(self) -> None:
        """Look, now and from now on."""
        super().startService()
        self._looking.start(self._every).addErrback(self._failed)

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        if self._looking.running:
            self._looking.stop()

    def _look_on(self) -> None:
        self._quiet = max(self._quiet - 1, 0)
        try:
            self._look()
        except Exception:
            if not self._quiet:
                self._quiet = _QUIET
                self._failed(Failure())

    def _look(self) -> None:
        raise NotImplementedError

    def _failed(self, failure: Failure) -> None:
        raise NotImplementedError

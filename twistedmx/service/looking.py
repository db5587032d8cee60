"""What looks again and again as long as the server runs."""

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

_SECONDS = 1.0


class Looking(Service):
    """`clock`: by which it goes; `seconds`: between two looks. What is done is `_look`; `_failed` hears of the fault after which
    nobody looks any more."""

    def __init__(self, clock: IReactorTime, seconds: float = _SECONDS) -> None:
        self._every = seconds
        self._looking: LoopingCall = LoopingCall(self._look)
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

    def _look(self) -> None:
        raise NotImplementedError

    def _failed(self, failure: Failure) -> None:
        raise NotImplementedError

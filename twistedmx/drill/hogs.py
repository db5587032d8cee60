"""Busy processes beside the server, each of which would have a core: the rest of a machine that has too much to do.

They run at our priority, and end when they are killed, or when their standard input does: with us, however we end. Signals from the
terminal are ours alone.
"""

import contextlib
import os
import sys
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from twistedmx.drill.fault import CannotDrill

# It looks at its input after some hundredths of a second of work, whatever else runs.
_PROGRAM: Final = """\
import select, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
while not select.select([0], [], [], 0)[0]:
    for _ in range(1_000_000):
        pass
"""


class Hogs:
    """`number`: of processes."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._running: set[_Hog] = set()
        self._gone: Deferred[None] = Deferred()

    def begin(self, reactor: Any) -> Deferred[None]:
        """Fires when all have ended. Raises CannotDrill, and then none runs."""
        words = [sys.executable, "-I", "-S", "-c", _PROGRAM]
        try:
            for _ in range(self._number):
                hog = _Hog(self)
                self._running.add(hog)
                reactor.spawnProcess(hog, sys.executable, words, env=dict(os.environ), childFDs={0: "w"})
        except OSError as error:
            self._running.discard(hog)
            self.end()
            raise CannotDrill(
                f"--hogs {self._number}: a process cannot be started: {error.strerror}; name fewer"
            ) from None
        return self._gone

    def end(self) -> None:
        """Of all that run; harmless of none."""
        for hog in list(self._running):
            if hog.transport is not None:
                with contextlib.suppress(ProcessExitedAlready):
                    hog.transport.signalProcess("KILL")

    def ended(self, hog: "_Hog") -> None:
        """One has."""
        self._running.discard(hog)
        if not self._running and not self._gone.called:
            self._gone.callback(None)


class _Hog(ProcessProtocol):
    def __init__(self, hogs: Hogs) -> None:
        self._hogs = hogs

    def processEnded(self, reason: Failure) -> None:
        self._hogs.ended(self)

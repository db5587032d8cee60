"""The process of the attackers, as its parent sees it. One line of JSON goes in, a `Plan`; lines with `Counts` come out.

It ends when its standard input is closed: with us, too, however we end. Signals from the terminal are ours alone.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from twistedmx.drill.counts import Counts, counts_from
from twistedmx.drill.plan import Plan

EVERY: Final = 1.0  # seconds between two lines
_LONGEST: Final = 65_536  # octets of a line
_COMPLAINT: Final = 2_000  # octets of what it complains of that are kept
# The same package as ours, wherever it lies, and (-P) nothing that happens to lie in the current folder.
_PACKAGES: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv[1]); from twistedmx.drill.attack import main; main()"


class CampFailed(Exception):
    """The attackers' process has ended by itself. The text says with what words."""


class Camp(ProcessProtocol):
    """`counts`: as they were told last. `told`: called at each line."""

    def __init__(self, plan: Plan, told: Callable[[], None] = lambda: None) -> None:
        self.counts = Counts()
        self._plan = plan
        self._told = told
        self._line = b""
        self._complaint = b""
        self._ended: Deferred[None] = Deferred()

    def begin(self, reactor: Any) -> Deferred[None]:
        """Fires when it has ended, after `end`; fails with CampFailed when it was not asked to."""
        words = [sys.executable, "-P", "-c", _PROGRAM, _PACKAGES]
        reactor.spawnProcess(self, sys.executable, words, env=dict(os.environ))
        return self._ended

    def end(self) -> None:
        """Be gone, and tell a last time."""
        if self.transport is not None:
            self.transport.closeStdin()

    def kill(self) -> None:
        """It does not want to go."""
        if self.transport is not None:
            self.transport.signalProcess("KILL")

    def connectionMade(self) -> None:
        """It has been started."""
        self.transport.write(json.dumps(attrs.asdict(self._plan)).encode() + b"\n")  # type: ignore[union-attr]

    def outReceived(self, data: bytes) -> None:
        """Counts."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[:_LONGEST]
        for line in lines:
            self.counts = counts_from(json.loads(line))
            self._told()

    def errReceived(self, data: bytes) -> None:
        """A complaint, the end of which says most."""
        self._complaint = (self._complaint + data)[-_COMPLAINT:]

    def processEnded(self, reason: Failure) -> None:
        """Whether by itself."""
        if reason.check(ProcessDone):
            self._ended.callback(None)
        else:
            last = self._complaint.decode(errors="backslashreplace").strip().rpartition("\n")[2]
            self._ended.errback(CampFailed(f"the attackers' process has ended: {last or reason.getErrorMessage()}"))

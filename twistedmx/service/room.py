"""What a process that serves asks of its own limits and of its Python."""

import resource
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.service.interpreter import leave_out, set_threshold
from twistedmx.service.looking import Looking

# Objects that are made beyond those that go, before Python looks for cycles among them; and for each connection that is there.
_BASE: Final = 50_000
_OF_CONNECTION: Final = 100
_OLDER: Final = 10, 10  # Python's own


def take_room() -> None:
    """For many sessions, when all is built."""
    # A session is a descriptor, and so is each copy that is being written. epoll does not mind how many there are.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    set_threshold(_BASE, *_OLDER)
    leave_out()


class Collecting(Looking):
    """Has Python look for cycles where there may be some, not where sessions hold more than a moment ago. `connections`: how many
    are there.

    A session in plain text is part of no cycle once it has ended: a collection for each seven hundred objects of a flood finds
    nothing, and costs a fourteenth of a refused RCPT (benchmarks, reject-580-pipelined). Each is a pause for everybody. Of two
    thousand who guess in step, each with up to a hundred objects from MAIL to RSET, the sum rises and falls by fifty thousand: with
    that alone as the limit there was one every three seconds, which found nothing in 40 to 100 ms, and was most of what the last
    hundredth of first-time senders waited (benchmarks, unpunished-2000). Sessions under TLS: net.litter.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        connections: Callable[[], int],
        set_threshold: Callable[..., None] = set_threshold,
    ) -> None:
        super().__init__(clock)
        self._connections, self._set_threshold = connections, set_threshold

    def _look(self) -> None:
        self._set_threshold(_BASE + _OF_CONNECTION * self._connections(), *_OLDER)

    def _failed(self, failure: Failure) -> None:
        self._log.failure("Python looks for cycles as it did last", failure=failure)

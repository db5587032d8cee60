"""What is still to be said over a channel: of each thing what it is now, in pieces, the next one when the last was taken.

So nothing waits that need not, a flood of changes is a few lines, and to whoever does not read nothing more is said than one piece.
"""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.service.workers.channel import Channel, ChannelLost

_PIECE: Final = 100  # things: of a block that is all of evidence, far below `channel.LONGEST`


class Outbox:
    """For one kind: the other side hears lists of what was put here. `most`: may wait; beyond that the first goes, unsaid: `lost`.
    0: as many as there are. `say`: makes of what was put what is said, at the moment when it is. `taken`: told each list and what
    was answered to it."""

    _log = Logger()

    def __init__(
        self,
        channel: Channel,
        kind: str,
        *,
        piece: int = _PIECE,
        most: int = 0,
        say: Callable[[Any], Any] = lambda put: put,
        taken: Callable[[Sequence[Any], Any], None] = lambda said, answer: None,
    ) -> None:
        self._channel = channel
        self._kind = kind
        self._piece = piece
        self._most = most
        self._say = say
        self._tell_taken = taken
        self._waiting: dict[Hashable, Any] = {}
        self._under_way = False
        self._is_over = False
        self.lost = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(self, key: Hashable, said: Any) -> None:
        """Say it now or soon, as JSON; in place of what is not said yet with this key, but behind all others."""
        if self._is_over:
            return
        self._waiting.pop(key, None)
        self._waiting[key] = said
        if self._most and len(self._waiting) > self._most:
            del self._waiting[next(iter(self._waiting))]
            self.lost += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and not self._under_way and not self._is_over:
            keys = list(islice(self._waiting, self._piece))
            said = [self._say(self._waiting.pop(key)) for key in keys]
            self._under_way = True
            asked: Deferred[Any] = self._channel.ask(self._kind, said)
            asked.addCallbacks(partial(self._taken, said), self._not_taken)

    def _taken(self, said: Sequence[Any], answer: Any) -> None:
        self._under_way = False
        try:
            self._tell_taken(said, answer)
        except Exception:
            self._log.failure("{kind}: what was answered is nothing", kind=self._kind)
        self._go_on()

    def _not_taken(self, failure: Failure) -> None:
        self._under_way = False
        if isinstance(failure.value, ChannelLost):
            self._is_over = True
            self._waiting.clear()
            return
        self._log.failure("{kind}: a piece was not taken", failure, kind=self._kind)
        self._go_on()

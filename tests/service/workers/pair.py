"""Two ends of a channel in memory, for tests: what one says is heard by the other when the pair is pumped, in order."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from twistedmx.service.workers.channel import Channel

Hear = Mapping[str, Callable[[Any], Any]]


class _End(StringTransport):
    """Takes all, or with `full` has its producer paused."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: deque[bytes] = deque()
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def loseConnection(self) -> None:
        self.is_closed = True

    def abortConnection(self) -> None:
        self.sent.clear()
        self.is_closed = True


class Pair:
    """`one`, `other`: the channels; `lost`: how often each was."""

    def __init__(self, hear_one: Hear, hear_other: Hear) -> None:
        self.lost = [0, 0]
        self.one = Channel(hear_one, lambda: self._count(0))
        self.other = Channel(hear_other, lambda: self._count(1))
        self._ends = (_End(), _End())
        self._is_over = False
        for channel, end in zip(self._channels, self._ends, strict=True):
            channel.makeConnection(end)

    @property
    def _channels(self) -> tuple[Channel, Channel]:
        return self.one, self.other

    def _count(self, number: int) -> None:
        self.lost[number] += 1

    def pump(self) -> None:
        """Deliver all that was said, what is said to that too, and at last that a side is gone."""
        while not self._is_over and any(end.sent for end in self._ends):
            for end, hearing in zip(self._ends, reversed(self._channels), strict=True):
                while end.sent:
                    hearing.dataReceived(end.sent.popleft())
        if any(end.is_closed for end in self._ends):
            self.cut()

    def cut(self) -> None:
        """The connection is gone, for both; what was not delivered never will be."""
        if not self._is_over:
            self._is_over = True
            for channel in self._channels:
                channel.connectionLost(Failure(ConnectionDone()))

    def stop_reading(self, number: int) -> None:
        """What end 0 or 1 says is taken by nobody from now on."""
        producer: Any = IPushProducer(self._channels[number])
        producer.pauseProducing()

    def read_again(self, number: int) -> None:
        """And now it is."""
        producer: Any = IPushProducer(self._channels[number])
        producer.resumeProducing()

"""What supervisor and worker say to each other, over a pair of sockets: one JSON object a line, in both directions.

    {"kind": "limit", "value": 500}                     told, not answered
    {"kind": "status", "value": null, "ask": 7}         asked; answered by one of these two:
    {"answer": 7, "value": {...}}
    {"refused": 7, "words": "for the operator"}

Each side hears the kinds that it was given. What was asked is answered in any order. A line that is none of these ends the channel,
and so does one above `LONGEST`: the other side is of our own program, so it has gone mad. Whoever does not read is ended as well,
once more than `MOST_UNSENT` waits for him: nothing here waits for anybody.

BUGS: what is told while nobody is connected is told to nobody. An ask has no time limit of its own (Deferred.addTimeout).
"""

import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from twisted.internet import tcp
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.net.control import Refused

LONGEST: Final = 8_388_608  # octets of a line; samples with their content are some millions
MOST_UNSENT: Final = 33_554_432  # octets, beside what the kernel and the transport hold

_OUR_FAULT: Final = "failed by a fault of the server; its log has the traceback"


class ChannelLost(Exception):
    """The other side is gone, and with it the answer."""


class NoLine(ValueError):
    """It is not what the other side would say."""


@implementer(IPushProducer)
class Channel(LineOnlyReceiver):
    """One end. `hear`: by kind, called with the value; what it returns, or its Deferred or coroutine comes to, answers an ask.
    Refused has its words told to who asked. `lost`: called once, when the other side is gone, or was ended."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST
    _log = Logger()

    def __init__(self, hear: Mapping[str, Callable[[Any], Any]], lost: Callable[[], None]) -> None:
        self._hear = hear
        self._lost = lost
        self._numbers = count(1)
        self._asked: dict[int, Deferred[Any]] = {}
        self._connected = False
        self._paused = False
        self._waiting: deque[bytes] = deque()
        self._unsent = 0

    @property
    def unsent(self) -> int:
        """Octets that wait for the other side to read, beside what the kernel and the transport hold."""
        return self._unsent

    def tell(self, kind: str, value: Any) -> None:
        """Say it, and hear nothing. Never raises, never waits: what cannot be said is in our log."""
        try:
            self._say({"kind": kind, "value": value})
        except (TypeError, ValueError, RecursionError):
            self._log.failure("{kind} could not be told", kind=kind)

    def ask(self, kind: str, value: Any = None) -> Deferred[Any]:
        """Fires with the answer. Fails with ChannelLost, with Refused, or with ValueError or TypeError for what no line can say.
        Who cancels it hears nothing more."""
        if not self._connected:
            return fail(ChannelLost())
        number = next(self._numbers)
        try:
            self._say({"kind": kind, "value": value, "ask": number})
        except (TypeError, ValueError, RecursionError):
            return fail()
        if not self._connected:  # it was the octet too many
            return fail(ChannelLost())
        asked: Deferred[Any] = Deferred(lambda _: self._forget(number))
        self._asked[number] = asked
        return asked

    def _forget(self, number: int) -> None:
        self._asked.pop(number, None)

    def close(self) -> None:
        """Say no more; what was said is still sent."""
        if self._connected and self.transport is not None:
            self.transport.loseConnection()

    def abort(self) -> None:
        """It is over, for both, at once."""
        if self._connected and self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]  # of every stream

    # -- what is sent ------------------------------------------------------------------------------------------------

    def _say(self, said: Mapping[str, Any]) -> None:
        """Raises TypeError or ValueError for what JSON cannot say, or a line cannot hold."""
        octets = json.dumps(said, separators=(",", ":")).encode() + self.delimiter
        if len(octets) > LONGEST:
            raise ValueError(f"{len(octets)} octets: a line has at most {LONGEST}")
        if not self._connected:
            return
        if not self._paused:
            self.transport.write(octets)  # type: ignore[union-attr]  # connected
            return
        self._waiting.append(octets)
        self._unsent += len(octets)
        if self._unsent > MOST_UNSENT:
            self._log.error("the other side of a channel does not read: it is ended")
            self._waiting.clear()
            self._end()

    def pauseProducing(self) -> None:
        """The transport has enough for now."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It takes more."""
        self._paused = False
        while self._waiting and not self._paused:
            octets = self._waiting.popleft()
            self._unsent -= len(octets)
            self.transport.write(octets)  # type: ignore[union-attr]  # connected

    def stopProducing(self) -> None:
        """It takes nothing any more."""
        self._waiting.clear()

    # -- what is heard -----------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """From now on."""
        self._connected = True
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]  # connected

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The other side is gone."""
        self._be_lost()

    def lineLengthExceeded(self, line: bytes) -> None:
        """Nothing of ours is so long."""
        self._log.error("a line of a channel is too long: the channel is ended")
        self._end()

    def lineReceived(self, line: bytes) -> None:
        """What the other side says."""
        if not self._connected:
            return  # it was ended by a line before
        try:
            said = read(line)
        except NoLine as error:
            self._log.error("a line of a channel is none ({error}): the channel is ended", error=error)
            self._end()
            return
        if "kind" in said:
            self._heard(said["kind"], said["value"], said.get("ask"))
        elif "answer" in said:
            if (asked := self._asked.pop(said["answer"], None)) is not None:
                asked.callback(said["value"])
        elif (asked := self._asked.pop(said["refused"], None)) is not None:
            asked.errback(Refused(said["words"]))

    def _heard(self, kind: str, value: Any, number: int | None) -> None:
        hear = self._hear.get(kind)
        if hear is None:
            if number is not None:
                self._say({"refused": number, "words": f"{kind}: nobody here knows of that"})
            else:
                self._log.error("a channel told of {kind}, which nobody here knows", kind=kind)
            return
        heard: Deferred[Any] = maybeDeferred(hear, value)
        if number is not None:
            heard.addCallback(self._answer, number).addErrback(self._refuse, number)
        heard.addErrback(
            lambda failure: self._log.failure("what a channel told ({kind}) was not borne", failure, kind=kind)
        )

    def _answer(self, value: Any, number: int) -> None:
        self._say({"answer": number, "value": value})

    def _refuse(self, failure: Failure, number: int) -> None:
        if isinstance(failure.value, Refused):
            self._say({"refused": number, "words": str(failure.value)})
            return
        self._log.failure("what a channel asked failed by a fault of ours", failure)
        self._say({"refused": number, "words": _OUR_FAULT})

    def _end(self) -> None:
        """By ourselves: nothing more is said or heard."""
        self.abort()
        self._be_lost()

    def _be_lost(self) -> None:
        if not self._connected:
            return
        self._connected = False
        self._waiting.clear()
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.errback(ChannelLost())
        self._lost()


def read(line: bytes) -> dict[str, Any]:
    """What a line says: one of the four objects above. Raises NoLine."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise NoLine("no JSON") from None
    if not isinstance(said, dict):
        raise NoLine("no object")
    keys = set(said)
    if keys in ({"kind", "value"}, {"kind", "value", "ask"}):
        if type(said["kind"]) is str and type(said.get("ask", 0)) is int:
            return said
    elif keys == {"answer", "value"}:
        if type(said["answer"]) is int:
            return said
    elif keys == {"refused", "words"} and type(said["refused"]) is int and type(said["words"]) is str:
        return said
    raise NoLine("an object that nobody says")


def connect(reactor: Any, end: socket.socket, channel: Channel) -> None:
    """Speak over one end of a pair of stream sockets, which is the channel's from now on."""
    end.setblocking(False)
    transport: Any = tcp.Connection(end, channel, reactor)
    transport.logstr = "channel"
    transport.connected = True
    channel.makeConnection(transport)
    transport.startReading()

"""A script on a connection: a Twisted protocol around `smtp.client`. It tells what was answered, and once how it ended."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final
from typing import Protocol as Interface

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from twistedmx.drill.script import Failed, Script
from twistedmx.smtp.client import Answer, BadAnswer, Client, ClientPhase

_GREETING: Final = 220
_CLOSING: Final = 421


class Ending(Enum):
    """How a session ended."""

    LEFT = "left"  # the script was over
    TURNED_AWAY = "turned away"  # closed, or greeted with another code than 220, before the first command
    HUNG_UP = "hung up on"  # by the server
    SILENT = "silent"  # no answer for too long
    FAILED = "failed"  # the script has not got what it came for, or the answer was none
    STOPPED = "stopped"  # by us


class Listener(Interface):
    """Whoever wants to know."""

    def heard(self, speaker: "Speaker", said: bytes, answer: Answer) -> None:
        """What was answered. `said`: the line, b"" for content."""

    def ended(self, speaker: "Speaker", ending: Ending, words: str, again: bool) -> None:
        """Once. `words`: the last ones of the server, or what was wrong. `again`: as the script returned."""


class Speaker(Protocol):
    """One session. `pause`: gives the seconds before the next octets are sent. `patience`: seconds that an answer may take.

    `heeds_closing`: as `Client` has it.
    """

    def __init__(
        self,
        script: Script,
        listener: Listener,
        clock: IReactorTime,
        *,
        patience: float,
        pause: Callable[[], float] = lambda: 0.0,
        heeds_closing: bool = True,
    ) -> None:
        self._script = script
        self._listener = listener
        self._clock = clock
        self._patience = patience
        self._pause = pause
        self._client = Client(heeds_closing=heeds_closing)
        self._said = b""
        self._begun = False
        self._over = False
        self._parting = ""  # words with which the server closes, if it has any
        self._next: Any = None  # what is about to be said
        self._deadline: Any = None

    def connectionMade(self) -> None:
        """The server is to greet."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # there is one by now, of TCP
        self._deadline = self._clock.callLater(self._patience, self._expired)

    def dataReceived(self, data: bytes) -> None:
        """Answers."""
        self._client.receive(data)
        try:
            while not self._over and (answer := self._client.next_answer()) is not None:
                self._answered(answer)
        except BadAnswer as error:
            self._end(Ending.FAILED, str(error))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """By the server, unless we have ended it."""
        how = Ending.HUNG_UP if self._begun else Ending.TURNED_AWAY
        behind = f" behind {self._said.decode(errors='replace')}" if self._said else ""
        self._end(how, self._parting or f"closed without a word{behind}")

    def stop(self) -> None:
        """At once."""
        self._end(Ending.STOPPED, "")

    def _answered(self, answer: Answer) -> None:
        if answer.code == _CLOSING:
            self._parting = str(answer)
        if self._next is not None:
            return  # unasked for, while we were about to speak: 421, and the connection will be closed
        if self._begun:
            said, self._said = self._said, b""
            self._listener.heard(self, said, answer)
            if not self._over:
                self._go_on(answer)
        elif answer.code == _GREETING:
            self._begun = True
            self._go_on(None)
        else:
            self._end(Ending.TURNED_AWAY, str(answer))

    def _go_on(self, answer: Answer | None) -> None:
        try:
            octets = next(self._script) if answer is None else self._script.send(answer)
        except StopIteration as end:
            self._end(Ending.LEFT, "", again=bool(end.value))
            return
        except Failed as error:
            self._end(Ending.FAILED, str(error))
            return
        if self._client.phase is ClientPhase.ENDED:
            self._end(Ending.HUNG_UP, str(answer))
            return
        seconds = self._pause()
        if seconds:
            self._next = self._clock.callLater(seconds, self._say, octets)
            self._deadline.reset(seconds + self._patience)
        else:
            self._say(octets)

    def _say(self, octets: bytes) -> None:
        self._next = None
        self._deadline.reset(self._patience)
        client = self._client
        if client.phase is ClientPhase.CONTENT:
            self._write(client.content(octets))
        elif client.phase is ClientPhase.READY:
            self._said = octets
            self._write(client.command(octets))
        # else it was ended while we were about to speak; the connection is about to be closed

    def _write(self, octets: bytes) -> None:
        self.transport.write(octets)  # type: ignore[union-attr]  # there is one until we have ended

    def _expired(self) -> None:
        self._end(
            Ending.SILENT, f"no answer for {self._patience:g} s to {self._said.decode(errors='replace') or 'that'}"
        )

    def _end(self, ending: Ending, words: str, *, again: bool = False) -> None:
        if self._over:
            return
        self._over = True
        for call in (self._next, self._deadline):
            if call is not None and call.active():
                call.cancel()
        self._script.close()
        if self.transport is not None:
            if ending in (Ending.LEFT, Ending.FAILED):
                self.transport.loseConnection()
            else:
                self.transport.abortConnection()  # type: ignore[attr-defined]  # of TCP
        self._listener.ended(self, ending, words, again)

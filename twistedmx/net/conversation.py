"""Octets to inputs to replies: what one session answers, when it waits, and when it hears nothing meanwhile.

Octets go into the session, its inputs to the receiver, the replies of one packet back in one write. While an answer is
waited for there is no next input; octets that come meanwhile are kept, and reading stops until the answer is there.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.verdict import Reason
from twistedmx.net.in_lane import InLane
from twistedmx.net.leaving import Leaving
from twistedmx.net.patience import Patience
from twistedmx.net.turns import inputs_in
from twistedmx.policy.short_way import answer_shortly, refuse_shortly
from twistedmx.policy.waiting import deferred_of
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Block, Need, Phase

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

_START_TLS: Final = codes.START_TLS
_CONNECTED: Final = Phase.CONNECTED
# A read of more octets than this waits when the turn's budget is spent (net.turns).
_MUCH: Final = 8192
# Octets in which the short way looks for more guesses, again and again.
_AHEAD: Final = 2048


class Conversation(InLane):
    """What is said and heard on one connection. How it begins and how it ends is `net.shell`."""

    _log = Logger()

    def __init__(self, factory: "ServerFactory") -> None:
        super().__init__(factory)
        self._patience = Patience(factory.wheel, factory.timeouts, self._expired)
        self._turning = False  # _turn is on the stack
        self._waiting = False  # for an answer, or for the disk to take content
        self._stalled = False  # the peer does not read what we write
        self._resting = False  # it is the turn of the others
        self._much = False  # was heard at once
        self._paused = False  # we do not read what the peer writes
        self._heard_all = False  # the peer sends no more, but may still read
        self._closed = False
        self._wordless: Reason | None = None  # why it ends, if it does now: in a handshake no words can be said
        self._leaving: Leaving | None = None  # from when the server stops
        self._parting: tuple[Reply, Reason] | None = (
            None  # what is said when the client was blocked, or gives up its place
        )

    # -- what the shell adds -----------------------------------------------------------------------------------------

    def _expired(self) -> None:
        """The peer was waited for long enough."""
        raise NotImplementedError

    def _start_tls(self) -> None:
        """STARTTLS was answered 220."""
        raise NotImplementedError

    def _say_last(self, words: Reply) -> None:
        """Close, whatever is owed, after words that nobody asked for."""
        raise NotImplementedError

    def _hang_up(self, words: Reply) -> None:
        """Close, after `words`."""
        raise NotImplementedError

    def _part(self) -> None:
        """Close, after `_parting`, if the client was blocked meanwhile, or gave its place up."""
        raise NotImplementedError

    def _leave(self) -> None:
        """The peer has gone, and has heard what there was to hear."""
        raise NotImplementedError

    # -- the transport's calls ---------------------------------------------------------------------------------------

    def dataReceived(self, octets: bytes) -> None:
        """The peer said something."""
        if self._closed:
            return
        session = self._session
        if self._waiting or self._stalled or self._resting:  # _holds_off, without a call
            if session.phase is _CONNECTED:
                words = self._receiver.talks_early()
                if words is not None:
                    self._say_last(words)
                    return
            self._patience.octets += len(octets)
            session.receive(octets)
            self._pause_reading()
            return
        replies: list[bytes] = []
        goes_long = False
        if session.guessing and self._receiver.goes_short and not session.heard.octets and not session.heard.overlong:
            try:
                reply = refuse_shortly(session, self._receiver, octets)
                if reply:
                    if not self._behind:
                        self._fall_behind()
                    self._out.write_soon(reply)
                    self._patience.put_off()
                    if self._leaving is not None:
                        self._leave_if_over()
                    return
                taken = 0
                if reply is None:
                    taken = answer_shortly(session, self._receiver, octets, self._factory.turns.least, replies)
            except Exception:
                self._out.write(b"".join(replies))
                self._broken(Failure())
                return
            if session.errors and not self._behind:
                self._fall_behind()
            if taken == len(octets):
                if len(replies) == 1:
                    self._out.write_soon(replies[0])
                else:
                    session.pipelined = True
                    self._out.write_soon(b"".join(replies))
                self._patience.put_off()
                if self._leaving is not None:
                    self._leave_if_over()
                return
            goes_long = not taken
            octets = octets[taken:]
        self._patience.octets += len(octets)
        session.receive(octets)
        self._much = len(octets) > _MUCH
        self._turn(replies, goes_long=goes_long)

    def pauseProducing(self) -> None:
        """Our replies pile up, for the peer does not read them: hear nothing more until it does."""
        self._stalled = True

    def resumeProducing(self) -> None:
        """The peer has read."""
        self._stalled = False
        if not (self._turning or self._closed):
            self._turn()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost says so as well."""

    # -- octets to inputs to replies ---------------------------------------------------------------------------------

    def _turn(self, replies: list[bytes] | None = None, *, goes_long: bool = False) -> None:
        """Answer all that can be answered now. `replies`: to what was answered before, in this turn. `goes_long`: what comes
        first was found to be nothing for the short way."""
        self._turning = True
        if replies is None:
            replies = []
        replied = bool(replies)
        try:
            replied = self._answer(replies, goes_long) or replied
        except Exception:
            self._out.write(b"".join(replies))
            self._broken(Failure())
        else:
            if len(replies) == 1:
                self._out.write_soon(replies[0])
            elif replies:
                self._session.pipelined = True
                self._out.write_soon(b"".join(replies))
        self._turning = False
        if self._heard_all and not (self._closed or self._holds_off()):
            self._leave()
        if self._leaving is not None:
            self._leave_if_over()
        if self._closed:
            return
        session = self._session
        if session.served:
            if self._behind or self.may_go:
                self._catch_up()
            self._count()
        elif session.errors and not self._behind:
            self._fall_behind()
        if not (self._waiting or self._wordless is not None):
            self._patience.turned(session.phase, replied)
        if self._paused and not self._holds_off():
            self._paused = False
            self.transport.resumeProducing()

    def _answer(self, replies: list[bytes], goes_long: bool) -> bool:
        """Put the replies of what was heard into `replies`, as far as they need no waiting. Whether there were any."""
        session, receiver, turns = self._session, self._receiver, self._factory.turns
        replied = False
        if self._much and turns.spent:
            self._rest()
        share = left = turns.least
        while not (self._waiting or self._stalled or self._resting or self._closed):
            if left <= 0:
                if share == turns.least:  # more than who has little to say
                    share = turns.share()
                    left += share - turns.least
                if left <= 0:
                    self._rest()
                    break
            if goes_long:
                goes_long = False
            elif session.guessing and receiver.goes_short and (answered := self._answer_guesses(replies, left)):
                left -= answered
                replied = True
                if session.is_done():
                    break
                continue
            input_ = session.next_input()
            if type(input_) is Need:
                break
            if type(input_) is Block:
                left -= inputs_in(len(input_.octets))
                if self._much and not (self._large or turns.spent):
                    self._read_content(True)
                taking = receiver.take(input_)
                if taking is not None:
                    self._send_off(replies)
                    self._wait(taking, self._taken)
                continue
            if self._large:
                self._read_content(False)
            answer = receiver.answer(input_)  # type: ignore[arg-type]  # what is no Need is an Input
            left -= 1
            replied = True
            if type(answer) is not Reply:
                self._send_off(replies)  # what was answered before must not wait for this one
                self._wait(answer, self._answered)  # type: ignore[arg-type]  # what is no Reply is a Deferred of one
                continue
            replies.append(session.reply(answer))
            if answer.closes:
                self._out.write_last(b"".join(replies))
                replies.clear()
                self._hang_up(answer)
            elif answer is _START_TLS:
                self._send_off(replies)
                self._start_tls()
            elif session.is_done():
                break
        if share - left >= turns.least:
            turns.spend(share - left)
        return replied

    def _answer_guesses(self, replies: list[bytes], most: int) -> int:
        """Those of what is held that go the short way: how many."""
        session = self._session
        heard, before = session.heard, session.commands
        if session.owed is None and not heard.overlong:
            ahead = heard.octets[heard.at : heard.at + _AHEAD]
            heard.at += answer_shortly(session, self._receiver, ahead, most, replies)
        return session.commands - before

    def _holds_off(self) -> bool:
        """Whether the next input has to wait, and with it all that the peer sends."""
        return self._waiting or self._stalled or self._resting

    def _rest(self) -> None:
        """Let the other sessions have their turn, and hear no more before ours."""
        self._resting, self._much = True, False
        self._patience.stop_listening()
        self._pause_reading()
        self._factory.turns.wait(self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._patience.listen_again()
        if not (self._turning or self._closed):
            self._turn()

    def _send_off(self, replies: list[bytes]) -> None:
        self._out.write(b"".join(replies))
        replies.clear()

    def _wait(self, awaitable: Awaitable[Any], then: Callable[[Any], None]) -> None:
        """Hear nothing until `awaitable` has fired; then go on with `then`, unless the session has ended meanwhile."""
        self._waiting = True
        self._patience.stop_listening()
        self._patience.end()
        deferred_of(awaitable).addCallback(self._waited, then).addErrback(self._broken)

    def _waited(self, result: Any, then: Callable[[Any], None]) -> None:
        self._waiting = False
        if not self._closed:
            then(result)
            self._part()
            self._leave_if_over()
            if not (self._turning or self._closed):
                self._turn()

    def _answered(self, answer: Reply) -> None:
        self._out.write_soon(self._session.reply(answer))
        self._patience.replied(self._session.phase)
        self._patience.wait(self._patience.timeouts.command)
        if answer.closes:
            self._hang_up(answer)

    def _taken(self, result: None) -> None:
        """The disk has caught up with this message; the time it took is not the peer's."""
        self._patience.listen_again()

    def _broken(self, failure: Failure) -> None:
        """A fault of ours: the peer keeps its mail and tries again, the log has the traceback."""
        self._log.failure("session {session} failed", failure=failure, session=self._receiver.id)
        if not self._closed:
            self._say_last(codes.FAULT)

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _leave_if_over(self) -> None:
        """The server stops: once nothing more is to be done for this session, it is told."""
        leaving = self._leaving
        if leaving is None or self._closed or self._waiting or self._wordless is not None:
            return
        if leaving.is_over(self._receiver.transactions, self._session.phase):
            self._say_last(codes.SHUTDOWN)

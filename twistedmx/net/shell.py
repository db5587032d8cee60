"""The Twisted shell of one session: a transport, deadlines and TLS around `smtp.session` and `policy.receiver`.

Octets go into the session, its inputs to the receiver, the replies of one packet back in one write. While an answer is
waited for there is no next input; octets that come meanwhile are kept, and reading stops until the answer is there.

BUGS: under TLS a peer that ends its side in the packet of its commands may hear no reply; Twisted has no half close there.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.model.verdict import Reason
from twistedmx.net.closing import close
from twistedmx.net.eager import EagerWriter
from twistedmx.net.pace import Pace
from twistedmx.net.peers import peer_at
from twistedmx.net.tls import agreed
from twistedmx.net.turns import inputs_in
from twistedmx.net.wheel import Deadline
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.waiting import deferred_of
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Block, Need, Phase

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

_MESSAGE: Final = frozenset((Phase.DATA, Phase.CHUNK, Phase.CHUNKS))
# A read of more octets than this waits when the turn's budget is spent (net.turns).
_MUCH: Final = 8192


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class Shell(Protocol):
    """One connection."""

    _log = Logger()
    transport: Any  # ITCPTransport, or what stands for it in tests

    def __init__(self, factory: "ServerFactory") -> None:
        self._factory = factory
        self._wheel = factory.wheel
        self._deadline = Deadline(self._expired)
        self._turning = False  # _turn is on the stack
        self._waiting = False  # for an answer, or for the disk to take content
        self._waiting_since = 0.0
        self._stalled = False  # the peer does not read what we write
        self._resting = False  # it is the turn of the others
        self._much = False  # was heard at once
        self._paused = False  # we do not read what the peer writes
        self._heard_all = False  # the peer sends no more, but may still read
        self._closed = False
        self._leaving: Deferred[None] | None = None  # we shut down, and this tells when the session has ended
        self._pace = Pace(factory.timeouts)

    # -- the transport's calls ---------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """A peer is there."""
        factory = self._factory
        factory.connections.add(self)
        transport = self.transport
        peer = peer_at(transport.getPeer())
        secure = ISSLTransport.providedBy(transport)
        self._session = factory.session(peer, secure=secure)
        self._receiver = Receiver(factory.site, self._session, peer)
        self._out = EagerWriter(transport)
        transport.registerProducer(self, True)
        if secure:
            self._wheel.set(self._deadline, factory.timeouts.handshake)
            return
        self._greet()

    def handshakeCompleted(self) -> None:
        """TLS is there, after STARTTLS or from the beginning."""
        self._receiver.secured(agreed(self.transport.getHandle()))
        if self._session.phase is Phase.SECURING:
            self._session.secured()
            self._wheel.set(self._deadline, self._factory.timeouts.command)
        else:
            self._greet()

    def dataReceived(self, octets: bytes) -> None:
        """The peer said something."""
        if self._closed:
            return
        self._pace.heard(len(octets))
        self._much = len(octets) > _MUCH
        self._session.receive(octets)
        if self._holding_off():
            self._pause_reading()
        else:
            self._turn()

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

    def readConnectionLost(self) -> None:
        """The peer sends no more. It may still read: what it asked for is answered first."""
        self._heard_all = True
        if self._closed:
            self.transport.loseConnection()  # this is what we lingered for
        elif not self._holding_off():
            self._leave()

    def writeConnectionLost(self) -> None:
        """We have said our last word."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The peer is gone."""
        self._factory.connections.discard(self)
        self._wheel.clear(self._deadline)
        self._end(None, Reason.TLS_FAILED if self._in_handshake() else Reason.LOST)

    # -- octets to inputs to replies ---------------------------------------------------------------------------------

    def _greet(self) -> None:
        self._out.write(self._session.reply(self._receiver.greeting()))
        self._wheel.set(self._deadline, self._factory.timeouts.command)
        self._turn()

    def _turn(self) -> None:
        """Answer all that can be answered now."""
        self._turning = True
        replies: list[bytes] = []
        replied = False
        try:
            replied = self._answer(replies)
        except Exception:
            self._out.write(b"".join(replies))
            self._broken(Failure())
        else:
            self._out.write(replies[0] if len(replies) == 1 else b"".join(replies))
        self._turning = False
        if self._heard_all and not (self._closed or self._holding_off()):
            self._leave()
        if self._closed:
            return
        self._set_deadline(replied=replied)
        if self._paused and not self._holding_off():
            self._paused = False
            self.transport.resumeProducing()

    def _answer(self, replies: list[bytes]) -> bool:
        """Put the replies of what was heard into `replies`, as far as they need no waiting. Whether there were any."""
        session, receiver, turns = self._session, self._receiver, self._factory.turns
        replied = False
        if self._much and turns.spent:
            self._rest()
        share = left = turns.share()
        while not (self._holding_off() or self._closed):
            if left <= 0:
                self._rest()
                break
            input_ = session.next_input()
            if type(input_) is Need:
                break
            left -= inputs_in(len(input_.octets)) if type(input_) is Block else 1
            if type(input_) is Block:
                taking = receiver.take(input_)
                if taking is not None:
                    self._send_off(replies)
                    self._wait(taking, self._taken)
                continue
            answer = receiver.answer(input_)  # type: ignore[arg-type]  # what is no Need is an Input
            replied = True
            if type(answer) is not Reply:
                self._send_off(replies)  # what was answered before must not wait for this one
                self._wait(answer, self._answered)  # type: ignore[arg-type]  # what is no Reply is a Deferred of one
                continue
            replies.append(session.reply(answer))
            if answer.closes or session.phase is Phase.SECURING:
                self._send_off(replies)
                if answer.closes:
                    self._hang_up(answer)
                else:
                    self._start_tls()
        turns.spend(share - left)
        return replied

    def _holding_off(self) -> bool:
        """Whether the next input has to wait, and with it all that the peer sends."""
        return self._waiting or self._stalled or self._resting

    def _rest(self) -> None:
        """Let the other sessions have their turn, and hear no more before ours."""
        self._resting, self._much = True, False
        self._waiting_since = self._wheel.seconds()
        self._pause_reading()
        self._factory.turns.wait(self._rested)

    def _rested(self) -> None:
        self._resting = False
        self._pace.forgive(self._wheel.seconds() - self._waiting_since)
        if not (self._turning or self._closed):
            self._turn()

    def _send_off(self, replies: list[bytes]) -> None:
        self._out.write(b"".join(replies))
        replies.clear()

    def _wait(self, awaitable: Awaitable[Any], then: Callable[[Any], None]) -> None:
        """Hear nothing until `awaitable` has fired; then go on with `then`, unless the session has ended meanwhile."""
        self._waiting = True
        self._waiting_since = self._wheel.seconds()
        self._wheel.clear(self._deadline)  # it is not the peer that keeps us waiting
        deferred_of(awaitable).addCallback(self._waited, then).addErrback(self._broken)

    def _waited(self, result: Any, then: Callable[[Any], None]) -> None:
        self._waiting = False
        if not self._closed:
            then(result)
            if not (self._turning or self._closed):
                self._turn()

    def _answered(self, answer: Reply) -> None:
        self._out.write(self._session.reply(answer))
        self._begin_anew()
        self._wheel.set(self._deadline, self._factory.timeouts.command)
        if answer.closes:
            self._hang_up(answer)
        elif self._leaving is not None:
            self._say_last(codes.SHUTDOWN)

    def _taken(self, result: None) -> None:
        """The disk has caught up with this message; the time it took is not the peer's."""
        self._pace.forgive(self._wheel.seconds() - self._waiting_since)
        if self._leaving is not None:
            self._say_last(codes.SHUTDOWN)

    def _broken(self, failure: Failure) -> None:
        """A fault of ours: the peer keeps its mail and tries again, the log has the traceback."""
        self._log.failure("session {session} failed", failure=failure, session=self._receiver.id)
        if not self._closed:
            self._say_last(codes.FAULT)

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _start_tls(self) -> None:
        self._out.be_patient()
        self._stalled = False  # startTLS registers us anew as a producer, and forgets that it has stopped us
        self._wheel.set(self._deadline, self._factory.timeouts.handshake)
        self.transport.startTLS(self._factory.tls)

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def _set_deadline(self, *, replied: bool) -> None:
        """A command has its time from our last reply on, however it trickles in; content has to flow."""
        phase = self._session.phase
        if self._waiting or phase is Phase.SECURING:
            return
        if replied:
            self._begin_anew()
        if phase in _MESSAGE:
            self._wheel.set(self._deadline, self._pace.seconds_left(self._wheel.seconds(), phase))
        elif replied:
            self._wheel.set(self._deadline, self._factory.timeouts.command)

    def _begin_anew(self) -> None:
        """We have replied: what comes now is another message, unless it is the next chunk of the same."""
        if self._session.phase is not Phase.CHUNKS:
            self._pace.begin_anew()

    def _expired(self) -> None:
        if self._resting and not self._closed:
            self._wheel.set(self._deadline, self._factory.timeouts.command)  # it is us who did not listen
            return
        if self._closed or self._stalled or self._in_handshake():
            self._end(None, Reason.TLS_FAILED if self._in_handshake() else Reason.IDLE)
            self.transport.abortConnection()
        else:
            self._say_last(codes.TOO_SLOW if self._session.phase in _MESSAGE else codes.IDLE)

    def _in_handshake(self) -> bool:
        return self._session.phase is Phase.SECURING or (
            self._session.phase is Phase.CONNECTED and ISSLTransport.providedBy(self.transport)
        )

    # -- the end -----------------------------------------------------------------------------------------------------

    def shut_down(self) -> Deferred[None]:
        """421, but what is just being asked or made safe is answered first. Fires when the session has ended."""
        if self._closed:
            return succeed(None)
        leaving: Deferred[None] = Deferred()
        self._leaving = leaving
        if self._in_handshake():
            self._end(None, Reason.SHUTDOWN)
            self.transport.abortConnection()
        elif not self._waiting:
            self._say_last(codes.SHUTDOWN)
        return leaving

    def _say_last(self, words: Reply) -> None:
        self._session.close()
        self._out.write(words.octets)
        self._hang_up(words)

    def _hang_up(self, words: Reply) -> None:
        """Close, after `words`."""
        self._end(words)
        self._close(linger=words is not codes.CLOSING and not self._heard_all)

    def _close(self, *, linger: bool) -> None:
        self.transport.unregisterProducer()
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()
        timeouts = self._factory.timeouts
        close(self.transport, linger=linger, wheel=self._wheel, deadline=self._deadline, timeouts=timeouts)

    def _leave(self) -> None:
        """The peer has gone, and has heard what there was to hear."""
        self._end(None)
        self._close(linger=False)

    def _end(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        if self._closed:
            return
        self._closed = True
        self._wheel.clear(self._deadline)
        self._receiver.ended(last, reason)
        if self._leaving is not None:
            self._leaving.callback(None)

"""The Twisted shell of one session: how a connection begins, TLS, and how it ends. What is said between is `net.conversation`.

BUGS: under TLS a peer that ends its side in the packet of its commands may hear no reply; Twisted has no half close there.
"""

from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IPushProducer,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.net.closing import close
from twistedmx.net.conversation import Conversation
from twistedmx.net.eager import EagerWriter
from twistedmx.net.leaving import Leaving
from twistedmx.net.peers import peer_at
from twistedmx.net.tls import agreed
from twistedmx.net.visit import Visit
from twistedmx.policy.asking import receiver_of
from twistedmx.policy.attending import Attending
from twistedmx.policy.record import NOTHING_KNOWN, Record, Terms
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Phase

if TYPE_CHECKING:
    from twistedmx.net.server import ServerFactory

_THINKS: Final = 3  # times `[governor] idle`
_UNHEARD: Final = 20  # commands of who names no recipient (Postfix postscreen_command_count_limit)
_UNKNOWN: Final = Terms(NOTHING_KNOWN)


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class Shell(Conversation):
    """One connection. `secure`: TLS comes first. `peer`: who is there, if that is known by now; `terms`: on which it
    was let in. Who was hung up on a moment ago is read in the back lane from the beginning."""

    def __init__(
        self,
        factory: "ServerFactory",
        *,
        peer: Peer | None = None,
        terms: Terms = _UNKNOWN,
        secure: bool = False,
    ) -> None:
        super().__init__(factory)
        self._behind = terms.known.record is Record.HUNG_UP
        self._secure = secure
        self._peer = peer
        self._terms = terms
        self._has_receiver = False
        self._tls = factory.tls
        self.under_tls = False

    # -- the transport's calls ---------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """A peer is there. A fault of ours leaves no connection that is nobody's."""
        try:
            self._begin()
        except Exception:
            self._log.failure("a session failed at its beginning")
            self.transport.abortConnection()

    def _begin(self) -> None:
        factory = self._factory
        transport = self.transport
        if self._peer is None:
            self._peer = peer_at(transport.getPeer())
        if factory.visits is None:
            self._session = factory.session(self._peer, secure=self._secure)
            self._receiver = receiver_of(factory.site, self._session, self._peer)
        else:
            self._visited(factory.visits(transport, self._peer), self._peer)
        self._has_receiver = True
        self._out = EagerWriter(transport)
        self._place = factory.met(self, self._peer, self._terms)
        if self._behind:
            self._out.fall_behind()
        if self._terms.known.record >= Record.FAILED:
            self._let_go()
        transport.registerProducer(self, True)
        if not self._secure:
            self._greet()
        elif self._tls is None:
            self._cut(Reason.TLS_FAILED)  # it was taken away since we listen
        elif self._receiver.begin_handshake():
            self._start_tls()
        else:
            self._cut(Reason.TLS_LIMIT)

    def _visited(self, visit: Visit, peer: Peer) -> None:
        self._session = visit.session(secure=self._secure)
        self._receiver = visit.receiver(self._session, peer)
        self._tls = visit.tls
        self._patience.timeouts = visit.timeouts

    def handshakeCompleted(self) -> None:
        """TLS is there, after STARTTLS or from the beginning."""
        if self._closed:
            return
        self._wordless = None
        self.under_tls = True
        self._receiver.secured(agreed(self.transport.getHandle()))
        if self._session.phase is Phase.SECURING:
            self._session.secured()
            self._patience.wait(self._patience.timeouts.command)
        else:
            self._greet()

    def readConnectionLost(self) -> None:
        """The peer sends no more. It may still read: what it asked for is answered first."""
        self._heard_all = True
        if self._closed:
            self.transport.loseConnection()  # this is what we lingered for
        elif not self._holds_off():
            self._leave()

    def writeConnectionLost(self) -> None:
        """We have said our last word."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The peer is gone."""
        self._factory.connections.discard(self, self._peer.address if self._peer is not None else "")
        self._patience.end()
        self._end(None, self._wordless or Reason.LOST)
        self._patience.forget()

    # -- the beginning -----------------------------------------------------------------------------------------------

    def _greet(self) -> None:
        words = self._receiver.greeting()
        if type(words) is not Reply:
            self._wait(words, self._answered)  # type: ignore[arg-type]  # what is no Reply is a Deferred of one
            return
        self._out.write_soon(self._session.reply(words))
        if words.closes:
            self._hang_up(words)
            return
        self._patience.wait(self._patience.timeouts.command)
        if self._session.heard or self._heard_all or self._leaving is not None:
            self._turn()

    def _start_tls(self) -> None:
        self._out.be_patient()
        self._stalled = False  # startTLS registers us anew as a producer, and forgets that it has stopped us
        self._wordless = Reason.TLS_FAILED
        self._factory.litter.add()
        self._patience.wait(self._patience.timeouts.handshake)
        # By who is at the other end of this connection: after XCLIENT it is still the balancer that makes the handshake.
        self.transport.startTLS(self._tls.for_peer(self._peer.address))  # type: ignore[union-attr]  # offered where both are

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> Deferred[None]:
        """The server stops: do what `net.leaving` says, then end. Fires when the session has ended."""
        if self._closed:
            return succeed(None)
        if self._leaving is None:
            self._leaving = Leaving(self._receiver.transactions, self._session.phase)
        return self._leaving.wait()

    def hurry(self) -> None:
        """421 now, behind what is just being asked or made safe. Only after `finish`."""
        if self._leaving is None:
            return  # it had ended by then
        self._leaving.hurried = True
        if self._wordless is not None and not self._closed:
            self._cut(Reason.SHUTDOWN)
        self._leave_if_over()

    @property
    def address(self) -> str:
        """Of the client, as it is known by now."""
        return self._receiver.peer.address

    @property
    def attending(self) -> Attending | None:
        """Who knows of its session, while that is open."""
        return None if self._closed else self._receiver

    def turn_away(self, words: Reply) -> None:
        """The client was blocked: `words`, behind what is just being asked or made safe, and the end."""
        self._part_with(words, Reason.BLOCKED)

    def displace(self, words: Reply) -> None:
        """It gives its place to another: the same."""
        self._part_with(words, Reason.NO_PLACE)

    def end_if_idle(self, seconds: float) -> None:
        """Others have no place: a stranger that has said nothing for so long, and sent no mail, is done. Within a transaction it
        may think three times as long. 0: however long. Who says much, and has no recipient accepted, is done as well."""
        if self._closed or self._holds_off() or self._wordless is not None or self._is_of_good_record:
            return
        session = self._session
        if session.commands > _UNHEARD and self._place is not None and self._place.unheard:
            self._factory.door.displace(self)
            return
        if (
            not seconds
            or session.messages
            or self._patience.idle(session.phase) < seconds * (_THINKS if session.served else 1)
        ):
            return
        self._say_last(codes.IDLE)

    @property
    def _is_of_good_record(self) -> bool:
        return self._place is not None and self._place.proven

    def _part_with(self, words: Reply, reason: Reason) -> None:
        if self._closed:
            return
        self._parting = words, reason
        if self._wordless is not None:
            self._cut(reason)
        elif not self._waiting:
            self._part()

    def _part(self) -> None:
        if self._parting is None or self._closed:
            return
        words, reason = self._parting
        self._out.write(self._session.say(words))
        self._end(words, reason)
        self._close(linger=not self._heard_all)

    def _expired(self) -> None:
        if self._resting and not self._closed:
            self._patience.wait(self._patience.timeouts.command)  # it is us who did not listen
        elif self._closed or self._stalled or self._wordless is not None:
            self._cut(self._wordless or Reason.IDLE)
        else:
            slow = self._patience.in_message(self._session.phase)
            self._say_last(codes.TOO_SLOW if slow else codes.IDLE)

    def _cut(self, reason: Reason) -> None:
        """Without words, which would not be read."""
        self._end(None, reason)
        self.transport.abortConnection()

    def _say_last(self, words: Reply) -> None:
        self._out.write(self._session.say(words))
        self._hang_up(words)

    def _hang_up(self, words: Reply) -> None:
        self._end(words)
        self._close(linger=words is not codes.CLOSING and not self._heard_all)

    def _close(self, *, linger: bool) -> None:
        self._out.flush()
        self.transport.unregisterProducer()
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()
        close(self.transport, linger=linger, all_sent=self._out.all_sent, patience=self._patience)

    def _leave(self) -> None:
        self._end(None)
        self._close(linger=False)

    def _end(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        if self._closed:
            return
        self._closed = True
        self._patience.end()
        if self._place is not None and self._peer is not None:
            self._factory.left(self, self._peer, self._place)
        if self._has_receiver:  # not of a session that failed at its beginning
            self._receiver.ended(last, reason)
        if self._leaving is not None:
            self._leaving.ended()

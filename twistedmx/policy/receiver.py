"""What each input of a session is answered: the way of a message through twistedmx, from MAIL to RCPT here, from DATA on in
`content_receiver`. What is nothing but guesses comes by `short_way`.

    MAIL    a transaction begins
    RCPT    recipient.RecipientStep decides -> Mailboxes.find
    DATA    Acceptance.open: one copy for each Maildir, under trace fields of its own
    blocks  Incoming.write, while the header is scanned for loops
    end     Incoming.commit: on disk, and only then 250

Answers are given at once where memory can give them; only a slow look-up and the disk are waited for. Every fact is told as
an event. No transport and no bytes of the wire: those are `net.shell`, `net.conversation` and `smtp.session`. Where policies are
asked, `asking` steps between: it overrides `greeting`, `answer`, `take`, `_decided`, `_accept` and `_commit`.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.client import client_of
from twistedmx.policy.conduct import BAD, LastWords, signed
from twistedmx.policy.content_receiver import NO_ROOM, ContentReceiver
from twistedmx.policy.posture import Posture
from twistedmx.policy.reasons import ENDINGS, LIMITS, MALFORMED
from twistedmx.policy.recipient import NOBODY, Decision
from twistedmx.policy.site import Site
from twistedmx.smtp import codes
from twistedmx.smtp.command import Auth, Data, Ehlo, Helo, Help, Mail, Noop, Quit, Rcpt, Refusal, Rset, StartTls, Vrfy
from twistedmx.smtp.parameters import MailParameters, RcptParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.phase import AuthLine
from twistedmx.smtp.reply import Reply, reply
from twistedmx.smtp.session import EndOfChunk, EndOfData, Input, Phase, Session
from twistedmx.smtp.xclient import XClient

_CALM: Final = Posture.CALM
_TOO_LARGE: Final = verdict(codes.TOO_LARGE, Reason.TOO_LARGE)
_NOT_OURS: Final = b""  # the domain of all of them, as attacks are counted


class Receiver(ContentReceiver):
    """The receiving side of one session. `session` is read for its counts and what it offers, and told who is tolerated and which
    limits hold."""

    __slots__ = ("_in_handshake",)

    # Whether policy.short_way may answer for it: not where somebody wants to be asked about MAIL.
    goes_short = True

    def __init__(self, site: Site, session: Session, peer: Peer) -> None:
        super().__init__(site, session, peer)
        self._in_handshake = False

    # -- what the shell calls ----------------------------------------------------------------------------------------

    def greeting(self) -> Reply | Deferred[Reply]:
        """The first words. What was edited until now holds for this session."""
        site = self._site
        site.ports.mailboxes.refresh()
        self._account.opened()
        self._posture_held()
        seconds = site.conduct.greeting
        if seconds and not (self._session.xclient or self._is_proven()):
            return self._later(site.greeting, seconds, most=None)
        return site.greeting

    def talks_early(self) -> Reply | None:
        """Octets came before the greeting. What is said instead of it, if anything."""
        return self._hang_up(self._behaviour().early_talk())

    def answer(self, input_: Input) -> Reply | Deferred[Reply]:
        """The reply to an input that is owed one. The Deferred never fails; after `ended` it need not fire, and whoever hears
        it then has nobody to tell."""
        return _ANSWERS[type(input_)](self, input_)

    def begin_handshake(self) -> bool:
        """Whether a handshake may begin; it then has. STARTTLS asks by itself."""
        handshakes = self._site.handshakes
        self._in_handshake = handshakes is not None and handshakes.admit(self._account.peer.address)
        return self._in_handshake or handshakes is None

    def _end_handshake(self) -> None:
        if self._in_handshake and self._site.handshakes is not None:
            self._in_handshake = False
            self._site.handshakes.over()

    def secured(self, tls: Tls) -> None:
        """TLS is there: what the peer said before is forgotten (RFC 3207 4.2)."""
        self._end_handshake()
        self._abandon(Reason.ABANDONED)
        self._account.secured(tls)

    def ended(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        """The connection is gone. `last`: the closing reply that was sent, if one was. `reason`: holds unless that says another."""
        self._end_handshake()
        if last is not None:
            ending = self._ending
            reason = ending.reason if ending is not None and last is ending.reply else ENDINGS.get(last, reason)
        if self._asking is not None:
            self._asking.cancel()
        if not self._committing:  # else the message may be safe already: _committed tells how it went
            self._abandon(reason)
        self._account.ended(self._session, reason, last)

    # -- HELO to QUIT ------------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> Reply | Deferred[Reply]:
        words = refusal.reply
        if words is codes.TOO_MANY_RECIPIENTS:
            self._open_transaction().refusals.add_unheard()
        elif words is codes.UNKNOWN_COMMAND:
            return self._error(words, self._behaviour().unknown_command(self._posture_held()))
        elif words in MALFORMED:
            return self._error(words, self._behaviour().syntax_error(self._posture_held()))
        elif words is codes.TOO_LARGE:
            return self._refused_at(Stage.MAIL, _TOO_LARGE)
        elif words is codes.NOT_SMTP:
            return self._hang_up(self._behaviour().foreign_protocol()) or words
        elif words is codes.ENDLESS:
            return self._hang_up(signed(words, ENDINGS[words], self._account.id)) or words
        elif words in LIMITS:
            own = reply(words.code, words.enhanced, self._site.limits.words(LIMITS[words], self._account.id))
            return self._hang_up(LastWords(reply=own, reason=ENDINGS[words])) or words
        return words

    def _ehlo(self, command: Ehlo) -> Reply:
        return self._hello(command.domain, esmtp=True) or self._site.ehlo(
            secure=self._account.tls is not None,
            xclient=self._session.xclient,
            authenticated=self._account.login is not None,
        )

    def _helo_only(self, command: Helo) -> Reply:
        return self._hello(command.domain, esmtp=False) or reply(250, "", self._site.host)

    def _hello(self, domain: str, *, esmtp: bool) -> Reply | None:
        self._abandon(Reason.ABANDONED)  # RFC 5321 4.1.4: EHLO clears as RSET does
        self._account.introduced(domain)
        self._esmtp = esmtp
        self._posture_held()
        session = self._session
        is_early = session.phase is Phase.GREETED and bool(session.heard) and not (self._account.tls or session.xclient)
        return self._hang_up(self._behaviour().early_pipelining()) if is_early else None

    def _start_tls(self, command: StartTls) -> Reply:
        return codes.START_TLS if self.begin_handshake() else codes.TLS_BUSY

    def _x_client(self, command: XClient) -> Reply:
        """The session begins anew, with who the client is said to be; if he is blocked, it ends as at our door."""
        account = self._account
        account.introduced(command.helo or "", client_of(account.peer, command))
        self._conduct, self._hardest, self._proven = None, _CALM, None  # another client's
        self._posture_held()
        self._session.tolerant = account.peer.among(self._site.tolerant)
        blocklist = self._site.blocklist
        block = blocklist.find(account.peer.address) if blocklist is not None else None
        if blocklist is None or block is None:
            return self._site.greeting
        words = blocklist.refusal(block, account.peer.address) or codes.SILENCE
        return self._hang_up(LastWords(reply=words, reason=Reason.BLOCKED, stage=Stage.CONNECT)) or words

    def may_reset(self) -> bool:
        """Whether the next RSET is not the last one in any case."""
        return self._conduct is not None and self._conduct.may_reset(self._posture())

    def reset(self) -> Reply:
        """As `answer` to a Rset."""
        posture = self._posture()
        if posture is not self._held:  # _posture_held, without its call (benchmarks, reject-580)
            self._hold(posture)
        last = self._behaviour().reset(self._transaction, posture)
        self._abandon(Reason.ABANDONED)
        return self._hang_up(last) or codes.RESET

    # -- MAIL, RCPT --------------------------------------------------------------------------------------------------

    def mail(self, reverse_path: Path, parameters: MailParameters) -> Reply:
        """As `answer` to a Mail where that is SENDER_OK; else nothing has happened, and nothing is told."""
        if self._disk_is_full(parameters.size):
            return codes.NO_SPACE
        posture = self._posture()
        if posture is not self._held:  # as in `reset`
            self._hold(posture)
        self._behaviour().began()
        account = self._account
        account.transactions += 1
        account.reverse_path = reverse_path
        self._transaction = self.transaction_kind(
            account.id, account.transactions, reverse_path, parameters, self._site.ports.clock.seconds()
        )
        return codes.SENDER_OK

    def _mail(self, command: Mail) -> Reply:
        return self._began(self.mail(command.reverse_path, command.parameters), command.reverse_path)

    def _began(self, words: Reply, reverse_path: Path) -> Reply:
        """What is said, where `mail` has said `words`."""
        return words if words is codes.SENDER_OK else self._refused_at(Stage.MAIL, NO_ROOM, reverse_path)

    def guesses(self, addresses: list[bytes], domain: bytes) -> Reply | None:
        """As `answer` to a Rcpt for each of `addresses`, plain ones, all of `domain`, if all are unknown and none of them is one
        too many. Else None, and nothing has happened."""
        transaction = self._transaction
        if transaction is None or not self._are_guesses(addresses, domain):
            return None
        transaction.refusals.add_run(NOBODY, addresses)
        self._account.refused_recipients += len(addresses)
        return self._with_id(NOBODY.reply)

    @property
    def nobody(self) -> Reply:
        """What each of `guesses_all` is answered."""
        return self._with_id(NOBODY.reply)

    def guesses_all(self, reverse_path: Path, addresses: list[bytes], domain: bytes) -> bool:
        """As `mail`, `guesses` and `reset`, one after the other, where these answer SENDER_OK, NOBODY's and RESET. Else False, and
        nothing has happened that does not happen in these as well."""
        conduct = self._conduct
        if conduct is None or self._transaction is not None or self._disk_is_full(0):
            return False
        if self._posture() is not self._held:
            return False  # MAIL sets other limits, and what follows has to keep them
        conduct.began()
        if not self._are_guesses(addresses, domain, then_reset=True):
            return False
        conduct.reset_after_guesses()
        self._account.guessed(reverse_path, addresses)
        return True

    def _are_guesses(self, addresses: list[bytes], domain: bytes, *, then_reset: bool = False) -> bool:
        """Whether all of `addresses` are unknown and none of them is one too many, nor the RSET behind them; conduct has counted
        them then."""
        conduct, site = self._conduct, self._site
        if conduct is None or site.conduct.delay or not site.ports.mailboxes.none_of(addresses, domain):
            return False
        alertness, posture = site.alertness, _CALM
        attacks = alertness.attacks
        if attacks.any_flooded and any(attacks.is_flooded(address.lower()) for address in addresses):
            return False
        if (alertness.under_load or attacks.any) and not self._is_proven():
            posture = alertness.posture_to_stranger(domain.lower())
            if posture > self._hardest:
                return False  # the first of them sets other limits, and the others have to keep them
        if then_reset and not conduct.may_reset(self._held):
            return False
        return conduct.refuse(addresses, posture)

    def _rcpt(self, command: Rcpt) -> Reply | Deferred[Reply]:
        path, parameters = command
        decision = self._site.recipients.decide(path)
        if type(decision) is tuple:
            return self._decided(decision, path, parameters)
        self._asking = decision  # type: ignore[assignment]  # what is no tuple is a Deferred of one
        late: Deferred[Reply] = decision.addCallback(self._decided_late, path, parameters)  # type: ignore[union-attr]
        return late.addErrback(self._cancelled)

    def _decided_late(self, decision: Decision, path: Path, parameters: RcptParameters) -> Reply | Deferred[Reply]:
        self._asking = None
        return self._decided(decision, path, parameters)

    def _decided(self, decision: Decision, path: Path, parameters: RcptParameters) -> Reply | Deferred[Reply]:
        verdict, destinations = decision
        if destinations:
            return self._accept(decision, path, parameters)
        transaction, conduct, alertness = self._open_transaction(), self._behaviour(), self._site.alertness
        transaction.refusals.add(verdict, path.address)
        self._account.refused_recipients += 1
        words = self._with_id(verdict.reply)
        if verdict.reason not in BAD:
            return self._error(words, None)
        posture = self._posture_for(_NOT_OURS if verdict.reason is Reason.NOT_OURS else path.domain)
        last = conduct.refused(verdict, path.address, posture)
        if alertness.attacks.any_flooded and alertness.attacks.is_flooded(path.key):
            transaction.flooded += 1
            # Not behind a recipient that was accepted: his mail would be lost with it.
            if not (last or transaction.accepted or self._is_proven()):
                last = conduct.flooded(verdict)
        return self._error(words, last)

    def _accept(self, decision: Decision, path: Path, parameters: RcptParameters) -> Reply | Deferred[Reply]:
        """The recipient has a mailbox."""
        self._open_transaction().accept(path, parameters, decision)
        self._behaviour().accepted(decision[1][0].address.lower())
        return decision[0].reply


def _idly(words: Reply) -> Callable[[Receiver, Any], Reply]:
    def answer(receiver: Receiver, command: Any) -> Reply:
        receiver._posture_held()  # who says nothing else has the limits of the hour all the same
        return words

    return answer


# kind of input: how it is answered. Connection is answered by `greeting`, Block by `take`.
_ANSWERS: Final[dict[type, Callable[[Receiver, Any], Reply | Deferred[Reply]]]] = {
    Refusal: Receiver._refuse,
    Ehlo: Receiver._ehlo,
    Helo: Receiver._helo_only,
    Mail: Receiver._mail,
    Rcpt: Receiver._rcpt,
    Data: Receiver._data,
    EndOfChunk: Receiver._end_of_chunk,
    EndOfData: Receiver._end_of_data,
    Rset: lambda receiver, command: receiver.reset(),
    Noop: _idly(codes.NOOP),
    Vrfy: _idly(codes.NOT_VERIFIED),
    Help: _idly(codes.HELP),
    StartTls: Receiver._start_tls,
    Auth: Receiver._auth,
    AuthLine: Receiver._auth_line,
    XClient: Receiver._x_client,
    Quit: lambda receiver, command: codes.CLOSING,
}

"""The receiving side of one session on a qmail host: what qmail-smtpd, its patches and chkuser decide, in their order.

    connection  the rules of tcpserver; control files that cannot be read
    HELO        nothing: a name is refused at RCPT
    MAIL        null senders, AUTH, SIZE; then chkuser's look at the sender
    RCPT        `denials`; validrcptto; rcpthosts and chkuser; maxrcpt
    DATA        the message goes to `delivering`: a queue program, or our own delivery
    end         too many hops, larger than databytes, what the queue says: the first that fits

The grammar is the session's, words are those of `words` and chkuser; how often somebody guesses, resets or talks nonsense, and when
the session ends for it, is counted as on any other host (`policy.conduct`).
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.model.login import Known, Recognition
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.auth import Auth
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.recipient import ACCEPTED, Decision
from twistedmx.policy.site import Site
from twistedmx.policy.transaction import Transaction
from twistedmx.ports import Incoming
from twistedmx.qmail import words
from twistedmx.qmail.call import Call
from twistedmx.qmail.cdb import BadCdb
from twistedmx.qmail.chkuser_cases import BAD_RECIPIENT, Case
from twistedmx.qmail.chkuser_checked import Checked
from twistedmx.qmail.delivering import recipients_of
from twistedmx.qmail.denials import Asked, Refusal, refusal_of, too_many
from twistedmx.qmail.hosts import is_allowed
from twistedmx.qmail.house import House
from twistedmx.qmail.passage import received_by
from twistedmx.qmail.telling import Telling
from twistedmx.qmail.transaction import QmailTransaction
from twistedmx.qmail.valid_recipients import Listing
from twistedmx.smtp import codes
from twistedmx.smtp.command import Mail, Rcpt
from twistedmx.smtp.parameters import RcptParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.phase import Block
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Input, Session

Answer = Reply | Deferred[Reply]

# Why, in our log, reports and counters.
_REASONS: Final = {
    Case.NO_MAILBOX: Reason.UNKNOWN_MAILBOX,
    Case.NO_DOMAIN: Reason.UNKNOWN_MAILBOX,
    Case.NOT_RELAYED: Reason.NOT_OURS,
    Case.OVER_QUOTA: Reason.MAILBOX_FULL,
    Case.NO_RESOURCE: Reason.LOOKUP_FAILED,
    Case.RCPT_DNS: Reason.CHECK_FAILED,
    Case.SENDER_DNS: Reason.CHECK_FAILED,
    Case.INTRUSION: Reason.BAD_RECIPIENTS,
}
_TOO_LARGE: Final = verdict(codes.TOO_LARGE, Reason.TOO_LARGE, "larger than databytes")


class QmailReceiver(Receiver):
    """`call`: whose connection it is, as the programs of the host know it."""

    # Recipients are looked at one by one, in the order of the files.
    goes_short = False
    transaction_kind = QmailTransaction

    __slots__ = ("_call", "_delay", "_house", "_telling")

    def __init__(self, house: House, call: Call, site: Site, session: Session, peer: Peer) -> None:
        super().__init__(site, session, peer)
        self._house = house
        self._call = call
        self._telling = Telling(house.lines, call, beside=call.is_beside)
        self._delay = 0.0  # of the next refusal, as chkuser has it

    # -- the connection ----------------------------------------------------------------------------------------------

    def greeting(self) -> Answer:
        if self._call.denied:
            self._telling.opened()
            last = LastWords(reply=codes.SILENCE, reason=Reason.BLOCKED, stage=Stage.CONNECT)
            return self._hang_up(last) or codes.SILENCE
        self._telling.opened()
        return super().greeting()

    def ended(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        super().ended(last, reason)
        self._telling.ended(0 if last is codes.CLOSING else 1)

    def _with_id(self, words: Reply) -> Reply:
        return words if self._house.in_qmail_dialect else super()._with_id(words)

    # -- AUTH --------------------------------------------------------------------------------------------------------

    @property
    def _offered(self) -> Auth | None:
        offered, program = self._site.auth, self._call.check_program
        if offered is None or program is None:
            return None
        return attrs.evolve(offered, passwords=program.of(self._call.environment))

    def authenticated(self, user: bytes) -> None:
        """He may send to everywhere, and the programs of the host know who he is."""
        call, login = self._call, self.login
        method = login.mechanism.lower().encode() if login is not None else b""
        call.environment.setdefault(b"RELAYCLIENT", b"")
        call.environment |= dict.fromkeys((b"TCPREMOTEINFO", b"SMTPAUTHUSER", b"SMTP_AUTH_USER"), user)
        call.environment[b"SMTPAUTHMETHOD"] = method
        call.terms = call.again(call.environment)

    def _checked(self, recognition: Recognition, user: bytes, mechanism: str) -> Answer:
        self._telling.auth(isinstance(recognition, Known), mechanism, user)
        return super()._checked(recognition, user, mechanism)

    # -- MAIL --------------------------------------------------------------------------------------------------------

    def answer(self, input_: Input) -> Answer:
        own = _OWN.get(type(input_))
        return super().answer(input_) if own is None else own(self, input_)

    def _at_mail(self, command: Mail) -> Answer:
        return self._when(self._judge_sender(command), self._sender_judged, command)

    async def _judge_sender(self, command: Mail) -> Refusal | None:
        sender = command.reverse_path.address
        refusal = self._refusal_of_sender(sender, command.parameters.size)
        if refusal is not None:
            return refusal
        checked = self._house.senders.check(sender, self._call.caller, utf8=command.parameters.smtputf8)
        if not isinstance(checked, Checked):
            checked = await checked
        self._telling.sender(checked, self._helo)
        return None if checked.is_accepted else self._refusal_by(checked)

    def _refusal_of_sender(self, sender: bytes, size: int) -> Refusal | None:
        call = self._call
        terms = call.terms
        if not sender and not terms.null_senders:
            return Refusal(words=words.NO_NULL_SENDERS)
        if terms.auth_required and terms.relayclient is None:
            return Refusal(words=words.AUTH_REQUIRED, reason=Reason.POLICY)
        if terms.auth_is_sender and call.fact(b"SMTPAUTHUSER") not in (b"", sender):
            return Refusal(words=words.NOT_THE_AUTHENTICATED, reason=Reason.POLICY)
        if 0 < terms.databytes < size:
            return Refusal(words=words.TOO_LARGE, reason=Reason.TOO_LARGE)
        return None

    def _sender_judged(self, refusal: Refusal | None, command: Mail) -> Answer:
        reverse_path = command.reverse_path
        if refusal is None:
            self._abandon(Reason.ABANDONED)  # MAIL begins anew
            return self._began(self.mail(reverse_path, command.parameters), reverse_path)
        return self._error(self._refused_at(Stage.MAIL, self._verdict(refusal), reverse_path), None)

    # -- RCPT --------------------------------------------------------------------------------------------------------

    def _at_rcpt(self, command: Rcpt) -> Answer:
        path, parameters = command
        return self._when(self._judge_recipient(path.address), self._decided, path, parameters)

    async def _judge_recipient(self, recipient: bytes) -> Decision:
        transaction = self._open_transaction()
        asked = Asked(
            call=self._call,
            helo=self._helo,
            sender=transaction.reverse_path.address,
            recipient=recipient,
            taken=len(transaction.accepted),
        )
        try:
            refusal = refusal_of(asked)
            if refusal is not None:
                return self._refused(refusal)
            allowed = is_allowed(recipient, self._call.terms.controls, missing_allows=self._house.open_relay)
            listing = self._house.listing_of(recipient, self._call)
        except BadCdb as fault:
            return self._refused(Refusal(words=words.NO_CONTROLS, reason=Reason.LOOKUP_FAILED, detail=str(fault)))
        if listing is Listing.REFUSED:
            self._telling.listed(recipient, taken=False)
            return self._refused(Refusal(words=words.NOT_VALID_RECIPIENT, reason=Reason.UNKNOWN_MAILBOX, bad=True))
        if listing is Listing.TAKEN:
            self._telling.listed(recipient, taken=True)
            address = recipient
        else:
            checked = self._house.recipients.check(
                recipient, self._call.caller, allowed=allowed, utf8=transaction.parameters.smtputf8
            )
            if not isinstance(checked, Checked):
                checked = await checked
            self._telling.recipient(checked, transaction.reverse_path.address, recipient, self._helo)
            if not checked.is_accepted:
                return self._refused(self._refusal_by(checked))
            address = checked.address
        address = self._house.in_envelope(address, recipient, self._call)
        refusal = too_many(asked)
        if refusal is None and not self._house.delivering.goes_with(address, recipients_of(transaction), self._call):
            refusal = Refusal(words=codes.TOO_MANY_RECIPIENTS, detail="its answer would not be that of the others")
        if refusal is not None:
            return self._refused(refusal)
        return ACCEPTED, (Destination(address=address, maildir=""),)

    def _refused(self, refusal: Refusal) -> Decision:
        if refusal.bad:
            self._call.bad += 1
        if refusal.line:
            self._call.tell(refusal.line)
        return self._verdict(refusal), ()

    def _refusal_by(self, checked: Checked) -> Refusal:
        self._delay = checked.delay
        return Refusal(
            words=checked.reply,
            reason=_REASONS.get(checked.case, Reason.POLICY),
            bad=checked.case in BAD_RECIPIENT,
            detail=checked.detail,
        )

    def _verdict(self, refusal: Refusal) -> Verdict:
        return verdict(self._house.said(refusal.words), refusal.reason, refusal.detail)

    def _decided(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        decided = decision[0]
        if not decided.reply.closes:
            return super()._decided(decision, path, parameters)
        self._open_transaction().refusals.add(decided, path.address)
        self._account.refused_recipients += 1
        return self._error(decided.reply, LastWords(reply=decided.reply, reason=decided.reason))

    def _error(self, words: Reply, last: LastWords | None) -> Answer:
        """Late, as chkuser has it, where that is later than conduct would."""
        seconds, self._delay = self._delay, 0.0
        if last is None and words.closes:
            last = LastWords(reply=words, reason=Reason.OPERATOR_ENTRY)
        said = super()._error(words, last)
        return (
            self._later(said, seconds, most=self._site.conduct.delayed) if seconds and isinstance(said, Reply) else said
        )

    def _accept(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        words, terms = super()._accept(decision, path, parameters), self._call.terms
        self._call.taken += 1
        if isinstance(words, Reply) and 0 < terms.tarpitcount < self._call.taken and terms.tarpitdelay:
            return self._later(words, terms.tarpitdelay, most=self._site.conduct.delayed)
        return words

    # -- content -----------------------------------------------------------------------------------------------------

    def _opened(self, transaction: Transaction) -> Incoming:
        account, house = self._account, self._house
        field = received_by(
            house,
            self._call,
            helo=self._helo,
            tls=account.tls,
            esmtp=self._esmtp,
            utf8=transaction.parameters.smtputf8,
        )
        return house.delivering.open(transaction, field, self._call, self._site.sampled)

    def take(self, block: Block) -> Any:
        transaction, most = self._open_transaction(), self._call.terms.databytes
        if isinstance(transaction, QmailTransaction) and 0 < most < transaction.written + len(block.octets):
            if not transaction.too_large and transaction.incoming is not None:
                transaction.incoming.abort()
            transaction.too_large = True
        if isinstance(transaction, QmailTransaction) and transaction.too_large:
            transaction.scan.feed(block.octets)
            transaction.written += len(block.octets)
            return None
        return super().take(block)

    def _commit(self, transaction: Transaction, incoming: Incoming, octets: int) -> Answer:
        if isinstance(transaction, QmailTransaction) and transaction.too_large:
            return self._finish(transaction, _TOO_LARGE, octets)
        return super()._commit(transaction, incoming, octets)

    def _accepted(self, queue_id: str) -> Reply:
        if not self._house.in_qmail_dialect:
            return super()._accepted(queue_id)
        return words.accepted(self._site.ports.now(), queue_id)

    # -- what may take its time --------------------------------------------------------------------------------------

    @property
    def _helo(self) -> bytes:
        return self._account.helo.encode("utf-8")

    def _when(self, judging: Coroutine[Any, Any, Any], then: Callable[..., Answer], *arguments: Any) -> Answer:
        """What `then` says of what `judging` finds: at once, where nobody is waited for."""
        found: list[Any] = []
        running = Deferred.fromCoroutine(judging)
        running.addCallback(found.append)
        if found:
            return then(found[0], *arguments)
        self._asking = running

        def judged(nothing: object) -> Any:
            self._asking = None
            return then(found[0], *arguments)

        late: Deferred[Reply] = running.addCallback(judged)
        return late.addErrback(self._cancelled)


# Kinds of input that are answered otherwise than on other hosts.
_OWN: Final[dict[type, Callable[[QmailReceiver, Any], Answer]]] = {
    Mail: QmailReceiver._at_mail,
    Rcpt: QmailReceiver._at_rcpt,
}

"""The receiving side of one session on a qmail host: what qmail-smtpd, its patches and chkuser answer.

    connection  the rules of tcpserver; plugins
    HELO        plugins: a name is refused at RCPT
    MAIL, RCPT  `judging`, in the order of a patched qmail-smtpd
    DATA        plugins; then the message goes to `delivering`: a queue program, or our own delivery
    end         too many hops, larger than databytes, what the queue says: the first that fits

The grammar is the session's, words are those of `words` and chkuser; how often somebody guesses, resets or talks nonsense, and when
the session ends for it, is counted as on any other host (`policy.conduct`).

One object in eight parts: QmailReceiver is an Identity, that an Asking, that a QmailContent (of this room); that a Receiver, that a
ContentReceiver, that an Authenticating, that an Attending (of policy). What is done otherwise than on other hosts:

| method                                   | of              | done otherwise by |
|------------------------------------------|-----------------|-------------------|
| greeting, talks_early, answer, ended     | Receiver        | QmailReceiver     |
| secured                                  | Receiver        | Identity          |
| _decided, _accept                        | Receiver        | QmailReceiver     |
| take, _opened, _commit, _accepted, _over | ContentReceiver | QmailContent      |
| authenticated, _offered, _checked        | Authenticating  | Identity          |
| _error, _hang_up, _with_id               | Attending       | QmailReceiver     |
| _plugged, _around, _when                 | Asking          | nobody            |
"""

from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage as At
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.recipient import ACCEPTED, Decision
from twistedmx.policy.site import Site
from twistedmx.qmail import words
from twistedmx.qmail.call import Call
from twistedmx.qmail.delivering import recipients_of
from twistedmx.qmail.denials import Refusal, blocked_words
from twistedmx.qmail.dialect import path_of
from twistedmx.qmail.house import House
from twistedmx.qmail.identity import Identity
from twistedmx.qmail.judging import Judged, Judging
from twistedmx.qmail.spp import Answer as Plugged
from twistedmx.qmail.spp_file import Stage
from twistedmx.qmail.spp_state import SppState
from twistedmx.smtp import codes
from twistedmx.smtp.command import Data, Ehlo, Helo, Mail, Rcpt, Rset
from twistedmx.smtp.parameters import RcptParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Input, Session
from twistedmx.smtp.xclient import XClient

Answer = Reply | Deferred[Reply]

# Reasons of conduct and of limits of the session.
_COUNTED: Final = frozenset(
    (
        Reason.BAD_RECIPIENTS,
        Reason.RSET_ABUSE,
        Reason.UNKNOWN_COMMANDS,
        Reason.SYNTAX_ERRORS,
        Reason.EMPTY_MESSAGES,
        Reason.FLOODED,
        Reason.TOO_MANY_ERRORS,
        Reason.TOO_MANY_IDLE_COMMANDS,
        Reason.TOO_MANY_MESSAGES,
        Reason.BAD_PASSWORDS,
    )
)


class QmailReceiver(Identity):
    """`call`: whose connection it is, as the programs of the host know it."""

    # Recipients are looked at one by one, in the order of the files.
    goes_short = False

    __slots__ = ("_delay", "_judging")

    def __init__(self, house: House, call: Call, site: Site, session: Session, peer: Peer) -> None:
        super().__init__(house, call, site, session, peer)
        self._judging = Judging(house, call, self._telling, self._plugging)
        self._delay = 0.0  # of the next refusal, as chkuser has it

    # -- the connection ----------------------------------------------------------------------------------------------

    def greeting(self) -> Answer:
        self._telling.opened()
        blocked = self._call.terms.blocked
        if blocked:
            self._telling.blocked(blocked_words(blocked))
        if self._call.denied:
            last = LastWords(reply=codes.SILENCE, reason=Reason.BLOCKED, stage=At.CONNECT)
            return self._hang_up(last) or codes.SILENCE
        if not self._plugging.has(Stage.CONNECTION):
            return super().greeting()
        return self._when(self._plugging.ask(Stage.CONNECTION), self._connection_plugged)

    def _connection_plugged(self, answered: Plugged) -> Answer:
        if answered.reply is None:
            return self._around(answered, super().greeting())
        refused = answered.around(answered.reply)
        last = LastWords(reply=attrs.evolve(refused, closes=True), reason=Reason.POLICY, stage=At.CONNECT)
        return self._hang_up(last) or last.reply

    def talks_early(self) -> Reply | None:
        last = super().talks_early()
        if last is None:
            return None
        self._telling.early()
        if not self._house.in_qmail_dialect:
            return last
        return self._hang_up(LastWords(reply=words.EARLY_TALK, reason=Reason.EARLY_TALK, stage=At.CONNECT))

    def ended(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        super().ended(last, reason)
        self._call.over(0 if last is codes.CLOSING else 1)
        self._telling.ended(0 if last is codes.CLOSING else 1)

    def _hang_up(self, last: LastWords | None) -> Reply | None:
        """Conduct's words are ours: a reader of qmail's replies knows others."""
        if last is not None and last.reply.enhanced and self._house.in_qmail_dialect and last.reason in _COUNTED:
            said = words.TOO_MANY_INVALID if last.reason is Reason.BAD_RECIPIENTS else words.GOODBYE
            if last.reply.code == said.code:
                last = attrs.evolve(last, reply=said)
        return super()._hang_up(last)

    def _with_id(self, words: Reply) -> Reply:
        return words if self._house.in_qmail_dialect else super()._with_id(self._house.said(words))

    # -- HELO, MAIL, RCPT and DATA -----------------------------------------------------------------------------------

    def answer(self, input_: Input) -> Answer:
        own = _OWN.get(type(input_))
        return super().answer(input_) if own is None else own(self, input_)

    def _at_helo(self, command: Ehlo | Helo) -> Answer:
        said = super().answer(command)
        self._plugging.passed.clear()
        if not self._plugging.has(Stage.HELO) or not isinstance(said, Reply) or said.closes:
            return said
        return self._when(self._plugging.ask(Stage.HELO, helo=self._helo), self._plugged, said)

    def _at_rset(self, command: Rset) -> Answer:
        said = super().answer(command)
        self._plugging.forget()
        return said

    def _at_mail(self, command: Mail) -> Answer:
        plugging = self._plugging
        before = plugging.state
        if self._transaction is not None:
            plugging.forget()  # what was said of the one that this MAIL ends is not said of the next
        judging = self._judging.sender(
            self._unquoted(command.reverse_path),
            size=command.parameters.size,
            helo=self._helo,
            utf8=command.parameters.smtputf8,
        )
        return self._when(judging, self._sender_judged, command, before)

    def _sender_judged(self, judged: Judged, command: Mail, before: SppState) -> Answer:
        path, refusal = command.reverse_path, judged.refusal
        if refusal is not None:
            self._plugging.state = before
            self._delay = judged.delay
            self._tell_of(refusal)
            decided = self._verdict(refusal, judged.plugged)
            self._tell_decided(decided, refusal.qlog, sender=path.address)
            said = self._refused_at(At.MAIL, decided, path)
            last = LastWords(reply=said, reason=decided.reason, stage=At.MAIL) if said.closes else None
            return self._error(said, last)
        state = self._plugging.state  # of this MAIL, and not of the transaction that it ends
        self._abandon(Reason.ABANDONED)  # MAIL begins anew
        self._plugging.state = state
        if judged.address != path.address:
            path = path_of(judged.address)
        return self._around(judged.plugged, self._began(self.mail(path, command.parameters), path))

    def _at_rcpt(self, command: Rcpt) -> Answer:
        path, parameters = command
        transaction = self._open_transaction()
        judging = self._judging.recipient(
            self._unquoted(path),
            sender=transaction.reverse_path.address,
            helo=self._helo,
            others=recipients_of(transaction),
            number=transaction.refusals.count + len(transaction.accepted) + 1,
            utf8=transaction.parameters.smtputf8,
        )
        return self._when(judging, self._recipient_judged, path, parameters)

    def _recipient_judged(self, judged: Judged, path: Path, parameters: RcptParameters) -> Answer:
        refusal = judged.refusal
        if refusal is not None:
            self._delay = judged.delay
            self._tell_of(refusal)
            decision: Decision = self._verdict(refusal, judged.plugged), ()
        else:
            decision = ACCEPTED, (Destination(address=judged.address, maildir=""),)
        said = self._decided(decision, path, parameters)
        why = refusal.qlog if refusal is not None else (b"rcptto", judged.by) if judged.by else (b"spp", b"")
        self._tell_decided(decision[0], why, recipient=path.address, allowed=judged.allowed)
        return self._around(judged.plugged, said) if refusal is None and isinstance(said, Reply) else said

    def _unquoted(self, path: Path) -> bytes:
        """The address as files and programs of qmail have it, and an envelope: quotes are of SMTP alone (addresses(5))."""
        address = path.address
        if self._house.in_qmail_dialect or address[:1] != b'"':
            return address
        return path.local_part + b"@" + path.domain

    def _at_data(self, command: Data) -> Answer:
        if not self._open_transaction().accepted:
            return self._error(codes.RCPT_FIRST, None)
        if not self._plugging.has(Stage.DATA):
            return super().answer(command)
        asking = self._plugging.ask(Stage.DATA, helo=self._helo, sender=self._open_transaction().reverse_path.address)
        return self._when(asking, self._data_plugged, command)

    def _data_plugged(self, answered: Plugged, command: Data) -> Answer:
        if answered.reply is not None:
            return self._plugged(answered, codes.START_CONTENT)
        return self._around(answered, super().answer(command))

    def _tell_of(self, refusal: Refusal) -> None:
        call = self._call
        if refusal.bad:
            call.bad += 1
        if refusal.line:
            call.tell(refusal.line)

    def _tell_decided(
        self,
        decided: Verdict,
        why: tuple[bytes, bytes],
        *,
        sender: bytes | None = None,
        recipient: bytes | None = None,
        allowed: bool | None = None,
    ) -> None:
        account = self._account
        if sender is None:
            sender = account.reverse_path.address if account.reverse_path else b""
        self._telling.decided(
            words=decided.reply,
            why=why if why[0] else (decided.reason.value.encode(), b""),
            helo=self._helo,
            sender=sender,
            recipient=recipient,
            allowed=allowed,
            tls=account.tls,
        )

    def _verdict(self, refusal: Refusal, plugged: Plugged) -> Verdict:
        return verdict(self._house.said(plugged.around(refusal.words)), refusal.reason, refusal.detail)

    def _decided(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        decided = decision[0]
        if not decided.reply.closes:
            return super()._decided(decision, path, parameters)
        self._open_transaction().refusals.add(decided, path.address)
        self._account.refused_recipients += 1
        words = self._with_id(decided.reply)
        return self._error(words, LastWords(reply=words, reason=decided.reason))

    def _error(self, words: Reply, last: LastWords | None) -> Answer:
        """Late, as chkuser has it, where that is later than conduct would."""
        seconds, self._delay = self._delay, 0.0
        if last is None and words.closes:
            last = LastWords(reply=words, reason=Reason.OPERATOR_ENTRY)
        said = super()._error(words, last)
        if not seconds or not isinstance(said, Reply):
            return said
        return self._later(said, seconds, most=self._site.conduct.delayed)

    def _accept(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        words, terms = super()._accept(decision, path, parameters), self._call.terms
        self._call.taken += 1
        if isinstance(words, Reply) and 0 < terms.tarpitcount < self._call.taken and terms.tarpitdelay:
            return self._later(words, terms.tarpitdelay, most=self._site.conduct.delayed)
        return words


# Kinds of input that are answered otherwise than on other hosts.
_OWN: Final[dict[type, Callable[[QmailReceiver, Any], Answer]]] = {
    Ehlo: QmailReceiver._at_helo,
    Helo: QmailReceiver._at_helo,
    XClient: QmailReceiver._at_x_client,
    Rset: QmailReceiver._at_rset,
    Mail: QmailReceiver._at_mail,
    Rcpt: QmailReceiver._at_rcpt,
    Data: QmailReceiver._at_data,
}

"""A Receiver that asks a chain of policies (docs/policies.md): who is asked when, and what is kept until RCPT.

    CONNECT   before the greeting, and when XCLIENT names another client; a refusal is 554 or 421, and the end
    HELO      before the name is taken
    MAIL      before the transaction begins
    RCPT      when the recipient step has found the mailbox; not before, so that guesses cost no check
    REFUSED   when it has not: a policy may reject in other words and hang up, and never accepts
    DATA      before 354, or before the first chunk of BDAT is acknowledged, for nothing is owed a reply before
    MESSAGE   when all content is there, and before it is made safe on disk

Fixed steps come first: what they refuse, no policy is asked about. A refusal of CONNECT, HELO or MAIL that is postponed or
provisional is kept, and said at RCPT; where one is kept that is certain, the stages up to RCPT ask nobody more.

A reply that a verdict delays is kept back (`tarpit`), where not too many are already.

BUGS: a refusal at DATA leaves the transaction open, as RFC 5321 has it; its line in the log says
how it ended.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from twistedmx.model.context import Context, Counts, Message
from twistedmx.model.envelope import Envelope
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer
from twistedmx.model.stage import BEFORE_RCPT, Stage
from twistedmx.model.verdict import Action, Reason, Verdict
from twistedmx.policy.chain import Chain
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.recipient import Decision
from twistedmx.policy.rulings import NOTHING_SAID, Ruling, Rulings
from twistedmx.policy.site import Site
from twistedmx.policy.transaction import Transaction, envelope_of
from twistedmx.ports import Incoming
from twistedmx.smtp import codes
from twistedmx.smtp.command import Data, Ehlo, Helo, Mail
from twistedmx.smtp.opening import Opening
from twistedmx.smtp.parameters import MailParameters, RcptParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Block, EndOfChunk, EndOfData, Input, Session
from twistedmx.smtp.xclient import XClient

Answer = Reply | Deferred[Reply]
_GoOn = Callable[[], Answer]  # what is done where no policy refuses
_Refuse = Callable[[Verdict], Answer]  # and what where one does
_ASK_FIRST: Final = codes.NOT_CHECKED  # to the short way (short_way), which wants nothing but SENDER_OK
_SERVICE_NOT_AVAILABLE: Final = {Action.REJECT: 554, Action.DEFER: 421}  # RFC 5321 4.3.2, of a connection


def receiver_of(site: Site, session: Session, peer: Peer) -> Receiver:
    """Of a new session: one that asks, where there are policies to be asked."""
    chain = site.chain
    if chain is None:
        return Receiver(site, session, peer)
    kind = AskingAboutGuesses if chain.asks_at(Stage.REFUSED) else AskingReceiver
    return kind(site, session, peer, chain)


class AskingReceiver(Receiver):
    """As a Receiver, and `chain` is asked."""

    __slots__ = ("_chain", "_content_allowed", "_deciding", "_kept", "_opening", "_rulings")

    def __init__(self, site: Site, session: Session, peer: Peer, chain: Chain) -> None:
        super().__init__(site, session, peer)
        self._chain = chain
        self._rulings = Rulings(site.ports)
        self._kept: dict[Stage, Ruling] = {}  # refusals that wait for RCPT
        self._deciding: Deferred[Any] | None = None  # a question under way
        self._content_allowed = False  # DATA was asked about this transaction
        self._opening: Opening | None = None  # of its content

    def greeting(self) -> Answer:
        greet = super().greeting
        if not self._chain.asks_at(Stage.CONNECT):
            return greet()
        return self._ask(self._context(Stage.CONNECT), greet, _turned_away)

    def answer(self, input_: Input) -> Answer:
        asking = _ASKING.get(type(input_))
        return super().answer(input_) if asking is None else asking(self, input_, partial(super().answer, input_))

    def take(self, block: Block) -> Any:
        if self._chain.asks_at(Stage.MESSAGE):
            if self._opening is None:
                self._opening = Opening()
            self._opening.feed(block.octets)
        return super().take(block)

    def ended(self, last: Reply | None, reason: Reason = Reason.LOST) -> None:
        if self._deciding is not None:
            self._deciding.cancel()
            self._deciding = None
        self._rulings.ended()
        super().ended(last, reason)

    # -- the question ------------------------------------------------------------------------------------------------

    def _ask(self, context: Context, passed: _GoOn, refused: _Refuse, doubt: Ruling = NOTHING_SAID) -> Answer:
        """What the peer hears: of `passed` where nothing is said, else of `refused`. The Deferred does not fail by the chain."""
        ruling = self._chain.decide(context, self._rulings, doubt)
        if isinstance(ruling, Ruling):
            return self._ruled(ruling, context, passed, refused)
        self._deciding = ruling
        late: Deferred[Reply] = ruling.addCallback(self._ruled, context, passed, refused)
        return late.addErrback(_nobody_hears)

    def _ruled(self, ruling: Ruling, context: Context, passed: _GoOn, refused: _Refuse) -> Answer:
        self._deciding = None
        verdict, stage = ruling.verdict, context.stage
        if not verdict.refuses or (stage is Stage.REFUSED and verdict.action is not Action.REJECT):
            self._kept.pop(stage, None)  # what was kept was of an earlier name, or transaction
            return passed()
        if stage in BEFORE_RCPT and (verdict.postpone or verdict.provisional):
            self._kept[stage] = ruling
            return passed()
        return self._refuse_by(ruling, context, refused)

    def _refuse_by(self, ruling: Ruling, context: Context, refused: _Refuse) -> Answer:
        self._rulings.refused(ruling, context)
        words = refused(ruling.verdict)
        of_conduct = self._ending is not None and words is self._ending.reply
        if isinstance(words, Reply) and not of_conduct:
            words = self._with_id(words)
        # Where the words are held back, they are these: of what was said last `_with_id` gives the identical object, by which
        # `ended` knows it again.
        said = words if isinstance(words, Reply) else self._with_id(ruling.verdict.reply)
        if said.closes and not of_conduct:
            self._hang_up(LastWords(reply=said, reason=ruling.verdict.reason, stage=ruling.stage))
        delay = ruling.verdict.delay
        if not (delay and isinstance(words, Reply)):
            return words
        return self._later(words, delay, most=self._site.conduct.delayed)

    def _kept_before(self, stage: Stage) -> Ruling:
        """A certain refusal of an earlier stage, or else the first doubt of one."""
        kept = [self._kept[each] for each in BEFORE_RCPT if each in self._kept and each is not stage]
        certain = (ruling for ruling in kept if not ruling.verdict.provisional)
        return next(certain, kept[0] if kept else NOTHING_SAID)

    def _context(
        self,
        stage: Stage,
        *,
        helo: str | None = None,
        esmtp: bool | None = None,
        envelope: Envelope | None = None,
        size: int = 0,
        recipient: Path | None = None,
        destinations: tuple[Destination, ...] = (),
        refused: Verdict | None = None,
    ) -> Context:
        account, session = self._account, self._session
        return Context(
            stage=stage,
            session=account.id,
            peer=account.peer,
            counts=Counts(
                session.commands,
                session.errors,
                account.transactions,
                session.messages,
                account.refused_recipients,
            ),
            helo=account.helo if helo is None else helo,
            esmtp=self._esmtp if esmtp is None else esmtp,
            tls=account.tls,
            envelope=envelope,
            size=size,
            recipient=recipient,
            destinations=destinations,
            refused=refused,
        )

    # -- stages in the order of a session ------------------------------------------------------------------------------

    def _at_client(self, command: XClient, go_on: _GoOn) -> Answer:
        """Another client: it is asked anew, and what was kept was of the one before."""
        words = go_on()
        self._kept.clear()
        self._rulings.tell_all()
        if not self._chain.asks_at(Stage.CONNECT) or (isinstance(words, Reply) and words.closes):
            return words
        return self._ask(self._context(Stage.CONNECT), lambda: words, _turned_away)

    def _at_helo(self, command: Ehlo | Helo, go_on: _GoOn) -> Answer:
        if not self._chain.asks_at(Stage.HELO) or _is_certain(self._kept.get(Stage.CONNECT)):
            return go_on()
        context = self._context(Stage.HELO, helo=command.domain, esmtp=type(command) is Ehlo)
        return self._ask(context, go_on, _words_of)

    def _at_mail(self, command: Mail, go_on: _GoOn) -> Answer:
        path, parameters = command

        def begin() -> Reply:
            return self._began(self._begin(path, parameters), path)

        if not self._asks_at_mail() or self._disk_is_full(parameters.size):
            return begin()
        context = self._context(Stage.MAIL, envelope=envelope_of(path, parameters), size=parameters.size)
        return self._ask(context, begin, _words_of)

    def _asks_at_mail(self) -> bool:
        return self._chain.asks_at(Stage.MAIL) and not _is_certain(self._kept_before(Stage.MAIL))

    def guesses_all(self, reverse_path: Path, addresses: list[bytes], domain: bytes) -> bool:
        return False  # MAIL may be asked about; the rest goes the short way all the same

    def mail(self, reverse_path: Path, parameters: MailParameters) -> Reply:
        """Of the short way. Nothing has happened where it is to be asked about: that goes the long way."""
        return _ASK_FIRST if self._asks_at_mail() else self._begin(reverse_path, parameters)

    def _begin(self, reverse_path: Path, parameters: MailParameters) -> Reply:
        self._content_allowed, self._opening = False, None
        return super().mail(reverse_path, parameters)

    def _accept(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        """RCPT: the recipient has a mailbox."""
        doubt = self._kept_before(Stage.RCPT) if self._kept else NOTHING_SAID
        if doubt is NOTHING_SAID and not self._chain.asks_at(Stage.RCPT):
            return super()._accept(decision, path, parameters)
        accept = partial(super()._accept, decision, path, parameters)
        decided = super()._decided
        context = self._in_transaction(Stage.RCPT, recipient=path, destinations=decision[1])

        def refuse(verdict: Verdict) -> Answer:
            return decided((verdict, ()), path, parameters)

        if _is_certain(doubt):
            return self._refuse_by(doubt, context, refuse)
        return self._ask(context, accept, refuse, doubt)

    def _at_data(self, command: Data, go_on: _GoOn) -> Answer:
        return self._before_content(go_on, _words_of)

    def _at_chunk(self, end: EndOfChunk | EndOfData, go_on: _GoOn) -> Answer:
        """Of BDAT the first chunk stands for DATA: a refusal ends the transaction (RFC 3030 2)."""
        if self._content_allowed or end.fault is not None:
            return go_on()
        return self._before_content(go_on, lambda verdict: self._finish(self._open_transaction(), verdict, end.size))

    def _before_content(self, go_on: _GoOn, refused: _Refuse) -> Answer:
        if not self._chain.asks_at(Stage.DATA):
            return go_on()

        def allow() -> Answer:
            self._content_allowed = True
            return go_on()

        return self._ask(self._in_transaction(Stage.DATA), allow, refused)

    def _commit(self, transaction: Transaction, incoming: Incoming, octets: int) -> Answer:
        """MESSAGE: the content is there, and without a fault."""
        commit = partial(super()._commit, transaction, incoming, octets)
        if not self._chain.asks_at(Stage.MESSAGE):
            return commit()
        opening, self._opening = self._opening or Opening(), None
        message = Message(
            header=opening.header,
            header_is_whole=opening.is_whole,
            body=opening.body,
            body_is_blank=opening.is_blank,
        )
        context = attrs.evolve(self._in_transaction(Stage.MESSAGE), size=octets, message=message)
        return self._ask(context, commit, lambda verdict: self._finish(transaction, verdict, octets))

    def _in_transaction(self, stage: Stage, **known: Any) -> Context:
        transaction = self._open_transaction()
        return self._context(stage, envelope=transaction.envelope, size=transaction.parameters.size, **known)


class AskingAboutGuesses(AskingReceiver):
    """As an AskingReceiver, and about recipients that are refused as well. By itself, so that guesses cost no others a call."""

    goes_short = False  # there nobody is asked
    __slots__ = ()

    def _decided(self, decision: Decision, path: Path, parameters: RcptParameters) -> Answer:
        """REFUSED: what the recipient step has decided is counted as ever."""
        words = super()._decided(decision, path, parameters)
        if decision[1] or (isinstance(words, Reply) and words.closes):
            return words
        context = self._in_transaction(Stage.REFUSED, recipient=path, refused=decision[0])

        def refuse(verdict: Verdict) -> Answer:
            if not isinstance(words, Reply):
                words.cancel()  # it was held back, and is not said
            return verdict.reply

        return self._ask(context, lambda: words, refuse)


def _is_certain(ruling: Ruling | None) -> bool:
    return ruling is not None and ruling.verdict.refuses and not ruling.verdict.provisional


def _words_of(verdict: Verdict) -> Reply:
    return verdict.reply


def _turned_away(verdict: Verdict) -> Reply:
    """Before a greeting there are two answers: not now, and not at all."""
    code = _SERVICE_NOT_AVAILABLE[verdict.action]
    return attrs.evolve(verdict.reply, code=code, closes=True)


def _nobody_hears(failure: Failure) -> Deferred[Reply]:
    """The session ended meanwhile."""
    failure.trap(CancelledError)
    return Deferred()


# kind of input: where it is asked about. The greeting, blocks of content and recipients have their own way.
_ASKING: Final[dict[type, Callable[[AskingReceiver, Any, _GoOn], Answer]]] = {
    XClient: AskingReceiver._at_client,
    Ehlo: AskingReceiver._at_helo,
    Helo: AskingReceiver._at_helo,
    Mail: AskingReceiver._at_mail,
    Data: AskingReceiver._at_data,
    EndOfChunk: AskingReceiver._at_chunk,
    EndOfData: AskingReceiver._at_chunk,
}

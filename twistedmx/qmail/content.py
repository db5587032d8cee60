"""The message of a transaction on a qmail host: our Received field and what plugins add, databytes, and to whom it is handed."""

from collections.abc import Awaitable
from typing import Final

from twisted.internet.defer import Deferred

from twistedmx.model.beginning import NOTHING, Beginning
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.site import Site
from twistedmx.policy.transaction import Transaction
from twistedmx.ports import Incoming
from twistedmx.qmail import words
from twistedmx.qmail.call import Call
from twistedmx.qmail.delivering import recipients_of
from twistedmx.qmail.house import House
from twistedmx.qmail.passage import received_by
from twistedmx.qmail.plugging import Plugging
from twistedmx.qmail.telling import Telling
from twistedmx.qmail.transaction import QmailTransaction
from twistedmx.smtp import codes
from twistedmx.smtp.phase import Block
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Session

Answer = Reply | Deferred[Reply]

_TOO_LARGE: Final = verdict(codes.TOO_LARGE, Reason.TOO_LARGE, "larger than databytes")


class QmailContent(Receiver):
    """What of a receiver on a qmail host is about content. `call`: as in `receiver`."""

    transaction_kind = QmailTransaction

    __slots__ = ("_call", "_house", "_plugging", "_telling")

    def __init__(self, house: House, call: Call, site: Site, session: Session, peer: Peer) -> None:
        super().__init__(site, session, peer)
        self._house = house
        self._call = call
        self._telling = Telling(house.lines, call, beside=call.is_beside, indimail=house.indimail)
        self._plugging = Plugging(call.plugins, call)

    @property
    def _helo(self) -> bytes:
        return self._account.helo.encode("utf-8")

    def _opened(self, transaction: Transaction) -> Incoming:
        account, house = self._account, self._house
        field = received_by(
            house,
            self._call,
            helo=self._helo,
            tls=account.tls,
            utf8=transaction.parameters.smtputf8,
        )
        return house.delivering.open(transaction, field + self._plugging.headers, self._call, self._site.sampled)

    def take(self, block: Block) -> Awaitable[None] | None:
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
        return words.accepted(self._site.ports.now(), queue_id if queue_id.isdecimal() else str(self._call.pid))

    def _over(
        self,
        transaction: Transaction,
        decided: Verdict | None,
        reason: Reason,
        octets: int,
        beginning: Beginning = NOTHING,
    ) -> None:
        self._plugging.forget()
        if decided is not None and transaction.accepted:
            self._telling.received(
                words=decided.reply,
                reason=reason,
                detail=decided.detail,
                helo=self._helo,
                sender=transaction.reverse_path.address,
                recipients=tuple(recipients_of(transaction)),
                size=transaction.written,
                tls=self._account.tls,
            )
        super()._over(transaction, decided, reason, octets, beginning)

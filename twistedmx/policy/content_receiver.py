"""The message of a transaction on its way to the disk: DATA or BDAT, its content, and 250 when it is safe there."""

from collections.abc import Awaitable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.beginning import NOTHING, Beginning
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.storage import Declined, Failed, HandedOver, NoSpace, Outcome, Stored
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.authenticating import Authenticating
from twistedmx.policy.conduct import LastWords
from twistedmx.policy.reasons import FAULTS
from twistedmx.policy.received import received
from twistedmx.policy.site import Site
from twistedmx.policy.transaction import Transaction
from twistedmx.policy.waiting import deferred_of
from twistedmx.ports import Incoming
from twistedmx.smtp import codes
from twistedmx.smtp.command import Data
from twistedmx.smtp.content import Spoilt
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.session import Block, EndOfChunk, EndOfData, Session

_BLANK: Final = (b" ", b"\t")
_LOOP: Final = verdict(codes.LOOPING, Reason.LOOP)
NO_ROOM: Final = verdict(codes.NO_SPACE, Reason.DISK_FULL, "less than disk_reserve would be left")


class ContentReceiver(Authenticating):
    """What of a receiver is about content, and how a transaction ends."""

    # What a MAIL that is accepted begins.
    transaction_kind = Transaction

    __slots__ = ("_committing", "_esmtp", "_transaction")

    _log = Logger()

    def __init__(self, site: Site, session: Session, peer: Peer) -> None:
        super().__init__(site, session, peer)
        self._esmtp = False
        self._transaction: Transaction | None = None
        self._committing = False

    def _open_transaction(self) -> Transaction:
        """The transaction; the session's table sees to it that there is one wherever this is asked."""
        if self._transaction is None:
            raise RuntimeError("no transaction")
        return self._transaction

    def _disk_is_full(self, size: int) -> bool:
        free = self._site.ports.acceptance.free_octets()
        return free is not None and size + self._site.reserve > free

    def take(self, block: Block) -> Awaitable[None] | None:
        """Content. An awaitable asks to stop reading until it fires."""
        transaction = self._open_transaction()
        transaction.written += len(block.octets)
        incoming = self._begun(transaction)
        if incoming is None:
            return None
        if transaction.scan.nothing_seen and block.octets[:1] in _BLANK:
            # No header begins so: it would fold into our Received field, and say there what it likes.
            incoming.write(b"\n")
            transaction.written += 1
            transaction.scan.feed(b"\n")
        transaction.scan.feed(block.octets)
        return incoming.write(block.octets)

    def _data(self, command: Data) -> Reply:
        transaction = self._open_transaction()
        if self._begun(transaction) is None:
            transaction.no_room = False  # the next DATA asks anew
            return self._refused_at(Stage.DATA, NO_ROOM, transaction.reverse_path)
        return codes.START_CONTENT

    def _refused_at(self, stage: Stage, decided: Verdict, reverse_path: Path | None = None) -> Reply:
        """A command is, by a step that no setting takes away. As `Account.refused`."""
        self._account.refused(stage, decided, reverse_path)
        return self._with_id(decided.reply)

    def _begun(self, transaction: Transaction) -> Incoming | None:
        """The message on its way to the disk, begun by DATA or by the first chunk of BDAT; None where there is no room."""
        if transaction.incoming is None and not transaction.no_room:
            if self._disk_is_full(transaction.parameters.size * len(transaction.destinations())):
                transaction.no_room = True
            else:
                transaction.incoming = self._opened(transaction)
        return transaction.incoming

    def _opened(self, transaction: Transaction) -> Incoming:
        """Where its content goes."""
        account = self._account
        field = received(
            self._site,
            transaction,
            account.peer,
            account.tls,
            helo=account.helo,
            esmtp=self._esmtp,
            authenticated=account.login is not None,
        )
        return self._site.ports.acceptance.open(transaction.copies(field), self._site.sampled)

    def _end_of_chunk(self, end: EndOfChunk) -> Reply:
        transaction = self._open_transaction()
        if end.fault is not None:
            return self._finish(transaction, verdict(end.fault, FAULTS[end.fault]), end.size, end.spoilt)
        if self._begun(transaction) is None:
            return self._finish(transaction, NO_ROOM, end.size)
        return codes.CHUNK_RECEIVED

    def _end_of_data(self, end: EndOfData) -> Reply | Deferred[Reply]:
        transaction = self._open_transaction()
        if end.fault is not None:
            return self._finish(transaction, verdict(end.fault, FAULTS[end.fault]), end.size, end.spoilt)
        incoming = self._begun(transaction)
        if incoming is None:
            return self._finish(transaction, NO_ROOM, end.size)
        last = self._behaviour().empty_message(self._posture_held()) if not end.size else None
        if last is not None:
            return self._hang_up(last) or self._finish(transaction, verdict(last.reply, last.reason), end.size)
        if transaction.loops(self._site.limits.hops):
            return self._finish(transaction, _LOOP, end.size)
        return self._commit(transaction, incoming, end.size)

    def _commit(self, transaction: Transaction, incoming: Incoming, octets: int) -> Reply | Deferred[Reply]:
        committing = deferred_of(incoming.commit())
        self._committing = True  # not before: were commit to raise, `ended` still has to tell the transaction
        return committing.addErrback(self._commit_failed).addCallback(self._committed, transaction, octets)

    def _commit_failed(self, failure: Failure) -> Outcome:
        """It never does, says the port. Should it: nothing is promised, and the transaction is told all the same."""
        self._log.failure("making a message safe failed by a fault of ours", failure=failure)
        return Failed(detail=failure.getErrorMessage())

    def _committed(self, outcome: Outcome, transaction: Transaction, octets: int) -> Reply:
        self._committing = False
        match outcome:
            case Stored(paths=paths):
                decided = verdict(self._accepted(transaction.queue_id), Reason.ACCEPTED, " ".join(paths))
            case NoSpace(detail=detail):
                decided = verdict(codes.NO_SPACE, Reason.DISK_FULL, detail)
            case Failed(detail=detail):
                decided = verdict(codes.STORAGE_FAILED, Reason.DISK_FAILED, detail)
            case HandedOver(name=name):
                decided = verdict(self._accepted(name), Reason.ACCEPTED, f"handed over as {name}")
            case Declined(reply=reply, detail=detail, fault=fault):
                decided = verdict(reply, Reason.QUEUE_FAILED if fault else Reason.QUEUE_REFUSED, detail)
        return self._finish(transaction, decided, octets)

    def _accepted(self, queue_id: str) -> Reply:
        return codes.accepted(queue_id)

    # -- how a transaction ends --------------------------------------------------------------------------------------

    def _finish(self, transaction: Transaction, decided: Verdict, octets: int, spoilt: Spoilt | None = None) -> Reply:
        """`spoilt`: content that did not get to `incoming`."""
        if not decided.refuses:
            self._over(transaction, decided, decided.reason, octets)
            return decided.reply
        self._over(transaction, decided, decided.reason, octets, self._beginning(transaction, spoilt))
        words = self._with_id(decided.reply)
        if words.closes:
            self._hang_up(LastWords(reply=words, reason=decided.reason))
        return words

    def _beginning(self, transaction: Transaction, spoilt: Spoilt | None) -> Beginning:
        """What is told of content that is refused, without a hole: what is spoilt only where all before it is there."""
        incoming, sampled = transaction.incoming, self._site.sampled
        octets = incoming.beginning() if incoming is not None else b""
        is_whole = len(octets) == transaction.written
        if spoilt is not None and is_whole:
            octets += spoilt.octets
            is_whole = spoilt.is_all and len(octets) <= sampled
        return Beginning(octets=octets[:sampled], is_whole=is_whole)

    def _abandon(self, reason: Reason) -> None:
        """RSET, EHLO, QUIT or the end of the session: what was begun leaves nothing behind."""
        if self._transaction is not None:
            self._over(self._transaction, None, reason, 0)

    def _over(
        self,
        transaction: Transaction,
        decided: Verdict | None,
        reason: Reason,
        octets: int,
        beginning: Beginning = NOTHING,
    ) -> None:
        self._transaction = None
        if transaction.incoming is not None:
            transaction.incoming.abort()  # harmless after commit
        self._account.over(transaction, decided, reason, octets, beginning)

"""The door to qmail: a whole message is handed to the program of QMAILQUEUE, qmail-queue(8), and what that says is the reply.

The program finds the message on descriptor 0, our Received field first, lines ending in LF; and when it has ended there, the
envelope on descriptor 1, which it reads: `F`, the reverse-path, NUL; for each recipient `T`, its address, NUL; NUL. It has the
session's environment and nothing of the server's, its path as its only word, the home of qmail as its working directory, no signal
ignored, its own process group, and descriptors 4 and 6 for a text of its own (`queue_exits`).

DIFFERENCE. qmail-smtpd starts it at DATA, before 354. We start it when the message is whole and nothing speaks against it, and hold
the message until then (`queue_spool`). A slow peer would hold a process, and its scanners, for hours, and 580 bots 580 of them. So
a few places are enough (`queue_places`), and a message that is refused, or given up, has cost no process. A program that cannot be
started is therefore `451 qqt failure (#4.3.0)` behind the dot, not in place of 354; and one that reads slowly slows down no peer.

What is where when something ends, and what the peer does then:

    until          | the program                                        | the peer
    commit         | was not started; the message is gone with us       | heard nothing: sends again
    all is written | the end of 0 comes early, and 1 has no envelope:   | heard nothing: sends again
                   | qmail-queue exits 54 and leaves nothing            |
    it has ended   | goes on without us, and queues it                  | heard nothing: sends again, it comes twice
    250 is sent    | had queued it                                      | heard nothing: sends again, it comes twice
    the time limit | is killed; if it has just queued it, it is there   | heard 451: sends again, it may come twice
    it is killed   | has left nothing that qmail-send takes             | heard 451: sends again

Twice, as in the original (RFC 1047), and never not at all: 250 is said only for exit 0, of a program that nobody saw not reading.

BUGS: a program that says 0 after the first octets of a message of less than 64 KiB is believed, as the original believes it; it is
not, where it has read nothing at all.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.storage import Declined, Failed, HandedOver, Outcome
from twistedmx.qmail.queue_exits import DISK, NOT_STARTED, SURPRISE, TIMEOUT, is_refusal, reply_of, text_of
from twistedmx.qmail.queue_lines import Lines
from twistedmx.qmail.queue_places import Places
from twistedmx.qmail.queue_process import ENVELOPE, MESSAGE, NotStarted, Program, keep_to_ourselves, start, texts_of
from twistedmx.qmail.queue_settings import QueueSettings
from twistedmx.qmail.queue_spool import Spool
from twistedmx.smtp.reply import Reply

# What qmail.c runs where QMAILQUEUE is not set.
DEFAULT: Final = b"bin/qmail-queue"
_GIVEN_UP: Final = Failed(detail="given up by the session")


def envelope_of(reverse_path: bytes, recipients: Sequence[bytes]) -> bytes:
    """As qmail-queue(8) reads it. Raises ValueError for an address with NUL, behind which would be another's, and for no
    recipients: the message would be nobody's, and 250."""
    if not recipients:
        raise ValueError("an envelope has no recipients")
    if any(b"\0" in address for address in (reverse_path, *recipients)):
        raise ValueError("an address of an envelope has a NUL")
    return b"F%b\0%b\0" % (reverse_path, b"".join([b"T%b\0" % recipient for recipient in recipients]))


@attrs.frozen(kw_only=True)
class _Order:
    """What `open` was told."""

    program: bytes
    reverse_path: bytes
    recipients: tuple[bytes, ...]
    environment: Mapping[bytes, bytes]
    texts: tuple[int, ...]
    tell: Callable[[bytes], None] | None

    def failed(self, reply: Reply, detail: str) -> Declined:
        return Declined(reply=reply, detail=f"{self.program.decode('utf-8', 'backslashreplace')}: {detail}", fault=True)


class QueueIncoming:
    """One message on its way to a queue program: a `ports.Incoming`. Its outcomes are HandedOver and Declined, and Failed where the
    session gave it up. `abort` while it waits for its turn gives it up; when the program has it, nothing does."""

    def __init__(self, programs: "QueuePrograms", order: _Order, spool: Spool, beginning: int) -> None:
        self._programs = programs
        self._order = order
        self._spool = spool
        self._wanted = beginning
        self._first = b""
        self._ended = False
        self._turn: Deferred[bool] | None = None

    def write(self, block: bytes) -> Awaitable[None] | None:
        if self._ended:
            return None
        if len(self._first) < self._wanted:
            self._first += block[: self._wanted - len(self._first)]
        return self._spool.write(block)

    def commit(self) -> Deferred[Outcome]:
        if self._ended:
            return succeed(_GIVEN_UP)
        self._ended = True
        return Deferred.fromCoroutine(self._handed_over()).addErrback(self._fault)

    def beginning(self) -> bytes:
        return self._first

    def abort(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        elif not self._ended:
            self._ended = True
            self._spool.close()

    async def _handed_over(self) -> Outcome:
        try:
            await self._spool.whole()
            if self._spool.failure is not None:
                return self._order.failed(DISK, f"not held: {self._spool.failure}; look at the setting folder")
            self._turn = self._programs.places.take()
            try:
                has_place = await self._turn
            except CancelledError:
                return _GIVEN_UP
            finally:
                self._turn = None
            if not has_place:
                return self._order.failed(NOT_STARTED, "no program could take it in time: see programs, line and wait")
            return await self._programs.run(self._order, self._spool)
        finally:
            self._spool.close()

    def _fault(self, failure: Failure) -> Outcome:
        self._programs.log.failure("handing a message over failed by a fault of ours", failure=failure)
        return self._order.failed(NOT_STARTED, failure.getErrorMessage())


class QueuePrograms:
    """`reactor`: the real one: it starts no thread and no process before there is a message. `home`: of qmail, an absolute path.

    From now on no descriptor that we were started with is inherited by any program, but for 0, 1 and 2.
    """

    log = Logger()

    def __init__(self, reactor: Any, settings: QueueSettings, home: str) -> None:
        self._reactor = reactor
        self._settings = settings
        self._home = home
        self.places = Places(reactor, most=settings.programs, line=settings.line, wait=settings.wait)
        keep_to_ourselves()

    def open(
        self,
        *,
        program: bytes,
        reverse_path: bytes,
        recipients: Sequence[bytes],
        received: bytes,
        environment: Mapping[bytes, bytes],
        error_fd: bytes = b"",
        beginning: int = 0,
        tell: Callable[[bytes], None] | None = None,
    ) -> QueueIncoming:
        """Begin a message. `program`: QMAILQUEUE, or `DEFAULT`. `received`: our trace, whole lines with LF, above the content.

        `environment`: the whole of the session's. `error_fd`: ERROR_FD of it. `beginning`: octets that may be asked for again,
        as in `ports.Acceptance.open`. `tell`: hears what the program says on its descriptor 2, each a line without its end; None:
        it has ours. Touches no disk, never raises.
        """
        order = _Order(
            program=program,
            reverse_path=reverse_path,
            recipients=tuple(recipients),
            environment=environment,
            texts=texts_of(error_fd),
            tell=tell,
        )
        spool = Spool(
            run_in_thread=self._run_in_thread, folder=self._settings.folder, in_memory=self._settings.in_memory
        )
        spool.write(received)
        return QueueIncoming(self, order, spool, beginning)

    def _run_in_thread(self, *call: Any) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), *call)

    def stop(self) -> Deferred[None]:
        """Take no more: who waits for a turn hears 451. Fires when no program is at work, or some time later (`stop`)."""
        stopped = self.places.close().addTimeout(self._settings.stop, self._reactor)
        return stopped.addErrback(lambda failure: failure.trap(TimeoutError) and None)

    async def run(self, order: _Order, spool: Spool) -> Outcome:
        """Of a message that is whole. The place is given back when the program is no more, which may be later."""
        program = None
        try:
            envelope = envelope_of(order.reverse_path, order.recipients)
            program = start(
                self._reactor,
                program=order.program,
                home=self._home,
                environment=order.environment,
                texts=order.texts,
                own_errors=order.tell is not None,
            )
            return await self._outcome(order, program, spool, envelope)
        except NotStarted as why:
            return Declined(reply=why.reply, detail=str(why), fault=True)
        finally:
            if program is None:
                self.places.give_back()
            else:
                Deferred.fromCoroutine(self._buried(program)).addErrback(self._not_buried)

    async def _outcome(self, order: _Order, program: Program, spool: Spool, envelope: bytes) -> Outcome:
        lines = None
        if order.tell is not None and program.errors is not None:
            lines = Lines(self._reactor, program.errors, order.tell)
        feeding = Deferred.fromCoroutine(_feed(program, spool, envelope))
        judging = Deferred.fromCoroutine(_judged(order, program, spool, feeding))
        try:
            return await judging.addTimeout(self._settings.time_limit, self._reactor)
        except TimeoutError:
            program.kill()
            return order.failed(TIMEOUT, f"killed after {self._settings.time_limit:g} seconds")
        finally:
            feeding.addErrback(lambda failure: failure.trap(CancelledError) and None).cancel()
            if lines is not None:
                lines.end()
            program.close()

    async def _buried(self, program: Program) -> None:
        try:
            await program.ended()
        finally:
            program.reap()
            self.places.give_back()

    def _not_buried(self, failure: Failure) -> None:
        self.log.failure("a queue program could not be waited for", failure=failure)


async def _feed(program: Program, spool: Spool, envelope: bytes) -> bool:
    """The message, and then the envelope. Whether both could be written whole.

    An envelope follows a whole message alone: what stands behind a part of one would be queued as it is.
    """
    try:
        offset = 0
        while offset < spool.octets:
            piece = await spool.piece(offset)
            if not piece or not await program.write(MESSAGE, piece):
                return False
            offset += len(piece)
        program.end(MESSAGE)
        return await program.write(ENVELOPE, envelope)
    except OSError:
        return False  # our file cannot be read
    finally:
        program.end(MESSAGE)
        program.end(ENVELOPE)


async def _judged(order: _Order, program: Program, spool: Spool, feeding: Deferred[bool]) -> Outcome:
    """What its end says. A child of its own that reads on is fed on, as the original does."""
    await program.ended()
    try:
        status = program.status()
    except ChildProcessError as error:
        return order.failed(SURPRISE, f"its end was not told: {error}")
    if status < 0:
        return order.failed(reply_of(None), f"ended by signal {-status}")
    if status:
        custom = text_of(*program.written())
        declined = order.failed(reply_of(status, custom), f"ended with status {status}")
        return attrs.evolve(declined, fault=not is_refusal(status, custom))
    if not await feeding or 0 < spool.octets == program.unread():
        return order.failed(reply_of(0), "ended with status 0, and has not read the message")
    return HandedOver(name=str(program.pid))

"""The server's side of the process that delivers as local users: how it is started, and how it is asked without waiting.

At most `most` requests are on their way; others wait here, in order and for a while, and hold no descriptor. What is asked has an
answer whatever happens: Deferred where there was no place, no time, or no process any more.

BUGS: when the process has ended, nobody can start another, for nobody is root any more: local mail is answered 451 until the
server is restarted.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
from twisted.internet import defer
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor, IWriteDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.qmail.endings import Deferred, Ending
from twistedmx.qmail.local_terms import GRACE, Limits, Terms
from twistedmx.qmail.lspawn import READY
from twistedmx.qmail.lspawn_request import ANSWER, BadRequest, Request, parse_answer

# Neither the folder it is started in nor the environment has a say in what root runs, nor do the .pth files of site-packages:
# -I and -S. The package and attrs are found by their places, the standard library first. Time is given from here on.
PROGRAM: Final = (
    "import sys; sys.path += sys.argv[1:3]; del sys.argv[1:3]; import time; from twistedmx.qmail.lspawn import main; "
    "main(sys.argv[1:], seconds=time.monotonic, now=time.time)"
)
_PACKAGES: Final = (str(Path(__file__).resolve().parents[2]), str(Path(attrs.__file__).resolve().parents[1]))
_BEGINS_WITHIN: Final = 30.0  # seconds; it takes some tenths
_ENDS_WITHIN: Final = 2.0  # seconds; a home that hangs must not hold up the end of the server
_ANSWERS: Final = 64  # in one turn of the reactor
_MARGIN: Final = 5.0  # seconds, until we do not believe that it kills who is late


def start_lspawn(terms: Terms, *, program: str = PROGRAM) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Start the process, while we are root: for `LspawnPeer`. Raises OSError.

    `program`: for tests, which have users of their own.
    """
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with its:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and program
                [sys.executable, "-I", "-S", "-B", "-c", program, *_PACKAGES, terms.render()],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env={},
                start_new_session=True,
            )
        ours.settimeout(_BEGINS_WITHIN)
        if ours.recv(len(READY)) != READY:
            process.wait(_ENDS_WITHIN)
            raise ConnectionError(
                f"the process for local delivery ended at its start, with status {process.returncode}"
            )
        ours.setblocking(False)
    except BaseException:
        ours.close()
        raise
    return ours, process


@attrs.define(kw_only=True, eq=False)
class _Asked:
    request: Request
    message: Callable[[], int]
    told: "defer.Deferred[Ending]"
    timer: Any = None


@implementer(IReadDescriptor, IWriteDescriptor)
class LspawnPeer:
    """`peer`: the socket. `process`: what is at its other end, where it is a process of ours. `reactor`: IReactorFDSet and
    IReactorTime. `chance`: numbers of requests, so that an answer to who had the socket before is nobody's."""

    _log = Logger()

    def __init__(
        self,
        *,
        peer: socket.socket,
        reactor: IReactorFDSet,
        chance: Random,
        limits: Limits,
        process: "subprocess.Popen[bytes] | None" = None,
    ) -> None:
        self._peer = peer
        self._reactor: Any = reactor
        self._limits = limits
        self._process = process
        self._gone = ""
        self._first = chance.getrandbits(64) << 40
        self._count = 0
        self._waiting: dict[bytes, _Asked] = {}  # by number; the first one first
        self._asked: dict[bytes, _Asked] = {}
        self._writes = False
        peer.setblocking(False)
        self._reactor.addReader(self)

    @property
    def peer(self) -> socket.socket:
        """Ours: for another process that is to ask in our place."""
        return self._peer

    def ask(self, *, local: bytes, host: bytes, sender: bytes, message: Callable[[], int]) -> "defer.Deferred[Ending]":
        """Deliver to this recipient. Fires with how it ended; never fails. Cancelled, it is not delivered where it still waits.

        `message`: opens the message, for reading, from its beginning, at its own place; called when the turn comes, and the
        descriptor is closed here. May raise OSError.
        """
        self._count += 1
        number = b"%x" % (self._first + self._count)
        told: defer.Deferred[Ending] = defer.Deferred(
            lambda _: self._end(number, Deferred(text="given up by the session"))
        )
        try:
            request = Request(number=number, local=local, host=host, sender=sender)
        except BadRequest as bad:
            return defer.succeed(Deferred(text=f"cannot be asked for: {bad}"))
        if self._gone:
            return defer.succeed(self._without())
        if len(self._waiting) >= self._limits.waiting + max(0, self._limits.most - len(self._asked)):
            return defer.succeed(Deferred(text="too many local deliveries wait for their turn (#4.3.2)"))
        asked = self._waiting[number] = _Asked(request=request, message=message, told=told)
        asked.timer = self._reactor.callLater(
            self._limits.patience,
            self._end,
            number,
            Deferred(text="no turn came for this local delivery in time (#4.3.2)"),
        )
        self._send()
        return told

    def stop(self) -> None:
        """Let the process end, and wait for that a moment. What is not answered is Deferred."""
        self._lost("was stopped")
        if self._process is not None:
            # It is root's, and not ours to kill: it ends because the socket is closed.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_WITHIN)

    def _without(self) -> Deferred:
        return Deferred(text=f"the process that delivers local mail {self._gone} (#4.3.0)")

    def _end(self, number: bytes, ending: Ending) -> None:
        asked = self._waiting.pop(number, None) or self._asked.pop(number, None)
        if asked is None:
            return
        if asked.timer.active():
            asked.timer.cancel()
        if not asked.told.called:
            asked.told.callback(ending)

    def _send(self) -> None:
        while self._waiting and len(self._asked) < self._limits.most and not self._gone:
            number, asked = next(iter(self._waiting.items()))
            try:
                message = asked.message()
            except OSError as error:
                self._end(number, Deferred(text=f"the message cannot be opened again: {error} (#4.3.0)"))
                continue
            try:
                socket.send_fds(self._peer, [asked.request.render()], [message])
            except BlockingIOError:
                self._write(True)
                return
            except OSError as error:
                # Of descriptors on their way (ETOOMANYREFS) or of this one: the next may do better.
                if isinstance(error, ConnectionError):
                    self._lost(f"is gone ({error})")
                self._end(
                    number, Deferred(text=f"the process that delivers local mail cannot be asked: {error} (#4.3.0)")
                )
                continue
            finally:
                os.close(message)
            del self._waiting[number]
            self._asked[number] = asked
            asked.timer.cancel()
            asked.timer = self._reactor.callLater(
                self._limits.seconds + GRACE + _MARGIN,
                self._late,
                number,
            )
        self._write(False)

    def _late(self, number: bytes) -> None:
        self._end(number, Deferred(text="the process that delivers local mail has not answered (#4.3.0)"))
        self._send()

    def _write(self, wanted: bool) -> None:
        if wanted != self._writes and not self._gone:
            self._writes = wanted
            (self._reactor.addWriter if wanted else self._reactor.removeWriter)(self)

    def _lost(self, why: str) -> None:
        if self._gone:
            return
        self._gone = why
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._peer.close()
        for number in [*self._asked, *self._waiting]:
            self._end(number, self._without())

    # -- what the reactor calls --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Of the socket; -1 when it is closed."""
        return self._peer.fileno()

    def logPrefix(self) -> str:
        """In tracebacks of the reactor."""
        return "lspawn"

    def doRead(self) -> None:
        """Answers have come, or the process has ended."""
        for _ in range(_ANSWERS):
            if self._gone:
                return
            try:
                packet = self._peer.recv(ANSWER + 1)
            except BlockingIOError:
                break
            except OSError as error:
                self._say_lost(f"is gone ({error})")
                return
            if not packet:
                self._say_lost("is gone")
                return
            number, ending = parse_answer(packet)
            if number in self._asked:
                self._end(number, ending)
        self._send()

    def doWrite(self) -> None:
        """There is room for a request again."""
        self._send()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, or found the socket broken."""
        self._lost("is gone")

    def _say_lost(self, why: str) -> None:
        self._lost(why)
        self._log.error(
            "The process that delivers local mail {why}: mail for local users is answered 451 from now on. Restart the server: "
            "without root it cannot start another.",
            why=why,
        )

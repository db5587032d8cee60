"""The process that keeps root when the server gives it up, and delivers local mail: qmail-lspawn, and for each mail qmail-local.

Started before root is shed (`lspawn_peer`), and asked over the one socket they share, with the descriptor of the message and the
recipient, as `lspawn_request` has it. Who the recipient is, it looks up itself, in users/cdb or the accounts of the system: the
one who asks is not trusted with it. For each request it forks a child that becomes the user, for good, and obeys the user's
`.qmail` file (`local`). So a fault of a delivery, a home that hangs, or a directory of users that is down, holds up one child,
which is killed when its time is over.

| the asker                    | what becomes of it                                                        |
|------------------------------|---------------------------------------------------------------------------|
| sends no request             | answered "Z" where it has a number, else passed over                        |
| asks more than `most`        | nobody reads, the socket holds it up                                        |
| closes the socket            | deliveries under way are ended, nobody hears of them, then this process ends |

Not on a signal: the server has mail to finish after one. Not root, it delivers to its own uid alone. Imports the standard library
and attrs, for it is started with nothing else on its path.

BUGS: a delivery that was killed while a program of its own ran takes with it the shell alone, not what that had started. An asker
that does not read its answers holds up the limits of others.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from twistedmx.linux import MSG_CMSG_CLOEXEC, pidfd_open
from twistedmx.qmail import local
from twistedmx.qmail.account import Account
from twistedmx.qmail.accounts import Accounts
from twistedmx.qmail.assign import Assign
from twistedmx.qmail.becoming import (
    Refused,
    become,
    die_with_parent,
    keep_only_becoming_and_killing,
    limit,
    ordinary_signals,
)
from twistedmx.qmail.doubt import CouldNotTell
from twistedmx.qmail.endings import LONGEST, Deferred, Ending, parse_ending, render
from twistedmx.qmail.forwarding import QueueProgram
from twistedmx.qmail.into_maildir import Names
from twistedmx.qmail.local_terms import GRACE, Terms, parse_terms
from twistedmx.qmail.lspawn_request import LONGEST as LONGEST_REQUEST
from twistedmx.qmail.lspawn_request import BadRequest, Request, parse_request, render_answer
from twistedmx.qmail.roots_own import check_roots_own

READY: Final = b"ready"
_IGNORED: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
_MESSAGE, _ANSWER = 0, 3  # descriptors of a child
_MOST_DESCRIPTORS: Final = 65_536

Find = Callable[[bytes], Account]
"""Whose mail for this local part is. Raises CouldNotTell."""


class _Child(NamedTuple):
    """`number`: of its request; b"" once that is answered. `reading`: of the pipe in which its ending comes. `deadline`: it is
    killed then."""

    pid: int
    number: bytes
    reading: int
    deadline: float


class Lspawn:
    """`peer`: SOCK_SEQPACKET. `seconds`: monotonic. `now`: since the epoch. `find`: asked in a child, as root."""

    def __init__(
        self, *, peer: socket.socket, terms: Terms, seconds: Callable[[], float], now: Callable[[], float], find: Find
    ) -> None:
        self._peer = peer
        self._terms = terms
        self._seconds = seconds
        self._now = now
        self._find = find
        self._children: dict[int, _Child] = {}  # by pidfd
        self._selector = selectors.DefaultSelector()
        self._is_read = False
        self._has_ended = False

    def serve(self) -> None:
        """Until the peer has closed the socket, and the last child has ended."""
        while self._children or not self._has_ended:
            self._read_or_not()
            soonest = min((child.deadline for child in self._children.values()), default=None)
            for key, _ in self._selector.select(None if soonest is None else max(0.0, soonest - self._seconds())):
                if key.fileobj is self._peer:
                    self._take()
                else:
                    self._ended(key.fd)
            self._kill_the_late()

    def _read_or_not(self) -> None:
        wanted = not self._has_ended and len(self._children) < self._terms.limits.most
        if wanted and not self._is_read:
            self._selector.register(self._peer, selectors.EVENT_READ)
        elif self._is_read and not wanted:
            self._selector.unregister(self._peer)
        self._is_read = wanted

    def _take(self) -> None:
        try:
            packet, received, _, _ = socket.recv_fds(self._peer, LONGEST_REQUEST + 1, 4, MSG_CMSG_CLOEXEC)
        except ConnectionError:
            packet, received = b"", []
        try:
            if not packet:
                self._has_ended = True
                return
            request = parse_request(packet)
            if len(received) != 1:
                raise BadRequest("the descriptor of the message is missing", request.number)
            self._start(request, received[0])
        except BadRequest as bad:
            if bad.number:
                self._answer(bad.number, Deferred(text=f"not asked as lspawn wants it: {bad}"))
        except OSError as error:
            self._answer(request.number, Deferred(text=f"Unable to fork: {error}. (#4.3.0)"))
        finally:
            for descriptor in received:
                os.close(descriptor)

    def _start(self, request: Request, message: int) -> None:
        """Raises OSError."""
        deadline = self._seconds() + self._terms.limits.seconds
        with contextlib.ExitStack() as always, contextlib.ExitStack() as failed:
            reading, writing = os.pipe()
            failed.callback(os.close, reading)
            always.callback(os.close, writing)
            waiting, going_on = os.pipe()
            always.callback(os.close, waiting)
            always.callback(os.close, going_on)
            pid = os.fork()
            if not pid:
                os.close(going_on)
                self._be_child(request, message, writing, waiting, deadline)
            failed.callback(os.waitpid, pid, 0)
            failed.callback(os.kill, pid, signal.SIGKILL)
            ended = pidfd_open(pid)
            failed.callback(os.close, ended)
            self._selector.register(ended, selectors.EVENT_READ)
            # Not before it can be followed: what is answered "Z" must not be delivered as well.
            os.write(going_on, b"!")
            failed.pop_all()
        self._children[ended] = _Child(pid, request.number, reading, deadline + GRACE)

    def _ended(self, ended: int) -> None:
        self._selector.unregister(ended)
        os.close(ended)
        child = self._children.pop(ended)
        _, status = os.waitpid(child.pid, 0)
        os.set_blocking(child.reading, False)
        octets = b""
        with contextlib.suppress(BlockingIOError):
            octets = os.read(child.reading, LONGEST + 1)
        os.close(child.reading)
        if child.number:
            self._answer(child.number, parse_ending(b"" if status else octets))

    def _answer(self, number: bytes, ending: Ending) -> None:
        with contextlib.suppress(ConnectionError):
            self._peer.send(render_answer(number, ending))

    def _kill_the_late(self) -> None:
        now = self._seconds()
        for ended, child in self._children.items():
            if child.deadline > now:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child.pid, signal.SIGKILL)
            if child.number:
                self._answer(
                    child.number, Deferred(text="the delivery did not end in its time and was killed (#4.3.0)")
                )
            # Who waits for a disk that hangs cannot be killed before the disk answers, and keeps his place so long.
            self._children[ended] = child._replace(number=b"", deadline=now + GRACE)

    # -- in the child ------------------------------------------------------------------------------------------------

    def _be_child(self, request: Request, message: int, writing: int, waiting: int, deadline: float) -> None:
        """Never returns: what follows in the callers is the parent's. `waiting`: something comes there, or its end."""
        try:
            if not os.read(waiting, 1):
                return
            ordinary_signals(*_IGNORED)
            os.setpgid(0, 0)
            os.dup2(message, _MESSAGE, inheritable=False)
            os.dup2(writing, _ANSWER, inheritable=False)
            os.dup2(1, 2)  # the server's log is not the user's
            os.closerange(_ANSWER + 1, _MOST_DESCRIPTORS)
            os.write(_ANSWER, render(self._deliver(request, deadline)))
        except BaseException as error:
            with contextlib.suppress(BaseException):
                os.write(_ANSWER, render(Deferred(text=f"the delivery failed: {error!r} (#4.3.0)")))
        finally:
            os._exit(0)

    def _deliver(self, request: Request, deadline: float) -> Ending:
        try:
            account = self._find(request.local)
            limits = self._terms.limits
            limit(processor_seconds=limits.processor_seconds, memory=limits.memory, processes=limits.processes)
            become(account.uid, account.gid, may_gain_rights=limits.may_gain_rights)
            os.chdir(account.home)
        except (CouldNotTell, Refused) as reason:
            return Deferred(text=str(reason))
        except OSError as error:
            return Deferred(text=f"Unable to become {local.shown(request.local)}'s user at home: {error}. (#4.3.0)")
        letter = local.Letter(local=request.local, host=request.host, sender=request.sender, message=_MESSAGE)
        return local.deliver(letter, account, self._surroundings(deadline))

    def _surroundings(self, deadline: float) -> local.Surroundings:
        terms = self._terms
        path = os.fsencode(terms.search_path)
        queue = QueueProgram(
            path=os.fsencode(terms.queue_program),
            directory=os.fsencode(terms.home),
            environment={b"PATH": path},
            deadline=deadline,
            seconds=self._seconds,
            before=die_with_parent,
        )
        return local.Surroundings(
            default_delivery=os.fsencode(terms.default_delivery),
            forward=queue.forward,
            now=self._now,
            seconds=self._seconds,
            wait=_wait,
            deadline=deadline,
            names=Names(now=self._now, pid=os.getpid(), host=terms.host).next,
            path=path,
            before=die_with_parent,
            forbidden=terms.forbidden_bits,
        )


def _wait(seconds: float) -> None:
    with selectors.DefaultSelector() as nothing:
        nothing.select(seconds)


def find_account(terms: Terms, local_part: bytes) -> Account:
    """By users/cdb, else by the accounts of the system, as the files are now. As root, by files of root's own. Raises
    CouldNotTell."""
    if not os.geteuid():
        check_roots_own(terms.home)
    return Assign(terms.home).find(local_part) or Accounts(alias=terms.alias).find(local_part)


def main(
    arguments: Sequence[str], *, seconds: Callable[[], float], now: Callable[[], float], find: Find | None = None
) -> None:
    """Serve the socket that is standard input, until it is closed. `arguments`: the Terms, rendered.

    Says READY on it first, when all is as it should be. `find`: for tests, which have users of their own.
    """
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    os.umask(0o077)
    if os.geteuid() == 0:
        try:
            keep_only_becoming_and_killing()
        except OSError as error:
            raise SystemExit(
                f"twistedmx lspawn: {error.strerror}: it must be started as root, with CAP_SETUID, CAP_SETGID and CAP_KILL"
            ) from None
    terms = parse_terms(arguments[0])
    peer = socket.socket(fileno=0)
    peer.send(READY)
    Lspawn(peer=peer, terms=terms, seconds=seconds, now=now, find=find or partial(find_account, terms)).serve()

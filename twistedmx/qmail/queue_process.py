"""A queue program as a process: started with its descriptors and nothing else of ours, fed, waited for, killed with its group.

It is started by posix_spawn and watched by a pidfd (pidfd_open(2), Linux 5.3), not by Twisted's `spawnProcess`, which cannot

- give it a process group of its own before it runs, without which what it has started outlives it when it is killed;
- tell that the program could not be executed: it prints a traceback on descriptor 2, and ends with status 1;
- leave our memory alone: it forks wherever the working directory is another (benchmarks/handover.py has what that costs).

posix_spawn knows no working directory. Ours is the home while a program starts, some tenths of a millisecond, if it is not the home
at all times, as that of qmail-smtpd is.

BUGS: a thread that names a file by a relative path in that time looks for it in the home; none of ours does so. A descriptor that
C code opens without O_CLOEXEC is inherited.
"""

import errno
import fcntl
import os
import signal
import termios
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor, IWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.linux import O_PATH, pidfd_open
from twistedmx.qmail.queue_exits import MOST_OCTETS, NO_EXEC, NO_HOME, NOT_STARTED
from twistedmx.smtp.reply import Reply

MESSAGE: Final = 0
ENVELOPE: Final = 1
ERRORS: Final = 2
# Where it may write a text of its own: sagredo's tree and most patches read 4, notqmail reads 6.
TEXTS: Final = (4, 6)
_MOST_DESCRIPTOR: Final = 99  # of ERROR_FD; a number, not a place in a table that has to grow
# What posix_spawn says when the machine, not the file, is in want of something.
_MACHINE: Final = frozenset((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EBADF))
# None is left ignored, as Python has SIGPIPE. Those that cannot be caught are left out.
_SIGNALS: Final = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))


class NotStarted(Exception):
    """`reply`: what the peer hears. The text is for the log."""

    def __init__(self, reply: Reply, detail: str) -> None:
        super().__init__(detail)
        self.reply = reply


def texts_of(error_fd: bytes) -> tuple[int, ...]:
    """Descriptors for texts, in the order in which they are looked at. `error_fd`: the variable ERROR_FD, which stands for 4;
    b"", or what is no number of a descriptor that is free for it: 4."""
    first = TEXTS[0]
    if error_fd.isdigit() and len(error_fd) <= len(str(_MOST_DESCRIPTOR)) and int(error_fd) >= ERRORS:
        first = int(error_fd)
    return (first,) if first == TEXTS[1] else (first, TEXTS[1])


def keep_to_ourselves() -> None:
    """What we were started with above the standard descriptors is not inherited; what Python opens is not anyway (PEP 446)."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > ERRORS:
            with suppress(OSError):  # the one of the folder itself
                os.set_inheritable(int(name), False)


@implementer(IReadDescriptor, IWriteDescriptor)
class _Ready:
    """A descriptor that is waited for once."""

    def __init__(self, descriptor: int, end: Any) -> None:
        self._descriptor = descriptor
        self._end = end

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "queue program"

    def doRead(self) -> None:
        self._end()

    def doWrite(self) -> None:
        self._end()

    def connectionLost(self, reason: Failure) -> None:
        """The other end was closed; or the reactor has stopped."""
        self._end()


def _ready(descriptor: int, add: Any, remove: Any) -> Deferred[None]:
    """Fires once it can be used, or never will be. May be cancelled."""

    def end() -> None:
        remove(waiting)
        fired.callback(None)

    waiting = _Ready(descriptor, end)
    fired: Deferred[None] = Deferred(lambda _: remove(waiting))
    add(waiting)
    return fired


@contextmanager
def _in(folder: str) -> Iterator[None]:
    before = os.open(".", O_PATH | os.O_CLOEXEC)
    try:
        os.chdir(folder)
        try:
            yield
        finally:
            os.fchdir(before)
    finally:
        os.close(before)


class Program:
    """One that runs. `pid`: its number, and that of its group, until `reaped`. `errors`: our end of its descriptor 2, or None.

    `message`, `envelope`: our ends, non-blocking; None when they were closed.
    """

    def __init__(self, reactor: Any, pid: int, pidfd: int, ours: Mapping[int, int], texts: tuple[int, ...]) -> None:
        self._reactor = reactor
        self._pidfd = pidfd
        self._ours = dict(ours)
        self._texts = texts
        self._unread: int | None = None
        self.pid = pid

    @property
    def errors(self) -> int | None:
        """Where its lines for the log come from; None where it has our own descriptor 2."""
        return self._ours.get(ERRORS) if ERRORS not in self._texts else None

    async def write(self, descriptor: int, octets: bytes) -> bool:
        """All of them to its `descriptor`, at its own pace. False: nobody reads there any more."""
        left = memoryview(octets)
        while left:
            try:
                left = left[os.write(self._ours[descriptor], left) :]
            except BlockingIOError:
                await _ready(self._ours[descriptor], self._reactor.addWriter, self._reactor.removeWriter)
            except OSError:
                return False
        return True

    def end(self, descriptor: int) -> None:
        """It finds the end of what was written there; harmless when it has. What it leaves of the message can be told then."""
        ours = self._ours.pop(descriptor, None)
        if ours is None:
            return
        if descriptor == MESSAGE:
            with suppress(OSError):  # no /proc: it cannot be told
                self._unread = os.open(f"/proc/self/fd/{ours}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.close(ours)

    def unread(self) -> int:
        """Octets of the message that stand in the pipe still, at most 64 KiB; 0 where it was not written to its end."""
        if self._unread is None:
            return 0
        return int.from_bytes(fcntl.ioctl(self._unread, termios.FIONREAD, bytes(4)), "little")

    async def ended(self) -> None:
        """Returns when it has. It is a zombie then, so that nobody else has its number, and that of its group."""
        await _ready(self._pidfd, self._reactor.addReader, self._reactor.removeReader)

    def status(self) -> int:
        """Of a program that has ended: its exit; or, below 0, the signal that ended it. Raises ChildProcessError where that
        was told to somebody else."""
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            raise ChildProcessError(f"process {self.pid} runs on")
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def written(self) -> list[bytes]:
        """What stands on its descriptors for texts. Never waits."""
        return [_read(self._ours[descriptor]) for descriptor in self._texts]

    def kill(self) -> None:
        """SIGKILL, with all of its group; not after `reap`."""
        with suppress(OSError):  # it has ended; or may not be killed by us, and then holds its place
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Our ends. What it has not read to the end by now it finds cut off."""
        while self._ours:
            os.close(self._ours.popitem()[1])
        if self._unread is not None:
            os.close(self._unread)
            self._unread = None

    def reap(self) -> None:
        """After `ended`: its number is free for others. Never waits."""
        os.close(self._pidfd)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, MOST_OCTETS)
    except OSError:
        return b""


def start(
    reactor: Any,
    *,
    program: bytes,
    home: str,
    environment: Mapping[bytes, bytes],
    texts: tuple[int, ...],
    own_errors: bool,
) -> Program:
    """`program`: its path, a relative one from `home`, its working directory; its only word. `environment`: all of it.

    `texts`: as of `texts_of`. `own_errors`: its descriptor 2 is a pipe to us, else it has ours. Raises NotStarted.
    """
    with ExitStack() as theirs, ExitStack() as ours:

        def kept(descriptor: int, stack: ExitStack) -> int:
            stack.callback(os.close, descriptor)
            return descriptor

        above = max(*texts, MESSAGE) + 1
        given: dict[int, int] = {}
        ends: dict[int, int] = {}
        try:
            for number in (MESSAGE, ENVELOPE, *texts, *((ERRORS,) if own_errors and ERRORS not in texts else ())):
                read, write = os.pipe()
                reads = number in (MESSAGE, ENVELOPE)
                ends[number] = kept(write if reads else read, ours)
                os.set_blocking(ends[number], False)
                with ExitStack() as low:
                    other = kept(read if reads else write, low)
                    # Above all that is made of them, so that none takes the place of one that is still needed.
                    given[number] = kept(fcntl.fcntl(other, fcntl.F_DUPFD_CLOEXEC, above), theirs)
                if number in texts:
                    # Who writes more than fits, which nobody reads, is not kept waiting for ever.
                    os.set_blocking(given[number], False)
            with ExitStack() as there:
                try:
                    there.enter_context(_in(home))
                except OSError as error:
                    raise NotStarted(NO_HOME, f"the home of qmail cannot be entered: {error}") from None
                pid = _spawn(program, environment, given)
            try:
                pidfd = pidfd_open(pid)
            except OSError:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                raise
        except OSError as error:
            raise NotStarted(NOT_STARTED, f"{_shown(program)}: not started: {error}") from None
        ours.pop_all()
        return Program(reactor, pid, pidfd, ends, texts)


def _spawn(program: bytes, environment: Mapping[bytes, bytes], given: Mapping[int, int]) -> int:
    """Its pid. In the home. Raises OSError where the machine cannot, NotStarted where the file cannot be executed."""
    try:
        return os.posix_spawn(
            program,
            [program or b"QMAILQUEUE"],  # an empty one is a path like others, but no word
            dict(environment),
            file_actions=[(os.POSIX_SPAWN_DUP2, ours, number) for number, ours in given.items()],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_SIGNALS,
        )
    except OSError as error:
        if error.errno in _MACHINE:
            raise
        detail = f"{_shown(program)} cannot be executed: {error.strerror}; look at QMAILQUEUE, and who may run it"
        raise NotStarted(NO_EXEC, detail) from None
    except ValueError as error:  # a NUL, or a name with `=`: no environment has these
        raise NotStarted(NOT_STARTED, f"{_shown(program)}: not started: {error}") from None


def _shown(program: bytes) -> str:
    return program.decode("utf-8", "backslashreplace")

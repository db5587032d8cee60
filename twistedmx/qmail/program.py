"""One program, run once: what it reads, what it writes, how long it may take, and that nothing of it is left.

qmail asks programs of the operator: those of control/smtpplugins (qmail-spp), RCPTCHECK, the check program of AUTH (checkpassword).
They are started without a shell, in a session and process group of their own, with the descriptors that are named and /dev/null
for those of 0, 1 and 2 that are not, in a given directory and with a given environment. When the time is over, the group is killed.
When the program has ended, what is left of its group is killed too, so that nobody holds its descriptors who is not looked after.

setsid(1) makes the session, for a reactor starts processes in its own: it is a part of every Linux.

BUGS: who leaves the group (a daemon that makes its own session) lives on; its pipes are closed a second after the program's end.
Where a script lacks its `#!` line, execvp(3) of the C library takes /bin/sh for it.
"""

import errno
import os
import shutil
import signal
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessProtocol, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

# Octets that a program may be given on one descriptor. They are in the pipe before it starts, so that it cannot keep us waiting;
# a pipe holds PIPE_BUF of POSIX at least, and checkpassword's interface has 512.
MOST_GIVEN: Final = 4096
# Octets of words and environment together; Linux has 128 KiB for one of them alone (execve(2)).
MOST_WORDS: Final = 98_304
_AFTER_ITS_END: Final = 1.0  # seconds until pipes are closed that somebody else holds
_NOTHING: Final[Mapping[int, bytes]] = MappingProxyType({})
# What setsid(1) says where execvp(3) failed: EX_EXEC_FAILED and EX_EXEC_ENOENT of util-linux.
_NOT_EXECUTED: Final = (126, 127)
_SAYS_SO: Final = b"setsid: failed to execute "


class Reactor(Protocol):
    """IReactorProcess and IReactorTime, of which this is used."""

    def spawnProcess(  # Twisted's names
        self,
        processProtocol: IProcessProtocol,
        executable: bytes | str,
        args: Sequence[bytes | str],
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> IProcessTransport:
        """IReactorProcess."""

    def callLater(self, delay: float, callable: Any, *args: Any, **kwargs: Any) -> IDelayedCall:
        """IReactorTime."""


@attrs.frozen(kw_only=True)
class Ended:
    """How it ended: exactly one of `status`, `signal`, `timed_out`, `could_not_start`.

    `status`: of exit(3). `signal`: that killed it, without our doing. `timed_out`: we killed it when its time was over.
    `could_not_start`: why, for the operator. `outputs`: by descriptor, what it wrote before its end, also when it was killed.
    `cut`: the descriptors where it wrote more than that.
    """

    status: int | None = None
    signal: int | None = None
    timed_out: bool = False
    could_not_start: str = ""
    outputs: Mapping[int, bytes] = _NOTHING
    cut: frozenset[int] = frozenset()

    def __attrs_post_init__(self) -> None:
        ways = (self.status is not None, self.signal is not None, self.timed_out, bool(self.could_not_start))
        if sum(ways) != 1:
            raise ValueError(f"a program ends in one way, not in {sum(ways)}")

    def __str__(self) -> str:
        """For the operator: `ended with status 1`."""
        if self.status is not None:
            return f"ended with status {self.status}"
        if self.signal is not None:
            return f"was killed by signal {self.signal}"
        return "took too long" if self.timed_out else f"could not be started: {self.could_not_start}"


def run(
    reactor: Reactor,
    argv: Sequence[bytes],
    environment: Mapping[bytes, bytes],
    *,
    cwd: bytes | str,
    given: Mapping[int, bytes] = _NOTHING,
    taken: Collection[int] = (1, 2),
    most_octets: int,
    seconds: float,
) -> Deferred[Ended]:
    """Run `argv` with `environment` alone, in `cwd`. Fires when it has ended and nothing of it is left; never fails.

    argv[0]: the program's path, absolute or from `cwd`; it is not searched for. `given`: what it reads on these descriptors
    before their end, MOST_GIVEN octets each at most. `taken`: the descriptors that it writes to. `most_octets`: of each of
    these; beyond, we close our end. `seconds`: it may take. Raises ValueError where `given` is too long, or is taken as well.

    Who cancels the Deferred has the program killed.
    """
    if any(len(octets) > MOST_GIVEN for octets in given.values()):
        raise ValueError(f"a program is given {MOST_GIVEN} octets at most on a descriptor")
    if not given.keys().isdisjoint(taken):
        raise ValueError("a descriptor is read or written, not both")
    program = argv[0] if b"/" in argv[0] else b"./" + argv[0]
    run = _Run(reactor, most_octets)
    why = _why_not(program, [*argv, *environment.keys(), *environment.values()], os.fsencode(cwd))
    if not why:
        try:
            run.start([program, *argv[1:]], environment, cwd, given, taken, seconds)
        except OSError as error:
            why = error.strerror or type(error).__name__
    if why:
        run.ended.callback(Ended(could_not_start=why))
    return run.ended


class _Run(ProcessProtocol):
    """One that runs."""

    transport: Any

    def __init__(self, reactor: Reactor, most_octets: int) -> None:
        self.ended: Deferred[Ended] = Deferred(lambda _: self._kill())
        self._reactor = reactor
        self._most_octets = most_octets
        self._outputs: dict[int, bytearray] = {}
        self._cut: set[int] = set()
        self._timer: IDelayedCall | None = None
        self._pid = 0
        self._exited = False
        self._timed_out = False

    def start(
        self,
        argv: Sequence[bytes],
        environment: Mapping[bytes, bytes],
        cwd: bytes | str,
        given: Mapping[int, bytes],
        taken: Collection[int],
        seconds: float,
    ) -> None:
        """Raises OSError."""
        self._outputs = {descriptor: bytearray() for descriptor in taken}
        with ExitStack() as opened:
            nothing = opened.enter_context(open(os.devnull, "r+b", buffering=0))
            child: dict[int, int | str] = dict.fromkeys((0, 1, 2), nothing.fileno())
            child |= {descriptor: _pipe_with(octets, opened) for descriptor, octets in given.items()}
            child |= dict.fromkeys(taken, "r")
            setsid = _setsid()
            self._again_in(seconds)
            try:
                self._reactor.spawnProcess(self, setsid, [setsid, *argv], dict(environment), cwd, childFDs=child)
            except OSError:
                self._again_in(None)
                raise

    def connectionMade(self) -> None:
        """It is there."""
        self._pid = self.transport.pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It wrote."""
        output = self._outputs[childFD]
        room = self._most_octets - len(output)
        output += data[:room]
        if len(data) > room and childFD not in self._cut:
            self._cut.add(childFD)
            self.transport.closeChildFD(childFD)

    def processExited(self, reason: Failure) -> None:
        """The program itself has; who else is in its group has no say."""
        self._kill()
        self._exited = True
        self._again_in(_AFTER_ITS_END)

    def processEnded(self, reason: Failure) -> None:
        """All pipes are closed as well."""
        self._again_in(None)
        self._tell(reason.value)

    def _over(self) -> None:
        """The time is; at first of the program, then of what should have ended with it."""
        if not self._exited and not self._timed_out:
            self._timed_out = True
            self._kill()
            self._again_in(_AFTER_ITS_END)
            return
        for descriptor in self._outputs:
            self.transport.closeChildFD(descriptor)
        if not self._exited:  # killed, and the kernel does not let it go: reaped whenever it does
            self._tell(None)

    def _tell(self, how: Any) -> None:
        """`how`: ProcessDone or ProcessTerminated."""
        if self.ended.called:
            return
        outputs = {descriptor: bytes(output) for descriptor, output in self._outputs.items()}
        said = outputs.get(2, b"")
        ended = Ended(timed_out=True)
        if not self._timed_out and how.exitCode in _NOT_EXECUTED and said.startswith(_SAYS_SO):
            why = said.partition(b"\n")[0].rpartition(b": ")[2]
            ended = Ended(could_not_start=why.decode("utf-8", "backslashreplace"))
        elif not self._timed_out:
            ended = Ended(signal=how.signal) if how.signal else Ended(status=how.exitCode)
        self.ended.callback(attrs.evolve(ended, outputs=outputs, cut=frozenset(self._cut)))

    def _kill(self) -> None:
        """Its group; as long as its number is its own, or the group's."""
        if self._exited:
            return
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except ProcessLookupError:  # setsid has not come so far
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")

    def _again_in(self, seconds: float | None) -> None:
        if self._timer and self._timer.active():
            self._timer.cancel()
        self._timer = None if seconds is None else self._reactor.callLater(seconds, self._over)


def _why_not(program: bytes, words: Sequence[bytes], cwd: bytes) -> str:
    """Why it cannot be started, in words for the operator; "" where nothing speaks against it.

    Looked for before: what fails between fork and exec could not be told from a program that ends with 1.
    """
    if any(b"\0" in word for word in words):
        return "a word for it has a NUL"
    if sum(map(len, words)) > MOST_WORDS:
        return f"words and environment are longer than {MOST_WORDS} octets"
    if not os.path.isdir(cwd):
        return f"{os.fsdecode(cwd)} is no directory"
    path = os.path.join(cwd, program)
    try:
        status = os.stat(path)
    except OSError as error:
        return error.strerror or type(error).__name__
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    return "" if os.access(path, os.X_OK, effective_ids=True) else "it may not be executed"


@cache
def _setsid() -> str:
    """Its path. Raises OSError."""
    path = shutil.which("setsid", path=os.defpath)
    if path is None:
        raise FileNotFoundError(errno.ENOENT, f"no setsid in {os.defpath}; it is part of util-linux")
    return path


def _pipe_with(octets: bytes, opened: ExitStack) -> int:
    """The end to read from of a pipe that holds `octets` and nothing after them. Raises OSError."""
    reading, writing = os.pipe()
    opened.callback(os.close, reading)
    try:
        os.write(writing, octets)
    finally:
        os.close(writing)
    return reading

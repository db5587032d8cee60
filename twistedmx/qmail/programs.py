"""Run a program for a message: in a process group of its own, with the descriptors that it is given and no others, and a limit.

What it writes is kept up to some lines and the rest is thrown away, so that it never stands still for us. At the limit the
group is told to end, and killed two seconds later. For a process of one thread that may wait: the child of `lspawn`.

BUGS: what a program leaves running when it ends itself is left alone, as in qmail; a set-user-id program in the group outlives
the limit where the kernel does not let us kill it.
"""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from twistedmx.linux import pidfd_open

KEPT: Final = 3000  # octets of output, as in qmail-lspawn.c
_ENDS_WITHIN: Final = 2.0  # seconds, once told to
_HARD: Final = frozenset({100, 64, 65, 70, 76, 77, 78, 112})  # qmail-command(8)
_STOP: Final = 99


class Ran(NamedTuple):
    """`status`: its exit status; minus the signal that ended it; None: killed at the limit. `output`: the beginning of it."""

    status: int | None
    output: bytes

    @property
    def is_done(self) -> bool:
        """All is well."""
        return self.status in (0, _STOP)

    @property
    def stops(self) -> bool:
        """All is well, and the lines below are not to be obeyed."""
        return self.status == _STOP

    @property
    def is_refusal(self) -> bool:
        """It will never be well."""
        return self.status in _HARD


def run(
    words: Sequence[bytes],
    *,
    standard_input: int,
    standard_output: int = -1,
    environment: Mapping[bytes, bytes],
    directory: bytes,
    deadline: float,
    seconds: Callable[[], float],
    before: Callable[[], None] | None = None,
) -> Ran:
    """Run `words` and wait for it. Raises OSError where it cannot be started.

    `standard_output`: a descriptor; -1: kept, with the error output. `deadline`: by `seconds`, which is monotonic. `before`:
    called in the new process.
    """
    reading, writing = os.pipe()
    try:
        with subprocess.Popen(  # noqa: S603  # what the user's own file says
            words,
            stdin=standard_input,
            stdout=writing if standard_output < 0 else standard_output,
            stderr=writing,
            env=environment,
            cwd=directory,
            process_group=0,
            preexec_fn=before,  # we have one thread
        ) as process:
            os.close(writing)
            writing = -1
            return _wait(process, reading, deadline, seconds)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _wait(process: "subprocess.Popen[bytes]", reading: int, deadline: float, seconds: Callable[[], float]) -> Ran:
    output = b""
    os.set_blocking(reading, False)
    ended = pidfd_open(process.pid)
    try:
        waits_for = [ended, reading]
        while True:
            ready, _, _ = select.select(waits_for, [], [], max(0.0, deadline - seconds()))
            if reading in ready:
                piece = _read(reading)
                output = (output + piece)[:KEPT]
                if not piece:
                    waits_for.remove(reading)
            if ended in ready:
                output = (output + _read(reading))[:KEPT]
                return Ran(process.wait(), output)
            if seconds() >= deadline:
                _end(process, ended)
                return Ran(None, output)
    except BaseException:
        _kill(process, signal.SIGKILL)
        raise
    finally:
        os.close(ended)


def _read(descriptor: int) -> bytes:
    with contextlib.suppress(BlockingIOError):
        return os.read(descriptor, 65_536)
    return b""


def _end(process: "subprocess.Popen[bytes]", ended: int) -> None:
    _kill(process, signal.SIGTERM)
    select.select([ended], [], [], _ENDS_WITHIN)
    _kill(process, signal.SIGKILL)  # also who stays in the group behind it
    process.wait()


def _kill(process: "subprocess.Popen[bytes]", number: int) -> None:
    # Its number is not another's before we have waited for it; the group may be of another user's by now (set-user-id).
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

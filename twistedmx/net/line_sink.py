"""The log of a run script: a descriptor that others write to as well, tcpserver among them, and that multilog reads.

All of them share one pipe, so each line is one write of at most PIPE_BUF octets: such a write is never mixed with another's
(pipe(7)). And nothing here waits, for the whole server would: a line that finds no room is lost, and counted.

The descriptor came to us by SCM_RIGHTS, or by fork: O_NONBLOCK would be a flag of the open file that tcpserver and all its children
write to as well, who would then lose lines without a word. So that flag is not touched. A pipe is opened anew where we may, by
/proc, which makes an open file of our own. Where we may not, because the pipe is another user's, it is asked whether it is writable
and not more than half full, before each line: that it fills between the two calls, others would have to write 32 KiB in them.

BUGS: a slow regular file (NFS) is waited for, as everybody does.
"""

import errno
import fcntl
import os
import select
import socket
import stat
import sys
import termios
from collections.abc import Callable
from functools import partial
from typing import Final

from twistedmx.linux import F_GETPIPE_SZ, O_ACCMODE

_LONGEST: Final = select.PIPE_BUF - 1


class LineSink:
    """Writes lines to `descriptor`, which is its own from now on, to be closed. `lost`: lines that it could not write."""

    def __init__(self, descriptor: int) -> None:
        """Raises OSError where it is none."""
        self.lost = 0
        self._descriptor = descriptor
        self._socket: socket.socket | None = None  # where it is one
        self._write: Callable[[bytes], int] = self._write_if_writable
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode):
            self._write = self._write_to_pipe
            self._open_anew()
        elif stat.S_ISSOCK(mode):  # as systemd's journal gives it
            self._socket = socket.socket(fileno=descriptor)
            self._write = partial(_send, self._socket)

    def write(self, line: bytes) -> bool:
        """One line, without its end. What is too long for one write is cut, and a line end within is shown as `?`: nobody writes
        lines in our name. False: it is lost. Never waits, never raises."""
        octets = line[:_LONGEST].replace(b"\n", b"?") + b"\n"
        try:
            whole = self._write(octets) == len(octets)
        except (OSError, ValueError):  # no room; nobody reads any more; closed
            whole = False
        if not whole:
            self.lost += 1
        return whole

    def close(self) -> None:
        """No more lines. Harmless twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._socket is not None:
            self._socket.close()
        elif descriptor != -1:
            os.close(descriptor)

    def _open_anew(self) -> None:
        try:
            ours = os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        os.close(self._descriptor)
        self._descriptor = ours
        self._write = self._write_to_our_own

    def _write_to_our_own(self, octets: bytes) -> int:
        return os.write(self._descriptor, octets)

    def _write_to_pipe(self, octets: bytes) -> int:
        descriptor = self._descriptor
        if not _writable(descriptor) or 2 * _octets_in(descriptor) > fcntl.fcntl(descriptor, F_GETPIPE_SZ):
            return 0
        return os.write(descriptor, octets)

    def _write_if_writable(self, octets: bytes) -> int:
        return os.write(self._descriptor, octets) if _writable(self._descriptor) else 0


class Lines:
    """One session's share of a LineSink."""

    def __init__(self, sink: LineSink, leave: Callable[[LineSink], None]) -> None:
        self._sink = sink
        self._leave: Callable[[LineSink], None] | None = leave

    def write(self, line: bytes) -> bool:
        """As `LineSink.write`."""
        return self._sink.write(line)

    def close(self) -> None:
        """The session writes no more. Harmless twice."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave(self._sink)


class LineSinks:
    """The logs of all sessions. The same one comes with each connection, in a descriptor of its own: one of them is kept, as long
    as one of its sessions is there. `lost`: lines, since the start."""

    def __init__(self) -> None:
        self._lost = 0
        self._there: dict[tuple[int, int], tuple[LineSink, int]] = {}  # by the file; how many share it
        self._files: dict[LineSink, tuple[int, int]] = {}

    @property
    def lost(self) -> int:
        return self._lost + sum(sink.lost for sink, _ in self._there.values())

    def __len__(self) -> int:
        return len(self._there)

    def share(self, descriptor: int) -> Lines:
        """The log behind `descriptor`, which is ours from now on. Raises OSError, where nothing can be written to it too, and then
        it is not."""
        # Else one that is for reading alone would be kept for all that come behind it, and their lines be lost.
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        status = os.fstat(descriptor)
        file = status.st_dev, status.st_ino
        sink, sharing = self._there.get(file, (None, 0))
        if sink is None:
            sink = LineSink(descriptor)
            self._files[sink] = file
        else:
            os.close(descriptor)
        self._there[file] = sink, sharing + 1
        return Lines(sink, self._leave)

    def _leave(self, sink: LineSink) -> None:
        file = self._files[sink]
        sharing = self._there[file][1] - 1
        if sharing:
            self._there[file] = sink, sharing
            return
        del self._there[file], self._files[sink]
        self._lost += sink.lost
        sink.close()


def _send(to: socket.socket, octets: bytes) -> int:
    return to.send(octets, socket.MSG_DONTWAIT)


def _writable(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


def _octets_in(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)

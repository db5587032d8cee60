"""The log as lines in a file, or on standard output. Nothing here waits: what a pipe does not take now is lost, and counted.

Lines that come soon one after the other leave in one write: where each is written by itself, the write is a third of what it costs
(benchmarks/facts.py). A file that was moved away or removed (logrotate) is opened anew.

BUGS: a process that is killed loses the lines that are gathered. A slow disk holds us up all the same, once the kernel
has no more room for what it is to write. If others write to the same pipe, its last room may go between our asking and our
writing.
"""

import os
import select
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall

from twistedmx.report.losses import Losses

_STANDARD_OUTPUT: Final = 1
# POSIX: a pipe that can be written to takes these at least (PIPE_BUF of Linux).
_AT_ONCE: Final = 4096
_MOST_GATHERED: Final = 1000  # lines
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class Lines:
    """Appends lines to the file `path`, or to standard output where that is "-" (`standard_output`: its descriptor).

    `later`: calls soon; without it each line is written at once. The file is opened at the
    first line: by then privileges were dropped. A line that cannot be written is lost; the next one tries anew.
    """

    def __init__(
        self,
        path: str,
        losses: Losses | None = None,
        *,
        later: Callable[[Callable[[], None]], IDelayedCall | None] | None = None,
        standard_output: int = _STANDARD_OUTPUT,
    ) -> None:
        self._path = path
        self._later = later
        self._asked: IDelayedCall | None = None
        self._gathered: list[str] = []
        self._losses = losses if losses is not None else Losses()
        self._is_file = path != "-"
        self._descriptor = -1 if self._is_file else standard_output
        self._torn = False  # the last line was cut off: the next one must not grow on it

    def __call__(self, line: str) -> None:
        if self._later is None:
            self._write(line, 1)
            return
        self._gathered.append(line)
        if len(self._gathered) == 1:
            self._asked = self._later(self.flush)
        elif len(self._gathered) >= _MOST_GATHERED:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        asked, self._asked = self._asked, None
        if asked is not None and asked.active():
            asked.cancel()
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._write("\n".join(gathered), len(gathered))

    def _write(self, text: str, lines: int) -> None:
        octets = (f"\n{text}\n" if self._torn else f"{text}\n").encode("utf-8", "backslashreplace")
        try:
            if self._is_file:
                self._open()
                written = os.write(self._descriptor, octets)
            else:
                written = self._write_what_is_taken(octets)
        except OSError as error:
            self._losses.lost(self._name(), error.strerror or str(error), lines)
            if not isinstance(error, BlockingIOError):
                self._give_back()
            return
        if written < len(octets):
            self._losses.lost(self._name(), "takes no more for now", octets.count(b"\n", max(written, self._torn)))
            self._torn = (self._torn and not written) or octets[written - 1 : written] not in (b"", b"\n")
            return
        self._torn = False
        self._losses.got_through()

    def close(self) -> None:
        """Write what was gathered, and give the file back. Harmless twice; another line opens it again."""
        self.flush()
        self._give_back()

    def _give_back(self) -> None:
        if self._is_file and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _name(self) -> str:
        return self._path if self._is_file else "standard output"

    def _open(self) -> None:
        if self._descriptor >= 0 and self._was_moved():
            self._give_back()
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, _FLAGS, 0o640)

    def _write_what_is_taken(self, octets: bytes) -> int:
        """Standard output is shared with who started us, so that it cannot be made non-blocking: ask before each piece."""
        asking = select.poll()
        asking.register(self._descriptor, select.POLLOUT)
        written = 0
        while written < len(octets) and asking.poll(0):
            written += os.write(self._descriptor, octets[written : written + _AT_ONCE])
        return written

    def _was_moved(self) -> bool:
        ours = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)
        except OSError as error:
            return isinstance(error, FileNotFoundError)  # else we may not look: the file that we have is good
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

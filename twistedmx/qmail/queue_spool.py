"""One message as it arrives, held until a queue program reads it: in memory, and beyond a bound in a file without a name.

The file is gone with the process, however that ends. It is written and read off the reactor's thread, for a disk may keep its
writers waiting; never synced, for nothing is promised before the queue program has said that the message is its own.

BUGS: a session that does not stop reading when it is asked to is not stopped by us: its memory grows.
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

# A peer that sends octet by octet must not make us hold an object, forty times as large, for each.
_MOST_BLOCKS: Final = 512
# Octets of a piece that is read back: a pipe holds so many at a time (pipe(7)).
_PIECE: Final = 65_536


class Spool:
    """`run_in_thread`: as `twisted.internet.threads.deferToThread`. `folder`: where the file is. `in_memory`: octets; twice as many
    are held while the disk is behind. `octets`: of the whole message, so far. `failure`: of the disk, or of a thread."""

    def __init__(self, *, run_in_thread: Callable[..., Deferred[Any]], folder: str, in_memory: int) -> None:
        self._run_in_thread = run_in_thread
        self._folder = folder
        self._in_memory = in_memory
        self._blocks: list[bytes] = []
        self._held = 0
        self._file: BinaryIO | None = None
        self._writing: Deferred[None] | None = None
        self._stopped: list[Deferred[None]] = []
        self._at_work = 0  # calls in a thread
        self._closed = False
        self.octets = 0
        self.failure: BaseException | None = None

    def write(self, block: bytes) -> Deferred[None] | None:
        """Append. A Deferred asks the caller to stop reading until it fires. What comes after a failure is thrown away."""
        if self._closed or self.failure is not None:
            return None
        self.octets += len(block)
        self._blocks.append(block)
        self._held += len(block)
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks = [b"".join(self._blocks)]
        if self._held < self._in_memory:
            return None
        if self._writing is None:
            self._spill()
            return None
        return self._when_written()

    def _when_written(self) -> Deferred[None]:
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        return stopped

    def _spill(self) -> None:
        blocks, self._blocks, self._held = self._blocks, [], 0
        self._writing = self._in_thread(self._append, blocks)
        self._writing.addErrback(self._failed).addCallback(self._written)

    def _append(self, blocks: Sequence[bytes]) -> None:
        """In a thread. Raises OSError."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - closed by `close`
        left = memoryview(b"".join(blocks))
        while left:
            left = left[self._file.write(left) :]

    def _failed(self, failure: Failure) -> None:
        self.failure = failure.value
        self._blocks, self._held = [], 0

    def _written(self, _: None) -> None:
        self._writing = None
        stopped, self._stopped = self._stopped, []
        for deferred in stopped:
            deferred.callback(None)

    async def whole(self) -> None:
        """Nothing more is written. Returns when all of it is where it can be read from, or `failure` says why not."""
        while True:
            if self._writing is not None:
                await self._when_written()
            elif self._file is not None and self._held:
                self._spill()
            else:
                return

    async def piece(self, offset: int) -> bytes:
        """Octets from `offset` on; b"" at the end. After `whole`. Raises OSError."""
        if self._file is not None:
            read: bytes = await self._in_thread(os.pread, self._file.fileno(), _PIECE, offset)
            return read
        if len(self._blocks) != 1:
            self._blocks = [b"".join(self._blocks)]
        return self._blocks[0][offset:] if offset else self._blocks[0]

    def _in_thread(self, *call: Any) -> Deferred[Any]:
        """One of its own: who does not wait any more does not end the call."""
        told: Deferred[Any] = Deferred()
        self._at_work += 1
        # Not every machine lets us have another thread.
        maybeDeferred(self._run_in_thread, *call).addBoth(self._back).chainDeferred(told)
        return told

    def _back(self, result: Any) -> Any:
        self._at_work -= 1
        self._close_file()
        return result

    def close(self) -> None:
        """Nothing of it is needed any more. Never waits; harmless when it was closed."""
        self._closed = True
        self._blocks, self._held = [], 0
        self._close_file()

    def _close_file(self) -> None:
        """The number of its descriptor must not become another's while a thread has it."""
        if self._closed and not self._at_work and self._file is not None:
            self._file.close()
            self._file = None

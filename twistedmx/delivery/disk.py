"""The system calls of acceptance on a POSIX system: the real `ports.Disk`, for the server's own files.

Here is what is done with an open file, whoever owns it; what takes a path is in `paths`. Called from one thread at a time.
Does not know what a Maildir or a message is.
"""

import contextlib
import ctypes
import errno
import os
from collections.abc import Sequence

from twistedmx.delivery.paths import Paths
from twistedmx.ports import Disk, File

_NO_COPY_RANGE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})
_MOST_BLOCKS = 1024  # IOV_MAX of Linux, for one writev
_CHUNK = 262_144
_SYNC_FILE_RANGE_WRITE = 2

_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


class OpenFiles:
    """The part of `ports.Disk` that needs a descriptor and no rights."""

    def write(self, file: File, blocks: Sequence[bytes]) -> None:
        for start in range(0, len(blocks), _MOST_BLOCKS):
            some = blocks[start : start + _MOST_BLOCKS]
            written = os.writev(file.descriptor, some)
            if written != sum(map(len, some)):
                # A nearly full disk takes a part first and says ENOSPC to the rest.
                rest = memoryview(b"".join(some))[written:]
                while rest:
                    rest = rest[os.write(file.descriptor, rest) :]

    def copy(self, source: File, offset: int, target: File) -> None:
        end = os.fstat(source.descriptor).st_size
        try:
            while offset < end:
                copied = os.copy_file_range(source.descriptor, target.descriptor, end - offset, offset_src=offset)
                if not copied:
                    break  # some file systems say "nothing" when they mean "not so"
                offset += copied
        except OSError as error:
            if error.errno not in _NO_COPY_RANGE:
                raise
        while offset < end:
            block = os.pread(source.descriptor, min(_CHUNK, end - offset), offset)
            if not block:
                raise OSError(errno.EIO, "the first copy is shorter than it was")
            self.write(target, (block,))
            offset += len(block)

    def start_writeback(self, file: File) -> None:
        if _sync_file_range is not None:
            _sync_file_range(file.descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)

    def sync(self, file: File) -> None:
        # fdatasync(2) leaves out only what reading does not need: it flushes a changed size, and that the times of
        # the file may be older after a power cut hurts nobody.
        os.fdatasync(file.descriptor)

    def close(self, file: File) -> None:
        os.close(file.descriptor)


class PosixDisk(OpenFiles, Paths, Disk):
    """Both parts in one process. `now`: seconds since the epoch. `nameless`: False gives every file a name from the start."""

    def create(self, directory: str, name: str) -> File:
        descriptor, temporary = self.begin(directory, name)
        return File(descriptor=descriptor, temporary=temporary)

    def publish(self, file: File, path: str) -> None:
        self.give_name(file.descriptor, file.temporary, path)

    def discard(self, file: File) -> None:
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        if file.temporary:
            with contextlib.suppress(OSError):
                os.unlink(file.temporary)

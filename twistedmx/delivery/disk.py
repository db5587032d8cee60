"""The system calls of acceptance on a POSIX system: the real `ports.Disk`, for the server's own files.

Here is what is done with an open file, whoever owns it; what takes a path is in `paths`. Called from one thread at a time.
What is synced is synced for a whole batch at a time, and no more often than its file system needs (`filesystem`). Of a Maildir it
knows `tmp` and `new`; it does not know what a message is.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Mapping, Sequence

from twistedmx.delivery.aio import AT_A_TIME, Syncs, start_writeback, wait_for_writeback
from twistedmx.delivery.paths import Paths
from twistedmx.ports import Disk, File

_NO_COPY_RANGE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})
_MOST_BLOCKS = 1024  # IOV_MAX of Linux, for one writev
_CHUNK = 262_144


class OpenFiles:
    """The part of `ports.Disk` that needs a descriptor and no rights."""

    @property
    def syncs(self) -> Syncs:
        """What syncs many at a time."""
        raise NotImplementedError

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
        error = start_writeback(file.descriptor)
        if error is not None:
            raise error

    def sync(self, files: Sequence[File]) -> Sequence[OSError | None]:
        # A file system that keeps order has to be waited for, no more: the octets are as safe as the name, once that is synced.
        in_order = [file.descriptor for file in files if file.in_order]
        begun = dict.fromkeys(in_order) if len(in_order) < 2 else {each: start_writeback(each) for each in in_order}
        # fdatasync(2) leaves out only what reading does not need: it flushes a changed size, and that the times of
        # the file may be older after a power cut hurts nobody.
        synced = iter(self.syncs.sync([file.descriptor for file in files if not file.in_order], data_alone=True))
        return [
            (begun[file.descriptor] or wait_for_writeback(file.descriptor)) if file.in_order else next(synced)
            for file in files
        ]

    def sync_names(self, published: Sequence[tuple[File, str]]) -> Sequence[OSError | None]:
        files = [file.descriptor for file, _ in published if file.name_with_file]
        directories = {path.rpartition("/")[0]: None for file, path in published if not file.name_with_file}
        synced = iter(self.syncs.sync(files, data_alone=False))
        answers = self._sync_directories(list(directories)) if directories else {}
        return [next(synced) if file.name_with_file else answers[path.rpartition("/")[0]] for file, path in published]

    def _sync_directories(self, directories: Sequence[str]) -> Mapping[str, OSError | None]:
        raise NotImplementedError

    def close(self, file: File) -> None:
        os.close(file.descriptor)


class PosixDisk(OpenFiles, Paths, Disk):
    """Both parts in one process. `now`: seconds since the epoch. `nameless`: False gives every file a name from the start."""

    def __init__(self, *, now: Callable[[], float], nameless: bool = True) -> None:
        super().__init__(now=now, nameless=nameless)
        self._syncs = Syncs()

    @property
    def syncs(self) -> Syncs:
        return self._syncs

    def create(self, maildir: str, name: str) -> File:
        descriptor, temporary, kept = self.begin(maildir, name)
        return File(
            descriptor=descriptor, temporary=temporary, name_with_file=kept.name_with_file, in_order=kept.in_order
        )

    def publish(self, file: File, path: str) -> None:
        self.give_name(file.descriptor, file.temporary, path)

    def _sync_directories(self, directories: Sequence[str]) -> Mapping[str, OSError | None]:
        answers: dict[str, OSError | None] = {}
        for start in range(0, len(directories), AT_A_TIME):
            opened: dict[str, int] = {}
            try:
                for directory in directories[start : start + AT_A_TIME]:
                    try:
                        opened[directory] = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
                    except OSError as error:
                        answers[directory] = error
                answers.update(zip(opened, self.syncs.sync(list(opened.values()), data_alone=False), strict=True))
            finally:
                for descriptor in opened.values():
                    os.close(descriptor)
        return answers

    def discard(self, file: File) -> None:
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        if file.temporary:
            with contextlib.suppress(OSError):
                os.unlink(file.temporary)

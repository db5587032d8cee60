"""The system calls of acceptance on a POSIX system: the real `ports.Disk`, for the server's own files.

Here is what is done with an open file, whoever owns it; what takes a path is in `paths`. Called from one thread at a time.
What is synced is synced for a whole batch at a time, and no more often than its file system needs (`filesystem`). Of a Maildir it
knows `tmp` and `new`; it does not know what a message is.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Sequence

from twistedmx.delivery.aio import Syncs, start_writeback, wait_for_writeback
from twistedmx.delivery.paths import Paths
from twistedmx.linux import copy_file_range, writev
from twistedmx.ports import Disk, File

_NO_COPY_RANGE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})
_MOST_BLOCKS = 1024  # IOV_MAX of Linux, for one writev
_CHUNK = 262_144


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


class OpenFiles:
    """The part of `ports.Disk` that needs a descriptor and no rights."""

    @property
    def syncs(self) -> Syncs:
        """What syncs many at a time."""
        raise NotImplementedError

    def write(self, file: File, blocks: Sequence[bytes]) -> None:
        for start in range(0, len(blocks), _MOST_BLOCKS):
            some = blocks[start : start + _MOST_BLOCKS]
            written = writev(file.descriptor, some)
            if written != sum(map(len, some)):
                # A nearly full disk takes a part first and says ENOSPC to the rest.
                rest = memoryview(b"".join(some))[written:]
                while rest:
                    rest = rest[os.write(file.descriptor, rest) :]

    def copy(self, source: File, offset: int, target: File) -> None:
        end = os.fstat(source.descriptor).st_size
        try:
            while offset < end:
                copied = copy_file_range(source.descriptor, target.descriptor, end - offset, offset_src=offset)
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

    def sync(
        self, files: Sequence[File], published: Sequence[tuple[File, str]]
    ) -> tuple[Sequence[OSError | None], Sequence[OSError | None]]:
        # A file system that keeps order has to be waited for, no more: the octets are as safe as the name, once that is synced.
        in_order = [file.descriptor for file in files if file.in_order]
        begun = dict.fromkeys(in_order) if len(in_order) < 2 else {each: start_writeback(each) for each in in_order}
        waited: dict[int, OSError | None] = {}

        def wait() -> None:
            waited.update({each: error or wait_for_writeback(each) for each, error in begun.items()})

        opened, answers = self._open_directories(
            list({_directory(path): None for file, path in published if not file.name_with_file})
        )
        try:
            # fdatasync(2) leaves out only what reading does not need: it flushes a changed size, and that the times of
            # the file may be older after a power cut hurts nobody.
            asked = [(file.descriptor, True) for file in files if not file.in_order]
            asked += [(file.descriptor, False) for file, _ in published if file.name_with_file]
            asked += [(descriptor, False) for descriptor in opened.values()]
            synced = iter(self.syncs.sync(asked, wait))
        finally:
            for descriptor in opened.values():
                os.close(descriptor)
        of_files = [waited[file.descriptor] if file.in_order else next(synced) for file in files]
        of_names = [next(synced) if file.name_with_file else None for file, _ in published]
        answers.update(zip(opened, synced, strict=True))
        if answers:
            of_names = [
                answer if file.name_with_file else answers[_directory(path)]
                for answer, (file, path) in zip(of_names, published, strict=True)
            ]
        return of_files, of_names

    def _open_directories(self, directories: Sequence[str]) -> tuple[dict[str, int], dict[str, OSError | None]]:
        """Descriptors of those that can be synced as files are; what came of the others."""
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

    def _open_directories(self, directories: Sequence[str]) -> tuple[dict[str, int], dict[str, OSError | None]]:
        opened: dict[str, int] = {}
        answers: dict[str, OSError | None] = {}
        for directory in directories:
            try:
                opened[directory] = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                answers[directory] = error
        return opened, answers

    def discard(self, file: File) -> None:
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        if file.temporary:
            with contextlib.suppress(OSError):
                os.unlink(file.temporary)

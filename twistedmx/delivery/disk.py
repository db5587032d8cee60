"""The system calls of acceptance on a POSIX system: the real `ports.Disk`.

A file is written without a name (O_TMPFILE) and linked into place through /proc/self/fd where that is known to survive
a power cut, else it has a name in `tmp` and is moved. Called from one thread at a time. Does not know what a Maildir
or a message is.

BUGS: on ext4 without a journal a file system check may throw away a file that was linked late. A directory on which a
file system of another kind is mounted while we run keeps the way of writing that was chosen for it. The first message
on a file system that makes files without a name but then refuses to link them fails; the next ones have names.
"""

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence

from twistedmx.ports import Disk, File

# Making a nameless file: EOPNOTSUPP from the file system, EISDIR from a kernel that does not know the flag, EINVAL from
# some network file systems.
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NO_COPY_RANGE = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY})

# statfs(2) f_type. On others O_TMPFILE may work too, but does a sync before the link keep the octets? btrfs keeps no log
# of a file while it has no name, and a later sync of its directory logs the file's existence alone: it may come back
# empty. ext2 to ext4, XFS and tmpfs (which keeps nothing) are all a mail server usually meets.
_NAMELESS_IS_SAFE = frozenset({0xEF53, 0x58465342, 0x01021994})

_PROC = "/proc/self/fd"
_REMEMBERED = 4096  # directories; ours is some 200 octets each
_MOST_BLOCKS = 1024  # IOV_MAX of Linux, for one writev
_CHUNK = 262_144
_SYNC_FILE_RANGE_WRITE = 2

_libc = ctypes.CDLL(None)
_sync_file_range = getattr(_libc, "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
_statfs = getattr(_libc, "statfs", None) if sys.platform == "linux" else None


def _kind(path: str) -> int:
    """The statfs type of the file system of `path`, or 0 where the system does not tell."""
    answer = (ctypes.c_long * 64)()  # more than struct statfs is anywhere; its first word is the type
    if _statfs is None or _statfs(os.fsencode(path), answer) != 0:
        return 0
    return int(answer[0]) & 0xFFFFFFFF


class PosixDisk(Disk):
    """`now`: seconds since the epoch, as file times are. `nameless`: False gives every file a name from the start."""

    def __init__(self, *, now: Callable[[], float], nameless: bool = True) -> None:
        self._now = now
        self._may_be_nameless = nameless
        self._nameless: dict[str, bool] = {}  # by directory, so that the common case asks the system nothing
        self._refusing: set[int] = set()  # devices that made a nameless file and would not link it

    def make_directories(self, path: str) -> None:
        missing = []
        while path and not os.path.isdir(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            try:
                os.mkdir(directory, 0o700)
            except FileExistsError:
                if not os.path.isdir(directory):
                    raise
            try:
                self.sync_directory(os.path.dirname(directory))
            except OSError:
                # Left there, it would pass for a safe one the next time.
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
                raise

    def create(self, directory: str, name: str) -> File:
        nameless = self._nameless.get(directory)
        if nameless is None:
            nameless = self._choose(directory)
        if nameless:
            try:
                descriptor = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
                self._nameless[directory] = False
            else:
                return File(descriptor=descriptor, temporary="")
        path = f"{directory}/{name}"
        return File(descriptor=os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), temporary=path)

    def _choose(self, directory: str) -> bool:
        """May files of `directory` begin without a name? Raises FileNotFoundError if it is missing."""
        device = os.stat(directory).st_dev
        nameless = (
            self._may_be_nameless
            and hasattr(os, "O_TMPFILE")
            and device not in self._refusing
            and os.path.isdir(_PROC)
            and _kind(directory) in _NAMELESS_IS_SAFE
        )
        if len(self._nameless) >= _REMEMBERED:
            self._nameless.clear()
        self._nameless[directory] = nameless
        return nameless

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

    def publish(self, file: File, path: str) -> None:
        if not file.temporary:
            self._link_nameless(file, path)
            return
        try:
            os.link(file.temporary, path)
        except OSError as error:
            if os.fstat(file.descriptor).st_nlink == 2:
                pass  # done, but NFS lost the answer and asked again
            elif error.errno in _NO_LINKS:
                # rename would replace; with 64 random bits in the name nobody comes in between.
                if os.path.lexists(path):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
                os.rename(file.temporary, path)
                return
            else:
                raise
        # It is published: a name left in tmp is swept some day, and is no reason to fail.
        with contextlib.suppress(OSError):
            os.unlink(file.temporary)

    def _link_nameless(self, file: File, path: str) -> None:
        try:
            # Given a dst_dir_fd, Python calls linkat, which follows the link in /proc; link would say EXDEV. The kernel
            # does not look at the descriptor, for `path` is absolute.
            os.link(f"{_PROC}/{file.descriptor}", path, dst_dir_fd=file.descriptor, follow_symlinks=True)
        except OSError as error:
            if error.errno in _NO_LINKS or error.errno == errno.EXDEV:
                self._refusing.add(os.fstat(file.descriptor).st_dev)
                self._nameless.clear()
            elif error.errno == errno.ENOENT:
                self._nameless.clear()  # is it /proc that went away? Look again.
            raise

    def sync_directory(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, file: File) -> None:
        os.close(file.descriptor)

    def discard(self, file: File) -> None:
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        if file.temporary:
            with contextlib.suppress(OSError):
                os.unlink(file.temporary)

    def remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        touched_before = self._now() - older_than
        stale = []
        with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
            for entry in entries:
                # One that cannot be looked at, or went away meanwhile, is not ours to judge.
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and max(status.st_atime, status.st_mtime) < touched_before:
                        stale.append(entry.path)
        return stale

    def free_octets(self, path: str) -> int:
        while True:
            try:
                status = os.statvfs(path)
            except (FileNotFoundError, NotADirectoryError):
                if path in ("/", ""):
                    raise
                path = os.path.dirname(path)
            else:
                return status.f_bavail * status.f_frsize

"""The system calls of a POSIX disk that need the rights of a directory's owner: whatever takes a path.

The server makes them for its own files (`disk`), the agent for those of other users (`agent`); so this imports the
standard library alone, `linux` and `filesystem`, which do the same. A file begins without a name (O_TMPFILE) and is linked into
place through /proc/self/fd where that is known to survive a power cut, else it has a name in `tmp` and is moved. Paths are
absolute; all raise OSError.

BUGS: on ext2 a file system check may throw away a file that was linked late. A Maildir on which a file system of another kind
is mounted while we run keeps the way of writing that was chosen for it. The first message
on a file system that makes files without a name but then refuses to link them fails; the next ones have names.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence

from twistedmx.delivery.filesystem import POSIX, Kept, kept_by
from twistedmx.linux import O_TMPFILE, link

# Making a nameless file: EOPNOTSUPP from the file system, EISDIR from a kernel that does not know the flag, EINVAL from
# some network file systems.
_NO_NAMELESS = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

_PROC = "/proc/self/fd"
_REMEMBERED = 4096  # Maildirs; some 200 octets each
_DEVICES = 256  # file systems


def _is_stale(status: os.stat_result, touched_before: float) -> bool:
    return stat.S_ISREG(status.st_mode) and max(status.st_atime, status.st_mtime) < touched_before


class Paths:
    """`now`: seconds since the epoch, as file times are. `nameless`: False gives every file a name from the start."""

    def __init__(self, *, now: Callable[[], float], nameless: bool = True) -> None:
        self._now = now
        self._may_be_nameless = nameless
        self._kept: dict[str, Kept] = {}  # by Maildir, so that the common case asks the system nothing
        self._devices: dict[int, Kept] = {}
        self._refusing: set[int] = set()  # devices that made a nameless file and would not link it

    def look(self, path: str) -> None:
        """Raises OSError where there is nothing, or we may not look."""
        os.stat(path)

    def make_directories(self, path: str, folders: Sequence[str] = ()) -> Sequence[str]:
        """As `ports.Disk` says."""
        wanted = [path, *(f"{path}/{folder}" for folder in folders)]
        while (above := os.path.dirname(wanted[0])) and not os.path.isdir(above):
            wanted.insert(0, above)
        missing = [directory for directory in wanted if not os.path.isdir(directory)]
        made = []
        # Once all are there: each sync waits for the disk.
        synced = list(dict.fromkeys(map(os.path.dirname, missing)))
        try:
            for directory in missing:
                try:
                    os.mkdir(directory, 0o700)
                    made.append(directory)
                except FileExistsError:
                    if not os.path.isdir(directory):
                        raise
            for directory in synced:
                self.sync_directory(directory)
        except OSError:
            # Left there, they would pass for safe ones the next time.
            for directory in reversed(made):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
            raise
        return synced

    def begin(self, maildir: str, name: str) -> tuple[int, str, Kept]:
        """Descriptor and temporary path of a new file: `create` of `ports.Disk`; and what its file system keeps."""
        kept = self._kept.get(maildir)
        if kept is None:
            kept = self._look_up(maildir)
        if kept.nameless:
            try:
                # In the directory that it will be linked into: its inode lies beside those, one directory is touched, not two,
                # and whichever one ext4 takes for its parent when it is synced, it is this.
                return os.open(f"{maildir}/new", O_TMPFILE | os.O_RDWR, 0o600), "", kept
            except OSError as error:
                if error.errno not in _NO_NAMELESS:
                    raise
                self._kept[maildir] = kept = POSIX
        path = f"{maildir}/tmp/{name}"  # noqa: S108  # of a Maildir
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), path, kept

    def _look_up(self, maildir: str) -> Kept:
        """What is known of its file system. Raises FileNotFoundError if it is missing."""
        device = os.stat(f"{maildir}/new").st_dev
        kept = POSIX
        if self._may_be_nameless and device not in self._refusing and os.path.isdir(_PROC):
            kept = self._devices.get(device) or kept_by(device)
            if len(self._devices) >= _DEVICES:
                self._devices.clear()
            self._devices[device] = kept
        # A file with a name from the start has had two before it is safe: for it the table does not speak.
        kept = kept if kept.nameless else POSIX
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[maildir] = kept
        return kept

    def give_name(self, descriptor: int, temporary: str, path: str) -> None:
        """Give an open file its name: `publish` of `ports.Disk`. `temporary`: the path it has, "" for none."""
        if not temporary:
            self._link_nameless(descriptor, path)
            return
        try:
            os.link(temporary, path)
        except OSError as error:
            if os.fstat(descriptor).st_nlink == 2:
                pass  # done, but NFS lost the answer and asked again
            elif error.errno in _NO_LINKS:
                # rename would replace; with 64 random bits in the name nobody comes in between.
                if os.path.lexists(path):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
                os.rename(temporary, path)
                return
            else:
                raise
        # It is published: a name left in tmp is swept some day, and is no reason to fail.
        with contextlib.suppress(OSError):
            os.unlink(temporary)

    def _link_nameless(self, descriptor: int, path: str) -> None:
        try:
            link(f"{_PROC}/{descriptor}", path)
        except OSError as error:
            if error.errno in _NO_LINKS or error.errno == errno.EXDEV:
                self._refusing.add(os.fstat(descriptor).st_dev)
                self._kept.clear()
            elif error.errno == errno.ENOENT:
                self._kept.clear()  # is it /proc that went away? Look again.
            raise

    def sync_directory(self, path: str) -> None:
        """As `ports.Disk` says."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        """As `ports.Disk` says."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        """As `ports.Disk` says."""
        touched_before = self._now() - older_than
        stale = []
        with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
            for entry in entries:
                # One that cannot be looked at, or went away meanwhile, is not ours to judge.
                with contextlib.suppress(OSError):
                    if _is_stale(entry.stat(follow_symlinks=False), touched_before):
                        stale.append(entry.path)
        return stale

    def is_stale(self, path: str, older_than: float) -> bool:
        """Would `list_stale` name it?"""
        try:
            return _is_stale(os.lstat(path), self._now() - older_than)
        except FileNotFoundError:
            return False

    def free_octets(self, path: str) -> int:
        """As `ports.Disk` says."""
        while True:
            try:
                status = os.statvfs(path)
            except (FileNotFoundError, NotADirectoryError):
                if path in ("/", ""):
                    raise
                path = os.path.dirname(path)
            else:
                return status.f_bavail * status.f_frsize

    def add_to_maildirsize(self, maildir: str, octets: int) -> bool:
        """Add a message of so many octets to the Maildir's `maildirsize`. False if it has none.

        One write with O_APPEND, as the Maildir++ page has it: others add to it at the same moment.
        """
        try:
            # A symbolic link is not followed, and a FIFO without a reader makes nobody wait.
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(f"{maildir}/maildirsize", flags)
        except FileNotFoundError:
            return False
        try:
            os.write(descriptor, b"%d 1\n" % octets)
        finally:
            os.close(descriptor)
        return True

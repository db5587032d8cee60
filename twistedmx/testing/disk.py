"""A disk in memory that knows what a power cut takes.

`FakeDisk` keeps everything twice: as the processes see it, and as it would be found after a power cut. It fails when it is
told to, and writes down what was asked of it. `as_seen_by` is the same disk in the hands of another user. It passes
`twistedmx.testing.disk_suite`, as the real one does.

BUGS: of permissions it has only the owner; it has no links and no limit of space. After a power cut all that was not
synced is lost, or all of it was written in time, names and octets apart; a real disk may also keep one file and lose
another. Where it syncs many it does so one after the other, so that a test can stand between them.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from errno import EACCES, EBADF, EEXIST, ENOENT, ENOTDIR
from functools import partial
from itertools import count, zip_longest
from os import strerror

import attrs

from twistedmx.delivery.filesystem import POSIX, Kept
from twistedmx.ports import Disk, File


class PowerCut(BaseException):
    """Raised by every call on a FakeDisk from the one on which its power went."""


@attrs.define(eq=False)
class _Octets:
    """What one file holds: as seen, as synced, as waited for, and what no name of it comes without."""

    owner: str = ""
    seen: bytearray = attrs.Factory(bytearray)
    safe: bytes = b""
    waited: bytes = b""
    with_name: bytes = b""
    touched: float = 0.0


@attrs.define(eq=False)
class _Orders:
    """What is to go wrong, by the index of the call."""

    failing: dict[int, tuple[int, bool]] = attrs.Factory(dict)
    broken: tuple[int, int] | None = None
    cut_at: int | None = None


# A directory is None.
_Names = dict[str, _Octets | None]


def _error(number: int, path: str = "") -> OSError:
    return OSError(number, strerror(number), path or None)


def _answer(call: Callable[[], None]) -> OSError | None:
    """What it raised, if it is the disk that says so."""
    try:
        call()
    except OSError as error:
        return error
    return None


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


class FakeDisk(Disk):
    """`now`: seconds since the epoch. `nameless`: files begin without a name, as with O_TMPFILE. `kept`: what it keeps of these.

    `calls`: what was asked, each a tuple of the method's name and the path, if it has one. `before_call`: called with
    the name of the method before anything is done; what it raises the caller gets.
    """

    def __init__(self, *, now: Callable[[], float] = lambda: 0.0, nameless: bool = True, kept: Kept = POSIX) -> None:
        self._now = now
        self._nameless = nameless
        self._kept = kept if nameless else POSIX
        self._seen: _Names = {"/": None}
        self._safe: _Names = {"/": None}
        self._owners: dict[str, str] = {}  # of directories; "" is the server, and of "/" it is everybody
        self._open: dict[int, _Octets] = {}
        self._descriptors = count(1)
        self._orders = _Orders()
        self.free = 1 << 40
        self.calls: list[tuple[str, ...]] = []
        self.before_call: Callable[[str], None] = lambda method: None
        self.user = ""

    def as_seen_by(self, user: str) -> "FakeDisk":
        """The same disk in the hands of a system user: what each makes is its own, and the other may not touch it.

        The same power and the same `calls`, too. A file that is open may be written whoever opened it.
        """
        seen = copy(self)
        seen.user = user
        return seen

    # What a test does to it.

    def fail(self, call: int, number: int, *, done: bool = False) -> None:
        """The call of this index (as in `calls`) raises OSError(`number`), before it did anything or after it did all."""
        self._orders.failing[call] = (number, done)

    def fail_from(self, call: int, number: int) -> None:
        """From this index on, every call that writes raises: the disk is full, or went read-only."""
        self._orders.broken = (call, number)

    def cut_at(self, call: int) -> None:
        """At this index the power goes: PowerCut is raised, then and for ever."""
        self._orders.cut_at = call

    def power_cut(self, *, names: bool, octets: bool) -> "FakeDisk":
        """The disk as it is found afterwards. `names`, `octets`: whether those not synced were written in time."""
        found = FakeDisk(now=self._now, nameless=self._nameless)
        kept = self._seen if names else self._safe
        for path in sorted(kept):
            file = kept[path]
            if path != "/" and _parent(path) not in found._seen:
                continue  # a name in a directory that is lost is lost
            if file is not None:
                left = file.seen if octets else max(file.safe, file.with_name, key=len)
                file = _Octets(owner=file.owner, seen=bytearray(left), safe=bytes(left), touched=file.touched)
            else:
                found._owners[path] = self._owners.get(path, "")
            found._seen[path] = found._safe[path] = file
        return found

    # What a test reads of it.

    @property
    def open_files(self) -> int:
        """Descriptors not given back."""
        return len(self._open)

    def names(self, directory: str) -> list[str]:
        """The names in a directory, sorted. A missing one has none."""
        return sorted(path.rpartition("/")[2] for path in self._seen if path != "/" and _parent(path) == directory)

    def read(self, path: str) -> bytes:
        """All octets of the file. Raises FileNotFoundError."""
        file = self._seen.get(path)
        if file is None:
            raise _error(ENOENT, path)
        return bytes(file.seen)

    def owner(self, path: str) -> str:
        """Whose file it is."""
        file = self._seen.get(path)
        if file is None:
            raise _error(ENOENT, path)
        return file.owner

    def put(self, path: str, octets: bytes) -> None:
        """Somebody else makes a file, in a directory that is there."""
        self._check_directory(_parent(path))
        self._seen[path] = _Octets(owner=self.user, seen=bytearray(octets), safe=octets, touched=self._now())

    def remove_tree(self, path: str) -> None:
        """Somebody takes a directory away, with all that is in it."""
        for name in [name for name in self._seen if name == path or name.startswith(path + "/")]:
            del self._seen[name]

    # The port.

    def _call(self, method: str, path: str = "", *, writes: bool = True) -> Callable[[], None]:
        """Write the call down. Raises what was ordered; what is returned raises what was ordered for afterwards."""
        index = len(self.calls)
        if self._orders.cut_at is not None and index >= self._orders.cut_at:
            raise PowerCut
        self.calls.append((method, path) if path else (method,))
        self.before_call(method)
        if writes and self._orders.broken is not None and index >= self._orders.broken[0]:
            raise _error(self._orders.broken[1], path)
        number, done = self._orders.failing.get(index, (0, False))
        if number and not done:
            raise _error(number, path)

        def afterwards() -> None:
            if number:
                raise _error(number, path)

        return afterwards

    def _file(self, file: File) -> _Octets:
        if file.descriptor not in self._open:
            raise _error(EBADF)
        return self._open[file.descriptor]

    def _check_directory(self, path: str) -> None:
        if path not in self._seen:
            raise _error(ENOENT, path)
        if self._seen[path] is not None:
            raise _error(ENOTDIR, path)

    def _check_ours(self, path: str) -> None:
        """May this user change the names in the directory?"""
        self._check_directory(path)
        if self._owners.get(path, self.user) != self.user:
            raise _error(EACCES, path)

    def make_directories(self, path: str, folders: Sequence[str] = ()) -> Sequence[str]:
        done = self._call("make_directories", path)
        parts = path.strip("/").split("/")
        above = ["/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))]
        for directory in (*above, *(f"{path}/{folder}" for folder in folders)):
            if directory not in self._seen:
                self._check_ours(_parent(directory))
                self._seen[directory] = self._safe[directory] = None
                # What stands in "/" stands for /home or /srv/mail: everybody may have a folder in it.
                if _parent(directory) != "/":
                    self._owners[directory] = self.user
            self._check_directory(directory)
        done()
        return ()

    def create(self, maildir: str, name: str) -> File:
        directory = f"{maildir}/{'new' if self._nameless else 'tmp'}"
        done = self._call("create", directory)
        self._check_ours(directory)
        path = "" if self._nameless else f"{directory}/{name}"
        if path in self._seen:
            raise _error(EEXIST, path)
        done()  # open gives a descriptor, or makes nothing
        octets = _Octets(owner=self.user, touched=self._now())
        if path:
            self._seen[path] = octets
        descriptor = next(self._descriptors)
        self._open[descriptor] = octets
        return File(descriptor=descriptor, temporary=path)

    def write(self, file: File, blocks: Sequence[bytes]) -> None:
        octets = self._file(file)
        done = self._call("write", file.temporary)
        octets.seen += b"".join(blocks)
        octets.touched = self._now()
        done()

    def copy(self, source: File, offset: int, target: File) -> None:
        octets = self._file(target)
        done = self._call("copy", target.temporary)
        octets.seen += self._file(source).seen[offset:]
        octets.touched = self._now()
        done()

    def start_writeback(self, file: File) -> None:
        self._file(file)
        self._call("start_writeback", file.temporary)()

    def sync(
        self, files: Sequence[File], published: Sequence[tuple[File, str]]
    ) -> tuple[Sequence[OSError | None], Sequence[OSError | None]]:
        keys = [path if self._kept.name_with_file else _parent(path) for _, path in published]
        octets = [partial(self._sync, file) for file in files]
        names = {key: partial(self._sync_name, *each) for key, each in zip(keys, published, strict=True)}
        # By turns: where the power goes in between, some of both are done.
        answers = {call: _answer(call) for pair in zip_longest(octets, names.values()) for call in pair if call}
        return [answers[call] for call in octets], [answers[names[key]] for key in keys]

    def _sync(self, file: File) -> None:
        octets = self._file(file)
        done = self._call("sync", file.temporary)
        octets.waited = bytes(octets.seen)
        if not self._kept.in_order:
            octets.safe = octets.waited
        done()

    def _sync_name(self, file: File, path: str) -> None:
        if not self._kept.name_with_file:
            return self.sync_directory(_parent(path))
        octets = self._file(file)
        done = self._call("sync_name", path)
        octets.safe = bytes(octets.seen)
        if self._seen.get(path) is octets:
            self._safe[path] = octets
        return done()

    def publish(self, file: File, path: str) -> None:
        octets = self._file(file)
        done = self._call("publish", path)
        self._check_ours(_parent(path))
        if octets.owner != self.user:
            raise _error(EACCES, path)
        if path in self._seen:
            raise _error(EEXIST, path)
        if file.temporary:
            if file.temporary not in self._seen:
                raise _error(ENOENT, path)
            del self._seen[file.temporary]
        self._seen[path] = octets
        octets.with_name = octets.waited if self._kept.in_order else b""
        done()

    def sync_directory(self, path: str) -> None:
        done = self._call("sync_directory", path)
        self._check_directory(path)
        for name in [name for name in self._safe if _parent(name) == path and name != "/" and name not in self._seen]:
            del self._safe[name]
        for name, file in self._seen.items():
            if name != "/" and _parent(name) == path:
                self._safe[name] = file
        done()

    def close(self, file: File) -> None:
        self._file(file)
        del self._open[file.descriptor]  # Linux gives it back whatever close(2) answers
        self._call("close", file.temporary, writes=False)()

    def discard(self, file: File) -> None:
        self._file(file)  # a descriptor closed twice is a fault of the caller, and not forgiven here
        with suppress(OSError):
            self._call("discard", file.temporary)
        del self._open[file.descriptor]
        if file.temporary in self._seen and self._owners.get(_parent(file.temporary), self.user) == self.user:
            del self._seen[file.temporary]

    def remove(self, path: str) -> None:
        done = self._call("remove", path)
        if path in self._seen:
            self._check_ours(_parent(path))
        self._seen.pop(path, None)
        done()

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        done = self._call("list_stale", directory, writes=False)
        before = self._now() - older_than
        found = [
            name
            for name, file in self._seen.items()
            if file is not None and _parent(name) == directory and file.touched < before
        ]
        done()
        return found

    def free_octets(self, path: str) -> int:
        self._call("free_octets", path, writes=False)()
        return self.free

    def add_to_maildirsize(self, maildir: str, octets: int) -> bool:
        """As `twistedmx.delivery.tally.KeepsMaildirsize` says."""
        done = self._call("add_to_maildirsize", maildir)
        file = self._seen.get(f"{maildir}/maildirsize")
        if file is not None:
            file.seen += b"%d 1\n" % octets
        done()
        return file is not None

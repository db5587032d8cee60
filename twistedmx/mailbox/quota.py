"""Is a Maildir over its Maildir++ quota? Its file `maildirsize` says, and is counted anew where it may be wrong.

Who delivers and who removes append what came and what went, so that the sum drifts: it is counted anew when it says that
the Maildir is full and was not counted in the last 15 minutes, or when it has become long. Not counted: the folder .Trash,
and messages that are marked as deleted (T). All of it as Courier describes it (README.maildirquota).

A Maildir without `maildirsize` has no quota, and neither has one whose file cannot be read or makes no sense: a quota is a
wish, and mail is not refused for a file that somebody broke. Symbolic links are not followed: a Maildir is its user's.

BUGS: a message of any size is let into a Maildir that is not full yet. What is delivered while all is counted may be
missing in the new file until the next time. A Maildir with more than 200,000 messages is not counted anew.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Final

import attrs

from twistedmx.model.maildirsize import LONGEST, MaildirSize, parse_maildirsize, size_line

FILE: Final = "maildirsize"
_COUNTED_FOR: Final = 900.0  # seconds
_READ: Final = 65_536  # octets
_MOST_MESSAGES: Final = 200_000
_NOT_COUNTED: Final = ".Trash"
_size = re.compile(r",S=([0-9]{1,18})(?=[,:]|\Z)").search


class _TooMany(Exception):
    """Counting it would take too long."""


def is_full(maildir: str, *, now: float) -> bool:
    """Does no further message fit? Blocks; for a thread. `now`: seconds since the epoch. Never raises OSError."""
    file = os.path.join(maildir, FILE)
    try:
        found, status = _read(file)
    except OSError:
        return False
    if found is None:
        return False
    may_be_wrong = found.is_full and (found.lines != 1 or not 0 <= now - status.st_mtime < _COUNTED_FOR)
    if not may_be_wrong and status.st_size <= LONGEST:
        return found.is_full
    try:
        counted = count(maildir, found)
    except (OSError, _TooMany):
        return found.is_full  # what the file says has to do
    with contextlib.suppress(OSError):  # it is counted, and that is enough for now
        _replace(maildir, counted, status)
    return counted.is_full


def count(maildir: str, size: MaildirSize) -> MaildirSize:
    """The quota of `size`, and what is there. Blocks. Raises OSError and _TooMany."""
    octets = messages = 0
    for message in _messages(maildir):
        if messages >= _MOST_MESSAGES:
            raise _TooMany
        octets += _octets(message)
        messages += 1
    return attrs.evolve(size, octets=octets, messages=messages, lines=1)


def _read(file: str) -> tuple[MaildirSize | None, os.stat_result]:
    # O_NONBLOCK: a pipe of that name holds up nobody.
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return parse_maildirsize(os.read(descriptor, _READ)), os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _replace(maildir: str, counted: MaildirSize, before: os.stat_result) -> None:
    """Write `counted`, unless somebody has written since `before`: his line would be lost. Raises OSError."""
    file, temporary = os.path.join(maildir, FILE), os.path.join(maildir, "tmp", FILE)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a counting that was cut off
    mode = before.st_mode & 0o777
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        os.write(descriptor, counted.quota + b"\n" + size_line(counted.octets, counted.messages))
    finally:
        os.close(descriptor)
    now = os.lstat(file)
    if (now.st_ino, now.st_size, now.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns):
        os.replace(temporary, file)
    else:
        os.unlink(temporary)


def _messages(maildir: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(maildir) as entries:
        folders = [
            entry.path
            for entry in entries
            if entry.name.startswith(".") and entry.name != _NOT_COUNTED and entry.is_dir(follow_symlinks=False)
        ]
    for folder in (maildir, *folders):
        for part in ("new", "cur"):
            try:
                found = os.scandir(os.path.join(folder, part))
            except (FileNotFoundError, NotADirectoryError):
                continue  # a folder that is being made, or no Maildir
            with found as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and not _is_deleted(entry.name):
                        yield entry


def _is_deleted(name: str) -> bool:
    return "T" in name.rpartition(":2,")[2] if ":2," in name else False


def _octets(entry: os.DirEntry[str]) -> int:
    size = _size(entry.name)
    if size is not None:
        return int(size[1])
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # read, moved or removed just now
        return 0

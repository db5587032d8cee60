"""The folders in a directory, listed in a thread: which there are, under the names by which they are looked for.

A directory whose mtime did not change is not read again; one that changed just before it was read is, because what changed
within the same tick of its file system's clock does not show (NFS, HFS+ and FAT have ticks of 1 or 2 seconds).

BUGS: a link whose target is taken away stays a folder until something changes in the directory.
"""

import os
from collections.abc import Callable, Mapping
from typing import Final

import attrs

_TICK: Final = 2.5  # seconds
# Made by mkfs at the root of a file system, and a valid local part.
_NO_MAILBOX: Final = frozenset({"lost+found"})


@attrs.frozen(kw_only=True)
class Folders:
    """`names`: on disk, by the key that is looked for; "" for a link that leads nowhere, and for what the disk does not tell.
    `fault`: why they are not known, "" if they are. `version`: of the directory; () when it is to be read again in any case."""

    names: Mapping[bytes, str]
    fault: str = ""
    version: tuple[int, ...] = ()


def list_folders(directory: str, key_of: Callable[[str], bytes | None], before: Folders | None, now: float) -> Folders:
    """What is in `directory`, links to directories included. `key_of`: under which key it is looked for, None for not.

    `now`: seconds since the epoch. Raises OSError.
    """
    status = os.stat(directory)
    version = (status.st_mtime_ns, status.st_ino, status.st_dev)
    if before is not None and before.version == version:
        return before
    names: dict[bytes, str] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            key = None if entry.name in _NO_MAILBOX else key_of(entry.name)
            if key is None:
                continue
            name = folder_name(entry)
            # Of several that differ in case alone the one that is written as its key, or else the first by name.
            if name is not None and (key not in names or _rank(name, key) < _rank(names[key], key)):
                names[key] = name
    settled = status.st_mtime + _TICK < now and "" not in names.values()
    return Folders(names=names, version=version if settled else ())


def folder_name(entry: os.DirEntry[str]) -> str | None:
    """None for what is no folder, "" where that cannot be told: a link that leads nowhere, a disk that does not answer."""
    try:
        if entry.is_dir():
            return entry.name
        if entry.is_symlink():
            entry.stat()
    except OSError:
        return ""
    return None


def _rank(name: str, key: bytes) -> tuple[bool, bool, str]:
    return not name, os.fsencode(name) != key, name

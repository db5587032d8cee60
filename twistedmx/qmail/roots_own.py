"""What root believes in whose name to deliver: files that nobody but root can change.

Whoever can write users/cdb, or a folder above it, would make root run his programs as anybody. qmail-lspawn believes it whatever
it is; there, /var/qmail/users is root's by how qmail is installed.
"""

import os
import stat
from typing import Final

from twistedmx.qmail.doubt import CouldNotTell, unreadable

_NAMES: Final = ("cdb", "assign")


def check_roots_own(home: str) -> None:
    """Of `home`, the folder of qmail: users/cdb and users/assign, as far as they are there, and the folders they are in. Raises
    CouldNotTell for one that others can change, and where it cannot be seen."""
    users = os.path.join(home, "users")
    files = [os.path.realpath(os.path.join(users, name)) for name in _NAMES]
    for path in dict.fromkeys((home, users, *map(os.path.dirname, files), *files)):
        _check(path)


def _check(path: str) -> None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(path, error) from error
    others = stat.S_IWOTH | (stat.S_IWGRP if status.st_gid else 0)
    if status.st_uid:
        raise CouldNotTell(
            path, f"belongs to uid {status.st_uid}, who could have mail delivered as anybody", f"chown root {path}"
        )
    if status.st_mode & others:
        raise CouldNotTell(
            path, "can be changed by others than root, who could have mail delivered as anybody", f"chmod go-w {path}"
        )

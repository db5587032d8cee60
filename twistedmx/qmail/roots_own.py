"""What root believes in whose name to deliver: files that nobody but root can change.

Whoever can write users/cdb, or a folder above it, would make root run his programs as anybody. qmail-lspawn believes it whatever
it is; there, /var/qmail/users is root's by how qmail is installed.
"""

import os
import stat
from collections.abc import Iterator
from typing import Final

from twistedmx.qmail.doubt import CouldNotTell, unreadable

_NAMES: Final = ("cdb", "assign")
_MOST_LINKS: Final = 40  # as the kernel follows (path_resolution(7))


def check_roots_own(home: str) -> None:
    """Of `home`, the folder of qmail: users/cdb and users/assign, as far as they are there, and every folder and symbolic link on
    the way to them, from / on. Raises CouldNotTell for the first that others can change, and where that cannot be seen."""
    users = os.path.join(os.path.abspath(home), "users")
    seen: set[str] = set()
    for name in _NAMES:
        _check_way(os.path.join(users, name), seen)


def _check_way(path: str, seen: set[str]) -> None:
    """`seen`: what is known to be good."""
    open_to_all = ""  # a folder in which everybody may make things, and take away his own alone, as /tmp
    for step in _way(path):
        try:
            status = os.lstat(step)
        except (FileNotFoundError, NotADirectoryError):
            if open_to_all:
                raise _changed(open_to_all, f"chmod go-w {open_to_all}") from None
            return
        except OSError as error:
            raise unreadable(step, error) from error
        open_to_all = step if status.st_mode & stat.S_ISVTX and _is_open(status) else ""
        if step in seen:
            continue
        if status.st_uid:
            remedy = f"chown {'-h ' * stat.S_ISLNK(status.st_mode)}root {step}"
            words = f"belongs to uid {status.st_uid}, who could have mail delivered as anybody"
            raise CouldNotTell(step, words, remedy)
        if _is_open(status) and not open_to_all:
            raise _changed(step, f"chmod go-w {step}")
        seen.add(step)


def _is_open(status: os.stat_result) -> bool:
    """To others than root. Of a link nobody obeys the mode."""
    others = stat.S_IWOTH | (stat.S_IWGRP if status.st_gid else 0)
    return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & others)


def _changed(path: str, remedy: str) -> CouldNotTell:
    return CouldNotTell(path, "can be changed by others than root, who could have mail delivered as anybody", remedy)


def _way(path: str) -> Iterator[str]:
    """Each folder and each link that the kernel comes by, and what stands at the end. Raises CouldNotTell."""
    at, links = "/", 0
    yield at
    parts = path.split("/")[::-1]
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            at = os.path.dirname(at)
            continue
        step = os.path.join(at, part)
        yield step
        try:
            target = os.readlink(step)
        except OSError:  # no link
            at = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise CouldNotTell(path, "is behind symbolic links that lead nowhere", f"have {step} name where it is")
        parts += target.split("/")[::-1]
        at = "/" if target.startswith("/") else at

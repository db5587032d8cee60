"""What a look at a qmail host finds wrong: which file, what was found, what to do; and who must be able to read it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Finding:
    """`is_fault`: mail is refused or let through that should not be; else it may be meant, or does harm one day. `file`: or what
    else it is about."""

    is_fault: bool
    file: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.found}; {self.remedy}"


def fault(file: str, found: str, remedy: str) -> Finding:
    return Finding(is_fault=True, file=file, found=found, remedy=remedy)


def warning(file: str, found: str, remedy: str) -> Finding:
    return Finding(is_fault=False, file=file, found=found, remedy=remedy)


@attrs.frozen(kw_only=True)
class Reader:
    """Whom the server runs as. `groups`: ids of all of them.

    BUGS: permissions are judged by owner, group and others; access control lists are not seen.
    """

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, bits: int) -> bool:
        """`bits`: as they are for others, S_IROTH."""
        if self.uid == 0:
            return True
        if status.st_uid == self.uid:
            bits <<= 6
        elif status.st_gid in self.groups:
            bits <<= 3
        return status.st_mode & bits == bits

    def stopped_at(self, path: str, bits: int = stat.S_IROTH) -> str:
        """The first folder that may not be entered, or the file itself where `bits` are not there for the reader; "" where
        it may be read, and where it is missing. Where we who ask may not look, it is the file."""
        try:
            whole = os.path.realpath(path)
            for folder in reversed(Path(whole).parents):
                if not self.may(os.stat(folder), stat.S_IXOTH):
                    return str(folder)
            status = os.stat(whole)
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):  # ValueError: a NUL in it
            return path
        needs = bits | (stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else 0)
        return "" if self.may(status, needs) else whole

    def __str__(self) -> str:
        return f"{self.name} (uid {self.uid})" if self.name else f"uid {self.uid}"


def not_readable(path: str, reader: Reader, harm: str) -> Iterator[Finding]:
    """`harm`: what comes of it, as the end of a sentence."""
    closed = reader.stopped_at(path)
    if closed:
        where = "" if closed == os.path.realpath(path) else f" for {closed} is closed to it,"
        found = f"cannot be read by {reader},{where} {harm}"
        yield fault(path, found, f"let it in by a group of {reader}: chgrp it, and chmod g+rX {closed}")


def not_a_program(path: str, reader: Reader, harm: str) -> Iterator[Finding]:
    """A program that is missing or may not be run."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        yield fault(path, f"{why}: {harm}", "install it there, or name another")
        return
    if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111:
        yield fault(path, f"is no program: {harm}", "name another, or chmod +x it")
    elif reader.stopped_at(path, stat.S_IXOTH):
        yield fault(path, f"may not be run by {reader}: {harm}", f"let {reader} run it")


def is_older(made: str, source: str) -> bool | None:
    """Whether `made` of `source` is older than it; None where one of them is missing."""
    try:
        return os.stat(made).st_mtime_ns < os.stat(source).st_mtime_ns
    except OSError:
        return None

"""Append a message to an mbox, as qmail-local.c and mbox(5) do: lock, "From " line, ">From ", a blank line at the end, fsync.

When `append` returns, the message would survive a power cut. After a fault the mbox has its old length again, where it could be
locked; where the file system has no locks nothing is cut off, for it may be another's.

BUGS: a power cut in the middle leaves part of a message. Whoever may read the mbox can keep it locked.
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

LOCKED_FOR: Final = 30  # seconds of waiting for the lock, as in qmail-local.c
_TRIES_PER_SECOND: Final = 10
_PIECE: Final = 65_536  # octets


class Locked(Exception):
    """Somebody else has locked it for all the time that we wait."""


def append(path: bytes, first: bytes, message: BinaryIO, wait: Callable[[float], object]) -> None:
    """`first`: "From " line and header lines above the message. `wait`: lets so many seconds pass.

    Raises Locked, OSError.
    """
    # A pipe without a reader holds up nobody.
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no ordinary file", path)
        locked = _lock(descriptor, wait)
        length = os.fstat(descriptor).st_size
        try:
            with open(descriptor, "ab", buffering=_PIECE, closefd=False) as mbox:
                mbox.write(first)
                for piece in quoted(message):
                    mbox.write(piece)
                mbox.write(b"\n")
            os.fsync(descriptor)
            if not length:
                _sync_directory(os.path.dirname(path) or b".")
        except BaseException:
            if locked:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, length)
            raise
    finally:
        os.close(descriptor)


def quoted(message: BinaryIO) -> Iterator[bytes]:
    """The message from where it stands, with one ">" before each line that is "From " behind any number of ">"; ends in LF."""
    begins = True
    piece = b""
    while following := message.readline(_PIECE):
        piece = following
        if begins and piece.lstrip(b">").startswith(b"From "):
            yield b">"
        yield piece
        begins = piece.endswith(b"\n")
    if not begins:
        yield b"\n"


def _lock(descriptor: int, wait: Callable[[float], object]) -> bool:
    """False where there are no locks; qmail-local.c goes on without. Raises Locked."""
    for _ in range(LOCKED_FOR * _TRIES_PER_SECOND):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait(1 / _TRIES_PER_SECOND)
        except OSError:
            return False
        else:
            return True
    raise Locked


def _sync_directory(path: bytes) -> None:
    """The file may be new in it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Linux, where this Python has no name for it: PyPy lacks some constants and some calls. Where it has them they are its own.

The numbers are those of <fcntl.h> and <sys/socket.h> on x86, ARM, RISC-V and s390.
"""

import errno
import fcntl
import functools
import os
import socket
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

OF_THE_HEADERS: Final = {
    "O_ACCMODE": 3,
    "O_PATH": 0o10000000,
    "O_TMPFILE": 0o20000000 | os.O_DIRECTORY,
    "F_GETPIPE_SZ": 1032,
    "F_ADD_SEALS": 1033,
    "F_SEAL_SEAL": 1,
    "F_SEAL_SHRINK": 2,
    "F_SEAL_GROW": 4,
    "F_SEAL_WRITE": 8,
    "SO_PEERCRED": 17,
    "MSG_CMSG_CLOEXEC": 0x40000000,
}


def _number(module: ModuleType, name: str) -> int:
    number: int = getattr(module, name, OF_THE_HEADERS[name])
    return number


O_ACCMODE: Final = _number(os, "O_ACCMODE")
O_PATH: Final = _number(os, "O_PATH")
O_TMPFILE: Final = _number(os, "O_TMPFILE")
F_GETPIPE_SZ: Final = _number(fcntl, "F_GETPIPE_SZ")
F_ADD_SEALS: Final = _number(fcntl, "F_ADD_SEALS")
F_SEAL_SEAL: Final = _number(fcntl, "F_SEAL_SEAL")
F_SEAL_SHRINK: Final = _number(fcntl, "F_SEAL_SHRINK")
F_SEAL_GROW: Final = _number(fcntl, "F_SEAL_GROW")
F_SEAL_WRITE: Final = _number(fcntl, "F_SEAL_WRITE")
SO_PEERCRED: Final = _number(socket, "SO_PEERCRED")
MSG_CMSG_CLOEXEC: Final = _number(socket, "MSG_CMSG_CLOEXEC")
_PIDFD_OPEN: Final = 434  # on every machine (pidfd_open(2))
_AT_FDCWD: Final = -100
_AT_SYMLINK_FOLLOW: Final = 0x400


def writev_joined(descriptor: int, blocks: Sequence[bytes]) -> int:
    """As writev(2) does it, with a copy."""
    return os.write(descriptor, b"".join(blocks))


def no_copy_file_range(source: int, target: int, count: int, offset_src: int | None = None) -> int:
    """As a kernel answers that has none: whoever asks goes on by himself."""
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@functools.cache
def _libc() -> Any:
    # Loaded where it is needed alone: a process of root reads this file too (delivery/agent.py).
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def pidfd_by_number(pid: int) -> int:
    """As pidfd_open(2). Raises OSError."""
    import ctypes

    descriptor = int(_libc().syscall(ctypes.c_long(_PIDFD_OPEN), ctypes.c_long(pid), ctypes.c_long(0)))
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return descriptor


def linkat_followed(source: str, target: str) -> None:
    """As `link_what_it_leads_to`."""
    import ctypes

    if _libc().linkat(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _AT_SYMLINK_FOLLOW) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), source, None, target)


def link_what_it_leads_to(source: str, target: str) -> None:
    """A further name for the file behind the link `source`, which may be one of /proc. Both are absolute. Raises OSError."""
    # Given a dst_dir_fd, Python calls linkat, which follows the link; link would say EXDEV. The kernel does not look at the
    # descriptor, for `target` is absolute.
    os.link(source, target, dst_dir_fd=0, follow_symlinks=True)


writev: Final[Callable[[int, Sequence[bytes]], int]] = getattr(os, "writev", writev_joined)
copy_file_range: Final[Callable[..., int]] = getattr(os, "copy_file_range", no_copy_file_range)
pidfd_open: Final[Callable[[int], int]] = getattr(os, "pidfd_open", pidfd_by_number)
# PyPy's os.link does not follow, whatever it is told.
link: Final[Callable[[str, str], None]] = (
    linkat_followed if sys.implementation.name == "pypy" else link_what_it_leads_to
)

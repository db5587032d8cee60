"""Put a message into a Maildir, in the process and with the rights of its owner: tmp, fsync, link to new, fsync of new.

When `deliver` returns, the message would survive a power cut; qmail-local.c leaves the last step to the file system. After a
fault nothing is left. The Maildir is not made where it is missing, as in the original: the disk may not be mounted.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from typing import BinaryIO, Final

from twistedmx.delivery.paths import Paths

_PIECE: Final = 262_144  # octets


class Names:
    """File names for the Maildirs of one process (https://cr.yp.to/proto/maildir.html): time, microsecond, pid, count, host."""

    def __init__(self, *, now: Callable[[], float], pid: int, host: str) -> None:
        self._now = now
        self._pid = pid
        self._host = host.replace("/", r"\057").replace(":", r"\072")[:128]
        self._count = 0

    def next(self) -> str:
        """Another one."""
        second, microsecond = divmod(int(self._now() * 1_000_000), 1_000_000)
        self._count += 1
        return f"{second}.M{microsecond:06d}P{self._pid}Q{self._count}.{self._host}"


def deliver(maildir: bytes, first: bytes, message: BinaryIO, *, paths: Paths, name: str) -> str:
    """The path of the new file. `maildir`: absolute. `first`: what stands above the message. `name`: of the file, new.

    Raises OSError.
    """
    folder = os.fsdecode(maildir).rstrip("/")
    path = f"{folder}/new/{name}"
    descriptor, temporary, _ = paths.begin(folder, name)
    try:
        with open(descriptor, "wb", buffering=_PIECE) as file:
            file.write(first)
            shutil.copyfileobj(message, file, _PIECE)
            file.flush()
            os.fsync(file.fileno())
            paths.give_name(file.fileno(), temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            paths.remove(temporary)
        raise
    try:
        paths.sync_directory(f"{folder}/new")
    except OSError:
        with contextlib.suppress(OSError):
            paths.remove(path)
        raise
    return path

"""How many descriptors the process may open still.

Since Linux 6.2 the size of /proc/self/fd is the number of its entries: one call, whatever their number. Older kernels say 0 there.
On those they are listed, which takes milliseconds with twenty thousand of them, and so every ten seconds at most; in between, the
lowest free number, which the kernel gives out next, says that all below it are taken: so a crowd that comes is seen at once, and
one that went after ten seconds.
"""

import errno
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

_SECONDS: Final = 10.0  # between two listings
_NONE_FREE: Final = {errno.EMFILE, errno.ENFILE}


def soft_limit() -> int:
    """That the process may have open at present."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def lowest_free() -> int:
    """The number that the next descriptor gets. Raises OSError when there is none."""
    descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.close(descriptor)
    return descriptor


def _size(folder: Path) -> int:
    return os.stat(folder).st_size


class FreeDescriptors:
    """`folder`: has an entry for each that is open; `size`: of the folder, 0 where it says nothing."""

    def __init__(
        self,
        folder: Path = Path("/proc/self/fd"),
        *,
        limit: Callable[[], int] = soft_limit,
        size: Callable[[Path], int] = _size,
        lowest_free: Callable[[], int] = lowest_free,
    ) -> None:
        self._folder, self._limit, self._size, self._lowest_free = folder, limit, size, lowest_free
        self._listed: tuple[float, int] | None = None  # when, and how many

    def count(self, now: float) -> int:
        """`now`: seconds of a clock that is never put back. Raises OSError when it cannot be told."""
        try:
            return max(0, self._limit() - (self._size(self._folder) or self._open(now)))
        except OSError as error:
            if error.errno in _NONE_FREE:
                return 0
            raise

    def _open(self, now: float) -> int:
        if self._listed is None or not 0 <= now - self._listed[0] < _SECONDS:
            # Less the one that listing takes.
            self._listed = now, len(os.listdir(self._folder)) - 1
        return max(self._listed[1], self._lowest_free())

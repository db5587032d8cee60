"""Whether a file is still the one that was read, and its octets."""

import os
from typing import Final

Identity = tuple[int, ...]
CHANGED: Final = 2  # where in it stands when the file was changed, in nanoseconds since the epoch
SIZE: Final = 3  # where its size stands
LARGE: Final = 32 * 1024 * 1024  # octets of a file that are read; a million addresses are as long


def identity_of(status: os.stat_result) -> Identity:
    """Another one when the file was replaced, edited, or made readable."""
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_dev


def octets_of(path: str | bytes) -> bytes | None:
    """All that is in the file; None where that is more than LARGE. Raises OSError."""
    # O_NONBLOCK: a FIFO of this name must not hold us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        octets = file.read(LARGE + 1)
    return octets if len(octets) <= LARGE else None

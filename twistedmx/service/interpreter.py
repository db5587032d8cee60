"""Where PyPy is not CPython: what it lacks of what we ask the interpreter, and what it wants to be told.

What PyPy costs and saves: docs/performance.md. Its collector goes by octets, not by objects, and begins at a few million of them by
itself: what sessions hold for a moment is then moved about as if it were to stay.
"""

import gc
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

NURSERY: Final = "PYPY_GC_NURSERY"
ADVICE: Final = "64M"
_allowed_list = re.compile(r"^Cpus_allowed_list:\s*([0-9,-]+)$", re.MULTILINE).search


def allowed_cpus(status: str = "/proc/self/status") -> int:
    """How many CPUs we may run on. `status`: where the kernel says it to who cannot ask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    try:
        with open(status, encoding="ascii", errors="replace") as file:
            return cpus_of(file.read())
    except (OSError, ValueError):
        return os.cpu_count() or 1


def cpus_of(status: str) -> int:
    """Of proc_pid_status(5). Raises ValueError where it does not say."""
    found = _allowed_list(status)
    if found is None:
        raise ValueError("no Cpus_allowed_list")
    return sum(_cpus_in(part) for part in found[1].split(","))


def _cpus_in(part: str) -> int:
    first, _, last = part.partition("-")
    return int(last or first) - int(first) + 1


def _of_itself(*thresholds: int) -> None:
    """When it collects is the interpreter's own affair."""


# Objects that are made beyond those that go, until CPython looks for cycles among them.
set_threshold: Final[Callable[..., None]] = getattr(gc, "set_threshold", _of_itself)


def leave_out() -> None:
    """What is there by now takes no part in any collection, where that can be said."""
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


def lacks(*, qmail: bool) -> Iterator[str]:
    """What is asked of it, and it cannot do. `qmail`: messages go to a qmail host's own programs."""
    if qmail and not (hasattr(os, "posix_spawn") and hasattr(os, "waitid")):
        yield (
            f"[qmail] home: {sys.implementation.name} cannot start a qmail host's programs (posix_spawn, waitid); "
            "run the server with CPython"
        )


def advice(environment: Mapping[str, str], name: str = sys.implementation.name) -> Iterator[str]:
    """What the operator can do for an interpreter of this name."""
    if name == "pypy" and NURSERY not in environment:
        yield f"PyPy: {NURSERY} is not set; start with {NURSERY}={ADVICE}, which saves a tenth of the CPU and more"

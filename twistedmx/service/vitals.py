"""The signals of the machine and of ourselves, read from the kernel's files: for whoever limits sessions by them.

The load average and the tasks that are runnable are the machine's, and are divided by the machine's CPUs, whatever we may have of
them: a quota shows in `throttled`. Tasks that are runnable come from /proc/loadavg: `procs_running` of /proc/stat is the same
number, in a file that is long on machines of many CPUs, and slow.

A signal that cannot be read is None, with one warning in the log, however often it is asked for; when it comes back it is used
again.

BUGS: in an LXC container /proc and the number of CPUs may be the container's (lxcfs) while the load average is the machine's. When
no descriptor is free, these files cannot be read either; `free_descriptors` is 0 then, without opening any. A process that is moved
to another group is noticed within a minute.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from twisted.logger import Logger

from twistedmx.model.vitals import Vitals
from twistedmx.policy.load_average import LoadAverage
from twistedmx.service.cgroup import MemoryLimit, Quota, figure_of, groups_of, memory_limits, quotas, read
from twistedmx.service.descriptors import FreeDescriptors
from twistedmx.service.interpreter import allowed_cpus

_FOUND_FOR: Final = 60.0  # seconds after which groups and limits are read anew: an operator may change them
_LOADAVG = re.compile(rb"(?:[0-9]{1,9}\.[0-9]{1,9} ){3}([0-9]{1,9})/[0-9]{1,9} [0-9]{1,20}\n?")
_TOTAL, _AVAILABLE = figure_of(b"MemTotal"), figure_of(b"MemAvailable")
_T = TypeVar("_T")


def runnable_of(octets: bytes) -> int:
    """/proc/loadavg: tasks that run or wait for a CPU, the one that reads among them."""
    found = _LOADAVG.fullmatch(octets)
    if not found:
        raise ValueError(f"not a load average: {octets[:80]!r}")
    return int(found[1])


def available_of(octets: bytes) -> float:
    """/proc/meminfo: share of the memory that can be had without swapping, as the kernel estimates it (since Linux 3.14)."""
    total = _TOTAL(octets)
    if not total:
        raise ValueError("MemTotal is 0")
    return min(1.0, _AVAILABLE(octets) / total)


def _cpus() -> int:
    return os.cpu_count() or 1


class MachineVitals:
    """`root`: where proc/ and sys/ are. `getloadavg`: as that of `os`, OSError where it is hidden. `cpus`: of the machine.

    `allowed_cpus`: of those, what we may run on. `lag`: of the event loop, None while it is not known (`net.lag.Lag.take`).
    `free_descriptors`: that the process may open still, asked with the time.
    """

    _log = Logger()

    def __init__(
        self,
        root: Path = Path("/"),
        *,
        getloadavg: Callable[[], tuple[float, float, float]] = os.getloadavg,
        cpus: Callable[[], int] = _cpus,
        allowed_cpus: Callable[[], int] = allowed_cpus,
        lag: Callable[[], float | None] = lambda: None,
        free_descriptors: Callable[[float], int] | None = None,
    ) -> None:
        self._root, self._getloadavg, self._lag = root, getloadavg, lag
        self._cpus, self._allowed_cpus = cpus, allowed_cpus
        self._free_descriptors = free_descriptors or FreeDescriptors().count
        self._loadavg, self._meminfo, self._cgroup = (
            str(root / "proc" / name) for name in ("loadavg", "meminfo", "self/cgroup")
        )
        self._average = LoadAverage()
        self._runnable: list[int] = []  # samples since the last reading
        self._memory_limits: list[MemoryLimit] = []
        self._quotas: list[Quota] = []
        self._found: float | None = None  # when these were
        self._held_back: tuple[float, dict[str, float]] = (0.0, {})  # when, and how long for each quota
        self._warned: set[str] = set()

    @property
    def effective_cpus(self) -> float:
        """What we can have at most: CPUs, or the time of so many under a quota. As it was found at the last reading."""
        if self._found is None:
            self._find()
        return min(self._cpus(), self._allowed_cpus(), *(quota.cpus for quota in self._quotas))

    def sample(self) -> None:
        """One more sample for `runnable`: as often as is wanted between two readings, each of which takes one too."""
        runnable = self._if_it_can_be_read(
            "the number of tasks that are runnable", lambda: read(self._loadavg, runnable_of)
        )
        if runnable is not None:
            self._runnable.append(max(0, runnable - 1))  # without ourselves

    def read(self, now: float) -> Vitals:
        """As it is now: asked about once a second. `now`: seconds of a clock that is never put back."""
        if self._found is None or not 0 <= now - self._found < _FOUND_FOR:
            self._find()
            self._found = now
        self.sample()
        samples, self._runnable = self._runnable, []
        average = self._if_it_can_be_read("the load average", self._getloadavg)
        if average is not None:
            self._average.heard(now, average[0])
        present = None if average is None else self._average.present
        cpus = self._cpus()
        return Vitals(
            load=None if present is None else present / cpus,
            runnable=sum(samples) / len(samples) / cpus if samples else None,
            lag=self._lag(),
            free_memory=self._free_memory(),
            throttled=self._if_it_can_be_read("how long the CPU quota held us back", lambda: self._throttled(now)),
            free_descriptors=self._if_it_can_be_read(
                "the number of free descriptors", lambda: self._free_descriptors(now)
            ),
        )

    def _free_memory(self) -> float | None:
        machine = self._if_it_can_be_read("the machine's free memory", lambda: read(self._meminfo, available_of))
        groups = self._if_it_can_be_read(
            "the free memory of our cgroup", lambda: [limit.free() for limit in self._memory_limits]
        )
        return min((share for share in (machine, *(groups or ())) if share is not None), default=None)

    def _throttled(self, now: float) -> float | None:
        """Under several quotas: of the one that held us back most. None at first, for it is a difference."""
        (then, before), held = self._held_back, {quota.stat: quota.held_back() for quota in self._quotas}
        self._held_back = now, held
        shares = [(held[stat] - before[stat]) / (now - then) for stat in held if stat in before and now > then]
        # The event loop is on one CPU at a time; the time of others that were held back with it is counted too.
        return min(1.0, max(0.0, max(shares))) if shares else None

    def _find(self) -> None:
        """The limits of our cgroup and of those above it. What cannot be read is as it was known last."""
        groups = self._if_it_can_be_read("our cgroup", lambda: read(self._cgroup, groups_of))
        if groups is None:
            return
        limits = self._if_it_can_be_read("the memory limit of our cgroup", lambda: memory_limits(self._root, groups))
        if limits is not None:
            self._memory_limits = limits
        found = self._if_it_can_be_read("the CPU quota of our cgroup", lambda: quotas(self._root, groups))
        if found is not None:
            self._quotas = found

    def _if_it_can_be_read(self, what: str, read: Callable[[], _T]) -> _T | None:
        """None where it cannot. Said once."""
        try:
            return read()
        except (OSError, ValueError) as error:
            if what not in self._warned:
                self._warned.add(what)
                self._log.warn(
                    "{what} cannot be read ({error}): while that is so, nothing is limited by it",
                    what=what,
                    error=_words(error),
                )
            return None


def _words(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)

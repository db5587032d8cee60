"""What our cgroup and those above it may have of memory and CPU time: version 1, version 2, and both side by side (hybrid).

/proc/self/cgroup tells our group in each hierarchy; they are looked for where all systems mount them, in /sys/fs/cgroup. In a
container whose own group is mounted there as the top, the path that is told begins with folders that cannot be seen: they are left
out. Groups above that are not seen, and their limits are not. See proc(5), cgroups(7), and the kernel's cgroup-v1/memory.rst,
cgroup-v2.rst and sched-bwc.rst.

BUGS: `use_hierarchy` 0 of version 1 is not asked for: no kernel since 5.11 has it. CPUs that a cpuset leaves us are told by the
affinity.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import attrs

_OCTETS = 65_536  # of all that is read here: some hundreds to 6,000
_NO_LIMIT = 1 << 60  # version 1 says 2^63 less a page
_NUMBER = re.compile(rb"[0-9]{1,20}\n?")
_QUOTA = re.compile(rb"(max|[0-9]{1,20}) ([0-9]{1,20})\n?")
_T = TypeVar("_T")


def read(path: str | Path, parse: Callable[[bytes], _T]) -> _T:
    """What `parse` makes of a file of the kernel. OSError: it cannot be read; ValueError: it makes no sense. Both name the file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        octets = os.read(descriptor, _OCTETS)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)
    try:
        return parse(octets)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def groups_of(octets: bytes) -> dict[str, tuple[str, str]]:
    """/proc/self/cgroup: hierarchy and path for each controller; "" is version 2, whose path holds for all that are not named."""
    groups = {}
    for line in octets.splitlines():
        number, _, rest = line.partition(b":")
        controllers, colon, path = rest.partition(b":")
        if not (number.isdigit() and colon and path.startswith(b"/")) or b"\0" in path:
            raise ValueError(f"not a line of cgroups: {line[:80]!r}")
        hierarchy = os.fsdecode(controllers)
        groups.update(dict.fromkeys(hierarchy.split(","), (hierarchy, os.fsdecode(path))))
    return groups


def number_of(octets: bytes) -> int:
    """A file that is one number."""
    if not _NUMBER.fullmatch(octets):
        raise ValueError(f"not a number: {octets[:80]!r}")
    return int(octets)


def limit_of(octets: bytes) -> int | None:
    """`memory.max`, `memory.high`, `memory.limit_in_bytes`: octets, None without a limit."""
    if octets.rstrip(b"\n") == b"max":
        return None
    limit = number_of(octets)
    return None if limit >= _NO_LIMIT else limit


def quota_of(octets: bytes) -> float | None:
    """`cpu.max`: CPUs, None without a quota."""
    found = _QUOTA.fullmatch(octets)
    if not found or not int(found[2]):
        raise ValueError(f"not a quota and a period: {octets[:80]!r}")
    return None if found[1] == b"max" else int(found[1]) / int(found[2])


def quota_1_of(octets: bytes) -> int | None:
    """`cpu.cfs_quota_us`: microseconds of each period, None without a quota."""
    return None if octets.rstrip(b"\n") == b"-1" else number_of(octets)


def figure_of(name: bytes) -> Callable[[bytes], int]:
    """A parser of `memory.stat`, `cpu.stat` and /proc/meminfo, lines of a name and a number, for the one of this name."""
    pattern = re.compile(rb"^" + re.escape(name) + rb":? +([0-9]{1,20})(?: kB)?$", re.MULTILINE)

    def parse(octets: bytes) -> int:
        found = pattern.search(octets)
        if not found:
            raise ValueError(f"has no {name.decode()}")
        return int(found[1])

    return parse


_INACTIVE_FILE_1 = figure_of(b"total_inactive_file")
_INACTIVE_FILE = figure_of(b"inactive_file")
_THROTTLED_TIME = figure_of(b"throttled_time")
_THROTTLED_USEC = figure_of(b"throttled_usec")


@attrs.frozen(kw_only=True)
class MemoryLimit:
    """Of one group. `limit`: octets, not 0. `usage`, `stat`: files."""

    limit: int
    usage: str
    stat: str
    inactive: Callable[[bytes], int]

    def free(self) -> float:
        """Share of the limit that can be had: pages of files that nobody used lately are given back before anybody is killed."""
        used = read(self.usage, number_of) - read(self.stat, self.inactive)
        return min(1.0, max(0.0, (self.limit - used) / self.limit))


@attrs.frozen(kw_only=True)
class Quota:
    """Of one group. `cpus`: their time, in whole ones. `stat`: the file that counts the time held back, in `unit` seconds."""

    cpus: float
    stat: str
    unit: float
    throttled: Callable[[bytes], int]

    def held_back(self) -> float:
        """Seconds, since the group is there, in all its CPUs together: each that had something to run counts."""
        return read(self.stat, self.throttled) * self.unit


def memory_limits(root: Path, groups: Mapping[str, tuple[str, str]]) -> list[MemoryLimit]:
    """Those of our group and the ones above it. Of a group that is slowed (`memory.high`) before it is full, that is the limit."""
    limits = []
    for folder, version in _folders(root, groups, "memory"):
        names = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
        known = [limit for name in names if (limit := _if_there(folder / name, limit_of)) is not None]
        if known:
            limits.append(
                MemoryLimit(
                    limit=max(1, min(known)),
                    usage=str(folder / ("memory.current" if version == 2 else "memory.usage_in_bytes")),
                    stat=str(folder / "memory.stat"),
                    inactive=_INACTIVE_FILE if version == 2 else _INACTIVE_FILE_1,
                )
            )
    return limits


def quotas(root: Path, groups: Mapping[str, tuple[str, str]]) -> list[Quota]:
    """Those of our group and the ones above it."""
    found = []
    for folder, version in _folders(root, groups, "cpu"):
        if version == 2:
            cpus = _if_there(folder / "cpu.max", quota_of)
        else:
            cpus = _if_there(folder / "cpu.cfs_quota_us", quota_1_of)
            if cpus is not None:
                cpus /= max(1, read(folder / "cpu.cfs_period_us", number_of))
        if cpus is not None:
            found.append(
                Quota(
                    cpus=cpus,
                    stat=str(folder / "cpu.stat"),
                    unit=1e-6 if version == 2 else 1e-9,
                    throttled=_THROTTLED_USEC if version == 2 else _THROTTLED_TIME,
                )
            )
    return found


def _if_there(path: Path, parse: Callable[[bytes], _T]) -> _T | None:
    """None as well without the file: the top has no limits, nor has a group for which a controller is not switched on."""
    try:
        return read(path, parse)
    except FileNotFoundError:
        return None


def _folders(root: Path, groups: Mapping[str, tuple[str, str]], controller: str) -> Iterator[tuple[Path, int]]:
    """Of our group and of each above it, with the version. Raises FileNotFoundError where none can be seen."""
    mount = root / "sys/fs/cgroup"
    if controller in groups:
        version, (hierarchy, path) = 1, groups[controller]
        # A link, where several controllers are in one hierarchy; or just that one.
        mount = mount / controller if (mount / controller).is_dir() else mount / hierarchy
    elif "" in groups:
        version, (_, path) = 2, groups[""]
        if not (mount / "cgroup.controllers").exists():
            mount /= "unified"
    else:
        return  # a kernel without them
    if not mount.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(mount))
    names = [name for name in path.split("/") if name]
    if ".." in names:  # our group is outside of what we may see
        names = []
    while not mount.joinpath(*names).is_dir():
        del names[0]
    for depth in range(len(names), -1, -1):
        yield mount.joinpath(*names[:depth]), version

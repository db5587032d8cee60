"""The processes of a server, all of them: their CPU time, those that have ended included, and their memory.

In a control group (cgroup v2) of their own where we may make one, which is exact. Else by walking /proc from the first process
down: exact to some ticks of 10 ms, and blind to who ended without being waited for.
"""

import contextlib
import ctypes
import os
import platform
import signal
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 20.0  # seconds for an orderly end


def _cgroup_root() -> Path | None:
    """The folder of our own control group, if others can be made in it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        path = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    for words in mounts:
        folder = Path(words[1] + path)
        if words[2] == "cgroup2" and os.access(folder, os.W_OK):
            return folder
    return None


def go_first(pid: int) -> None:
    """The session of `pid` before all others, where we may (root). Linux divides the processor among sessions first (sched(7),
    autogroup): what is nice in another one would take as much as a server that is measured. Threads of the kernel are in none; they
    keep a tenth."""
    _stand(pid, "-10")


def go_last(pid: int) -> None:
    """`pid` behind all others, the kernel's threads among them: it stands for other machines, and what the server's disk needs of
    the kernel finds a core that is as good as free. Between a load and a server that both go first one fdatasync in a hundred took
    ten milliseconds."""
    _stand(pid, "19")
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def go_as_others(pid: int) -> None:
    """The session of `pid` as any other, which is where it began."""
    _stand(pid, "0")


def _stand(pid: int, nice: str) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(nice)


# sched_setattr(2), sched_getattr(2): of no library here. Their numbers, by the processor, and struct sched_attr.
_SCHED_ATTR: Final = {"x86_64": (314, 315), "aarch64": (274, 275)}
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_LONG_TURN: Final = 20_000_000  # nanoseconds


def take_long_turns(thread: int) -> bool:
    """`thread` keeps its core for 20 ms, while no other kind of process wants it. Whether the system does that (Linux 6.12)."""
    if platform.machine() not in _SCHED_ATTR:
        return False
    set_, get = _SCHED_ATTR[platform.machine()]
    call, found = ctypes.CDLL(None).syscall, ctypes.create_string_buffer(_ATTRIBUTES.size)
    call(set_, thread, _ATTRIBUTES.pack(_ATTRIBUTES.size, 0, 0, 0, 0, _LONG_TURN, 0, 0), 0)
    return call(get, thread, found, _ATTRIBUTES.size, 0) == 0 and _ATTRIBUTES.unpack(found)[5] == _LONG_TURN


class Group:
    """Of the command that `start` runs. `exact`: whether a control group counts."""

    def __init__(self, name: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        root = _cgroup_root()
        if root is not None:
            folder = root / f"benchmark-{os.getpid()}-{name}"
            try:
                folder.mkdir()
            except OSError:
                return
            self._folder = folder

    @property
    def exact(self) -> bool:
        return self._folder is not None

    def start(
        self,
        command: Sequence[str],
        *,
        cores: Sequence[int],
        folder: Path,
        environment: Mapping[str, str],
        output: IO[bytes],
    ) -> None:
        """Run `command`, and all that comes of it, on these cores alone."""
        enter = (
            [] if self._folder is None else ["sh", "-c", 'echo $$ >"$0" && exec "$@"', f"{self._folder}/cgroup.procs"]
        )
        self._process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores)), *enter, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def go_first(self) -> None:
        """All that runs, in whatever sessions: some servers have begun one of their own."""
        for pid in self.pids():
            go_first(pid)

    def take_long_turns(self) -> bool:
        """All that runs: what is measured of processes that share a core is not what it costs to change between them. Whether
        the system does that."""
        threads = [int(thread.name) for pid in self.pids() for thread in Path(f"/proc/{pid}/task").glob("*")]
        return all(take_long_turns(thread) for thread in threads)

    def go_as_others(self) -> None:
        """All that runs: where it is to be seen what other programs take from it."""
        for pid in self.pids():
            go_as_others(pid)

    def ended(self) -> int | None:
        """The status of the first process, once it has ended."""
        assert self._process is not None
        return self._process.poll()

    def pids(self) -> list[int]:
        """Of all that run."""
        if self._folder is not None:
            return [int(pid) for pid in (self._folder / "cgroup.procs").read_text().split()]
        return [pid for pid, _ in self._tree()]

    def cpu(self) -> float:
        """Seconds, user and system, since the start."""
        if self._folder is not None:
            first = (self._folder / "cpu.stat").read_text().split("\n", 1)[0]
            return int(first.split()[1]) / 1e6
        return sum(sum(map(int, fields[11:15])) for _, fields in self._tree()) / _TICKS

    def pss(self) -> int:
        """Octets of memory; what several processes share counts once."""
        return sum(map(_pss_of, self.pids()))

    def stop(self) -> None:
        """End all: in order, and by force what is left after a while."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        for _ in range(100):
            left = self.pids()
            for pid in left:
                _kill(pid)
            if not left:
                break
            self._process.poll()
            time.sleep(0.05)
        self._process.wait()
        # The kernel may still be at the end of a process that nobody sees any more; a folder that stays harms nobody.
        for _ in range(100 if self._folder is not None else 0):
            with contextlib.suppress(OSError):
                self._folder.rmdir()  # type: ignore[union-attr]
                break
            time.sleep(0.05)

    def _tree(self) -> Iterator[tuple[int, list[str]]]:
        """Pid and fields of /proc/PID/stat behind the name, of the first process and all below it."""
        assert self._process is not None
        stats = dict(_stats())
        below: dict[int, list[int]] = {}
        for pid, fields in stats.items():
            below.setdefault(int(fields[1]), []).append(pid)
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            if pid in stats and stats[pid][0] != "Z":
                yield pid, stats[pid]
            waiting += below.get(pid, [])


def _stats() -> Iterator[tuple[int, list[str]]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path("/proc", name, "stat").read_text()
            except OSError:
                continue  # it ended meanwhile
            yield int(name), text.rpartition(")")[2].split()


def _pss_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return 0  # it ended meanwhile


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

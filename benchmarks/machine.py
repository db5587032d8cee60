"""What was measured on, and how fast that was at the moment.

The calibration is a fixed loop of Python on the server's core. CPU times of different machines, or of one machine on different
days, are compared as ratios to it.
"""

import contextlib
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.fault import CannotMeasure

# What a server does with small values: look up, slice, join, call.
_LOOP = """
import time
def work(known, words):
    found = 0
    for word in words:
        if word[:4] + b"." in known:
            found += 1
        found += len(word.partition(b":")[2])
    return found
known = {b"%04d." % n: n for n in range(10_000)}
words = [b"%04d:%d" % (n * 7919 % 20_000, n) for n in range(20_000)]
times = []
for _ in range(9):
    began = time.process_time()
    for _ in range(5):
        work(known, words)
    times.append(time.process_time() - began)
print(min(times) / 100_000 * 1e6)
"""


def cores() -> tuple[int, int]:
    """One for the server, one for the load. Raises CannotMeasure."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise CannotMeasure("two cores are needed, one for the server and one for the load; this machine gives us one")
    return allowed[0], allowed[1]


def server_cores() -> tuple[int, ...]:
    """For a server of several processes: all but the load's, which is one where there are two. Raises CannotMeasure."""
    _, load = cores()
    return tuple(sorted(os.sched_getaffinity(0) - {load}))


def raise_descriptors(wanted: int) -> None:
    """Of this process and of all that it starts: as many as may be, and `wanted` where the system lets us (root)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))


def calibration(core: int) -> float:
    """CPU microseconds of one round of the loop, at best."""
    command = ["taskset", "-c", str(core), sys.executable, "-I", "-S", "-c", _LOOP]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def facts() -> dict[str, Any]:
    """Of this machine."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": cpu[0].partition(":")[2].strip() if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "kernel": f"Linux {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }

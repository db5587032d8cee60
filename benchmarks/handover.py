"""What it costs to hand a message to a queue program, beside starting that program and nothing else.

    python -m benchmarks.handover [--messages N] [--octets O] [--at-once K] [--program PATH] [--resident MIB] [--json]

The program is a small one in C that reads both descriptors (benchmarks/handover.c), or PATH. Four rows, each N times, K at a time:

    handed over     QueuePrograms: held, started, fed, judged
    posix_spawn     started and waited for, as the first row does it, with nothing to read: no way is cheaper
    vfork (Popen)   the same with subprocess.Popen, close_fds as it comes
    fork (Twisted)  the same with reactor.spawnProcess, whose working directory is another: what the first row would do otherwise

--resident: so much memory is ours, as a server with many sessions has it; fork copies its tables. CPU: of this process, and of the
programs, which are waited for.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from benchmarks.load import program as compiled
from twistedmx.model.storage import HandedOver
from twistedmx.qmail.queue_program import QueuePrograms
from twistedmx.qmail.queue_settings import QueueSettings

RECEIVED = b"Received: from unknown (192.0.2.1)\n  by mx.example with SMTP; 1 Jan 2026 00:00:00 -0000\n"
ENVIRONMENT = {b"PATH": b"/usr/bin:/bin", b"TCPREMOTEIP": b"192.0.2.1", b"PROTO": b"TCP"}

Once = Callable[[], Coroutine[Deferred[Any], Any, None]]


class _Ended(ProcessProtocol):
    def __init__(self) -> None:
        self.told: Deferred[None] = Deferred()

    def processEnded(self, reason: Failure) -> None:
        self.told.callback(None)


class Ways:
    """Each does it once. `home`: another folder than ours."""

    def __init__(self, path: str, octets: int, at_once: int, home: str) -> None:
        self._path = path
        self._home = home
        line = b"x" * 71 + b"\n"
        self._content = line * (octets // len(line))
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        self._programs = QueuePrograms(reactor, QueueSettings(programs=at_once, folder=home), home)

    async def hand_over(self) -> None:
        incoming = self._programs.open(
            program=os.fsencode(self._path),
            reverse_path=b"ann@example.net",
            recipients=[b"bob@example.org"],
            received=RECEIVED,
            environment=ENVIRONMENT,
        )
        incoming.write(self._content)
        outcome = await incoming.commit()
        if not isinstance(outcome, HandedOver):
            raise SystemExit(f"not handed over: {outcome}")

    async def posix_spawn(self) -> None:
        actions = [(os.POSIX_SPAWN_DUP2, self._nothing, number) for number in (0, 1)]
        os.waitpid(os.posix_spawn(self._path, [self._path], ENVIRONMENT, file_actions=actions), 0)

    async def popen(self) -> None:
        with subprocess.Popen(
            [self._path], stdin=self._nothing, stdout=self._nothing, env=ENVIRONMENT, cwd=self._home
        ) as process:
            process.wait()

    async def twisted(self) -> None:
        ended = _Ended()
        reactor.spawnProcess(
            ended,
            self._path,
            [self._path],
            env=ENVIRONMENT,
            path=self._home,
            childFDs={0: self._nothing, 1: self._nothing, 2: 2},
        )
        await ended.told


def used() -> tuple[float, float, float]:
    """Seconds: of the clock, of our CPU, of that of children."""
    ours, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), ours.ru_utime + ours.ru_stime, theirs.ru_utime + theirs.ru_stime


async def measure(once: Once, messages: int, at_once: int) -> dict[str, float]:
    """One row."""
    left = messages

    async def work() -> None:
        nonlocal left
        while left:
            left -= 1
            await once()

    began = used()
    await gatherResults([Deferred.fromCoroutine(work()) for _ in range(at_once)])
    seconds, ours, theirs = (after - before for before, after in zip(began, used(), strict=True))
    return {
        "messages a second": messages / seconds,
        "CPU us a message": ours / messages * 1e6,
        "of programs": theirs / messages * 1e6,
    }


def rows(path: str, *, messages: int, octets: int, at_once: int) -> dict[str, dict[str, float]]:
    """All four."""
    found: dict[str, dict[str, float]] = {}

    async def run(home: str) -> None:
        ways = Ways(path, octets, at_once, home)
        named: dict[str, Once] = {
            "handed over": ways.hand_over,
            "posix_spawn": ways.posix_spawn,
            "vfork (Popen)": ways.popen,
            "fork (Twisted)": ways.twisted,
        }
        for name, once in named.items():
            found[name] = await measure(once, messages, at_once)

    def begin(home: str) -> None:
        done = Deferred.fromCoroutine(run(home))
        done.addErrback(lambda failure: failure.printTraceback()).addBoth(lambda _: reactor.stop())

    with tempfile.TemporaryDirectory() as home:
        reactor.callWhenRunning(begin, home)
        reactor.run()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.handover",
        description="What it costs to hand a message to a queue program, beside starting that program and nothing else.",
        epilog="Example: python -m benchmarks.handover --messages 2000 --octets 4096",
    )
    parser.add_argument("--messages", type=int, default=1000, help="how many of each row (default 1000)")
    parser.add_argument("--octets", type=int, default=4096, help="of each message (default 4096)")
    parser.add_argument("--at-once", type=int, default=4, metavar="K", help="that are at work at a time (default 4)")
    parser.add_argument("--program", metavar="PATH", help="another queue program; it must take the message, and exit 0")
    parser.add_argument("--resident", type=int, default=0, metavar="MIB", help="memory that is ours meanwhile")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = parser.parse_args()
    ours = b"\1" * (chosen.resident << 20)
    found = rows(
        os.path.abspath(chosen.program or compiled("handover")),
        messages=chosen.messages,
        octets=chosen.octets,
        at_once=chosen.at_once,
    )
    del ours
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    columns = next(iter(found.values()))
    print(" " * 16 + "".join(f"{name:>20}" for name in columns))
    for name, row in found.items():
        print(f"{name:16}" + "".join(f"{value:20.1f}" for value in row.values()))


if __name__ == "__main__":
    main()

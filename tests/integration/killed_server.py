"""The real server on a disk that kills its own process, at a call that the command line names.

    killed_server.py DATA [--named] [--kill CALL --number N --side before|within|after [--late SECONDS]]
    killed_server.py --starts

The folder DATA is the demo's, with its settings; the port is any. CALL is a method of the disk, or "any"; N counts its calls,
or all calls, from 0 on, beginning with the first that a message causes. `within`: when the call is about to remove a name.
`--late` kills so long after the call instead of at it. `--named` is the way of writing for file systems that do not make
files without a name.

Says on standard output, a line each: "listens PID PORT"; "killed SIDE CALL N" as its last words; "calls NAME..." after an
orderly stop. With `--starts` it reads command lines from standard input instead and plays each in a fork of itself, one
after the other, so that a start costs no imports; each ends with the line "ended STATUS", a signal being negative.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet import epollreactor  # noqa: F401  # imported before the fork, installed after it
from twisted.logger import globalLogBeginner, textFileLogObserver

from twistedmx import demo
from twistedmx.delivery.disk import PosixDisk
from twistedmx.service import World, build


def say(*words: object) -> None:
    """One line, in one piece, even if the process dies at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class KillingDisk:
    """A `ports.Disk` around `disk`. `calls`: the names of those that were counted."""

    def __init__(self, disk: PosixDisk, kill: str | None, number: int, side: str, late: float | None) -> None:
        self.calls: list[str] = []
        self._disk = disk
        self._kill = kill
        self._number = number
        self._side = side
        self._late = late
        self._within = False
        if side == "within":
            sys.addaudithook(self._audit)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._disk, name)

        def call(*arguments: Any) -> Any:
            # Before the first message, the free space is measured or not: that is for the threads to settle.
            if not self.calls and name == "free_octets":
                return method(*arguments)
            here = self._kill in (name, "any") and self._number == self._count()
            self.calls.append(name)
            if here and self._side == "before":
                self._die()
            self._within = here
            result = method(*arguments)
            self._within = False
            if here and self._side == "after":
                self._die()
            return result

        return call

    def _count(self) -> int:
        return len(self.calls) if self._kill == "any" else self.calls.count(self._kill or "")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._within and event == "os.remove":
            self._die()

    def _die(self) -> None:
        if self._late:
            # Nobody handles SIGALRM, so that the kernel ends the process with it just as with SIGKILL.
            signal.setitimer(signal.ITIMER_REAL, self._late)
            return
        say("killed", self._side, self._kill, self._number)
        while True:
            os.kill(os.getpid(), signal.SIGKILL)


def run(words: list[str]) -> None:
    """One server, to its end."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("data")
    parser.add_argument("--named", action="store_true")
    parser.add_argument("--kill")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--side", choices=("before", "within", "after"), default="before")
    parser.add_argument("--late", type=float)
    arguments = parser.parse_args(words)

    from twisted.internet import reactor

    settings = attrs.evolve(demo.settings(arguments.data, time.time()), listen=("tcp:0:interface=127.0.0.1",))
    log = open(os.path.join(arguments.data, "log"), "a", encoding="utf-8")  # noqa: SIM115  # as long as we live
    globalLogBeginner.beginLoggingTo([textFileLogObserver(log)], redirectStandardIO=False)
    disk = KillingDisk(
        PosixDisk(now=time.time, nameless=not arguments.named),
        arguments.kill,
        arguments.number,
        arguments.side,
        arguments.late,
    )
    server = build(settings, World(reactor=reactor, disk=disk))
    server.privilegedStartService()
    server.startService()
    reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
    reactor.callWhenRunning(lambda: say("listens", os.getpid(), server.ports[0].getHost().port))
    reactor.run()
    say("calls", *disk.calls)


def serve_starts() -> None:
    """Command lines from standard input, until its end. Words are separated by tabs."""
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                run(line.rstrip("\n").split("\t"))
                status = 0
            finally:
                if status:
                    sys.excepthook(*sys.exc_info())
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        say("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    if sys.argv[1:] == ["--starts"]:
        serve_starts()
    else:
        run(sys.argv[1:])

"""Programs beside a server that are no load of ours: slow strangers, and hogs.

The strangers are the attackers of the second siege of `twistedmx drill`, a process of its own: HELO, MAIL, RCPT to a name that
nobody has, then gone without a word; up to two seconds before each command; as many at once as are asked for. Half of those who
come are hosts that were turned away before, as long as there are such, the others are new ones. They go before other programs,
unlike other load: the hogs have that core too.

The hogs are one other program: processes of one session that each would have a CPU, at the priority that all have.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any, Final, Self

import attrs

from benchmarks.fault import CannotMeasure
from benchmarks.group import go_first
from benchmarks.peers.peer import DOMAIN, ROOT
from twistedmx.drill.plan import Plan

_SLOW: Final = 2  # the number of the siege
_RATE: Final = 200.0  # new connections in a second, at most
_HOSTS: Final = 60 * 256  # each in a /24 of its own, and nobody has to come often
_STRANGERS: Final = "from twistedmx.drill.attack import main; main()"
# All look at one input: they end when it is closed, with us, however we end.
_HOGS: Final = """\
import os, select, sys
for _ in range(int(sys.argv[1]) - 1):
    if not os.fork():
        break
while not select.select([0], [], [], 0)[0]:
    for _ in range(1_000_000):
        pass
"""


class Strangers:
    """Started when it is made, so that they come at once when they are told to."""

    def __init__(self, port: int, sessions: int, *, core: int) -> None:
        plan = Plan(
            siege=_SLOW,
            host="127.0.0.1",
            port=port,
            recipients=(f"user00000@{DOMAIN}",),
            unknown=f"nobody.at.all@{DOMAIN}",
            hosts=_HOSTS,
            sessions=sessions,
            rate=_RATE,
            calm=0.0,
            attack=0.0,
        )
        self._plan = json.dumps(attrs.asdict(plan)).encode() + b"\n"
        self._told = tempfile.TemporaryFile()  # noqa: SIM115  # closed behind the process
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), sys.executable, "-c", _STRANGERS],
            stdin=subprocess.PIPE,
            stdout=self._told,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        go_first(self._process.pid)

    def come(self) -> None:
        """Raises CannotMeasure."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(self._plan)
            self._process.stdin.flush()
        except OSError as error:
            raise CannotMeasure(f"the strangers have ended: {error.strerror}") from None

    def go(self, *, within: float = 20.0) -> dict[str, Any]:
        """What they got, as `twistedmx.drill.counts` tells it. Raises CannotMeasure."""
        try:
            self._process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            raise CannotMeasure(f"the strangers did not go within {within:.0f} s") from None
        self._told.seek(0)
        lines = self._told.read().splitlines()
        if self._process.returncode or not lines:
            raise CannotMeasure(f"the strangers have ended with status {self._process.returncode}")
        counts: dict[str, Any] = json.loads(lines[-1])
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._told.close()


class Hogs:
    """`number` of busy processes on all CPUs, from the time when it is made."""

    def __init__(self, number: int) -> None:
        every = f"0-{(os.cpu_count() or 1) - 1}"  # we have one of them ourselves
        self._process = subprocess.Popen(
            ["taskset", "-c", every, sys.executable, "-I", "-S", "-c", _HOGS, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # nobody says anything: its end is that of the last of them
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the first, whose session it is."""
        return self._process.pid

    def end(self) -> None:
        """Of all; they have ended when this returns. Harmless of none."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

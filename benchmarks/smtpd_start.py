"""From the start of `twistedmx-smtpd` to the greeting: what tcpserver pays for each connection, in Python and in C.

The server is ours, with real sessions on fakes, in a process of its own. The floor is a Python that starts and does nothing; to be
reached: at most twice that, from exec to the first octet of 220.

python -m benchmarks.smtpd_start [--runs 200] [--python /usr/bin/python3]
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.table import aligned

CONTRIB = Path(__file__).parent.parent / "contrib" / "qmail"
RUNS = 200
WANTED: Final = 2.0  # times the floor
# As tcpserver and a run script give it.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PROTO": "TCP",
    "TCPLOCALIP": "127.0.0.1",
    "TCPREMOTEIP": "127.0.0.1",
    "CHKUSER_START": "ALWAYS",
    "QMAILQUEUE": "/var/qmail/bin/simscan",
}


def serve(path: str) -> None:
    """Until it is killed."""
    from twisted.internet import reactor

    from twistedmx.net.adopted import adopt
    from twistedmx.net.handed_over import HandedOver, HandOverPort, bind
    from twistedmx.net.readers import Readers
    from twistedmx.net.wheel import Wheel
    from twistedmx.settings import settings_from
    from twistedmx.testing.stage import Stage

    # One host comes again and again, without any mail; and it is to be met, and not to wait.
    stage = Stage(settings_from({"host": "mx.example.org", "governor": {"comings": 0}}, "benchmark"))
    readers = Readers(reactor)  # type: ignore[arg-type]

    def take(handed: HandedOver) -> None:
        if handed.lines is not None:
            handed.lines.close()
        adopt(readers, handed.connection, handed.address, lambda address: stage.factory.meet(address, secure=False))

    HandOverPort(reactor, bind(path), wheel=Wheel(reactor), take=take).accept(True)  # type: ignore[arg-type]
    print("serves", flush=True)
    reactor.run()  # type: ignore[attr-defined]


def floor(python: str) -> float:
    """Seconds of a Python that does nothing."""
    began = time.perf_counter()
    os.waitpid(os.posix_spawn(python, [python, "-I", "-S", "-c", "pass"], ENVIRONMENT), 0)
    return time.perf_counter() - began


def greeting(program: str, listening: socket.socket, environment: Mapping[str, str]) -> float:
    """Seconds until a client hears something whose connection `program` was given."""
    with socket.create_connection(listening.getsockname()) as client:
        accepted, _ = listening.accept()
        moves = [(os.POSIX_SPAWN_DUP2, accepted.fileno(), descriptor) for descriptor in (0, 1)]
        began = time.perf_counter()
        pid = os.posix_spawn(program, [program], environment, file_actions=moves)
        heard = client.recv(100)
        took = time.perf_counter() - began
        accepted.close()
        _, status = os.waitpid(pid, 0)
    if not heard.startswith(b"220 ") or status:
        sys.exit(
            f"smtpd_start: {program} ended with {os.waitstatus_to_exitcode(status)}, and its client heard {heard!r}"
        )
    return took


def compiled(folder: str) -> dict[str, str]:
    """Programs in C by what they are called; none without a compiler."""
    found = {}
    for title, options in (("C, static", ["-static"]), ("C", [])):
        path = os.path.join(folder, title.replace(", ", "-"))
        try:
            built = subprocess.run(["cc", "-O2", *options, "-o", path, str(CONTRIB / "twistedmx-smtpd.c")], check=False)
        except FileNotFoundError:
            break
        if built.returncode == 0:
            found[title] = path
    return found


def measure(runs: int, python: str) -> list[Sequence[str]]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        path = os.path.join(folder, "smtpd.sock")
        environment = {**ENVIRONMENT, "TWISTEDMX_SOCKET": path, "TWISTEDMX_PYTHON": python}
        words = [sys.executable, "-m", "benchmarks.smtpd_start", "--serve", path]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
            try:
                assert server.stdout is not None
                server.stdout.readline()
                ways: dict[str, Callable[[], float]] = {f"{python} -I -S -c pass": lambda: floor(python)}
                programs = {"Python": str(CONTRIB / "twistedmx-smtpd"), **compiled(folder)}
                for title, program in programs.items():
                    ways[title] = lambda program=program: greeting(program, listening, environment)  # type: ignore[misc]
                # In turn: a machine that is busy for a moment is so for all.
                times = [[way() for way in ways.values()] for _ in range(runs)]
            finally:
                server.kill()
    rows: list[Sequence[str]] = [("", "median ms", "p90 ms", "of the floor", "reached")]
    columns = [sorted(column) for column in zip(*times, strict=True)]
    least = statistics.median(columns[0])
    for title, column in zip(ways, columns, strict=True):
        median = statistics.median(column)
        ratio = median / least
        reached = "" if column is columns[0] else "yes" if ratio <= WANTED else "no"
        rows.append(
            (title, f"{median * 1e3:.2f}", f"{column[len(column) * 9 // 10] * 1e3:.2f}", f"{ratio:.2f} x", reached)
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.smtpd_start",
        description="From the start of twistedmx-smtpd to the greeting of a running server.",
        epilog="Example: python -m benchmarks.smtpd_start --runs 1000",
    )
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each (default {RUNS})")
    parser.add_argument("--python", default="/usr/bin/python3", help="absolute path (default /usr/bin/python3)")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    if chosen.runs < 10:
        parser.error(f"--runs: must be 10 or more, is {chosen.runs}")
    print(aligned(measure(chosen.runs, chosen.python)))


if __name__ == "__main__":
    main()

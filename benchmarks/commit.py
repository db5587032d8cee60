"""How many messages a second become safe: N of 4 KiB from K sessions, through the writer thread.

    python -m benchmarks.commit DIRECTORY [--messages N] [--sessions K] [--copies C] [--octets O] [--maildirs M] [--named] [--json]

Each session commits its next message when it hears the outcome of the last. Each Maildir has had mail before it is measured.
Prints the rate, the CPU time of the process a message (both threads, kernel included), what the whole machine was busy meanwhile
(kernel threads sync for us; true on a quiet machine) and the average batch. Nothing is deleted: ext4 without a journal is several
times slower for five minutes after many files were; remove DIRECTORY afterwards, and wait before the next run.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from random import Random

from twisted.internet import reactor

from twistedmx.delivery.acceptance import MaildirAcceptance, Writing
from twistedmx.delivery.disk import PosixDisk
from twistedmx.model.storage import Copy, Outcome, Stored


def cpu() -> tuple[float, float]:
    """Seconds of this process, all threads: its own, and the kernel's for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime, used.ru_stime


def machine() -> float:
    """Seconds that all cores were busy, whoever had them."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, interrupts, soft = map(int, file.readline().split()[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def measure(
    directory: str, *, messages: int, sessions: int, copies: int, octets: int, maildirs: int, named: bool
) -> dict[str, float]:
    """One run."""
    batches = 0
    maildirs = max(maildirs, copies)
    warm = -(-maildirs // copies)

    def call_in_reactor(function: Callable[..., object], *arguments: object) -> None:
        nonlocal batches
        batches += 1
        reactor.callFromThread(function, *arguments)

    acceptance = MaildirAcceptance(
        writing=Writing(),
        disk=PosixDisk(now=time.time, nameless=not named),
        clock=reactor,
        now=time.time,
        chance=Random(),
        host="mx.example",
        pid=os.getpid,
        directory=directory,
        call_in_reactor=call_in_reactor,
    )
    block = b"x" * 71 + b"\n"
    content = block * (octets // len(block))
    trace = b"Return-Path: <a@example.org>\n" * 5
    to = [Copy(maildir=f"{directory}/{n % maildirs}", trace=trace) for n in range(maildirs + copies)]
    left, waiting = messages + warm, sessions
    began = [0.0] * 5

    def used() -> list[float]:
        return [time.perf_counter(), *cpu(), machine(), batches]

    def send(outcome: Outcome | None = None) -> None:
        nonlocal left, waiting, began
        if outcome is not None and not isinstance(outcome, Stored):
            print(outcome)
        if not left:
            waiting -= 1
            if not waiting:
                acceptance.stop().addCallback(lambda _: reactor.stop())
            return
        if left == messages:
            began = used()
        first = left * copies % maildirs
        left -= 1
        incoming = acceptance.open(to[first : first + copies])
        incoming.write(content)
        incoming.commit().addCallback(send)

    def begin() -> None:
        acceptance.start()
        for _ in range(sessions):
            send()

    reactor.callWhenRunning(begin)
    reactor.run()
    seconds, own, kernel, busy, took = (after - before for before, after in zip(began, used(), strict=True))
    return {
        "messages a second": messages / seconds,
        "CPU us a message": (own + kernel) / messages * 1e6,
        "of it in the kernel": kernel / messages * 1e6,
        "all cores busy us a message": busy / messages * 1e6,
        "average batch": messages / took,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.commit",
        description="How many messages a second become safe in Maildirs, through the one writer thread.",
        epilog="Example: python -m benchmarks.commit /var/tmp/bench --messages 10000 --sessions 100",
    )
    parser.add_argument("directory", help="where the Maildirs are made; on the disk that is to be measured")
    parser.add_argument("--messages", type=int, default=10_000, help="how many (default 10000)")
    parser.add_argument("--sessions", type=int, default=20, help="that commit at a time (default 20)")
    parser.add_argument("--copies", type=int, default=1, help="of each message (default 1)")
    parser.add_argument("--maildirs", type=int, default=1, help="that the messages are spread over (default 1)")
    parser.add_argument("--octets", type=int, default=4096, help="of each message (default 4096)")
    parser.add_argument("--named", action="store_true", help="begin each file with a name in tmp, as without O_TMPFILE")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = vars(parser.parse_args())
    as_json = chosen.pop("json")
    rows = measure(os.path.abspath(chosen.pop("directory")), **chosen)
    print(json.dumps(rows, indent=2) if as_json else "\n".join(f"{cost:10.1f}  {name}" for name, cost in rows.items()))


if __name__ == "__main__":
    main()

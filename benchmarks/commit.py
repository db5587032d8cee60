"""How many messages a second become safe: N of 4 KiB from K sessions, through the writer thread, into one Maildir.

    python -m benchmarks.commit DIRECTORY [--messages N] [--sessions K] [--copies C] [--octets O] [--named] [--json]

Each session commits its next message when it hears the outcome of the last. Prints the rate, the CPU time of the process
a message (both threads, kernel included) and the average batch. Nothing is deleted: ext4 is several times slower for some
seconds after many files were; remove DIRECTORY afterwards, and wait before the next run.
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


def measure(directory: str, *, messages: int, sessions: int, copies: int, octets: int, named: bool) -> dict[str, float]:
    """One run."""
    batches = 0

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
    to = [Copy(maildir=f"{directory}/{n}", trace=b"Return-Path: <a@example.org>\n" * 5) for n in range(copies)]
    left, waiting = messages, sessions

    def send(outcome: Outcome | None = None) -> None:
        nonlocal left, waiting
        if outcome is not None and not isinstance(outcome, Stored):
            print(outcome)
        if not left:
            waiting -= 1
            if not waiting:
                acceptance.stop().addCallback(lambda _: reactor.stop())
            return
        left -= 1
        incoming = acceptance.open(to)
        incoming.write(content)
        incoming.commit().addCallback(send)

    def begin() -> None:
        acceptance.start()
        for _ in range(sessions):
            send()

    reactor.callWhenRunning(begin)
    began, used = time.perf_counter(), cpu()
    reactor.run()
    seconds = time.perf_counter() - began
    own, kernel = ((after - before) / messages * 1e6 for before, after in zip(used, cpu(), strict=True))
    return {
        "messages a second": messages / seconds,
        "CPU us a message": own + kernel,
        "of it in the kernel": kernel,
        "average batch": messages / batches,
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
    parser.add_argument("--octets", type=int, default=4096, help="of each message (default 4096)")
    parser.add_argument("--named", action="store_true", help="begin each file with a name in tmp, as without O_TMPFILE")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = vars(parser.parse_args())
    as_json = chosen.pop("json")
    rows = measure(os.path.abspath(chosen.pop("directory")), **chosen)
    print(json.dumps(rows, indent=2) if as_json else "\n".join(f"{cost:10.1f}  {name}" for name, cost in rows.items()))


if __name__ == "__main__":
    main()

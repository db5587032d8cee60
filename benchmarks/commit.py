"""How many messages a second become safe: N of 4 KiB from K sessions, through the writer thread, into one Maildir.

    python benchmarks/commit.py DIRECTORY [N] [K] [COPIES] [OCTETS]

Each session commits its next message when it hears the outcome of the last. Prints the rate, the CPU time of the process
a message (both threads, kernel included) and the average batch. Nothing is deleted: ext4 is several times slower for some
seconds after many files were; remove DIRECTORY afterwards, and wait before the next run.
"""

import os
import resource
import sys
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


def main(directory: str, messages: int, sessions: int, copies: int, octets: int) -> None:
    batches = 0

    def call_in_reactor(function: Callable[..., object], *arguments: object) -> None:
        nonlocal batches
        batches += 1
        reactor.callFromThread(function, *arguments)

    acceptance = MaildirAcceptance(
        writing=Writing(),
        disk=PosixDisk(now=time.time, nameless="NAMED" not in os.environ),
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
    print(
        f"{messages / seconds:.0f} msgs/s, {own + kernel:.0f} us CPU/msg ({kernel:.0f} of it in the kernel), "
        f"average batch {messages / batches:.1f} ({messages} of {octets} octets, {copies} copies, {sessions} sessions)"
    )


if __name__ == "__main__":
    numbers = [int(number) for number in sys.argv[2:]]
    main(os.path.abspath(sys.argv[1]), *numbers, *(10_000, 20, 1, 4096)[len(numbers) :])

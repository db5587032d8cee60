"""What the trail takes: memory when it is full, beside what it believes to take, and time of an operator's question.

python -m benchmarks.trail [--sessions 10000] [--json]

Of a flood of guessers: sessions with twenty recipients each, hung up on, from as many hosts.
"""

import argparse
import json
import time
import tracemalloc
from ipaddress import ip_network
from typing import Final

from twistedmx.model.envelope import Refused
from twistedmx.model.event import NobodyAccepted, SessionEnded
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, verdict
from twistedmx.report.trail import Trail, TrailSettings
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path

AT: Final = 1_800_000_000.0
UNKNOWN: Final = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)


def guesser(trail: Trail, number: int) -> None:
    """One session. Nothing is shared with another but what the server itself shares."""
    peer = Peer(address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", port=1024)
    session = f"{number:010}"
    helo = f"host-{number}.example.net"
    names = tuple(b"nobody.%d.%d@example.org" % (number, each) for each in range(20))
    trail(
        NobodyAccepted(
            at=AT + number,
            session=session,
            peer=peer,
            helo=helo,
            tls=None,
            transactions=4,
            reverse_paths=(parse_path(b"bob.%d@example.net" % number),),
            refused=Refused(count=20, runs=((UNKNOWN, names),)),
        )
    )
    trail(
        SessionEnded(
            at=AT + number,
            session=session,
            peer=peer,
            helo=helo,
            tls=None,
            reason=Reason.BAD_RECIPIENTS,
            seconds=1.0,
            commands=30,
            transactions=4,
            messages=0,
            refused_recipients=20,
            errors=20,
        )
    )


def measure(sessions: int) -> dict[str, float]:
    """One run."""
    settings = TrailSettings(most=sessions, octets=1 << 40)
    trail = Trail(settings, lambda address: False, AT)
    tracemalloc.start()
    for number in range(sessions):
        guesser(trail, number)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = {"sessions": float(trail.size[0]), "octets of each, with its host": taken / sessions}
    rows["of it as counted, with its host"] = trail.size[2] / sessions + 500
    began = time.perf_counter()
    for number in range(sessions, 2 * sessions):
        guesser(trail, number)
    rows["a session more when it is full, microseconds"] = (time.perf_counter() - began) / sessions * 1e6
    for title, ask in {
        "by session": lambda: trail.session("0000000000"),
        "by network": lambda: trail.of_hosts(ip_network("10.0.0.0/24")),
        "by recipient": lambda: trail.of_recipient(b"nobody@example.org"),
    }.items():
        began = time.perf_counter()
        ask()
        rows[f"a question {title}, milliseconds"] = (time.perf_counter() - began) * 1e3
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trail",
        description="What the trail takes when it is full of guessers, and time of a question.",
        epilog="Example: python -m benchmarks.trail --sessions 10000",
    )
    parser.add_argument("--sessions", type=int, default=10_000, help="how many are kept (default 10000)")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = parser.parse_args()
    rows = measure(chosen.sessions)
    print(
        json.dumps(rows, indent=2) if chosen.json else "\n".join(f"{cost:10.2f}  {name}" for name, cost in rows.items())
    )


if __name__ == "__main__":
    main()

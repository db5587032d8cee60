"""What the reputation takes: time for each event, memory for each host; and that a flood of strangers pushes out no proven host.

python -m benchmarks.reputation [--strangers 5000000] [--json]
"""

import argparse
import gc
import json
import time
import timeit
from collections.abc import Callable, Iterable
from itertools import islice, product
from random import Random

from benchmarks.blocklist import resident
from twistedmx.model.envelope import Envelope, Recipient, Refused
from twistedmx.model.event import Event, NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.recipient import ACCEPTED
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.smtp import codes
from twistedmx.smtp.path import parse_path

STRANGERS = 5_000_000
PROVEN = 100_000
EVENTS = 20_000
RUNS = 5
AT = 1_800_000_000.0
DAY = 86_400.0
SENDER = parse_path(b"me@client.example")
UNKNOWN = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
GOOD = verdict(codes.accepted("0123456789.1"), Reason.ACCEPTED)
GUESSED = Refused(count=10, runs=((UNKNOWN, tuple(b"john%d@example.org" % number for number in range(10))),))
ENVELOPE = Envelope(reverse_path=SENDER, recipients=(Recipient(path=parse_path(b"ann@example.org"), verdict=ACCEPTED),))


def addresses(first: int) -> Iterable[str]:
    """Public ones, scattered over as many networks as there are, none twice. `first`: which half of them: 1 or 101."""
    octets = range(256)
    return (
        f"{a}.{b}.{c}.{d}"
        for d, c, b, a in product(octets, octets, octets, range(first, first + 99))
        if a not in (10, 127)
    )


def session(at: float, peer: Peer, reason: Reason, helo: str, *, messages: int = 0) -> SessionEnded:
    return SessionEnded(
        at=at,
        session="0123456789",
        peer=peer,
        helo=helo,
        tls=None,
        reason=reason,
        seconds=1.0,
        commands=12,
        transactions=1,
        messages=messages,
        refused_recipients=10,
        errors=10,
        verbs="EMRQ",
    )


def guesses(at: float, peer: Peer, helo: str) -> NobodyAccepted:
    return NobodyAccepted(
        at=at,
        session="0123456789",
        peer=peer,
        helo=helo,
        tls=None,
        transactions=1,
        reverse_paths=(SENDER,),
        refused=GUESSED,
    )


def message(at: float, peer: Peer) -> TransactionEnded:
    return TransactionEnded(
        at=at,
        session="0123456789",
        queue_id="0123456789.1",
        peer=peer,
        helo="mail.client.example",
        tls=None,
        envelope=ENVELOPE,
        refused=Refused(),
        verdict=GOOD,
        reason=Reason.ACCEPTED,
        octets=4096,
        seconds=0.1,
        detail="",
    )


def reputation(**settings: int) -> Reputation:
    """With nobody in it."""
    blocklist = Blocklist(BlocklistSettings(loopback=True), lambda: AT, Random(1))
    return Reputation(ReputationSettings(**settings), blocklist, lambda event: None, AT)


def told(known: Reputation, hosts: list[str], make: Callable[[str], Iterable[Event]]) -> float:
    """Microseconds for what is told of one host, at best of all runs; the making of events is not among them."""
    events = [event for host in hosts for event in make(host)]

    def tell() -> None:
        for event in events:
            known(event)

    return min(timeit.repeat(tell, number=1, repeat=RUNS)) / len(hosts) * 1e6


def costs() -> dict[str, float]:
    """Of each kind of event, of hosts that are known and of hosts that are not."""
    known = reputation()
    hosts = list(islice(addresses(1), EVENTS))
    peers = {host: Peer(address=host, port=1) for host in hosts}
    rows = {
        "a session that did nothing, microseconds": told(
            known, hosts, lambda host: [session(AT, peers[host], Reason.QUIT, "mail.client.example")]
        ),
        "a session with a message, both its events, microseconds": told(
            known,
            hosts,
            lambda host: [
                message(AT, peers[host]),
                session(AT, peers[host], Reason.QUIT, "mail.client.example", messages=1),
            ],
        ),
        "one more message, microseconds": told(known, hosts, lambda host: [message(AT, peers[hosts[0]])]),
        "a session with ten guesses, both its events, microseconds": told(
            known,
            hosts,
            lambda host: [guesses(AT, peers[host], "pc"), session(AT, peers[host], Reason.QUIT, "pc")],
        ),
        "the same, hung up on, and each with a name of its own, microseconds": told(
            known,
            hosts,
            lambda host: [
                guesses(AT, peers[host], name := f"{host.replace('.', '-')}.dyn.isp.example"),
                session(AT, peers[host], Reason.BAD_RECIPIENTS, name),
            ],
        ),
    }

    def ask() -> None:
        proven = known.proven
        for host in hosts:
            proven(host)

    for _ in range(25):
        known.tick(known.time.state[1] + 3600.0)
    for host in hosts:
        for _ in range(10):
            known(message(known.time.state[1], peers[host]))
        known(session(known.time.state[1], peers[host], Reason.QUIT, "pc", messages=10))
    assert all(map(known.proven, hosts))
    rows["is it proven? microseconds"] = min(timeit.repeat(ask, number=1, repeat=RUNS)) / len(hosts) * 1e6
    return rows


def memory() -> dict[str, float]:
    """Octets for each host that is remembered: with its network, where no two are of one, and without."""
    rows, kept = {}, []
    hosts = list(islice(addresses(1), 200_000))
    gc.collect()
    for title, networks in (("", 1), (" with a network of its own", len(hosts))):
        known, before = reputation(strangers=len(hosts), networks=networks), resident()
        for host in hosts:
            peer = Peer(address=host, port=1)
            known(guesses(AT, peer, "p1.dsl.isp.example"))
            known(session(AT, peer, Reason.QUIT, "p1.dsl.isp.example"))
        gc.collect()
        kept.append(known)  # or the next one would take the memory that this one leaves
        rows[f"a stranger{title}, octets"] = (resident() - before) * 1e6 / len(known.hosts)
    return rows


def flood(strangers: int) -> dict[str, float]:
    """Proven hosts, as many as there may be, and then so many different strangers. Raises AssertionError if one is pushed out."""
    known = reputation()
    hosts = list(islice(addresses(1), PROVEN))
    for day in range(2):
        for host in hosts:
            peer = Peer(address=host, port=1)
            known(message(AT + day * DAY, peer))
            known(session(AT + day * DAY, peer, Reason.QUIT, "mail.client.example", messages=1))
        for hour in range(25):
            known.tick(AT + day * DAY + hour * 3600.0)
    assert all(map(known.proven, hosts))
    before, began = resident(), time.perf_counter()
    for host in islice(addresses(100), strangers):
        known(session(AT + 2 * DAY, Peer(address=host, port=1), Reason.BAD_RECIPIENTS, "pc"))
    took = time.perf_counter() - began
    assert all(map(known.proven, hosts)), "a stranger has pushed out a proven host"
    return {
        "strangers": strangers,
        "proven hosts, and all of them still": len(known.hosts.proven),
        "strangers that are remembered": len(known.hosts.strangers),
        "for each stranger, with the making of its event, microseconds": took / strangers * 1e6,
        "memory before the flood, MB": before,
        "memory behind it, MB": resident(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reputation",
        description=f"Time of events at best of {RUNS} runs, memory of hosts, and a flood of strangers.",
        epilog="Example: python -m benchmarks.reputation --strangers 100000 --json",
    )
    parser.add_argument("--strangers", type=int, default=STRANGERS, help=f"in the flood (default {STRANGERS})")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = parser.parse_args()
    if chosen.strangers < 1:
        parser.error(f"--strangers: must be 1 or more, is {chosen.strangers}")
    rows = memory() | costs() | flood(chosen.strangers)
    print(
        json.dumps(rows, indent=2) if chosen.json else "\n".join(f"{cost:13.2f}  {name}" for name, cost in rows.items())
    )


if __name__ == "__main__":
    main()

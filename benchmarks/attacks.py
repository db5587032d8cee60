"""What it costs to notice an attack: microseconds for a refused name, and for a look each second; and memory at the worst.

    python -m benchmarks.attacks [--json] [--names 1000000]

Events are made before the clock starts; the looks of each second are in the figures, one for each 50,000 names unless said
otherwise.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random

import attrs

from benchmarks.blocklist import resident
from twistedmx.mailbox.keys import domain_key
from twistedmx.model.envelope import Refused
from twistedmx.model.event import Event, NobodyAccepted
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason, verdict
from twistedmx.policy.attack_settings import AttackSettings
from twistedmx.policy.attacked_domains import AttackedDomains, Helped
from twistedmx.policy.attacks import Attacks
from twistedmx.policy.networks import host_or_wider, network_of
from twistedmx.smtp import codes

NAMES = 1_000_000
AT = 1_800_000_000.0
UNKNOWN = verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX)
HOSTS = 2000
TOGETHER = 50  # names in an event, as policy.account tells them


class Deaf:
    """Events that nobody hears."""

    def tell(self, event: Event) -> None: ...


def names(count: int, *, domains: int = 1, flooded: int = 0) -> list[bytes]:
    """Different ones of so many domains, in turn; of ten, so many are one and the same address."""
    return [
        b"nobody@example0.org" if number % 10 < flooded else b"Guess.%d@example%d.org" % (number, number % domains)
        for number in range(count)
    ]


def events(chosen: Sequence[bytes], *, together: int = TOGETHER) -> list[NobodyAccepted]:
    """They are told by so many hosts."""
    template = NobodyAccepted(
        at=AT,
        session="QJ7RK3TWN1",
        peer=Peer(address="192.0.2.1", port=1),
        helo="a",
        tls=None,
        transactions=5,
        reverse_paths=(),
        refused=Refused(),
    )
    peers = cycle(Peer(address=f"203.0.{number // 256}.{number % 256}", port=1) for number in range(HOSTS))
    return [
        attrs.evolve(
            template,
            peer=next(peers),
            refused=Refused(count=together, runs=((UNKNOWN, tuple(chosen[start : start + together])),)),
        )
        for start in range(0, len(chosen), together)
    ]


def noticed(told: Sequence[NobodyAccepted], *, a_second: int = 50_000, proven: bool = False) -> float:
    """Microseconds a name. `a_second`: names between two looks. `proven`: hosts are looked up, as `policy.reputation` does it."""
    attacks = Attacks(AttackSettings(), Deaf(), domain_key)
    attacks.tick(AT)
    if proven:
        known: dict[str, float] = {}
        attacks.proven = lambda address: str(host_or_wider(network_of(address))) in known
    count, second, total = 0, 1, 0
    began = time.perf_counter()
    for event in told:
        attacks(event)
        count += event.refused.count
        if count >= a_second:
            attacks.tick(AT + second)
            second += 1
            total += count
            count = 0
    return (time.perf_counter() - began) / (total + count) * 1e6


def nothing(told: Sequence[NobodyAccepted]) -> float:
    """The same loop, and nobody hears."""
    began = time.perf_counter()
    count = 0
    for event in told:
        count += event.refused.count
    return (time.perf_counter() - began) / count * 1e6


def worst() -> Iterator[tuple[str, float]]:
    """A thousand domains at once, each with more names, hosts and known mailboxes than are kept."""
    settings = AttackSettings()
    domains = AttackedDomains(settings)
    chance = Random(1)
    before = resident()
    for number in range(settings.domains):
        domain = b"example%d.org" % number
        for _ in range(20):
            some = [b"%x@%b" % (chance.getrandbits(64), domain) for _ in range(TOGETHER)]
            domains.refused(domain, some, chance.getrandbits(60), 1)
        for _ in range(1000):
            domains.refused(domain, [b"%x@%b" % (chance.getrandbits(64), domain)], chance.getrandbits(60), 1)
            if number % 10 == 0:  # known ones keep it from being an attack, and weigh less
                domains.accepted(domain, b"%x@%b" % (chance.getrandbits(64), domain), 1)
    began = time.perf_counter()
    domains.judge(AT, 5.0, 1, Helped())
    yield "a look at a thousand domains of which most begin to be under attack, ms", (time.perf_counter() - began) * 1e3
    for second in range(2, 6):
        began = time.perf_counter()
        domains.judge(AT, second * 5.0, second, Helped())
        took = (time.perf_counter() - began) * 1e3
    yield "the look at them that ends a slot of five seconds, ms", took
    began = time.perf_counter()
    domains.judge(AT, 26.0, 5, Helped())
    yield "any other look at them, ms", (time.perf_counter() - began) * 1e3
    yield "memory of a thousand domains under attack, MB", resident() - before


def measure(count: int) -> dict[str, float]:
    """One run."""
    rows = dict(worst())
    one_domain, flood = events(names(count)), events(names(count, flooded=5))
    rows["the loop that measures"] = nothing(one_domain)
    few = events(names(count), together=10)
    rows[f"{TOGETHER} names of a dictionary in an event"] = noticed(one_domain)
    rows["the same, 150,000 a second: one event of eight beyond 50,000"] = noticed(one_domain, a_second=150_000)
    rows["the same, 1000 a second"] = noticed(one_domain[: max(count // 10 // TOGETHER, 1)], a_second=1000)
    rows[f"{TOGETHER} in an event, and each host is looked up"] = noticed(one_domain, proven=True)
    rows["10 in an event"] = noticed(few)
    rows["10 in an event, and each host is looked up"] = noticed(few, proven=True)
    rows["of ten domains in turn"] = noticed(events(names(count, domains=10)))
    rows["each second one is a flooded address"] = noticed(flood)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.attacks",
        description="What it costs to notice an attack: microseconds for a refused name, unless said otherwise.",
        epilog="Example: python -m benchmarks.attacks --names 100000 --json",
    )
    parser.add_argument("--names", type=int, default=NAMES, help=f"how many are told in each row (default {NAMES})")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = parser.parse_args()
    if chosen.names < 1:
        parser.error(f"--names: must be 1 or more, is {chosen.names}")
    rows = measure(chosen.names)
    print(
        json.dumps(rows, indent=2) if chosen.json else "\n".join(f"{cost:10.3f}  {name}" for name, cost in rows.items())
    )


if __name__ == "__main__":
    main()

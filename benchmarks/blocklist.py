"""What a blocklist takes: memory, time to load, and time of a look-up, for hosts that are blocked and for those that are not; of a
page of `list`, and of finding the sessions that a block hangs up on.

python -m benchmarks.blocklist [--entries 1000000] [--json]
"""

import argparse
import json
import time
import timeit
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from itertools import cycle
from random import Random

from twistedmx.model.block import Block
from twistedmx.model.peer import Network
from twistedmx.net.connections import Connections
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings

ENTRIES = 1_000_000
LOOK_UPS = 50_000
RUNS = 5
PAGE = 5000  # as the control socket tells them
# How many of a hundred have which length: mostly hosts (/32, /64), beside networks as drop lists have them.
LENGTHS_4 = {32: 60, 24: 10, 23: 1, 22: 2, 21: 1, 20: 1, 19: 1, 18: 1, 17: 1, 16: 2}
LENGTHS_6 = {64: 10, 56: 2, 48: 4, 44: 1, 40: 1, 36: 1, 32: 1}
SCATTERED = 0x9E3779B97F4A7C15  # odd: times this, numbers below 2**n stay different below 2**n
EVIDENCE = "35 unknown recipients in 7 sessions"


def resident() -> float:
    """MB of memory that this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.readline().split()[1]) * 4096 / 1e6


def networks(entries: int) -> Iterator[Network]:
    """So many, none twice."""
    lengths = [length for length, share in LENGTHS_4.items() for _ in range(share)]
    lengths += [-length for length, share in LENGTHS_6.items() for _ in range(share)]
    Random(1).shuffle(lengths)
    numbers = dict.fromkeys(lengths, 0)
    for _, length in zip(range(entries), cycle(lengths), strict=False):
        numbers[length] += 1
        bits = numbers[length] * SCATTERED
        if length > 0:
            yield IPv4Network((bits % (1 << length) << (32 - length), length))
        else:
            length = -length
            # In 2000::/3, which all of the Internet is.
            yield IPv6Network(((1 << 125) + (bits % (1 << (length - 3)) << (128 - length)), length))


def measure(entries: int) -> dict[str, float]:
    """One run."""
    chance = Random(1)
    empty = resident()
    blocklist = Blocklist(BlocklistSettings(most=entries), time.time, chance)
    began = time.perf_counter()
    hosts = []
    for number, network in enumerate(networks(entries)):
        # As they come from storage: each with an id, a reason and times of its own.
        block = Block(
            id=f"{number:08d}",
            network=network,
            reason="bad-recipients",
            evidence=f"{EVIDENCE}",
            origin="conduct",
            since=time.time(),
            expiry=time.time() + chance.randrange(3600, 2_592_000),
        )
        blocklist.add(block, force=True)
        if number % max(1, entries // 1009) == 0:
            hosts.append(str(network.network_address))
    rows = {"loading, seconds": time.perf_counter() - began}
    rows["memory of the process, MB"] = resident()
    rows["of it before, MB"] = empty
    strangers = [f"203.0.113.{number}" for number in range(250)] + [f"4000:db8:{number:x}::1" for number in range(250)]
    for title, addresses in {"blocked": hosts, "not blocked": strangers}.items():
        for family, sign in {"IPv4": ".", "IPv6": ":"}.items():
            chosen = [
                each
                for each in addresses
                if sign in each and (blocklist.find(each) is not None) == (title == "blocked")
            ]
            if chosen:
                rows[f"look-up, {title}, {family}, microseconds"] = look_up(blocklist, chosen)
    rows["a new block when the list is full, microseconds"] = new_block(blocklist)
    rows |= pages(blocklist)
    rows |= hang_up()
    return rows


def look_up(blocklist: Blocklist, addresses: list[str]) -> float:
    """Microseconds, at best of all runs."""
    times = max(1, LOOK_UPS // len(addresses))

    def ask_for_all() -> None:
        find = blocklist.find
        for address in addresses:
            find(address)

    return min(timeit.repeat(ask_for_all, number=times, repeat=RUNS)) / times / len(addresses) * 1e6


def new_block(blocklist: Blocklist) -> float:
    """Microseconds, on average of 1000; another goes for each."""
    hosts = [IPv4Network((3_325_256_704 + number, 32)) for number in range(1000)]
    began = time.perf_counter()
    for host in hosts:
        blocklist.block(host, reason="bad-recipients", evidence=EVIDENCE, origin="conduct")
    return (time.perf_counter() - began) / len(hosts) * 1e6


def pages(blocklist: Blocklist) -> dict[str, float]:
    """`list`, page by page: milliseconds of the longest, and seconds of all."""
    longest, after, began = 0.0, None, time.perf_counter()
    while True:
        one = time.perf_counter()
        _, after = blocklist.page(after, PAGE)
        longest = max(longest, time.perf_counter() - one)
        if after is None:
            break
    return {
        f"a page of {PAGE} at the longest, milliseconds": longest * 1e3,
        "all pages, seconds": time.perf_counter() - began,
    }


def hang_up() -> dict[str, float]:
    """Microseconds to find the sessions of a host and of a network, among those of ten thousand hosts."""
    connections = Connections()
    for number in range(10_000):
        connections.add(object(), f"10.{number >> 8}.{number & 255}.1")
    rows = {}
    for text in ("10.3.7.1/32", "10.3.7.0/24"):
        network = IPv4Network(text)
        took = min(timeit.repeat(partial(connections.in_network, network), number=100, repeat=RUNS)) / 100
        rows[f"sessions of {text} among 10,000, microseconds"] = took * 1e6
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.blocklist",
        description=f"Memory, time to load and time of a look-up of a blocklist; look-ups at best of {RUNS} runs.",
        epilog="Example: python -m benchmarks.blocklist --entries 100000 --json",
    )
    parser.add_argument("--entries", type=int, default=ENTRIES, help=f"how many it has (default {ENTRIES})")
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    chosen = parser.parse_args()
    if chosen.entries < 1:
        parser.error(f"--entries: must be 1 or more, is {chosen.entries}")
    rows = measure(chosen.entries)
    print(
        json.dumps(rows, indent=2) if chosen.json else "\n".join(f"{cost:10.2f}  {name}" for name, cost in rows.items())
    )


if __name__ == "__main__":
    main()

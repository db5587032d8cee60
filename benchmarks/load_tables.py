"""How long a table of 100,000 mailboxes takes to read in each format, and what a look-up costs.

python -m benchmarks.load_tables [--json]
"""

import argparse
import json
import time
import timeit

from twistedmx.mailbox.tables import read_table
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.smtp.path import parse_path

ADDRESSES = 100_000
RUNS = 5

TEMPLATE = MaildirTemplate(text="/srv/mail/{domain}/{local}")
NAMES = [f"user{number:06}.name@example{number % 10}.org" for number in range(ADDRESSES)]
TABLES = {
    "boxes.txt, a line each": ("boxes.txt", "\n".join(NAMES)),
    "boxes.toml, a line each": ("boxes.toml", "mailboxes = [\n" + "".join(f'  "{name}",\n' for name in NAMES) + "]\n"),
    "boxes.toml, one line": ("boxes.toml", "mailboxes = [" + ", ".join(f'"{name}"' for name in NAMES) + "]\n"),
}


def measure() -> dict[str, float]:
    """Seconds to read each table, at best of all runs, and nanoseconds of each look-up."""
    rows: dict[str, float] = {}
    for title, (source, text) in TABLES.items():
        octets = text.encode()
        seconds = []
        for _ in range(RUNS):
            began = time.perf_counter()
            snapshot = read_table(source, octets, TEMPLATE)
            seconds.append(time.perf_counter() - began)
        rows[f"{title}: seconds"] = min(seconds)
    for title, address in {
        "found": NAMES[ADDRESSES // 2],
        "unknown": "nobody@example1.org",
        "not ours": "user@example.net",
        "unknown, not ASCII": "jörg@example1.org",
    }.items():
        path = parse_path(address.encode())
        times = 20_000
        each = min(timeit.repeat(lambda path=path: snapshot.find(path), number=times, repeat=RUNS)) / times
        rows[f"find, {title}: nanoseconds"] = each * 1e9
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load_tables",
        description=f"How long a table of {ADDRESSES:,} mailboxes takes to read, at best of {RUNS} runs, and a look-up in it.",
        epilog="Example: python -m benchmarks.load_tables --json",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    as_json = parser.parse_args().json
    rows = measure()
    print(json.dumps(rows, indent=2) if as_json else "\n".join(f"{cost:10.3f}  {name}" for name, cost in rows.items()))


if __name__ == "__main__":
    main()

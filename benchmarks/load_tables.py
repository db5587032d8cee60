"""How long a table of 100,000 mailboxes takes to read in each format, and what a look-up costs.

python benchmarks/load_tables.py
"""

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


def main() -> None:
    for title, (source, text) in TABLES.items():
        octets = text.encode()
        seconds = []
        for _ in range(RUNS):
            began = time.perf_counter()
            snapshot = read_table(source, octets, TEMPLATE)
            seconds.append(time.perf_counter() - began)
        print(f"{title:24} {min(seconds):.3f} s at best, {max(seconds):.3f} s at worst")
    for title, address in {
        "found": NAMES[ADDRESSES // 2],
        "unknown": "nobody@example1.org",
        "not ours": "user@example.net",
        "unknown, not ASCII": "jörg@example1.org",
    }.items():
        path = parse_path(address.encode())
        times = 20_000
        each = min(timeit.repeat(lambda path=path: snapshot.find(path), number=times, repeat=RUNS)) / times
        print(f"find, {title:18} {each * 1e9:6.0f} ns")


if __name__ == "__main__":
    main()

"""Files of hosts' records for tests of how they move, and a process that is killed while it moves them.

moved.py PATH WORKERS CALLS     settles for so many; SIGKILL at that call of SQLite or of the system
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from random import Random
from types import FrameType
from typing import Any

from twistedmx.net.steering import worker_of
from twistedmx.policy import standing
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.host_key import host_key
from twistedmx.policy.hyperloglog import NONE
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.standing import Standing
from twistedmx.policy.tally import Tally
from twistedmx.store.moving import Moving
from twistedmx.store.schema import SCHEMA
from twistedmx.store.sqlite_file import open_file
from twistedmx.store.standing_rows import host_row, key_text, tally_row
from twistedmx.store.standing_tables import tables_of
from twistedmx.store.standings import PUT_TIME

AT = 1_800_000_000.0
_NO_TALLIES: Mapping[str, Tally] = {}
_CALLS = (
    "execute",
    "executemany",
    "fetchmany",
    "fetchall",
    "fetchone",
    "remove",
    "close",
    "connect",
    "open",
    "listdir",
)


def moving(path: str, now: float = AT) -> Moving:
    blocklist = Blocklist(BlocklistSettings(), lambda: AT, Random())
    reputation = Reputation(ReputationSettings(half_life=1e12), blocklist, lambda event: None, now)
    return Moving(path=path, tables=tuple(tables_of(reputation)), worker_of=worker_of, now=now)


def put(
    path: str,
    hosts: dict[str, Standing],
    tallies: Mapping[str, Tally] = _NO_TALLIES,
    time: tuple[float, float] = (AT, AT),
) -> None:
    """Into a file, which is made if it is not there."""
    file = open_file(path, SCHEMA, patience=0.0)
    rows = [host_row(host_key(address), standing.packed(known)) for address, known in hosts.items()]
    places = ", ".join("?" * 11)
    file.connection.executemany(f"INSERT OR REPLACE INTO hosts VALUES ({places})", rows)
    for name, tally in tallies.items():
        file.connection.execute("INSERT INTO helos VALUES (?, ?, ?, ?, ?, ?, ?)", tally_row(name, tally))
    file.connection.execute(PUT_TIME, time)
    file.close()


def tally(good: float) -> Tally:
    return Tally(good, 0.0, int(AT), int(AT), NONE, NONE)


def rows(path: str, table: str = "hosts") -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def goods(path: str) -> dict[str, float]:
    """By host, as it is written."""
    return {row[0]: row[1] for row in rows(path)}


def name_of(address: str) -> str:
    return key_text(host_key(address))


def main(path: str, workers: int, calls: int) -> None:
    left = calls

    def count(frame: FrameType, event: str, called: Any) -> None:
        nonlocal left
        if event == "c_call" and getattr(called, "__name__", "") in _CALLS:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    move = moving(path)
    sys.setprofile(count)
    move.settle(workers)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

"""A process that puts and removes blocks until it is killed, and says what was confirmed.

killed_store.py PATH FIRST        blocks FIRST, FIRST + 1, ...: "+ID" when one is safe; every third is removed again: "-ID"
killed_store.py PATH full OCTETS  no file may be longer than OCTETS: "fault WORDS"; then it may, and "waited NUMBER Done ..."
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import SimpleQueue

from twisted.internet.task import Clock

from twistedmx.store.blocks import Blocks
from twistedmx.store.database import Database
from twistedmx.store.jobs import Done, Outcome
from twistedmx.store.schema import SCHEMA
from twistedmx.testing.store import block

WAITING = 20

calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
clock = Clock()


def opened(path: str) -> Database:
    return Database(
        path=path,
        schema=SCHEMA,
        most=1000,
        clock=clock,
        call_in_reactor=lambda function, *rest: calls.put(partial(function, *rest)),
        begun_anew=lambda: None,
    )


def say(words: str) -> None:
    """One line, in one piece, even if the process dies at once."""
    os.write(1, f"{words}\n".encode())


def churn(path: str, first: int, lines: int) -> None:
    database = opened(path)
    blocks = Blocks(database)
    said = count(1)

    def confirmed(words: str) -> None:
        say(words)
        if next(said) == lines:
            os.kill(os.getpid(), signal.SIGKILL)

    def removed(id: str, outcome: Outcome) -> None:
        if outcome == Done():
            confirmed(f"-{id}")

    def put(id: str, outcome: Outcome) -> None:
        if outcome == Done():
            confirmed(f"+{id}")
        if int(id) % 3 == 0:
            blocks.remove(id).addCallback(partial(removed, id))

    database.start()
    for number in count(first):
        blocks.put(block(str(number))).addCallback(partial(put, str(number)))
        while database.state.waiting > WAITING:
            calls.get()()


def fill(path: str, octets: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    database = opened(path)
    blocks = Blocks(database)
    outcomes: list[Outcome] = []
    database.start()
    for number in range(500):
        blocks.put(block(str(number), evidence="x" * 1000)).addCallback(outcomes.append)
    while not database.state.fault:
        calls.get()()
    say(f"fault {database.state.fault}")
    waited = database.state.waiting
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    clock.advance(1)
    while len(outcomes) < 500:
        calls.get()()
    say(f"waited {waited} {' '.join(sorted({type(outcome).__name__ for outcome in outcomes}))}")


if __name__ == "__main__":
    path, first, *rest = sys.argv[1:]
    if first == "full":
        fill(path, int(rest[0]))
    else:
        churn(path, int(first), int(rest[0]))

"""A process in which clients do good and harm until it is killed, and which says what was saved.

killed_standings.py PATH SAVES   "+ADDRESS GOOD BAD" for each host once its counts are safe; SIGKILL behind so many saves, amid more
"""

import os
import signal
import sys
from functools import partial
from itertools import count
from random import Random

import attrs

from tests.report.facts import SESSION, TRANSACTION
from tests.store.killed_store import calls, opened, say
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.store.blocks import Blocks
from twistedmx.store.jobs import Done, Outcome
from twistedmx.store.standings import Standings

AT = 1_800_000_000.0


def address(number: int) -> str:
    return f"203.{number % 200}.{number // 200}.7"


def reputation_at(blocklist: Blocklist) -> Reputation:
    return Reputation(ReputationSettings(half_life=1e12), blocklist, lambda event: None, AT)


def main(path: str, saves: int) -> None:
    database = opened(path)
    blocklist = Blocklist(BlocklistSettings(), lambda: AT, Random())
    reputation = reputation_at(blocklist)
    standings, blocks = Standings(reputation, database), Blocks(database)
    blocklist.on_block = lambda block: blocks.put(block).addCallback(
        lambda outcome: say(f"!{block.network}") if outcome == Done() else None
    )
    standings.load()
    database.start()
    saved = count(1)
    first = len(reputation.hosts)
    heard: list[str] = []

    def safe(counts: dict[str, tuple[float, float]], outcome: Outcome) -> None:
        if outcome == Done():
            for one, (good, bad) in counts.items():
                say(f"+{one} {good:.0f} {bad:.0f}")
            if next(saved) == saves:
                # More is under way, and lost.
                hear(10_000_000)
                standings.save()
                os.kill(os.getpid(), signal.SIGKILL)

    def hear(number: int) -> None:
        one = address(number % 30_000)
        peer = Peer(address=one, port=1)
        reputation(attrs.evolve(TRANSACTION, at=AT, session="x", peer=peer))
        reputation(attrs.evolve(SESSION, at=AT, session="x", peer=peer))
        for _ in range(4 if number % 7 == 0 else number % 3):
            reputation(attrs.evolve(SESSION, at=AT, session="x", peer=peer, reason=Reason.BAD_RECIPIENTS))
        heard.append(one)

    for number in count(first):
        hear(number)
        if number % 10 == 9:
            counts = {one: reputation.standing_of(one)[:2] for one in heard}
            heard.clear()
            standings.save().addCallback(partial(safe, counts))
            while standings.saving:
                calls.get()()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

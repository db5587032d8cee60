"""What was saved of clients outlives SIGKILL, and no entry of the blocklist is lost with what was not. Processes of their own."""

import subprocess
import sys
from random import Random

from tests.store.killed_standings import AT, reputation_at
from tests.store.opened import Opened
from tests.store.test_kill import ROOT
from twistedmx.model.block import Block
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.reputation import Reputation
from twistedmx.store.blocks import Blocks
from twistedmx.store.standings import Standings


class KillTests(Opened):
    def loaded(self) -> tuple[Reputation, set[str]]:
        """What a start finds."""
        database = self.database()
        reputation = reputation_at(Blocklist(BlocklistSettings(), lambda: AT, Random()))
        blocks: list[Block] = []
        Standings(reputation, database).load()
        Blocks(database).load(blocks.extend, expired_before=0.0)
        database.start()
        self.finish(database.stop())
        return reputation, {str(block.network) for block in blocks}

    def test_all_that_was_saved_outlives_sigkill_and_every_block_does(self) -> None:
        """Killed in the midst of a write, again and again on one file: only what came since the last save is counted anew."""
        blocked: set[str] = set()
        counts: dict[str, tuple[int, int]] = {}
        for saves in (1, 7, 30):
            process = subprocess.run(
                [sys.executable, "-m", "tests.store.killed_standings", self.path, str(saves)],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            self.assertEqual(process.returncode, -9)
            for line in process.stdout.splitlines():
                if line[0] == "!":
                    blocked.add(line[1:])
                else:
                    address, good, bad = line[1:].split()
                    counts[address] = (int(good), int(bad))
            reputation, found = self.loaded()
            self.assertEqual(blocked - found, set())
            for address, (good, bad) in counts.items():
                standing = reputation.standing_of(address)
                self.assertIsNotNone(standing, address)
                self.assertGreaterEqual((round(standing.good), round(standing.bad)), (good, bad), address)
            self.assertTrue(reputation.condemnation.ready)
        self.assertGreater(len(counts), 300)
        self.assertGreater(len(blocked), 10)
        self.assertEqual(self.words(), [])

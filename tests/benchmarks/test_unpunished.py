"""A legitimate sender beside attackers whom nothing stops, and what fair turns cost."""

import inspect
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, table
from benchmarks.page import page
from benchmarks.peers import one_lane
from benchmarks.peers.postfix import Postscreen
from benchmarks.peers.twistedmx import OneLane
from benchmarks.scenarios import CASES, concerns
from benchmarks.victim import figures
from tests.benchmarks.test_results import peer as described
from tests.benchmarks.test_results import result
from tests.benchmarks.test_victim import ATTACKERS, sent, written
from twistedmx.net.readers import Connection
from twistedmx.net.shares import Shares
from twistedmx.settings import read_settings

CASE = next(case for case in CASES if case.scenario == "unpunished")


def run(peer, attack_p99, answered):
    """A run, as JSON keeps it."""
    told = ATTACKERS | {"answered": answered}
    values = figures(sent(4000), sent(9000), sent(attack_p99), told) | {"busy": 1.0}
    return {"case": CASE.name, "peer": peer, "run": 1, "calibration": 0.2, "values": values}


def both(*runs):
    """A result with the server beside ours."""
    some = result(*runs)
    some["peers"] = {"twistedmx": described("twistedmx"), "twistedmx-one-lane": described("one lane")}
    return some


class TestSettings(SynchronousTestCase):
    def test_nothing_stops_them(self):
        """Else it would be measured how fast they are stopped, as victim does."""
        found = tomllib.loads(written(self, settings=CASE.settings))
        self.assertEqual(found["attacks"], {"names": 0, "tries": 0})
        self.assertEqual(found["reputation"], {"condemned_after": 0, "networks_after": 0})
        for section, key in (("conduct", "bad_recipients"), ("conduct", "resets"), ("limits", "errors")):
            self.assertGreater(min(found[section][key]), 10**6)

    def test_ours_can_read_what_every_case_has(self):
        """A key that is renamed is noticed here, and not after an hour of measuring."""
        for case in CASES:
            path = Path(self.mktemp())
            path.write_text(written(self, default_limits=case.default_limits, settings=case.settings))
            read_settings(str(path))


class TestPeers(SynchronousTestCase):
    def test_without_fair_turns_there_is_what_it_replaces(self):
        """A method that has another name by now would be replaced by nobody, and both would be the same."""
        for ours, theirs in ((one_lane.stay, Connection.fall_behind), (one_lane.all_at_once, Shares.front)):
            self.assertEqual(len(inspect.signature(ours).parameters), len(inspect.signature(theirs).parameters))

    def test_it_is_another_program_with_the_same_settings(self):
        """So that nothing else is compared, and the product has no switch for it."""
        self.assertIn("benchmarks.peers.one_lane", OneLane.python_words)
        self.assertEqual({case.scenario for case in CASES if concerns(case, OneLane())}, {"unpunished"})

    def test_postscreen_knows_the_attackers_and_not_the_senders(self):
        """127.200/16 is the senders'; who asks whether it greets is no attacker either."""
        networks = [(ip_network(words[0]), words[1]) for words in map(str.split, Postscreen.access.splitlines())]
        for address, expected in (("127.0.0.1", "permit"), ("127.200.7.1", "permit"), ("127.1.0.1", "reject")):
            found = next(word for network, word in networks if ip_address(address) in network)  # the first one counts
            self.assertEqual(found, expected)


class TestFigures(SynchronousTestCase):
    def test_what_fair_turns_cost_is_what_is_answered_without(self):
        """Of commands, at the same load."""
        some = both(run("twistedmx", 8000, 9000), run("twistedmx-one-lane", 500_000, 10_000))
        reached = {row[0]: row[1:] for row in table.targets(some)}
        self.assertEqual(reached["what they are answered meanwhile"][1:], ("0.90 x without fair turns", "yes"))
        self.assertEqual(reached["the same later"][1:], ("8.0 ms p99", "yes"))

    def test_it_is_on_the_page_and_has_a_chart(self):
        """As every scenario."""
        some = both(run("twistedmx", 8000, 9000), run("twistedmx-one-lane", 500_000, 10_000))
        text = page(some)
        self.assertIn("beside attackers whom nothing stops", text)
        self.assertIn("| twistedmx | 2.0 | 4.0 | 2.0 | 9.0 | 2.0 | 8.0 | 8.0 | 0 | 500 | 900 | 100% |", text)
        self.assertIn("500 ms", chart.draw(CASE, some))

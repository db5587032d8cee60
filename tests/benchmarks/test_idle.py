"""Sessions that say nothing: what they cost, and what a known host waits for beside them."""

import resource

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, idle, table
from benchmarks.fault import CannotMeasure
from benchmarks.group import Group
from benchmarks.page import page
from benchmarks.peers.exim import Exim
from benchmarks.peers.notqmail import Notqmail
from benchmarks.scenarios import CASES, generators, why_not
from tests.benchmarks.test_results import result

CASE, MANY = (next(case for case in CASES if case.name == name) for name in ("idle", "idle-20k"))
VALUES = {
    "kb_per_session": 2.44,
    "pss": 90_000_000,
    "base_pss": 40_000_000,
    "processes": 1,
    "sessions": 20_000,
    "rate": 12_000.0,
    "cpu": 0.05,
    "idle_cpu": 0.0,
}
GREETING = {"count": 250, "p50": 500, "p99": 900, "max": 1200}
MET = {"greeting_us": GREETING, "calm_greeting_us": GREETING, "transaction_us": GREETING, "failed": 0, "failure": ""}


def run(case, values, peer="twistedmx"):
    """A run, as JSON keeps it."""
    return {"case": case.name, "peer": peer, "run": 1, "calibration": 0.2, "values": values}


class TestIdle(SynchronousTestCase):
    def test_more_sessions_than_descriptors_are_not_measured(self):
        """It is said what to do, before a server has refused the last of them."""
        options = {"port": 1, "connections": 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[1]}
        error = self.assertRaises(CannotMeasure, idle.measure, options, Group("nobody"), core=0)
        self.assertIn("ulimit -Hn", str(error))

    def test_of_several_workers_each_has_its_descriptors(self):
        """So many sessions are measured."""
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        options = {"port": 1, "connections": 2 * limit + 2000}
        self.assertRaises(CannotMeasure, idle.measure, options, Group("nobody"), core=0, workers=2)
        self.assertEqual(idle.parts(limit, limit=limit, workers=1), [(0, limit - idle.SPARE)])
        self.assertEqual(idle.parts(30_000, limit=20_000, workers=2), [(0, 15_000), (15_000, 15_000)])
        self.assertEqual(idle.parts(10_000, limit=20_000, workers=2), [(0, 10_000)])

    def test_known_hosts_are_told_of_where_there_were_some(self):
        """The other case has none."""
        self.assertEqual(idle.words(VALUES), "2.44 KB a session, 20,000 held")
        self.assertIn("greeting p99 0.9 ms, 0 transactions failed", idle.words(VALUES | MET))

    def test_both_are_on_the_page(self):
        """With what is known of each."""
        some = result(run(CASE, VALUES), run(MANY, VALUES | MET), run(MANY, VALUES | MET, "twisted"))
        text = page(some)
        self.assertIn("| twistedmx | 20,000 | 2.44 | 90 | 1 | 12,000 | 0.050 |\n", text)
        self.assertIn("| twistedmx | 20,000 | 2.44 | 90 | 1 | 12,000 | 0.050 | 0.5 | 0.9 |\n", text)
        self.assertIn("2.4 KB", chart.draw(MANY, some))
        reached = {row[0]: row[3] for row in table.targets(some)}
        self.assertEqual(
            (reached["one of 20,000, or of as many as it may have"], reached["greeting of a known host beside them"]),
            ("yes", "yes"),
        )

    def test_a_process_for_each_session_is_too_much(self):
        """And it is said."""
        self.assertIn("20,000 processes", why_not(MANY, Notqmail()))
        self.assertEqual(why_not(CASE, Notqmail()), "")

    def test_fewer_sessions_than_were_asked_for_are_another_case(self):
        """The one with 10,000 takes what there is."""
        self.assertEqual((why_not(MANY, Exim()), why_not(CASE, Exim())), ("it holds 4,096 sessions at most", ""))

    def test_its_programs_are_built_before(self):
        """A compiler has no place in a measurement."""
        self.assertEqual(generators(CASE), [("load", False)])
        self.assertEqual(generators(MANY), [("load", False), ("victim", False)])

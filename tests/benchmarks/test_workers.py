"""A server of several processes beside one of one: its settings, how even it is, and what sharing costs."""

import os
import platform
import subprocess
import sys
import tomllib

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from benchmarks import chart, machine, table
from benchmarks.page import page
from benchmarks.peers.all import ALL
from benchmarks.peers.peer import ROOT
from benchmarks.peers.twistedmx import FourWorkers, TwoWorkers
from benchmarks.scenarios import CASES, concerns
from benchmarks.workers import PEERS, spread, words
from tests.benchmarks.test_results import peer as described
from tests.benchmarks.test_results import result
from tests.benchmarks.test_victim import written

CASE = next(case for case in CASES if case.name == "workers-reject")
TIMES = {"count": 1, "p50": 100, "p90": 200, "p99": 300, "max": 400}


def status(*sessions):
    """Of a supervisor, whose workers have so many."""
    return {"workers": [{"number": number, "sessions": each} for number, each in enumerate(sessions)]}


def run(peer, cpu, even):
    """As JSON keeps it."""
    values = {"rate": 50_000.0, "cpu": cpu, "busy": 1.2, "spread": even, "long_turns": 1, "reply_us": TIMES}
    return {"case": CASE.name, "peer": peer, "run": 1, "calibration": 0.2, "values": values}


def both(*runs):
    """A result with two servers."""
    some = result(*runs)
    some["peers"] = {"twistedmx": described("twistedmx"), "twistedmx-2-workers": described("two")}
    return some


SOME = both(run("twistedmx", 0.020, 1.0), run("twistedmx-2-workers", 0.021, 1.25))


class TestSpread(SynchronousTestCase):
    def test_it_is_the_most_to_the_least(self):
        """As `status` tells the sessions of each."""
        self.assertEqual(spread(status(200, 100, 150)), 2.0)

    def test_who_has_none_counts_as_one_has(self):
        """Also while a worker begins, of which nothing is known."""
        self.assertEqual((spread(status(20, 0)), spread(status(20, None)), spread(status(0, 0))), (20.0, 20.0, 0.0))

    def test_one_process_is_even(self):
        """It has no workers to tell of."""
        self.assertEqual(spread({}), 1.0)


class TestCases(SynchronousTestCase):
    def test_they_are_those_of_one_process_and_concern_ours_alone(self):
        """What is compared has one load; of messages enough for four to sync many at a time."""
        cases = [case for case in CASES if case.scenario == "workers"]
        like = [
            next(case for case in CASES if case.name == name)
            for name in ("reject-580", "reject-580-pipelined", "accept-4k-1")
        ]
        hosts = [580, 580, 320]
        expected = [case.options | {"connections": number} for case, number in zip(like, hosts, strict=True)]
        self.assertEqual([case.options for case in cases], expected)
        for case in cases:
            self.assertEqual({kind.name for kind in ALL if concerns(case, kind())}, set(PEERS))
            self.assertTrue(case.all_cores)
            self.assertFalse(case.brief)

    def test_workers_are_asked_for_before_the_first_section(self):
        """Where the server reads them; one process has no such key."""
        self.assertNotIn("workers", tomllib.loads(written(self)))
        for kind, number in ((TwoWorkers, 2), (FourWorkers, 4)):
            found = tomllib.loads(written(self, kind=kind))
            self.assertEqual((found["workers"], found["host"]), (number, "mx.example.org"))

    def test_a_server_of_several_processes_has_all_cores_but_that_of_the_load(self):
        """Which never sleeps. One process may have as many, so that nothing else is compared."""
        server, load = machine.cores()
        many = machine.server_cores()
        self.assertEqual((server in many, load in many, len(many)), (True, False, len(os.sched_getaffinity(0)) - 1))


class TestTurns(SynchronousTestCase):
    def test_they_are_long_where_the_system_has_that(self):
        """As the system itself says."""
        release = tuple(map(int, platform.release().split("-")[0].split(".")[:2]))
        if release < (6, 12) or platform.machine() not in ("x86_64", "aarch64"):
            raise SkipTest("needs Linux 6.12 on x86_64 or aarch64")
        program = "from benchmarks.group import take_long_turns; print(take_long_turns(0))"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout, "True\n")


class TestResults(SynchronousTestCase):
    def test_cpu_is_told_beside_one_worker(self):
        """It is what sharing costs."""
        self.assertEqual([row[3] for row in table.rows(CASE, SOME)], ["CPU to one worker", "1.00 x", "1.05 x"])
        reached = {row[0]: row[1:] for row in table.targets(SOME)}
        self.assertEqual(
            reached["refused RCPT, lock-step, 2 workers in turns of 20 ms"],
            ("at most 1.10 x CPU of one", "1.05 x CPU of one", "yes"),
        )
        self.assertEqual(reached["refused RCPT, lock-step, 4 workers in turns of 20 ms"][2], "not measured")

    def test_without_one_worker_there_is_nothing_to_compare_with(self):
        """And the table is there all the same."""
        alone = both(run("twistedmx-2-workers", 0.021, 1.25))
        self.assertEqual(table.rows(CASE, alone)[1][3], "")

    def test_it_is_on_the_page_and_has_a_chart(self):
        """As every scenario."""
        text = page(SOME)
        self.assertIn("| two | 50,000 | 0.0210 | 1.05 x | 1.2 x | 120% |", text)
        self.assertIn("performance/workers-reject.svg", text)
        self.assertIn("0.0210", chart.draw(CASE, SOME))
        self.assertIn("1.2 x the sessions", words(SOME["runs"][1]["values"], "RCPT/s"))

"""What counts as passed, and what is wrong with a file that says so."""

import os

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.drill.thresholds import AllThresholds, read_thresholds
from twistedmx.settings import BadSettings


class TestFile(SynchronousTestCase):
    def write(self, text):
        folder = self.mktemp()
        os.makedirs(folder)
        path = os.path.join(folder, "thresholds.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def faults(self, text):
        path = self.write(text)
        faults = self.assertRaises(BadSettings, read_thresholds, path).faults
        self.assertTrue(all(fault.startswith(f"{path}: ") for fault in faults), faults)
        return [fault.removeprefix(f"{path}: ") for fault in faults]

    def test_the_shipped_file_is_whole(self):
        """No siege takes an unknown recipient, and none loses legitimate mail."""
        shipped = read_thresholds()
        for siege in (1, 2, 3):
            limits = shipped.of(siege)
            self.assertEqual((limits.legitimate_failures, limits.unknown_accepted, limits.unknown_deferred), (0, 0, 0))
        self.assertEqual(shipped.siege_1.guesses_per_session, 10)

    def test_a_file_says_only_what_is_otherwise(self):
        """All else is as shipped."""
        found = read_thresholds(self.write("[siege_2]\np99_floor = 1000\n"))
        self.assertEqual(found.siege_2.p99_floor, 1000.0)
        self.assertEqual((found.siege_1, found.siege_2.p99_factor), (read_thresholds().siege_1, 5.0))
        self.assertIsInstance(found, AllThresholds)

    def test_all_faults_are_told_at_once_with_key_found_and_expected(self):
        """Nobody wants to wait for a drill to hear of the second one."""
        text = """\
siege_3 = 1
[siege_1]
legitimate_failures = "none"
p99_factor = 0.5
p99_flor = 100
closed_share = 95
[siege_4]
"""
        self.assertEqual(
            sorted(self.faults(text)),
            [
                "siege_1.closed_share: must be between 0 and 1, is 95.0",
                "siege_1.legitimate_failures: must be a whole number, is 'none'",
                "siege_1.p99_factor: must be 1 or more, is 0.5",
                "siege_1.p99_flor: no such setting here; did you mean 'p99_floor'?",
                "siege_3: is a section; write [siege_3] and its settings below it",
                "siege_4: no such setting here; did you mean 'siege_3'?",
            ],
        )

    def test_what_is_no_toml_and_what_is_not_there_are_told(self):
        """With the path."""
        (fault,) = self.faults("[siege_1")
        self.assertIn("is not TOML", fault)
        (fault,) = self.assertRaises(BadSettings, read_thresholds, "/nowhere/x.toml").faults
        self.assertEqual(fault, "/nowhere/x.toml: cannot be read: No such file or directory")

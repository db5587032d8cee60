"""From runs to what people read: medians, tables, targets, charts, the page."""

import json
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, recorded, results, table
from benchmarks.fault import CannotMeasure
from benchmarks.page import page
from benchmarks.program import arguments
from benchmarks.scenarios import CASES

CHURN = next(case for case in CASES if case.name == "churn")


def run(peer, number, cpu, rate=8000.0):
    """A run of churn, as JSON keeps it."""
    times = {"count": 1, "p50": 100, "p90": 200, "p99": 300, "max": 400}
    values = {"rate": rate, "cpu": cpu, "busy": 1.0, "reply_us": times, "round_us": times, "connection_us": times}
    return {"case": "churn", "peer": peer, "run": number, "calibration": 0.2, "values": values}


def peer(title):
    return {"title": title, "version": "1", "promise": "synced", "recipients": "set", "differs": "nothing"}


def result(*runs):
    return {
        "version": results.VERSION,
        "at": "2026-01-01T00:00+00:00",
        "command": "python -m benchmarks churn",
        "machine": {"processor": "x", "memory_gib": 8, "kernel": "Linux 6", "python": "3.11.2", "cores": 2},
        "peers": {"twistedmx": peer("twistedmx"), "twisted": peer("stock <Twisted>")},
        "runs": list(runs),
        "skipped": [{"case": "tls", "peer": "notqmail", "why": "it does not offer STARTTLS here"}],
    }


SOME = result(
    run("twistedmx", 1, 0.30),
    run("twistedmx", 2, 0.10, 9000.0),
    run("twistedmx", 3, 0.12, 7000.0),
    run("twisted", 1, 0.3, 3000.0),
)


class TestResults(SynchronousTestCase):
    def test_a_figure_is_the_median_of_its_runs(self):
        """One run that was disturbed does not make us slow, nor fast."""
        ours = results.medians(SOME)["churn"]["twistedmx"]
        self.assertEqual((ours["cpu"], ours["rate"], ours["connection_us_p99"]), (0.12, 8000.0, 300))
        self.assertAlmostEqual(ours["ratio"], 0.6)

    def test_a_file_that_is_no_result_is_said_to_be_none(self):
        """Who gives the wrong file hears so, and sees no traceback."""
        path = Path(self.mktemp())
        for text in ("", "[]", "{}"):
            path.write_text(text)
            self.assertRaises(CannotMeasure, results.read, str(path))
        path.write_text(json.dumps(SOME))
        self.assertEqual(results.read(str(path)), SOME)

    def test_results_are_joined(self):
        """The slow servers may be measured in a call of their own."""
        joined = results.joined([SOME, result(run("exim", 1, 0.9)) | {"peers": {"exim": peer("Exim")}}])
        self.assertEqual(list(joined["peers"]), ["twistedmx", "twisted", "exim"])
        self.assertEqual(len(joined["runs"]), 5)
        self.assertEqual(page(joined).count("`python -m benchmarks churn`, 2026"), 2)

    def test_a_case_of_a_server_is_in_one_of_them(self):
        """Medians of two calls would be divided by those of one."""
        self.assertRaises(CannotMeasure, results.joined, [SOME, SOME])


class TestTables(SynchronousTestCase):
    def test_a_target_is_reached_or_not_or_not_measured(self):
        """The report may not pass over a target in silence."""
        reached = {(row[0], row[3]) for row in table.targets(SOME)}
        self.assertIn(("connections of one round", "yes"), reached)
        self.assertIn(("an idle session", "not measured"), reached)
        missed = {(row[0], row[3]) for row in table.targets(result(run("twistedmx", 1, 1, 5999.0)))}
        self.assertIn(("connections of one round", "no"), missed)

    def test_the_report_names_what_was_not_measured(self):
        """A gap in a table has a reason."""
        self.assertIn("tls of notqmail: it does not offer STARTTLS here", table.report(SOME))

    def test_the_page_has_every_server_and_case(self):
        """docs/performance.md is made of this alone."""
        text = page(SOME)
        for words in ("stock <Twisted>", "| twistedmx | 8,000 | 0.1200 |", "performance/churn.svg", "STARTTLS"):
            self.assertIn(words, text)


class TestCharts(SynchronousTestCase):
    def test_a_chart_is_xml_whatever_a_server_is_called(self):
        """A browser shows nothing of a picture that is not."""
        tree = ElementTree.fromstring(chart.draw(CHURN, SOME))
        bars = tree.findall("{http://www.w3.org/2000/svg}rect")
        self.assertEqual([bar.get("class") for bar in bars], ["ours", "bar"])

    def test_a_case_with_one_server_has_no_chart(self):
        """One bar says nothing."""
        self.assertEqual(chart.draw(CHURN, result(run("twistedmx", 1, 0.1))), "")


class TestRecorded(SynchronousTestCase):
    def test_more_cpu_than_was_recorded_is_told_beyond_a_margin(self):
        """Noise is not a regression; a third more is."""
        file = Path(self.mktemp())
        self.assertIn("nothing recorded", recorded.slower(SOME, file)[0])
        recorded.write(SOME, file)
        self.assertEqual(recorded.slower(SOME, file), [])
        self.assertEqual(recorded.slower(result(run("twistedmx", 1, 0.14)), file), [])
        self.assertIn("33% more CPU", recorded.slower(result(run("twistedmx", 1, 0.16)), file)[0])


class TestArguments(SynchronousTestCase):
    def test_a_scenario_or_one_of_its_cases(self):
        """Whoever works on one thing measures one thing."""
        self.assertEqual(len(arguments(["reject"]).cases), 8)
        self.assertEqual([case.name for case in arguments(["reject-580", "tls"]).cases], ["reject-580", "tls"])

    def test_a_wrong_word_ends_with_status_2(self):
        """As every program does."""
        for words in (["rejekt"], ["--peers", "sendmail"], ["--runs", "0"]):
            with redirect_stderr(StringIO()):
                self.assertEqual(self.assertRaises(SystemExit, arguments, words).code, 2)

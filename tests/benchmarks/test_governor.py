"""The limit of sessions over a run: what is kept of the looks at it, of mail, and how it is drawn."""

import json
import os
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import chart, limit_chart, results, table
from benchmarks.fault import CannotMeasure
from benchmarks.governor import PHASES, figures, in_time, look_at, words
from benchmarks.others import Hogs, Strangers
from benchmarks.page import page
from benchmarks.peers.peer import Peer
from benchmarks.peers.postfix import Postfix
from benchmarks.peers.twistedmx import OneLane, Twistedmx
from benchmarks.scenarios import CASES, concerns, generators
from tests.benchmarks.test_results import result
from tests.benchmarks.test_victim import ANSWERS, REFUSED, Loopback

CASE = next(case for case in CASES if case.name == "governor")
LENGTHS = {"calm": 2, "strangers": 4, "hogs": 4, "after": 3}
LIMITS = (140, 140, 200, 600, 700, 700, 700, 400, 100, 100, 100, 300, 590)
EACH = [2000] * 2 * sum(LENGTHS.values())  # two a second


def look(limit, load=0.3):
    """At a server of such a limit."""
    told = {"limit": limit, "why": "wanted", "floor": 100, "strangers": min(limit, 580), "proven": 0}
    return told | {"waiting": max(0, 580 - limit), "load": load, "lag": 0.001}


LOOKS = [look(limit) for limit in LIMITS]
OTHERS = {"hogs": 10, "sessions": 580, "failure": "greeting: heard 421"}


def kept(looks=LOOKS, each=EACH, again=()):
    """Of a run."""
    sent = {"": in_time(each, 2), "again_": again, "known_": in_time(EACH, 2)}
    return figures(looks, sent, LENGTHS, wanted=580)


def run(values):
    """As JSON keeps it."""
    return {"case": "governor", "peer": "twistedmx", "run": 1, "calibration": 0.2, "values": values | OTHERS}


class TestFigures(SynchronousTestCase):
    def test_where_the_limit_was_and_when(self):
        """Seconds count from the beginning of the phase to the end of the second in which it was there."""
        values = kept()
        found = [values[f"{key}_limit"] for key in ("begin", "most", "least")]
        self.assertEqual(found, [140, 700, 100])
        found = [values[f"{key}_seconds"] for key in ("rise", "fall", "back")]
        self.assertEqual(found, [2, 3, 3])

    def test_a_limit_that_does_not_get_there_has_the_length_of_its_phase(self):
        """A table has no place for never, and a target that is below it is missed."""
        values = kept([look(140)] * len(LOOKS))
        self.assertEqual([values[f"{key}_seconds"] for key in ("rise", "fall", "back")], [4, 4, 3])

    def test_a_second_without_an_answer_is_a_gap(self):
        """A server that is too busy to be asked is no reason to throw the run away."""
        values = kept([*LOOKS[:3], None, *LOOKS[4:]])
        self.assertEqual((values["unanswered"], values["rise_seconds"], values["most_limit"]), (1, 3, 700))
        self.assertNotIn("limit", values["seconds"][3])

    def test_a_phase_without_any_answer_is_not_measured(self):
        """Nothing is known of it."""
        error = self.assertRaises(CannotMeasure, kept, [None] * 2 + LOOKS[2:])
        self.assertIn("'calm'", str(error))

    def test_mail_belongs_to_the_phase_in_which_it_was_begun(self):
        """What failed counts as 30 seconds; what was late is accepted in a later second."""
        each = list(EACH)
        each[4], each[5] = 2_600_000, -1  # both of second 2, the first one of strangers
        values = kept(each=each)
        self.assertEqual([values[f"{phase}_failed"] for phase in PHASES], [0, 1, 0, 0])
        self.assertEqual([values[f"{phase}_accepted"] for phase in PHASES], [4, 7, 8, 6])
        self.assertEqual((values["strangers_us"]["p50"], values["strangers_us"]["p99"]), (2000, 30_000_000))
        self.assertEqual((values["failed"], values["sent"]), (1, 26))
        accepted = [second["accepted"] for second in values["seconds"]]
        self.assertEqual((accepted[2], accepted[4], sum(accepted)), (0, 3, 25))
        self.assertEqual(values["seconds"][2]["slowest_ms"], 30_000)

    def test_who_comes_again_belongs_to_where_he_does(self):
        """Of a phase in which nobody did there is no time."""
        values = kept(again=[(6.0, 5000), (9.9, -1)])
        found = [(values[f"again_{phase}_accepted"], values[f"again_{phase}_failed"]) for phase in PHASES]
        self.assertEqual(found, [(0, 0), (0, 0), (1, 1), (0, 0)])
        self.assertEqual(values["again_calm_us"], {"count": 0, "p50": 0, "p99": 0, "max": 0})
        self.assertEqual(values["again_hogs_us"], {"count": 2, "p50": 5000, "p99": 30_000_000, "max": 30_000_000})
        self.assertEqual((values["known_hogs_accepted"], values["known_hogs_failed"]), (8, 0))

    def test_it_is_told_as_it_goes_on(self):
        """With what failed, and how busy the machine was before."""
        told = words(kept() | OTHERS)
        for part in (
            "limit 140, 700 at most (2 s",
            "100 beside 10 hogs",
            "0 of 26 failed",
            "0 of 8 of known",
            "the load was 0.3 before",
        ):
            self.assertIn(part, told)


class TestLook(SynchronousTestCase):
    def test_what_is_kept_of_a_status(self):
        """Its keys are the server's: one that is renamed is noticed here."""
        governor = {
            **{key: LOOKS[0][key] for key in ("limit", "why", "floor", "strangers", "proven")},
            "waiting": {"stranger": 2, "failed": 1},
            "vitals": {"load": 0.5, "lag": 0.01, "runnable": 1.0},
        }
        found = look_at(lambda: {"governor": governor})
        self.assertEqual((found["waiting"], found["load"], found["lag"], found["limit"]), (3, 0.5, 0.01, 140))

    def test_no_answer_is_none(self):
        """And no peer but ours has any."""
        self.assertIsNone(look_at(Postfix().status))
        self.assertIsNot(Twistedmx.status, Peer.status)


class TestOthers(Loopback):
    def test_strangers_say_little_and_are_counted(self):
        """HELO is not in this server's words: they are hung up on, and others come."""
        server = self.server({key: REFUSED[key] for key in (b"MAIL", b"RCPT")} | {b"HELO": ANSWERS[b"MAIL"]})
        with Strangers(server.port, 3, core=0) as strangers:
            strangers.come()
            server.wait_until(lambda server: server.seen)
            counts = strangers.go()
        self.assertTrue(server.seen[0].startswith("127.61."))
        self.assertEqual(counts["not_connected"], 0)
        self.assertGreaterEqual(counts["connections"], 1)

    def test_hogs_are_one_session_and_end_together(self):
        """Linux divides the processor among sessions: ten of them would be ten other programs."""
        with Hogs(2) as hogs:
            self.assertEqual(os.getsid(hogs.pid), hogs.pid)
            self.assertNotEqual(os.getsid(hogs.pid), os.getsid(0))
        self.assertRaises(ProcessLookupError, os.getsid, hogs.pid)
        hogs.end()  # again, which is harmless


class TestResults(SynchronousTestCase):
    def test_it_concerns_ours_alone(self):
        """No other server has a limit that moves."""
        self.assertEqual([concerns(CASE, peer()) for peer in (Twistedmx, OneLane, Postfix)], [True, False, False])
        self.assertTrue(CASE.default_limits)
        self.assertEqual(generators(CASE), [("victim", False)])

    def test_its_seconds_are_no_figure(self):
        """They are there for the chart."""
        values = results.medians(json.loads(json.dumps(result(run(kept())))))["governor"]["twistedmx"]
        self.assertEqual((values["most_limit"], values["hogs_us_p99"]), (700, 2000))
        self.assertNotIn("seconds", values)

    def test_it_is_on_the_page(self):
        """With what it is that was measured."""
        text = page(result(run(kept())))
        self.assertIn("## The limit of sessions\n", text)
        self.assertIn("performance/governor.svg", text)
        self.assertIn("| twistedmx | 0.3 | 140 | 700 | 2 | 100 | 3 | 0.3 | 3 | 2.0 | 4 | 0 | 2.0 | 8 | 0 |", text)
        reached = {row[0]: row[3] for row in table.targets(result(run(kept())))}
        self.assertEqual(reached["all of 580 strangers are in"], "yes")

    def test_it_is_drawn_over_time_though_there_is_one_server(self):
        """Limit, sessions, load and mail; a second without an answer is left empty."""
        looks = [*LOOKS[:3], None, *LOOKS[4:]]
        tree = ElementTree.fromstring(chart.draw(CASE, result(run(kept(looks)))))
        written = {text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")}
        for name in ("sessions of strangers", "limit", "load, each CPU", "messages a minute"):
            self.assertIn(name, written)
        self.assertEqual(chart.draw(CASE, result()), "")

    def test_mail_is_drawn_by_five_seconds(self):
        """One more or less in a second would be all that is seen."""
        self.assertEqual(limit_chart.in_a_minute([1, 0, 0, 0, 0, 3, 1]), [12.0] * 5 + [120.0] * 2)

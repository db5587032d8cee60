"""Figures by thresholds."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.drill.sample import figures, latencies, limits, starved
from tests.drill.wire import PLAN
from twistedmx.drill.counts import Counts
from twistedmx.drill.figures import verdict
from twistedmx.drill.judgement import hints, judge
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.limits import Limits
from twistedmx.drill.page import attack_line, calm_line, page
from twistedmx.drill.thresholds import read_thresholds

LIMITS = read_thresholds().siege_1


def failed(found):
    return [mark.name for mark in judge(found, LIMITS) if not mark.passed]


def counted(**more):
    good = figures(PLAN)
    return attrs.evolve(good, counts=attrs.evolve(good.counts, **more))


class TestJudgement(SynchronousTestCase):
    def test_what_went_well_has_passed(self):
        """The test of all tests below."""
        good = figures(PLAN)
        self.assertEqual(failed(good), [])
        self.assertEqual(verdict(good, judge(good, LIMITS)), "passed")

    def test_each_threshold_fails_alone(self):
        """One of them is enough."""
        lost = latencies(60, 0.006)
        lost.fail("message: RCPT: 421 4.7.0 no")
        for wrong, name in (
            (figures(PLAN, attack=lost), "legitimate failures"),
            (figures(PLAN, calm=lost), "legitimate failures"),
            (figures(PLAN, attack=latencies(60, 0.006, 0.3)), "legitimate p99"),
            (figures(PLAN, attack=Latencies()), "legitimate p99"),
            (counted(accepted=1), "unknown recipients accepted"),
            (counted(deferred=1), "unknown recipients deferred"),
            (counted(most_guesses=11), "guesses answered in a session"),
            (counted(left=500), "sessions closed by the server"),
            (counted(hung_up=0), "sessions closed by the server"),
            (counted(not_connected=2400), "attackers' connections"),
            (figures(PLAN, alive=False), "server takes mail afterwards"),
            (figures(PLAN, resident_most=200 << 20), "server's memory grew by"),
        ):
            self.assertEqual(failed(wrong), [name])
            self.assertEqual(verdict(wrong, judge(wrong, LIMITS)), "failed")

    def test_p99_is_compared_with_the_calm_but_never_below_the_floor(self):
        """Three times two milliseconds is noise; five times a slow disk is not."""
        self.assertEqual(failed(figures(PLAN, attack=latencies(60, 0.002, 0.249))), [])
        slow = latencies(15, 0.1)
        self.assertEqual(failed(figures(PLAN, calm=slow, attack=latencies(60, 0.1, 0.499))), [])
        self.assertEqual(failed(figures(PLAN, calm=slow, attack=latencies(60, 0.1, 0.501))), ["legitimate p99"])

    def test_memory_that_is_not_told_is_not_judged(self):
        """A server that is not ours has no status."""
        names = [mark.name for mark in judge(figures(PLAN, resident_before=None, resident_most=None), LIMITS)]
        self.assertNotIn("server's memory grew by", names)

    def test_a_drill_that_was_interrupted_is_neither_passed_nor_failed(self):
        """It was not what was ordered."""
        found = figures(PLAN, interrupted=True)
        self.assertEqual(verdict(found, judge(found, LIMITS)), "interrupted")


class TestHints(SynchronousTestCase):
    def test_what_makes_the_figures_worse_or_better_than_they_seem_is_said(self):
        """A machine that is too small measures itself."""
        good = figures(PLAN)
        self.assertEqual(hints(good, loopback_is_spared=False), ())
        (hint,) = hints(good, loopback_is_spared=True)
        self.assertIn("[blocklist] loopback = true", hint)
        busy = Limits()
        for high in (True, False):
            busy.told({"limit": 50, "under_load": high}, 0.0)
        self.assertIn("already before the attack", hints(figures(PLAN, limits=busy), loopback_is_spared=False)[0])
        late = attrs.evolve(good, own_lag=[0.2])
        self.assertIn("late by 200.0 ms", hints(late, loopback_is_spared=False)[0])
        self.assertIn("all of a core", hints(counted(at_work=0.97), loopback_is_spared=False)[0])
        self.assertIn("5 connections of attackers", hints(counted(not_connected=5), loopback_is_spared=False)[0])


class TestPage(SynchronousTestCase):
    def test_failures_are_shown_with_their_words(self):
        """Of calm and attack together."""
        calm, attack = latencies(5, 0.005), latencies(5, 0.005)
        calm.fail("message: RCPT: 450 4.7.1 later")
        attack.fail("message: RCPT: 450 4.7.1 and later")
        found = figures(PLAN, calm=calm, attack=attack)
        lines = list(page(found, judge(found, LIMITS), ("mind the gap",)))
        self.assertEqual(lines[0], "drill 1, RSET dictionary, on 127.0.0.1:2525: failed")
        self.assertIn("failures    2 x message: RCPT: 450 4.7.1 later", lines)
        self.assertIn("FAILED  legitimate failures: 2, at most 0", lines)
        self.assertEqual(lines[-1], "hint: mind the gap")

    def test_how_far_the_limit_fell_beside_hogs_is_told(self):
        """And after how long: that is what they are for."""
        lost = latencies(5, 0.005)
        lost.fail("message: no connection: timeout")
        plan = attrs.evolve(PLAN, hog=40.0, hogs=10)
        found = figures(plan, starved=starved(latencies=lost))
        text = "\n".join(page(found, judge(found, LIMITS), ()))
        self.assertIn(
            "governor    limit 140 at first, at most 580, at least 140; strangers at most 281, load at most 0.42\n"
            "hogs        10 for 40 s: limit from 580 down to 50, after 21 s; load at most 4.90\n"
            "            legitimate  5 sent, 1 failed, p50 5.0 ms, p99 5.0 ms; late itself p99 4.0 ms\n"
            "            1 x message: no connection: timeout\n",
            text,
        )
        for told, words in (
            (limits((0.0, 50, 9, None)), "limit 50 at first, and never below"),
            (Limits(), "not known"),
        ):
            found = figures(plan, starved=starved(limits=told))
            text = "\n".join(page(found, judge(found, LIMITS), ()))
            self.assertIn(f"{words}; load at most not known\n", text)

    def test_a_drill_in_which_nothing_happened_is_a_page(self):
        """Ctrl-C in the first second."""
        nothing = figures(
            PLAN,
            seconds=0.0,
            counts=Counts(),
            calm=Latencies(),
            attack=Latencies(),
            own_lag=[],
            resident_before=None,
            resident_most=None,
            limits=Limits(),
            interrupted=True,
        )
        text = "\n".join(page(nothing, judge(nothing, LIMITS), ()))
        self.assertIn("0 guesses answered, at most 0 in a session", text)
        self.assertIn("memory not known", text)
        self.assertIn("governor    not known\n", text)
        self.assertNotIn("hogs", text)

    def test_what_is_rare_is_shown_when_it_happened(self):
        """And not when not."""
        found = counted(silent=3, garbled=1)
        text = "\n".join(page(found, judge(found, LIMITS), ()))
        self.assertIn("3 without an answer, 1 answered in no words of SMTP", text)

    def test_progress_is_a_line(self):
        """With what matters at a glance."""
        good = figures(PLAN)
        self.assertEqual(
            calm_line(1, 2.02, 15.0, Latencies(), Limits()),
            "drill 1: calm, 2 of 15 s; mail 0 of 0 sent, 0 failed, p99 none",
        )
        self.assertEqual(
            attack_line(
                1, "attack", 2.9, 12.0, good.counts, good.attack, limits((0.0, 140, 9, None), (2.0, 580, 9, 0.4))
            ),
            "drill 1: attack, 3 of 12 s; 0 sessions, 2,148 closed, 19,530 guesses answered; "
            "mail 60 of 60 sent, 0 failed, p99 22.5 ms; limit 580, load 0.40",
        )
        line = calm_line(1, 2.0, 15.0, Latencies(), limits((0.0, 140, 9, None)))
        self.assertTrue(line.endswith("p99 none; limit 140"), line)

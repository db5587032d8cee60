"""`twistedmx status --watch`: time and terminal are fakes."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.calling import Calling
from tests.cli.test_commands import STATUS
from twistedmx.cli.chart import ASCII, BLOCKS, Look, chart, columns
from twistedmx.net.control import Refused


class Time:
    """A clock that goes when somebody sleeps. `left`: sleeps until Ctrl-C; `takes`: seconds for each look at it."""

    def __init__(self, left, takes=0.0):
        self.now, self.left, self.takes = 100.0, left, takes
        self.slept = []

    def seconds(self):
        self.now += self.takes
        return self.now

    def sleep(self, seconds):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        self.slept.append(seconds)
        self.now += seconds


def status(limit=580, strangers=9, load=0.42, **more):
    governor = {**STATUS["governor"], "limit": limit, "strangers": strangers, **more}
    return {**STATUS, "governor": {**governor, "vitals": {**governor["vitals"], "load": load}}}


class TestWatch(Calling):
    def watch(self, *words, answers, looks=None, takes=0.0, **more):
        left = iter(answers)
        self.time = Time(looks or len(answers), takes)
        self.serve(status=lambda arguments: next(left))
        world = {"sleep": self.time.sleep, "seconds": self.time.seconds, "size": lambda: (60, 24)}
        return self.ask("status", "--watch", *words, **world, **more)

    def test_into_a_pipe_it_is_a_line_a_second_until_ctrl_c(self):
        """Which is how it is meant to end."""
        said = self.watch(answers=[status(), status(386, 412, None, heard_out=26, why="load", under_load=True)])
        self.assertEqual((said.status, said.beside), (0, ""))
        self.assertEqual(
            said.out,
            "10:03:22 UTC  limit 580, strangers 9, waiting 5, load 0.42; risen: somebody found no place\n"
            "10:03:22 UTC  limit 386, strangers 412 (26 heard out), waiting 5, load not known; held or fallen: "
            "the machine has enough to do; limits under load HOLD\n",
        )
        self.assertEqual(self.time.slept, [1.0])

    def test_it_keeps_its_pace_and_makes_up_for_nothing(self):
        """What a question takes is no part of the pause; a server that was slow is not asked three times at once."""
        self.watch("--interval", "5", answers=[status()] * 3, takes=0.5)
        for slept in self.time.slept:
            self.assertAlmostEqual(slept, 4.0, delta=0.6)
        self.watch_again("--interval", "0.1", answers=[status()] * 3, takes=0.5)
        self.assertEqual(self.time.slept, [0.0, 0.0])

    def watch_again(self, *words, **more):
        self.socket += "."
        return self.watch(*words, **more)

    def test_machines_get_all_of_it_in_a_line_each(self):
        """As `status --json`."""
        said = self.watch("--json", answers=[status(1), {"older": 1}])
        self.assertEqual([json.loads(line) for line in said.out.splitlines()], [status(1), {"older": 1}])

    def test_on_a_terminal_the_chart_is_drawn_in_place(self):
        """The lines that stand there are gone up over and erased, as many as they are."""
        said = self.watch(answers=[status(), status(290), status(580)], at_terminal=True)
        first, second, third = said.out.split("\x1b[11A\x1b[J")
        self.assertEqual([one.count("\n") for one in (first, second, third)], [11, 11, 11])
        self.assertIn("limit 290", second)
        self.assertIn("     580 ─ ─\n", third)
        self.assertIn("    load ▃▃▃\n", third)

    def test_a_terminal_without_block_characters_gets_ascii(self):
        """And a small one a small chart."""
        said = self.watch(answers=[status()] * 2, at_terminal=True, encoding="ascii")
        self.assertIn("     580 --\n", said.out)
        self.assertTrue(said.out.replace("\x1b", "").isascii())
        said = self.watch_again(answers=[status()], at_terminal=True, environment={"TERM": "dumb"})
        self.assertEqual(said.out.count("\n"), 1)

    def test_when_the_server_goes_away_it_is_said(self):
        """Status 2, as if it had never been there."""

        def gone(arguments):
            raise Refused("the server stops")

        self.time = Time(5)
        self.serve(status=status())
        words = ("status", "--watch", "--socket", self.socket)

        def sleep(seconds):
            self.socket = "gone"
            self.doCleanups()

        said = self.call(*words, sleep=sleep)
        self.assertEqual(said.status, 2)
        self.assertEqual(len(said.out.splitlines()), 1)
        self.assertIn("twistedmx status: ", said.beside)
        self.assertNotIn("Traceback", said.beside)

    def test_a_server_without_a_governor_is_told(self):
        """It is older; --json shows what it has."""
        for older in ({"sessions": 5}, {**STATUS, "governor": {"limit": 5}}, {**STATUS, "governor": None}, [], None):
            said = self.watch_again(answers=[older])
            self.assertEqual((said.status, said.out), (2, ""))
            self.assertIn("tells of no governor that we know", said.beside)

    def test_words_that_make_no_sense_are_told(self):
        """With what would."""
        for interval in ("0", "fast", "nan", "1e9"):
            said = self.call("status", "--watch", "--interval", interval)
            self.assertEqual(said.status, 2)
            self.assertIn(f"'{interval}' is no number from 0.1 to 3600", said.beside)
        self.assertIn("--interval is of --watch", self.call("status", "--interval", "1").beside)


def looks(*rows):
    return [Look(words="w", limit=a, strangers=b, waiting=c, load=d) for a, b, c, d in rows]


class TestChart(SynchronousTestCase):
    def test_it_follows(self):
        """The limit is a line, strangers are what is filled; who waits and the load have a line each."""
        rows = [(100, 0, 0, None), (100, 50, 1, 0.0), (200, 200, 4, 0.5), (50, 100, 2, 2.0)]
        self.assertEqual(
            chart(looks(*rows), 40, 4, ASCII),
            [
                "w",
                "     200   =",
                "           #",
                "         --##",
                "       0  ##=",
                " waiting  .#:",
                "    load ? .#",
            ],
        )

    def test_the_newest_are_shown_and_no_line_wraps(self):
        """A wrapped line would be one more than is gone up over."""
        lines = chart(looks(*[(number, number, 0, 1.0) for number in range(100)]), 30, 3, BLOCKS)
        self.assertEqual({len(line) for line in lines[1:4]} | {29}, {29})
        self.assertTrue(lines[1].startswith("      99 "))
        self.assertEqual(columns(30), 20)

    counts = st.integers(0, 10**6)

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(counts, counts, counts, st.none() | st.floats(0, 1e6)), min_size=1, max_size=50),
        st.integers(1, 200),
        st.integers(1, 20),
    )
    def test_any_looks_are_a_chart_of_that_size(self, rows, width, height):
        """Whatever the numbers are and however small the terminal."""
        for marks in (ASCII, BLOCKS):
            lines = chart(looks(*rows), width, height, marks)
            self.assertEqual(len(lines), height + 3)
            self.assertLessEqual(max(map(len, lines)), max(width - 1, 1))

"""The two pictures: whatever was recorded is drawn, to scale and within its frame."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.report.chart import Axis, axis_for
from twistedmx.report.pictures import rejections, sessions, top_reasons
from twistedmx.report.span import Span

NOON = 1_795_168_800  # 2026-11-20 10:00 UTC
TOP, BOTTOM = 58.0, 278.0  # of the frame, in pixels
SVG = "{http://www.w3.org/2000/svg}"
COUNTS = st.integers(0, 10**9)
MINUTES = st.dictionaries(
    st.integers(0, 1439),
    st.builds(
        Span,
        start=st.just(0),
        minutes=st.just(1),
        refused=st.dictionaries(st.sampled_from("abcdefghij"), COUNTS).map(Counter),
        turned_away=COUNTS,
        most_open=COUNTS,
        load=st.none() | st.floats(0, 10_000),
    ),
    min_size=1,
    max_size=30,
).map(lambda found: [placed(number, span) for number, span in sorted(found.items())])


def placed(number, span):
    span.start = NOON + 60 * number
    return span


def heights(picture, kind):
    """Of each path of a kind, where it goes up and down to."""
    return [
        [float(y) for pair in re.findall(r"M[\d.]+ (-?[\d.]+)|V(-?[\d.]+)", path.get("d")) for y in pair if y]
        for path in ElementTree.fromstring(picture).iter(f"{SVG}path")
        if kind in path.get("class").split()
    ]


class TestPictures(SynchronousTestCase):
    @given(MINUTES)
    def test_nothing_leaves_the_frame(self, minutes):
        """However many there were, and of whatever."""
        for picture in (rejections(minutes), sessions(minutes, 2)):
            for kind in ("area", "line"):
                for path in heights(picture, kind):
                    self.assertTrue(all(TOP <= y <= BOTTOM for y in path), path)

    def test_reasons_stand_upon_each_other(self):
        """The uppermost line is all that was refused."""
        picture = rejections([Span(start=NOON, minutes=1, refused=Counter(first=50, second=30), turned_away=20)])
        scale = (BOTTOM - TOP) / 100
        bounds = [(BOTTOM - y) / scale for path in heights(picture, "area") for y in path]
        self.assertEqual([round(bound) for bound in bounds], [50, 0, 80, 50, 100, 80])

    def test_a_step_of_many_minutes_is_their_mean_and_their_peak(self):
        """Else a day would look worse than each of its hours."""
        minutes = [
            Span(start=NOON + 60 * number, minutes=1, refused=Counter(guess=100), most_open=number % 5, load=1.0)
            for number in range(1440)
        ]
        scale = (BOTTOM - TOP) / 100
        (guesses,) = heights(rejections(minutes), "area")
        self.assertEqual({round((BOTTOM - y) / scale) for y in guesses}, {0, 100})
        peaks = heights(sessions(minutes, 1), "line")[0]
        self.assertEqual(len(set(peaks)), 1)

    def test_the_reasons_that_refused_most_come_first(self):
        """And none that refused nobody."""
        minutes = [Span(start=0, refused=Counter(a=1, b=2, c=0)), Span(start=60, refused=Counter(b=1, d=2))]
        self.assertEqual(top_reasons(minutes, 5), ["b", "d", "a"])
        self.assertEqual(top_reasons(minutes, 1), ["b"])


class TestAxis(SynchronousTestCase):
    @given(st.floats(0, 1e12), st.sampled_from((1.0, 0.1)))
    def test_it_is_round_and_just_high_enough(self, highest, least):
        """At most six marks: 1, 2 or 5 and noughts apart."""
        axis = axis_for(highest, least=least)
        self.assertGreaterEqual(axis.top, highest * (1 - 1e-9))
        self.assertTrue(2 <= len(axis.marks()) <= 6, axis)
        self.assertTrue(axis.top - axis.step <= highest)
        self.assertIn(f"{axis.step:.3e}"[:5], ("1.000", "2.000", "5.000"))

    def test_two_axes_have_their_marks_side_by_side(self):
        """One set of lines serves both."""
        left, right = axis_for(3), axis_for(500)
        self.assertEqual((len(left.marks()), len(right.marks())), (4, 6))
        self.assertEqual(left.beside(right), Axis(top=5.0, step=1.0))
        self.assertEqual(right.beside(left), right)

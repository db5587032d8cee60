"""Spans: what is gathered is no more and no less than what was recorded."""

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.report.span import MINUTE, Span, gathered, minute_of

DAY = 1440
NUMBERS = st.integers(0, 10**6)
SPANS = st.builds(
    Span,
    start=st.just(0),
    minutes=st.just(1),
    messages=NUMBERS,
    accepted=NUMBERS,
    refused=st.dictionaries(st.sampled_from(("not-ours", "unknown-mailbox")), NUMBERS).map(Counter),
    sessions=NUMBERS,
    turned_away=NUMBERS,
    most_open=NUMBERS,
    load=st.none() | st.floats(0, 1000),
)


def minutes(*numbers, **more):
    return [Span(start=number * MINUTE, minutes=1, **more) for number in numbers]


class TestSpan(SynchronousTestCase):
    @given(SPANS)
    def test_a_minute_is_read_back_as_it_was_told(self, minute):
        """Through JSON, from the server to who asked."""
        self.assertEqual(minute_of(json.loads(json.dumps(minute.told()))), minute)

    def test_what_a_newer_server_says_beside_is_left_out(self):
        """A command outlives an upgrade by an hour."""
        (minute,) = minutes(7)
        self.assertEqual(minute_of({**minute.told(), "phase_of_the_moon": "full"}), minute)


class TestGathered(SynchronousTestCase):
    @given(st.integers(0, 10**8), st.sets(st.integers(0, DAY - 1), min_size=1), st.integers(2, 500))
    def test_nothing_is_lost_and_nothing_is_too_long(self, first, numbers, most):
        """Every minute is in one span; spans lie side by side, at round times."""
        recorded = minutes(*(first + number for number in sorted(numbers)), sessions=1)
        length, spans = gathered(recorded, most)
        self.assertLessEqual(len(spans), most)
        self.assertEqual(sum(span.minutes for span in spans), len(numbers))
        self.assertEqual(sum(span.sessions for span in spans), len(numbers))
        self.assertEqual({span.start % length for span in spans}, {0})
        starts = [span.start for span in spans]
        self.assertEqual(starts, list(range(starts[0], starts[-1] + 1, length)))
        self.assertTrue(spans[0].minutes and spans[-1].minutes)

    @given(st.lists(SPANS, min_size=1, max_size=5))
    def test_numbers_are_added_and_peaks_are_the_highest(self, recorded):
        """Two minutes of 100 sessions at once are not 200 at once."""
        whole = Span(start=0)
        for minute in recorded:
            whole.add(minute)
        self.assertEqual(whole.messages, sum(minute.messages for minute in recorded))
        self.assertEqual(whole.refused.total(), sum(minute.refused.total() for minute in recorded))
        self.assertEqual(whole.most_open, max(minute.most_open for minute in recorded))
        loads = [minute.load for minute in recorded if minute.load is not None]
        self.assertEqual(whole.load, max(loads) if loads else None)

    def test_a_gap_stays_one(self):
        """Nobody looked is not nothing came."""
        _, spans = gathered(minutes(1, 4), 30)
        self.assertEqual([span.minutes for span in spans], [1, 0, 0, 1])

    def test_nothing_recorded_is_nothing(self):
        """And no error."""
        self.assertEqual(gathered([], 30), (MINUTE, []))

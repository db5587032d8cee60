"""The history: what the counters have grown by, minute by minute, whatever the clock does."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import NOBODY, OPENED, TRANSACTION, UNKNOWN
from twistedmx.model.envelope import Refused
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.counters import Counters
from twistedmx.report.history import MINUTES, History

NOON = 1_795_168_800.0  # 2026-11-20 10:00 UTC
LATE = (Action.DEFER, Reason.LOOKUP_LATE)
REFUSED = attrs.evolve(
    NOBODY, refused=Refused(count=9, runs=((UNKNOWN, (b"a@example.org", b"b@example.org")),), others=((*LATE, 4),))
)
EVENTS = st.lists(st.sampled_from((OPENED, TRANSACTION, NOBODY, REFUSED)), max_size=5)


class Recorded:
    """A history of counters, with a clock that says what a test wants. `turned_away`: since the start."""

    def __init__(self):
        self.counters = Counters()
        self.history = History(self.counters)
        self.turned_away = 0

    def record(self, now, *events, most_open=0, turned_away=0, load=0.0):
        for event in events:
            self.counters(event)
        self.turned_away += turned_away
        self.history.record(now, most_open=most_open, turned_away=self.turned_away, load=load)

    def starts(self, now):
        return [minute["start"] - NOON for minute in self.history.told(now)]


def total(minutes, key):
    return sum(minute[key] for minute in minutes)


class TestHistory(SynchronousTestCase):
    def setUp(self):
        self.recorded = Recorded()

    def test_a_minute_has_what_was_counted_in_it(self):
        """Sums of what came, the highest of what there was."""
        self.recorded.record(NOON, OPENED, most_open=3, load=0.5)
        self.recorded.record(NOON + 1, OPENED, TRANSACTION, REFUSED, most_open=140, turned_away=5, load=0.514)
        self.recorded.record(NOON + 59.9, most_open=14, turned_away=2, load=0.4)
        self.recorded.record(NOON + 60, NOBODY, most_open=1, load=0.3)
        first, second = self.recorded.history.told(NOON + 61)
        self.assertEqual(
            first,
            {
                "start": NOON,
                "messages": 1,
                "accepted": 2,
                "refused": {"unknown-mailbox": 3, "lookup-late": 4, "too-many-recipients": 3},
                "sessions": 2,
                "turned_away": 7,
                "most_open": 140,
                "load": 0.51,
            },
        )
        self.assertEqual((second["start"], second["refused"]), (NOON + 60, {"unknown-mailbox": 1}))
        self.assertEqual((second["sessions"], second["most_open"], second["load"]), (0, 1, 0.3))

    def test_a_load_that_nobody_knows_is_none(self):
        """Nought would be an idle machine. What is known of a minute is told."""
        for loads, told in (((None, None), None), ((None, 0.5, None), 0.5), ((0.5, 0.7), 0.7)):
            recorded = Recorded()
            for load in loads:
                recorded.record(NOON, load=load)
            (minute,) = recorded.history.told(NOON)
            self.assertEqual(minute["load"], told, loads)

    def test_what_was_counted_before_is_no_part_of_it(self):
        """It begins when it begins."""
        counters = Counters()
        counters(OPENED)
        history = History(counters)
        history.record(NOON, most_open=0, turned_away=0, load=0.0)
        self.assertEqual(total(history.told(NOON), "sessions"), 0)

    def test_minutes_in_which_nobody_looked_are_not_there(self):
        """A machine that slept has a gap, not an hour of calm."""
        self.recorded.record(NOON)
        self.recorded.record(NOON + 3600, OPENED)
        self.assertEqual(self.recorded.starts(NOON + 3600), [0, 3600])

    def test_only_what_is_asked_for_is_told(self):
        """The minute that was under way when the time began is the first."""
        for second in range(0, 600, 60):
            self.recorded.record(NOON + second)
        told = self.recorded.history.told(NOON + 570, seconds=120)
        self.assertEqual([minute["start"] - NOON for minute in told], [420, 480, 540])

    def test_a_day_is_kept(self):
        """Whatever comes, and not a minute more."""
        for minute in range(MINUTES + 100):
            self.recorded.record(NOON + 60 * minute, OPENED)
        last = NOON + 60 * (MINUTES + 99)
        told = self.recorded.history.told(last, seconds=1e9)
        self.assertEqual((len(told), told[0]["start"], told[-1]["start"]), (MINUTES, NOON + 6000, last))

    def test_what_is_older_than_a_day_is_not_told(self):
        """After a pause it is still in memory."""
        self.recorded.record(NOON)
        self.recorded.record(NOON + 2 * 86_400)
        self.assertEqual(self.recorded.starts(NOON + 2 * 86_400), [2 * 86_400])

    def test_a_clock_that_is_put_back_a_little_loses_nothing(self):
        """NTP does it, at the turn of a minute as well."""
        self.recorded.record(NOON + 60, OPENED)
        self.recorded.record(NOON + 59, OPENED)
        (minute,) = self.recorded.history.told(NOON + 59)
        self.assertEqual((minute["start"], minute["sessions"]), (NOON + 60, 2))

    def test_a_clock_that_is_put_back_far_takes_minutes_that_are_yet_to_come_with_it(self):
        """A machine that booted in the year 2040 has no history of it."""
        self.recorded.record(NOON)
        self.recorded.record(NOON + 1e9, OPENED)
        self.recorded.record(NOON + 120, OPENED)
        self.assertEqual(self.recorded.starts(NOON + 120), [0, 120])

    @given(st.lists(st.tuples(st.floats(0, 90), EVENTS, st.integers(0, 9)), min_size=1, max_size=50))
    def test_the_minutes_sum_up_to_what_the_counters_say(self, looks):
        """Whenever it looks: nothing is counted twice, nothing is lost."""
        recorded, now = Recorded(), NOON
        for wait, events, turned_away in looks:
            now += wait
            recorded.record(now, *events, turned_away=turned_away)
        minutes, counters = recorded.history.told(now), recorded.counters
        self.assertEqual(total(minutes, "sessions"), counters.sessions_opened)
        self.assertEqual(total(minutes, "messages"), counters.messages[Action.ACCEPT, Reason.ACCEPTED])
        self.assertEqual(total(minutes, "accepted"), counters.recipients[Action.ACCEPT, Reason.ACCEPTED])
        self.assertEqual(
            sum(sum(minute["refused"].values()) for minute in minutes) + total(minutes, "accepted"),
            sum(counters.recipients.values()),
        )
        self.assertEqual(total(minutes, "turned_away"), recorded.turned_away)

    @given(st.lists(st.floats(0, 4e9) | st.floats(NOON, NOON + 300), min_size=1, max_size=50))
    def test_whatever_the_clock_says_minutes_are_in_order_and_none_is_there_twice(self, times):
        """And the last look is in the last one, or less than a minute before it."""
        recorded = Recorded()
        for now in times:
            recorded.record(now, OPENED)
            starts = [minute["start"] for minute in recorded.history.told(now)]
            self.assertEqual(starts, sorted(set(starts)))
            self.assertTrue(all(start % 60 == 0 for start in starts))
            self.assertTrue(-60 < now - starts[-1] < 60, (now, starts))

"""Counts fade, and no clock can make them leap."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.decay import SteadyTime, kept_count, left

AT = 1_800_000_000.0
_times = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 4e9)


class TestCounts(SynchronousTestCase):
    def test_half_is_left_after_a_half_life(self):
        """That is what the setting is called for."""
        for age, share in ((0, 1.0), (7, 0.5), (14, 0.25), (-7, 1.0), (1e9, 0.0)):
            self.assertEqual(left(age, 7), share)

    @given(st.floats(-1e12, 1e12), st.floats(60, 1e12))
    def test_a_share_is_never_less_than_nothing_nor_more_than_all(self, age, half_life):
        """Whatever the clock says."""
        self.assertTrue(0 <= left(age, half_life) <= 1)

    def test_what_comes_from_outside_is_a_count(self):
        """Somebody has edited the file."""
        for value, count in ((-1, 0.0), (float("nan"), 0.0), (float("inf"), 1e9), (1.5, 1.5)):
            self.assertEqual(kept_count(value), count)


class TestSteadyTime(SynchronousTestCase):
    def test_it_is_the_clock_as_long_as_that_is_right(self):
        """Operators see times that they know."""
        time = SteadyTime(AT)
        for _ in range(1000):
            time.tell(time.seconds + 5.0)
        self.assertEqual(time.seconds, AT + 5000)

    def test_a_leap_is_an_hour_and_a_step_back_is_nothing(self):
        """In both directions, and again and again."""
        time = SteadyTime(AT)
        self.assertEqual(time.tell(AT + 1e9), AT + 3600)
        self.assertEqual(time.tell(AT), AT + 3600)
        self.assertEqual(time.tell(AT + 10), AT + 3610)
        self.assertEqual(time.tell(AT - 1e9), AT + 3610)
        self.assertEqual(time.tell(AT - 1e9 + 10), AT + 3620)

    def test_what_comes_a_little_late_makes_no_time_pass_twice(self):
        """Lines of two hosts whose clocks are a minute apart, by turns, would be a minute for each."""
        time = SteadyTime(AT)
        for second in range(600):
            time.tell(AT + second)
            time.tell(AT + second - 60)
        self.assertEqual(time.seconds, AT + 599)

    def test_of_an_absence_a_day_counts_at_most(self):
        """A machine without a battery begins in 1970, or another one in 2099: neither forgets everybody."""
        for now, passed in ((AT + 600, 600), (AT + 1e9, 86_400), (0.0, 0)):
            time = SteadyTime(now)
            time.resume(AT - 5000, AT)
            self.assertEqual(time.seconds, AT - 5000 + passed)

    @given(st.lists(_times))
    def test_it_never_goes_back_and_never_leaps(self, clock):
        """Whatever a clock shows, NaN and infinity too."""
        time = SteadyTime(AT)
        for at in clock:
            before = time.seconds
            self.assertTrue(before <= time.tell(at) <= before + 3601)

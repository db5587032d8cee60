"""How often something dear is done in a flood."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.ration import Ration


class TestRation(SynchronousTestCase):
    def test_some_at_once_and_then_as_many_as_the_time_allows(self):
        """In calm nothing is left out; in a flood the price is bounded."""
        ration = Ration(a_second=10.0, at_once=3.0)
        self.assertEqual([ration.take(100.0) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertEqual([ration.take(100.15), ration.take(100.15)], [True, False])
        self.assertEqual([ration.take(900.0) for _ in range(4)], [True] * 3 + [False])

    def test_a_clock_that_is_put_back_stops_nothing(self):
        """A second later it goes on, not an hour later."""
        ration = Ration(a_second=10.0, at_once=1.0)
        ration.take(10_000.0)
        ration.take(5_000.0)
        self.assertTrue(ration.take(5_000.2))

    @EXAMPLES
    @given(st.lists(st.floats(0.0, 1e9), max_size=50))
    def test_it_never_gives_more_than_is_due(self, times):
        """Whatever the clock does between two events."""
        ration, given_, at, due = Ration(a_second=2.0, at_once=5.0), 0, 0.0, 5.0
        for time in times:
            due += max(0.0, time - at) * 2.0
            at = time
            given_ += ration.take(time)
            self.assertLessEqual(given_, due + 1e-3)

"""Who was told to come again, and does."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.returns import Returns

A, B = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"


class TestReturns(SynchronousTestCase):
    def test_from_so_many_seconds_on_for_some_hours(self):
        """Mail servers come again after minutes, or hours where they were put off more often."""
        returns = Returns()
        returns.tell(A, 100.0)
        told = [returns.has_returned(A, 100.0 + passed, 30.0) for passed in (-5, 0, 29, 30, 400, 14_399, 14_400)]
        self.assertEqual(told, [False, False, False, True, True, True, False])
        self.assertFalse(returns.has_returned(B, 200.0, 30.0))

    def test_told_once_more_its_time_begins_anew(self):
        """Whoever is back each second is told each second."""
        returns = Returns()
        for second in range(100):
            returns.tell(A, 100.0 + second)
        self.assertFalse(returns.has_returned(A, 220.0, 30.0))
        self.assertTrue(returns.has_returned(A, 229.0, 30.0))

    @given(
        some.lists(
            some.tuples(some.sampled_from([bytes([n]) * 4 for n in range(9)]), some.floats(-50, 50)), max_size=100
        )
    )
    @EXAMPLES
    def test_bounded_and_the_one_told_longest_ago_is_forgotten(self, tells):
        """A flood pushes out no more than its own."""
        returns, time, order = Returns(most=4), 1000.0, []
        for host, passed in tells:
            time += passed
            returns.tell(host, time)
            order = [one for one in order if one != host] + [host]
            self.assertEqual([one for one in order if returns.has_returned(one, 1e4, -1e9)], order[-4:])
            self.assertEqual(len(returns), len(order[-4:]))

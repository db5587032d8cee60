"""How often a host has come lately."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.comings import Comings

A, B = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"


class TestComings(SynchronousTestCase):
    def test_each_time_counts_for_ten_to_twenty_seconds(self):
        """Of the present span and of the one before it."""
        comings = Comings()
        self.assertEqual(
            [comings.count(A, 100.0 + time) for time in (0, 1, 9.9, 10, 19.9, 20, 45)], [1, 2, 3, 4, 5, 3, 1]
        )

    def test_hosts_are_counted_apart(self):
        """A neighbour is another one."""
        comings = Comings()
        self.assertEqual([comings.count(host, 1.0) for host in (A, A, B)], [1, 2, 1])

    @given(some.lists(some.tuples(some.binary(min_size=4, max_size=4), some.floats(-50, 50)), max_size=100))
    @EXAMPLES
    def test_whatever_comes_the_table_is_bounded_and_counts_are_true(self, comes):
        """Also where the clock goes back and forth: nobody has come more often than he has."""
        comings, time, times = Comings(most=5), 1000.0, {}
        for host, passed in comes:
            time += passed
            times[host] = times.get(host, 0) + 1
            self.assertLessEqual(1, comings.count(host, time))
            self.assertLessEqual(comings.count(host, time), 2 * times[host])
            self.assertLessEqual(len(comings), 12)

    def test_a_span_that_is_full_ends(self):
        """And a host of it is still known in the next one."""
        comings = Comings(most=3)
        for number in range(3):
            comings.count(bytes([number]) * 4, 1.0)
        self.assertEqual(comings.count(bytes([1]) * 4, 1.5), 2)

"""Who was told to come again, and does."""

from itertools import count

from hypothesis import example, given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.returns import Returns, _place

A, B = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"
_AROUND = 1 << 24  # where the clock of the table begins anew
_HOSTS = [A, B, b"\x20\x01\x0d\xb8\0\0\0\1"]


class TestReturns(SynchronousTestCase):
    def setUp(self):
        self.returns = Returns()

    def test_from_so_many_seconds_on_for_some_hours(self):
        """Mail servers come again after minutes, or hours where they were put off more often."""
        self.returns.tell(A, 100.0)
        told = [self.returns.comes(A, 100.0 + passed, 240.0) for passed in (239, 240, 400, 14_399, 14_400)]
        self.assertEqual(told, [False, True, True, True, False])
        self.assertFalse(self.returns.comes(B, 400.0, 240.0))

    def test_told_once_more_its_time_goes_on(self):
        """A mail server with much mail comes for each message."""
        for second in range(0, 240, 20):
            self.returns.tell(A, 100.0 + second)
            self.assertFalse(self.returns.comes(A, 102.0 + second, 240.0))
        self.assertTrue(self.returns.comes(A, 340.0, 240.0))

    def test_who_is_back_at_once_has_his_time_begin_anew(self):
        """He was told something else."""
        self.returns.tell(A, 100.0)
        self.assertFalse(self.returns.comes(A, 101.0, 240.0))
        self.assertFalse(self.returns.comes(A, 340.0, 240.0))
        self.assertTrue(self.returns.comes(A, 341.0, 240.0))

    def test_it_is_worth_one_session(self):
        """Or a bot that was told once would go before first-time senders for hours."""
        self.returns.tell(A, 100.0)
        self.returns.spend(B)
        self.assertTrue(self.returns.comes(A, 400.0, 240.0))
        self.returns.spend(A)
        self.assertFalse(self.returns.comes(A, 400.0, 240.0))

    def test_who_has_the_slot_of_another_is_not_taken_for_it(self):
        """There are more hosts than slots."""
        self.returns.tell(A, 100.0)
        slot, whose = _place(A)
        places = ((host, _place(host)) for host in (number.to_bytes(8, "big") for number in count()))
        other = next(host for host, place in places if place[0] == slot and place[1] != whose)
        self.assertFalse(self.returns.comes(other, 400.0, 240.0))
        self.returns.spend(other)
        self.assertTrue(self.returns.comes(A, 400.0, 240.0))

    def test_a_clock_that_is_put_back_makes_nobody_return(self):
        """Nor keeps it anybody from doing so later."""
        self.returns.tell(A, 10_000.0)
        self.assertFalse(self.returns.comes(A, 5_000.0, 240.0))
        self.returns.tell(A, 5_000.0)
        self.assertTrue(self.returns.comes(A, 5_300.0, 240.0))

    def test_a_flood_of_hosts_leaves_most_of_the_others_where_they_are(self):
        """So many come in a quarter of an hour, 200 each second; a sixth of the others is forgotten."""
        others = [number.to_bytes(4, "big") for number in range(1000)]
        for host in others:
            self.returns.tell(host, 100.0)
        for number in range(180_000):
            self.returns.tell(number.to_bytes(8, "big"), 400.0)
        left = sum(self.returns.comes(host, 1000.0, 240.0) for host in others)
        self.assertTrue(780 < left < 900, left)

    @given(
        some.lists(
            some.tuples(some.sampled_from(_HOSTS), some.integers(0, 200), some.sampled_from(["tells", "comes", "has"])),
            max_size=60,
        ),
        some.integers(0, 1 << 33) | some.integers(_AROUND - 3600, _AROUND),
    )
    @example([(A, 0, "tells"), (A, 300, "comes")], _AROUND - 100)
    @example([(A, 0, "tells"), (A, 1, "comes"), (A, 250, "comes")], _AROUND - 1)
    @EXAMPLES
    def test_it_is_as_a_table_without_bounds_has_it(self, steps, time):
        """Whatever the time is: seconds since the machine was started, or since the epoch."""
        returns, first, last = Returns(), {}, {}
        for host, passed, step in steps:
            time += passed
            if step == "tells":
                returns.tell(host, time)
                first.setdefault(host, time)
                last[host] = time
            elif step == "has":
                returns.spend(host)
                first.pop(host, None)
            else:
                wanted = host in first and time - last[host] >= 2 and time - first[host] >= 240
                if host in first and time - last[host] < 2:
                    first[host] = last[host] = time
                self.assertEqual(returns.comes(host, time, 240.0), wanted)

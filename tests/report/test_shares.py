"""A bounded table that groups share: whoever fills it pushes out his own."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.report.shares import Shares


def fill(shares, group, count, weight=1):
    """So many entries, each with its own key as its value."""
    for number in range(count):
        key = (group, number)
        shares.put(key, key, group, weight)
        while shares.evict() is not None:
            pass


class TestShares(SynchronousTestCase):
    def test_a_flood_pushes_out_its_own(self):
        """A botnet that guesses names must not make us forget whose message was too large."""
        shares = Shares(10, 1000)
        fill(shares, "quiet", 4)
        fill(shares, "flood", 10_000)
        self.assertEqual([shares.get(("quiet", number)) is not None for number in range(4)], [True] * 4)
        self.assertEqual(
            sorted(key for _, key in filter(lambda each: each[0] == "flood", shares)), list(range(9994, 10_000))
        )

    def test_what_weighs_much_goes_as_well(self):
        """Entries are bounded by their octets, or a few large ones would be all the memory."""
        shares = Shares(1000, 100)
        fill(shares, "light", 10)
        fill(shares, "heavy", 50, weight=30)
        self.assertEqual((len(shares), shares.weight), (13, 100))
        self.assertIsNotNone(shares.get(("light", 0)))

    def test_one_that_is_put_again_is_the_newest(self):
        """A session that goes on is not the first to be forgotten, and may come among others."""
        shares = Shares(2, 100)
        fill(shares, "a", 2)
        shares.put(("a", 0), "again", "a", 1)
        fill(shares, "a", 3)
        self.assertEqual(set(shares), {("a", 1), ("a", 2)})
        shares.put(("a", 1), "moved", "b", 1)
        self.assertEqual(shares.pop(("a", 1)), "moved")
        self.assertIsNone(shares.pop(("a", 1)))
        self.assertEqual((len(shares), shares.weight), (1, 1))

    @EXAMPLES
    @given(
        some.lists(some.tuples(some.integers(0, 20), some.integers(0, 3), some.integers(0, 9), some.booleans())),
        some.integers(0, 8),
        some.integers(0, 30),
    )
    def test_the_bounds_hold_and_a_small_group_loses_nothing(self, steps, most, octets):
        """Whatever comes: entries and octets are bounded, and who takes less than an equal share is left alone."""
        shares = Shares(most, octets)
        groups = {}
        for key, group, weight, taken in steps:
            if taken:
                shares.pop(key)
                groups.pop(key, None)
                continue
            shares.put(key, key, group, weight)
            groups[key] = (group, weight)
            while True:
                totals = {}
                for each, kilos in groups.values():
                    totals[each] = totals.get(each, 0) + kilos
                gone = shares.evict()
                if gone is None:
                    break
                self.assertEqual(totals[groups.pop(gone)[0]], max(totals.values()))
            self.assertLessEqual(len(shares), most)
            self.assertLessEqual(shares.weight, octets)
            self.assertEqual(set(shares), set(groups))
            self.assertEqual(shares.weight, sum(weight for _, weight in groups.values()))

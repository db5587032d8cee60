"""How many different ones: beside a set that remembers everything."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.distinct import EVER, SLOTS, Count, Distinct, Sample

# Steps in time, and what is seen then.
SEEN = st.lists(st.tuples(st.integers(0, 15), st.lists(st.integers(0, 40), max_size=30)), max_size=30)


def hashes(numbers, salt=0):
    """Of names: what Python has for octets."""
    return [hash(b"%d.%d@example.org" % (salt, number)) for number in numbers]


class Remembered:
    """What a set says: names, and the slot in which each was last seen."""

    def __init__(self):
        self.last = {}

    def add(self, slot, names):
        self.last.update(dict.fromkeys(names, slot))

    def count(self, slot):
        return sum(at > slot - SLOTS for at in self.last.values())


class TestDistinct(SynchronousTestCase):
    @given(SEEN)
    def test_up_to_its_bound_it_is_exact_at_every_moment(self, seen):
        """Where attacks begin, every name counts: the marks are far below the bound."""
        distinct, remembered, slot = Distinct(64), Remembered(), 0
        for step, numbers in seen:
            slot += step
            distinct.add(slot, hashes(numbers))
            remembered.add(slot, numbers)
            self.assertEqual(distinct.count(slot), remembered.count(slot))
        for later in range(slot, slot + SLOTS + 2):
            self.assertEqual(distinct.count(later), remembered.count(later))
        self.assertEqual(distinct.count(slot + 2 * SLOTS), 0)

    @given(SEEN)
    def test_beyond_it_it_is_bounded_and_never_negative(self, seen):
        """Whatever comes: a flood must not find a case that nobody thought of."""
        distinct, slot = Distinct(8), 0
        for step, numbers in seen:
            slot += step
            distinct.add(slot, hashes(numbers))
            self.assertLessEqual(len(distinct._seen), 8)
            self.assertGreaterEqual(distinct.count(slot), 0)
            self.assertLessEqual(len(distinct._coarser), SLOTS)
        self.assertEqual(distinct.count(slot + SLOTS), 0)

    def assert_near(self, counted, true):
        """Within five standard errors of one that keeps 512 (of which a half may be used): once in a million runs it is not."""
        self.assertLess(abs(counted - true), 5 * 1.2 / 256**0.5 * true, f"{counted} for {true}")

    def test_beyond_it_it_is_near(self):
        """Of a botnet's million names, whether it is 900,000 or 1,100,000 is all the same."""
        for count in (2000, 30_000, 200_000):
            distinct = Distinct(512)
            for start in range(0, count, 1000):
                distinct.add(EVER, hashes(range(start, start + 1000)))
            self.assert_near(distinct.count(EVER), count)

    def test_the_same_names_again_are_the_same(self):
        """Two thousand bots share one list."""
        distinct = Distinct(512)
        for _ in range(30):
            distinct.add(EVER, hashes(range(3000)))
        self.assert_near(distinct.count(EVER), 3000)

    def test_a_flood_that_ebbs_is_followed_down(self):
        """What was sampled coarsely stands for more than what is seen since: the minute in between is right, too."""
        each = [1000] * 12 + [50] * 16 + [2] * 32
        runs = 40
        told = [0] * len(each)
        for run in range(runs):
            distinct = Distinct(64)
            for slot, count in enumerate(each):
                distinct.add(slot, hashes(range(count), salt=run * 100 + slot))
                told[slot] += distinct.count(slot)
            self.assertEqual(distinct.count(slot), 24, "exact again, when it has been few for a while")
        for slot, total in enumerate(told):
            true = sum(each[max(0, slot - 11) : slot + 1]) * runs
            self.assertLess(abs(total - true), 0.4 * true, slot)

    def test_what_goes_on_for_ever_begins_with_the_minute(self):
        """The names that made it an attack are names of the attack."""
        for count in (100, 5000):
            distinct = Distinct(512)
            distinct.add(3, hashes(range(count)))
            ever = distinct.forever()
            self.assertEqual(ever.count(EVER), distinct.count(3))
            ever.add(EVER, hashes(range(count)))
            self.assertEqual(ever.count(EVER), distinct.count(3))
            self.assertEqual(distinct.count(3 + SLOTS), 0)


class TestSamples(SynchronousTestCase):
    """Counted in several processes, and put together."""

    @given(SEEN)
    def test_up_to_the_bound_parts_are_the_whole(self, seen):
        """At every moment, whoever saw what."""
        whole, joined, slot = Distinct(64), Distinct(64), 0
        for step, numbers in seen:
            slot += step
            part = Distinct(64)
            part.add(EVER, hashes(numbers))
            whole.add(slot, hashes(numbers))
            joined.add_sample(slot, part.sample())
            self.assertEqual(joined.count(slot), whole.count(slot))

    def test_beyond_it_they_are_near(self):
        """Samples of different coarseness; the same names in two of them are the same."""
        joined = Distinct(512)
        for slot, (first, last) in enumerate(((0, 20_000), (10_000, 40_000), (39_900, 40_100))):
            part = Distinct(512)
            part.add(EVER, hashes(range(first, last)))
            joined.add_sample(slot, part.sample())
        self.assertTrue(30_000 <= joined.count(2) <= 50_000, joined.count(2))
        self.assertLessEqual(len(joined.sample().hashes), 512)

    def test_a_sample_that_nobody_takes_is_none(self):
        """Of each thing one in two million: no bound asks for that."""
        for bits in (-1, 21):
            self.assertRaises(ValueError, Distinct(8).add_sample, 0, Sample(bits, ()))


class TestTally(SynchronousTestCase):
    @settings(max_examples=50)
    @given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 9)), max_size=40))
    def test_it_is_the_sum_of_the_last_minute(self, steps):
        """Beside a list of everything."""
        tally, everything, slot = Count(), [], 0
        for step, count in steps:
            slot += step
            tally.add(slot, count)
            everything.append((slot, count))
            self.assertLessEqual(len(tally._counts), SLOTS)
            for now in (slot, slot + 5, slot + SLOTS):
                self.assertEqual(tally.total(now), sum(n for at, n in everything if at > now - SLOTS))

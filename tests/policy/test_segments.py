"""A bounded table in two segments, against the simplest thing that does the same; and what is to be saved of it."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.host_key import allocation_of
from twistedmx.policy.segments import Segments

PROVEN, STRANGERS, ALLOCATION = 3, 6, 2
KEYS = st.sampled_from(
    [bytes((number,)) * 4 for number in range(8)]
    + [bytes((number % 2,)) * 4 + bytes((number,)) * 4 for number in range(12)]
)


def table():
    return Segments(most_proven=PROVEN, most_strangers=STRANGERS, allocation=ALLOCATION, group_of=allocation_of)


class Tables(RuleBasedStateMachine):
    """`file`: what a store would have."""

    def __init__(self):
        super().__init__()
        self.table = table()
        self.file = {}
        self.perhaps = set()  # of what was given back, some may have been saved
        self.last = {}
        self.number = 0

    @rule(key=KEYS, proven=st.booleans())
    def put(self, key, proven):
        self.number += 1
        self.last[key] = self.number
        self.table.put(key, self.number, proven=proven)
        assert self.table.get(key) == self.number
        assert (key in self.table.proven) is proven
        assert (key in self.table.strangers) is not proven

    @rule(most=st.integers(1, 5), safe=st.booleans())
    def save(self, most, safe):
        changes = self.table.take_changes(most)
        assert len(changes.put) <= most and len(changes.gone) <= most
        if not safe:
            self.table.give_back(changes)
            self.perhaps.update(key for key, _ in changes.put)
            return
        self.file.update(changes.put)
        for key in changes.gone:
            assert key in self.file or key in self.perhaps, "nothing is removed that was never saved"
            self.file.pop(key, None)

    @rule()
    def save_all(self):
        while self.table.changed:
            self.save(5, True)
        assert self.file == dict(self.table.items())

    @rule(before=st.integers(0, 50), most=st.integers(0, 3))
    def forget(self, before, most):
        assert self.table.forget(lambda value: value < self.number - before, most) <= most

    @rule()
    def begin_anew(self):
        self.file.clear()
        self.table.have_changed()

    @invariant()
    def each_bound_holds(self):
        assert len(self.table.proven) <= PROVEN
        assert len(self.table.strangers) <= STRANGERS
        for group in (bytes(4), bytes((1,)) * 4):
            assert sum(allocation_of(key) == group for key in self.table.strangers) <= ALLOCATION

    @invariant()
    def values_are_the_last_ones_and_in_their_order(self):
        for segment in (self.table.proven, self.table.strangers):
            values = list(segment.values())
            assert values == sorted(values)
            assert all(self.last[key] == value for key, value in segment.items())

    @invariant()
    def nothing_is_in_vain(self):
        groups = self.table._groups
        held = sum(map(len, groups._keys.values()))
        assert held <= 2 * len(self.table.strangers) + 17 * len(groups._keys)


class TestTables(SynchronousTestCase):
    def test_whatever_is_put_saved_and_forgotten(self):
        """In any order."""
        run_state_machine_as_test(Tables, settings=settings(max_examples=100, stateful_step_count=60, deadline=None))


class TestBounds(SynchronousTestCase):
    def test_one_that_was_in_the_group_before_is_one_more_of_it(self):
        """It stands among those who came first, and is the one who has come last: another one goes."""
        segments = table()
        first, second, third = (bytes((1,)) * 4 + bytes((number,)) * 4 for number in (1, 5, 3))
        for number, (key, proven) in enumerate(
            ((first, False), (second, False), (first, True), (third, False), (first, False))
        ):
            segments.put(key, number, proven=proven)
        self.assertEqual(list(segments.strangers), [third, first])

    def test_strangers_push_out_the_one_heard_of_longest_ago(self):
        """Who comes again stays."""
        segments = table()
        for number in (1, 2, 3, 4, 5, 6, 1, 7):
            segments.put(bytes((number,)) * 4, number, proven=False)
        self.assertEqual(list(segments.strangers.values()), [3, 4, 5, 6, 1, 7])
        self.assertEqual(segments.evicted, [0, 1])

    def test_what_was_read_need_not_be_written(self):
        """A start would write everything it has read."""
        segments = table()
        for number in range(9):
            segments.restore(bytes((number,)) * 4, number, proven=False)
        changes = segments.take_changes(100)
        self.assertEqual(changes.put, ())
        self.assertEqual(sorted(changes.gone), [bytes((number,)) * 4 for number in range(3)], "but what is too many")

    def test_lower_bounds_hold_at_once(self):
        """A reload says so."""
        segments = table()
        for number in range(6):
            segments.put(bytes((number,)) * 4, number, proven=False)
        segments.configure(most_proven=1, most_strangers=2, allocation=1)
        self.assertEqual(list(segments.strangers.values()), [4, 5])

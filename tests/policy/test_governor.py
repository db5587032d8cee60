"""The table of the governor, row by row, and what may never happen whatever it is told."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.model.vitals import Vitals
from twistedmx.policy.governor import Demand, Governor, Why
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.load import Load, LoadSettings

IDLE = Vitals(load=0.0, runnable=0.0, lag=0.0)
CROWD = 100_000


def governor(load=None, **settings):
    """With numbers that are easily reckoned with."""
    return Governor(
        GovernorSettings(**{"floor": 50, "growth": 0.25} | settings), load or Load(LoadSettings(target=2.0))
    )


class Judged:
    """A governor, asked once a second. `full`: all places are taken and somebody waits; `used`: so many are."""

    def __init__(self, governor):
        self.governor = governor
        self.time = 0.0
        self.moves = []

    def full(self, vitals, seconds=1):
        return self._judge(vitals, seconds, lambda: Demand(used=self.governor.limit, unmet=1, room=CROWD))

    def used(self, used, vitals=IDLE, seconds=1, room=CROWD):
        return self._judge(vitals, seconds, lambda: Demand(used=used, unmet=0, room=room))

    def _judge(self, vitals, seconds, demand):
        """The limit then."""
        for _ in range(seconds):
            self.time += 1.0
            move = self.governor.judge(self.time, vitals, demand())
            if move:
                self.moves.append(move)
        return self.governor.limit


class TestTable(SynchronousTestCase):
    def test_it_rises_by_a_fourth_a_second_while_somebody_finds_no_place(self):
        """An idle machine refuses nobody for long."""
        judged = Judged(governor())
        self.assertEqual([judged.full(IDLE) for _ in range(4)], [175, 218, 273, 341])
        self.assertEqual({move.why for move in judged.moves}, {Why.WANTED})

    def test_it_rises_slower_the_less_room_is_left(self):
        """By a fourth of that at half of 0.75 of the target: what was let in last does not show yet."""
        self.assertEqual(Judged(governor()).full(Vitals(load=0.75, runnable=0.0)), 148)
        self.assertEqual(Judged(governor()).full(Vitals(load=0.0, runnable=0.75)), 148)

    def test_from_three_times_where_it_began_it_rises_by_as_many_a_second(self):
        """Who comes, comes by so many a second; what a larger limit doubled would be all in before the load tells of it."""
        judged = Judged(governor(start=100))
        self.assertEqual([judged.full(IDLE) for _ in range(8)], [125, 156, 195, 244, 305, 380, 455, 530])

    def test_it_rises_before_somebody_finds_no_place(self):
        """From four fifths in use on: the rest is taken before it is judged again."""
        judged = Judged(governor(start=100))
        self.assertEqual([judged.used(79), judged.used(80)], [100, 125])

    def test_judged_five_times_a_second_it_rises_sooner(self):
        """Each step is of what the last one has come to: 651 after a second, where one step a second comes to 560."""
        one = governor(growth=1.0)
        limits = []
        for fifth in range(6):
            one.judge(10.0 + fifth / 5, IDLE, Demand(used=one.limit, unmet=1, room=CROWD))
            limits.append(one.limit)
        self.assertEqual(limits, [280, 335, 403, 483, 567, 651])

    def test_it_rises_slower_where_what_runs_now_is_not_known(self):
        """The load is 15 seconds late: a third is let in meanwhile."""
        self.assertEqual(Judged(governor()).full(Vitals(load=0.0)), 151)

    def test_it_stays_between_the_marks(self):
        """There is nothing to gain, and nothing is wrong. What holds it is told."""
        judged = Judged(governor())
        for vitals, why in (
            (Vitals(load=1.5, runnable=0.0), Why.LOAD),
            (Vitals(load=2.0, runnable=0.0), Why.LOAD),
            (Vitals(load=0.0, runnable=1.6), Why.LOAD),
            (Vitals(lag=0.05, runnable=0.0), Why.LAG),
            (Vitals(free_memory=0.11, runnable=0.0), Why.MEMORY),
            (Vitals(throttled=0.2, runnable=0.0), Why.THROTTLED),
        ):
            self.assertEqual((judged.full(vitals, 60), judged.governor.why), (140, why), vitals)
            judged.used(100)
            self.assertEqual(judged.governor.why, Why.START)  # nothing holds it now

    def test_it_falls_in_proportion_then_waits_until_that_is_felt(self):
        """A signal that is 15 seconds late would bring it down once more for what is mended."""
        judged = Judged(governor(start=600))
        busy = Vitals(load=2.5, runnable=2.5)
        self.assertEqual([judged.full(busy, seconds) for seconds in (1, 14, 1, 14, 1)], [480, 480, 384, 384, 307])

    def test_it_falls_by_half_at_most(self):
        """Behind a queue that has just begun tasks are many times what is too much."""
        self.assertEqual(Judged(governor(start=600)).full(Vitals(load=50.0)), 300)

    def test_it_falls_from_what_is_used(self):
        """A limit far above what is used would have to fall long until anybody feels it."""
        judged = Judged(governor(start=600))
        self.assertEqual(judged.used(200, Vitals(load=2.5)), 160)

    def test_it_does_not_fall_on_while_its_last_step_is_not_carried_out(self):
        """Sessions end as they end; a deeper limit ends none sooner, and would have to rise again."""
        judged = Judged(governor(start=600))
        judged.full(Vitals(load=3.0))
        self.assertEqual([judged.used(500, Vitals(load=3.0), 60), judged.used(400, Vitals(load=3.0), 1)], [400, 266])

    def test_it_rises_gently_near_where_it_fell(self):
        """By a hundredth a second from four fifths on, for five minutes."""
        judged = Judged(governor(start=1000))
        self.assertEqual(judged.full(Vitals(load=4.0)), 500)
        self.assertEqual([judged.full(IDLE) for _ in range(4)], [625, 781, 800, 808])
        self.assertLess(judged.full(IDLE, 60), 1600)
        judged.used(judged.governor.limit // 2, IDLE, 240)
        limit = judged.governor.limit
        self.assertEqual(judged.full(IDLE), int(limit * 1.25))

    def test_where_it_fell_while_fewer_than_four_fifths_were_used_is_not_remembered(self):
        """It is not known what so many sessions weigh; another program brought it down, and who comes when that has ended is not
        held out for its sake."""
        for used, rise in ((799, [499, 624, 780, 975, 1219]), (800, [500, 625, 781, 800, 808])):
            judged = Judged(governor(start=1000))
            judged.used(used, Vitals(load=4.0))
            self.assertEqual([judged.full(IDLE) for _ in range(5)], rise)

    def test_nor_where_its_further_steps_led(self):
        """Down there all places are taken because they are few."""
        judged = Judged(governor(start=1000))
        judged.used(14, Vitals(load=4.0))
        self.assertEqual(judged.full(Vitals(load=4.0), 300), 50)
        self.assertGreater(judged.full(IDLE, 20), 1000)

    def test_a_fall_of_few_does_not_wipe_out_the_place_where_many_fell(self):
        """Nor does it prolong the memory of it: nothing was learnt."""
        for pause, rise in ((100, [800, 808, 816]), (280, [894, 1117, 1396])):
            judged = Judged(governor(start=1000))
            judged.full(Vitals(load=4.0))
            judged.used(300, Vitals(load=0.0, runnable=0.0), pause)
            self.assertEqual(judged.used(300, Vitals(load=4.0), 20), 150)
            self.assertEqual(judged.full(IDLE, 7), 715)
            self.assertEqual([judged.full(IDLE) for _ in range(3)], rise)

    def test_three_times_the_memory_that_is_too_little_slows_it_hardly(self):
        """Nothing is wrong yet. A fifth above that mark it rises no more."""
        free = (0.9, 0.3, 0.2, 0.12, 0.11)
        limits = [Judged(governor()).full(Vitals(free_memory=one, runnable=0.0)) for one in free]
        self.assertEqual(limits, [173, 165, 155, 140, 140])

    def test_an_unused_one_comes_back_to_where_it_began(self):
        """From above in minutes, from below at once where there is room."""
        judged = Judged(governor(start=140))
        judged.full(IDLE, 12)
        self.assertGreater(judged.governor.limit, 1000)
        self.assertEqual((judged.used(10, IDLE, 300), judged.moves[-1].why), (140, Why.UNUSED))
        judged.full(Vitals(load=9.0), 60)
        self.assertEqual((judged.used(0, IDLE, 30), judged.moves[-1].why), (140, Why.START))

    def test_one_that_holds_nobody_out_does_not_grow_without_end(self):
        """A server with 500 sessions has a limit that is near to them."""
        judged = Judged(governor())
        self.assertLess(judged.used(500, IDLE, 600), 750)
        self.assertGreater(judged.governor.limit, 500)

    def test_what_cannot_be_read_is_left_out(self):
        """A system that tells nothing has a limit that goes where it is wanted."""
        judged = Judged(governor())
        self.assertGreater(judged.full(Vitals(), 60), 1000)


class TestSignals(SynchronousTestCase):
    def test_each_alone_brings_it_to_the_floor_and_lets_it_go(self):
        """And is told as the reason: in a minute; and back in a minute."""
        for bad, why in (
            (Vitals(load=9.0), Why.LOAD),
            (Vitals(lag=2.0), Why.LAG),
            (Vitals(free_memory=0.01), Why.MEMORY),
            (Vitals(throttled=1.0), Why.THROTTLED),
        ):
            judged = Judged(governor(start=600, floor=50))
            self.assertEqual(judged.full(bad, 60), 50, why)
            self.assertEqual({move.why for move in judged.moves}, {why})
            self.assertTrue(all(move.pressure.share > 1 for move in judged.moves))
            self.assertGreater(judged.full(IDLE, 60), 600)


class TestBounds(SynchronousTestCase):
    def test_the_ceiling_holds_and_is_told(self):
        """The operator's word is the last one; and he must see that it is his."""
        judged = Judged(governor(ceiling=200))
        self.assertEqual(judged.full(IDLE, 5), 200)
        self.assertEqual((judged.moves[-1].why, judged.governor.why), (Why.WANTED, Why.SETTINGS))

    def test_descriptors_hold_and_are_told(self):
        """A session without a descriptor is none. Even below the floor."""
        judged = Judged(governor())
        self.assertEqual((judged.used(140, IDLE, room=30), judged.governor.why), (30, Why.DESCRIPTORS))
        self.assertEqual(judged.used(1, IDLE, room=0), 1)

    def test_it_begins_between_floor_and_ceiling(self):
        """Also before it was judged."""
        self.assertEqual([governor(start=10).limit, governor(start=400, ceiling=300).limit], [50, 300])

    def test_other_settings_hold_at_once(self):
        """A reload; what moved it is told."""
        judged = Judged(governor())
        judged.governor.settings = GovernorSettings(floor=200)
        self.assertEqual((judged.used(0), judged.moves[-1].why), (200, Why.SETTINGS))
        judged.governor.settings = GovernorSettings(floor=10, ceiling=20)
        self.assertEqual((judged.used(0), judged.moves[-1].why), (20, Why.SETTINGS))


class TestClock(SynchronousTestCase):
    def test_one_that_stands_moves_nothing_up(self):
        """It is judged twice in one turn of a loop."""
        one = governor()
        for _ in range(100):
            one.judge(5.0, IDLE, Demand(used=140, unmet=9, room=CROWD))
        self.assertEqual(one.limit, 175)

    def test_a_pause_is_five_seconds_at_most(self):
        """A process that was stopped for a minute, or a machine that slept, has not looked meanwhile."""
        for leap in (60.0, 1e6):
            one = governor()
            for time in (1.0, 1.0 + leap):
                one.judge(time, IDLE, Demand(used=one.limit, unmet=9, room=CROWD))
            self.assertEqual(one.limit, int(175 * 2.25))

    def test_one_that_is_put_back_holds_nothing_up(self):
        """Neither the next step down nor the next rise waits for the old time."""
        one = governor(start=600)
        for time in (1e6, *(float(second) for second in range(60))):
            one.judge(time, Vitals(load=9.0), Demand(used=one.limit, unmet=9, room=CROWD))
        self.assertEqual(one.limit, 50)


_LEVEL = st.one_of(st.none(), st.floats(0, 20))
_SHARE = st.one_of(st.none(), st.floats(0, 1))
_VITALS = st.builds(
    Vitals,
    load=_LEVEL,
    runnable=_LEVEL,
    lag=st.one_of(st.none(), st.floats(0, 3)),
    free_memory=_SHARE,
    throttled=_SHARE,
)
_DEMAND = st.builds(Demand, used=st.integers(0, 3000), unmet=st.integers(0, 50), room=st.integers(0, 5000))
_PASSED = st.one_of(st.just(1.0), st.floats(-100, 100))
_SETTINGS = st.builds(
    lambda start, floor, more: GovernorSettings(start=start, floor=floor, ceiling=more and floor + more),
    st.integers(1, 1000),
    st.integers(1, 300),
    st.integers(0, 1000),
)


class TestWhatever(SynchronousTestCase):
    @EXAMPLES
    @given(_SETTINGS, st.lists(st.tuples(_PASSED, _VITALS, _DEMAND), max_size=40))
    def test_it_is_within_its_bounds_and_tells_each_move(self, settings, seconds):
        """floor <= limit <= ceiling, and never above the descriptors (one session always); a Move tells the limit before and after,
        which differ, and its reason is of this second: the signal that is beyond its target, or that somebody is held out."""
        one = Governor(settings, Load(LoadSettings()))
        time = 0.0
        for passed, vitals, demand in seconds:
            time += passed
            before = one.limit
            move = one.judge(time, vitals, demand)
            most = max(1, demand.room)
            self.assertLessEqual(one.limit, min(settings.ceiling or most, most))
            self.assertGreaterEqual(one.limit, min(settings.floor, most))
            self.assertEqual(move is None, one.limit == before)
            if move is None:
                continue
            self.assertEqual((move.before, move.limit, move.why), (before, one.limit, one.why))
            if move.why in (Why.LOAD, Why.LAG, Why.MEMORY, Why.THROTTLED):
                self.assertEqual(move.why.value, move.pressure.signal.value)
                self.assertGreater(move.pressure.share, 1)
                self.assertLess(move.limit, before)
            elif move.why is Why.WANTED:
                self.assertTrue(demand.unmet or demand.used >= 0.8 * before)
                self.assertLess(move.pressure.share, 0.75)
                self.assertGreater(move.limit, before)

    @EXAMPLES
    @given(st.lists(st.tuples(_VITALS, st.integers(0, 3000)), max_size=40))
    def test_no_step_is_a_leap(self, seconds):
        """Up by a fourth a second; down never below half of what is used, or of the floor."""
        one = governor()
        limits = [one.limit]
        for number, (vitals, used) in enumerate(seconds):
            one.judge(float(number), vitals, Demand(used=used, unmet=1, room=CROWD))
            limits.append(one.limit)
            self.assertGreaterEqual(one.limit, min(limits[-2] * 0.99 - 1, max(50, min(used, limits[-2]) // 2)))
        for before, after in pairwise(limits):
            self.assertLessEqual(after, before * 1.25 + 1)

"""The governor on a model of a machine: that it settles, keeps what sessions weigh within bounds, and comes back from everything.

docs/governor.md has the same numbers. The examples are the same in every run (`derandomize`).
"""

from itertools import pairwise
from random import Random

import attrs
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.governor import Why
from twistedmx.testing.machine import ALL, Machine, Strangers, steady

FLOOR, START, TARGET = 100, 140, 3.0  # of the settings
CHEAP = Strangers(task=0.0005, failing=0.5)  # 580 of them are a load of 0.15 for each of two CPUs
CROWD = 200_000


def examples(most):
    """Not made smaller where they fail: an example is minutes of a machine, and would be tried hundreds of times."""
    return settings(EXAMPLES, max_examples=most, phases=[Phase.generate])


def turns(seconds):
    """How often the limit goes the other way."""
    limits = [second.limit for second in seconds]
    ways = [after > before for before, after in pairwise(limits) if after != before]
    return sum(before != after for before, after in pairwise(ways))


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def limits(seconds):
    return [second.limit for second in seconds]


def first(seconds, wanted, after=0.0):
    """Seconds until it is so; None: never."""
    return next((second.time - after for second in seconds if second.time > after and wanted(second)), None)


def bearable(strangers, cpus):
    """K: with so many sessions the load reaches its target, or the loop its lag, where nothing is by chance.

    A queue behind the CPUs that has begun grows with each session: it has room for what the target is above the CPUs.
    """
    one = strangers.thinks + strangers.task + strangers.disk
    most = [strangers.thinks / strangers.loop] if strangers.loop else []
    if strangers.task + strangers.disk:
        most.append(TARGET * cpus * one / (strangers.task + strangers.disk))
    if strangers.task:
        most.append(cpus * (strangers.thinks + strangers.disk) / strangers.task + TARGET * cpus)
    return min(most)


@st.composite
def _strangers(draw):
    thinks = draw(st.sampled_from([0.3, 1.0, 3.0, 8.0]))
    kind = draw(st.sampled_from(["task", "disk", "both", "loop"]))
    return Strangers(
        thinks=thinks,
        loop=draw(st.sampled_from([0.0001, 0.0003, 0.001])) if kind == "loop" else 0.00002,
        task=draw(st.sampled_from([0.002, 0.01, 0.05, 0.2])) if kind in ("task", "both") else 0.0,
        disk=draw(st.sampled_from([0.002, 0.02, 0.1])) if kind in ("disk", "both") else 0.0,
        commands=draw(st.sampled_from([3.0, 10.0, 40.0])),
        failing=draw(st.sampled_from([0.0, 0.5, 0.9])),
    )


@st.composite
def _loaded(draw):
    """K, and a machine that can bear K sessions, before more than it can bear. K is well above the floor, at which it stays."""
    strangers, cpus = draw(_strangers()), draw(st.sampled_from([1, 2, 4, 8, 16, 64]))
    k = bearable(strangers, cpus)
    assume(2 * FLOOR <= k <= CROWD / 4)
    return k, Machine(
        strangers,
        steady(CROWD),
        cpus=cpus,
        readable=draw(st.sampled_from([ALL, ALL - {"runnable"}])),
        rounded=draw(st.booleans()),
        chance=draw(st.sampled_from([None, Random(1), Random(2)])),
        room=steady(CROWD),
    )


_CPUS = st.sampled_from([1, 2, 4, 8])
_CHANCE = st.integers(0, 99).map(Random)


class TestSiege(SynchronousTestCase):
    @examples(20)
    @given(st.sampled_from([2, 4, 8]), _CHANCE, st.booleans())
    def test_from_140_to_580_in_5_seconds_at_a_load_of_0_3(self, cpus, chance, rounded):
        """Siege 2, all of it in one moment: 5 seconds later 580 are in and nobody is held out any more."""
        machine = Machine(
            CHEAP, lambda time: 14 if time < 30 else 580, cpus=cpus, others=steady(0.3), chance=chance, rounded=rounded
        )
        self.assertEqual({second.limit for second in machine.run(29)}, {START})
        seconds = machine.run(630)
        self.assertLessEqual(first(seconds, lambda second: second.limit > 580, after=30), 5)
        self.assertEqual({second.outside for second in seconds[5:]}, {0})
        self.assertLess(max(limits(seconds)), 850)

    @examples(30)
    @given(st.sampled_from([2, 4, 8]), _CHANCE, st.sampled_from([580, 1000, 2000]))
    def test_of_200_new_ones_a_second_nobody_waits_longer_than_two(self, cpus, chance, most):
        """However many there are already: each has a place two seconds after it has come, and as a rule after 0.2."""

        def wanted(time):
            return max(14, min(200 * (time - 30), most))

        strangers = attrs.evolve(CHEAP, task=0.0001)
        for second in Machine(strangers, wanted, cpus=cpus, others=steady(0.3), chance=chance).run(90):
            self.assertGreaterEqual(second.limit, wanted(round(second.time) - 2))

    @examples(20)
    @given(_CHANCE)
    def test_on_one_cpu_in_10(self, chance):
        """There a single other task is a third of the target already, and what others do by chance looks like more than it is."""
        machine = Machine(CHEAP, steady(580), cpus=1, others=steady(0.3), chance=chance)
        self.assertLessEqual(first(machine.run(120), lambda second: second.limit > 580), 10)

    @examples(10)
    @given(_CHANCE)
    def test_where_what_runs_now_is_not_known_in_12(self, chance):
        """A third as fast; the load alone has to show what was let in."""
        machine = Machine(CHEAP, steady(580), readable=ALL - {"runnable"}, others=steady(0.3), chance=chance)
        self.assertLessEqual(first(machine.run(60), lambda second: second.limit > 580), 12)


class TestMoreThanItCanBear(SynchronousTestCase):
    @examples(40)
    @given(_loaded())
    def test_at_first_at_most_nine_times_what_it_can_bear_then_it_settles_around_that(self, loaded):
        """Sessions pass K, or where the limit began, ninefold at most, whatever one costs, on 1 to 64 CPUs, with two decimals of
        the load or more, with or without what runs just now. After five minutes it has settled. For ten minutes it is between 0.2
        and 1.6 K, there are more than 0.45 K sessions on average, and it turns 36 times at most; where the lag turns it, which
        answers sooner and so more often, 75 times."""
        k, machine = loaded
        begin = machine.run(300)
        self.assertLess(max(second.sessions for second in begin), 9.0 * max(k, START))
        seconds = machine.run(600)
        self.assertLess(max(limits(seconds)), 1.6 * k)
        self.assertGreater(min(limits(seconds)), 0.2 * k)
        self.assertGreater(mean(second.sessions for second in seconds), 0.45 * k)
        lag = any(second.move and second.move.why is Why.LAG for second in seconds)
        self.assertLessEqual(turns(seconds), 75 if lag else 36)

    @examples(15)
    @given(_strangers(), _CHANCE)
    def test_what_fits_is_let_in_and_left_alone(self, strangers, chance):
        """Half of what 8 CPUs can bear is in within a minute and a half, and the limit turns no more than twice in ten minutes."""
        wanted = min(bearable(strangers, 8) / 2, 5000)
        machine = Machine(strangers, steady(wanted), cpus=8, chance=chance)
        machine.run(90)
        seconds = machine.run(600)
        self.assertGreaterEqual(min(limits(seconds)), wanted)
        self.assertLessEqual(turns(seconds), 2)


class TestAnotherProgram(SynchronousTestCase):
    @examples(20)
    @given(_CPUS, _CHANCE, st.sampled_from([100, 580, 2000]))
    def test_a_hog_brings_it_to_the_floor_in_120_seconds_and_it_is_back_in_30(self, cpus, chance, wanted):
        """Five tasks for each CPU, for five minutes: it stays at the floor meanwhile; then as many are in as before."""
        machine = Machine(
            CHEAP if cpus > 2 else attrs.evolve(CHEAP, task=0.0001),
            steady(wanted),
            cpus=cpus,
            hogs=lambda time: 5.0 * cpus if 120 <= time < 420 else 0.0,
            chance=chance,
        )
        before = machine.run(120)[-1]
        self.assertGreater(before.limit, wanted)
        seconds = machine.run(300)
        self.assertLessEqual(first(seconds, lambda second: second.limit == FLOOR, after=120), 120)
        self.assertEqual(set(limits(seconds[120:])), {FLOOR})
        fell = {second.move.why for second in seconds if second.move and second.limit < second.move.before}
        self.assertLessEqual(fell, {Why.LOAD, Why.LAG})  # our loop has to share its CPU, and may be late
        self.assertLessEqual(first(machine.run(120), lambda second: second.limit > wanted, after=420), 30)

    @examples(30)
    @given(_CPUS, st.sampled_from([3.0, 5.0, 20.0]), st.sampled_from([14, 100]), st.integers(0, 60), _CHANCE)
    def test_a_hog_of_a_minute_before_a_siege_is_forgotten_30_seconds_after_it(self, cpus, tasks, few, pause, chance):
        """The limit came down while few used it: nothing was learnt of what sessions weigh. Who comes then waits until the load has
        forgotten the hog, not the governor: 580 are in 30 seconds after it has ended, or 15 after they came. Where every fall is
        remembered, that is 180 and 140."""
        siege = 90 + pause
        machine = Machine(
            CHEAP if cpus > 1 else attrs.evolve(CHEAP, task=0.0001),
            lambda time: 580 if time >= siege else few,
            cpus=cpus,
            hogs=lambda time: tasks * cpus if 30 <= time < 90 else 0.0,
            others=steady(0.3),
            chance=chance,
        )
        self.assertEqual(min(limits(machine.run(siege))), FLOOR)
        self.assertLessEqual(first(machine.run(120), lambda second: second.limit > 580, after=90), max(30, pause + 15))

    @examples(20)
    @given(st.sampled_from([4, 10, 15, 20, 30, 60, 120, 240]), st.sampled_from([1.0, 2.5, 5.0, 20.0]), _CHANCE)
    def test_a_hog_that_comes_and_goes_ratchets_it_neither_up_nor_down(self, period, tasks, chance):
        """A square wave of any period: it goes between the floor and what is wanted, turns 65 times in ten minutes at most, and
        five minutes after the last one everybody is in again."""
        machine = Machine(
            CHEAP,
            steady(580),
            hogs=lambda time: 2 * tasks if time < 1200 and time % period < period / 2 else 0.0,
            chance=chance,
        )
        seconds = machine.run(1200)
        self.assertLess(max(limits(seconds)), 850)
        self.assertLessEqual(turns(seconds), 130)
        self.assertIsNotNone(first(machine.run(300), lambda second: second.limit > 580))

    @examples(15)
    @given(_CPUS, _CHANCE)
    def test_noise_at_half_of_the_target_does_not_keep_it_down(self, cpus, chance):
        """Where what others do is by chance, one and a half tasks for each CPU on average: those 580 who want in have 95 % of
        their time."""
        machine = Machine(
            CHEAP if cpus > 2 else attrs.evolve(CHEAP, task=0.0),
            steady(580),
            cpus=cpus,
            others=steady(TARGET / 2 * cpus),
            chance=chance,
        )
        machine.run(120)
        seconds = machine.run(1200)
        self.assertGreater(mean(min(second.limit, 580) for second in seconds), 0.95 * 580)

    @examples(15)
    @given(_CPUS, _CHANCE)
    def test_noise_around_the_target_does_not_make_it_swing(self, cpus, chance):
        """It is low, for the machine has enough to do, and does not leave the lower fourth of what is wanted."""
        machine = Machine(CHEAP, steady(1000), cpus=cpus, others=steady(TARGET * cpus), chance=chance)
        machine.run(120)
        seconds = machine.run(1200)
        self.assertLess(max(limits(seconds)), 250)
        self.assertLessEqual(turns(seconds) / 2, 30)


class TestWaves(SynchronousTestCase):
    @examples(15)
    @given(st.sampled_from(["ramp", "waves"]), st.integers(200, 3000), _CHANCE)
    def test_it_follows_what_is_wanted_and_no_further(self, kind, most, chance):
        """A ramp over ten minutes, or a crowd that comes for a minute of three: never twice what was wanted, and who waits is in
        within 20 seconds."""
        wanted = (lambda time: most * min(time / 600, 1.0)) if kind == "ramp" else lambda time: most * (time % 180 < 60)
        seconds = Machine(attrs.evolve(CHEAP, task=0.0), wanted, cpus=4, chance=chance).run(900)
        self.assertLess(max(limits(seconds)), max(START, 1.9 * most))
        waits = 0
        for second in seconds:
            waits = waits + 1 if second.outside else 0
            self.assertLessEqual(waits, 20)

    @examples(10)
    @given(st.integers(200, 3000), _CHANCE)
    def test_when_nobody_comes_any_more_it_is_back_where_it_began_in_ten_minutes(self, most, chance):
        """And stays there."""
        machine = Machine(CHEAP, lambda time: most if time < 120 else 10, cpus=8, chance=chance)
        machine.run(720)
        self.assertEqual(set(limits(machine.run(300))), {START})

    def test_memory_that_sessions_take_holds_it(self):
        """A session that takes a thousandth: 400 leave a tenth of the half that was free."""
        seconds = Machine(Strangers(memory=0.001), steady(5000), chance=Random(1)).run(900)
        self.assertLess(max(second.sessions for second in seconds[300:]), 450)
        self.assertGreater(mean(second.sessions for second in seconds[300:]), 300)
        self.assertGreater(0.5 - 0.001 * max(second.sessions for second in seconds), 0.03)

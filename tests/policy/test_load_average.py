"""The load without its smoothing, from a kernel that is modelled with its integers."""

import math
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.load_average import LoadAverage

# Of one count: the kernel rounds to 1/2048 of the average, which is 1/164 of a count.
EXACT = 0.007
# Of the mean of three: two decimals are 0.005 at both ends, once less what is kept, and 8 % of it in between.
DECIMALS = EXACT + (0.005 + 0.005 * 0.92 + 2 * 0.005 * 0.08) / (3 * 0.08)


class Kernel:
    """kernel/sched/loadavg.c. `tasks`: how many run at a time in seconds. `counts`: what it counted, the last one last."""

    def __init__(self, tasks, *, period=5.004, phase=0.0, average=0.0):
        self.tasks, self.period, self.next = tasks, period, phase
        self.load = round(average * 2048)
        self.counts = []

    def run_until(self, time):
        while self.next <= time:
            active = self.tasks(self.next)
            self.counts.append(active)
            self.load = self.calc_load(self.load, active * 2048)
            self.next += self.period

    @staticmethod
    def calc_load(load, active):
        new = load * 1884 + active * (2048 - 1884)
        if active >= load:
            new += 2047
        return new // 2048

    def getloadavg(self):
        """sysinfo(2): the fraction has sixteen bits, of which the kernel's eleven are the upper ones."""
        return (self.load << 5) / 65_536

    def loadavg(self):
        """/proc/loadavg."""
        shown = self.load + 2048 // 200
        return float(f"{shown >> 11}.{(shown & 2047) * 100 >> 11:02}")


def step(at, tasks):
    return lambda time: tasks if time >= at else 0


def square(period, tasks):
    return lambda time: tasks if time % period < period / 2 else 0


def ramp(seconds, tasks):
    return lambda time: int(min(1.0, time / seconds) * tasks)


def noise(seed, tasks):
    return lambda time: Random(f"{seed} {time}").randint(0, tasks)


many = st.integers(0, 200)
loads = st.one_of(
    st.builds(step, st.floats(0, 200), many),
    st.builds(square, st.floats(1, 120), many),
    st.builds(ramp, st.floats(1, 200), many),
    st.builds(noise, st.integers(0, 99), many),
)
kernels = st.builds(
    Kernel,
    loads,
    period=st.sampled_from([5.001, 5.004, 5.01]),  # HZ 1000, 250, 100
    phase=st.floats(0, 5),
    average=st.floats(0, 200),
)
precisions = st.sampled_from([(Kernel.getloadavg, EXACT), (Kernel.loadavg, DECIMALS)])


def worst(kernel, told, times):
    """How far it is from the mean of the kernel's last three counts, or of the three before the last, at most."""
    load, most = LoadAverage(), 0.0
    kernel.run_until(times[0])
    unheard = len(kernel.counts)
    for time in times:
        kernel.run_until(time)
        load.heard(time, told(kernel))
        if len(kernel.counts) - unheard >= 4:
            truths = [sum(kernel.counts[-end - 2 : len(kernel.counts) - end + 1]) / 3 for end in (1, 2)]
            most = max(most, min(abs(truth - load.present) for truth in truths))
    return most


class TestLoadAverage(SynchronousTestCase):
    @EXAMPLES
    @given(kernels, precisions, st.integers(0, 1000))
    def test_it_is_the_mean_of_three_counts(self, kernel, precision, seed):
        """Within a hundredth of a task for the sixteen bits, 0.05 for two decimals, whatever the load does, read at any times."""
        told, error = precision
        random = Random(seed)
        times, time = [], 100.0 * random.random()
        for _ in range(250):
            times.append(time)
            time += random.choice((1.0, 1.0, 1.1, 0.01, 2 * random.random(), 4.9 * random.random()))
        self.assertLess(worst(kernel, told, times), error)

    def test_a_step_shows_within_fifteen_seconds(self):
        """Up and down; the average shows 22 % of it by then."""
        for told, error in ((Kernel.getloadavg, EXACT), (Kernel.loadavg, DECIMALS)):
            for phase in (0.0, 1.3, 2.5, 3.7, 4.9):
                kernel, load, told_at = (
                    Kernel(lambda time: 8 if 100 <= time < 160 else 0, phase=phase),
                    LoadAverage(),
                    {},
                )
                for time in range(240):
                    kernel.run_until(time)
                    load.heard(float(time), told(kernel))
                    told_at[time] = load.present
                self.assertLess(told_at[99], error)
                self.assertGreater(told_at[106], 2)
                self.assertLess(abs(told_at[116] - 8), error)
                self.assertLess(told_at[176], error)
                self.assertGreater(told(kernel), 1.0, "the average remembers it still")

    def test_a_steady_load_is_told_as_it_is(self):
        """The average does not change then, though there are updates."""
        load = LoadAverage()
        for time in range(100):
            load.heard(float(time), 3.0 if time > 3 else 2.0)
        self.assertAlmostEqual(load.present, 3.0)

    @EXAMPLES
    @given(st.integers(0, 50), st.integers(0, 50), st.floats(5.1, 59), precisions, st.floats(0, 5))
    def test_a_pause_of_ours_is_no_load(self, before, after, pause, precision, phase):
        """Several updates lie in it. What is told stays between what was and what is, and is right three updates later."""
        told, _ = precision
        kernel, load = Kernel(lambda time: before if time < 600 else after, phase=phase, average=before), LoadAverage()
        times = [*range(500, 600), *(600 + pause + number for number in range(18))]
        for time in times:
            kernel.run_until(time)
            load.heard(time, told(kernel))
            if time >= 600:
                self.assertGreaterEqual(load.present, min(before, after) - 0.25)
                self.assertLessEqual(load.present, max(before, after) + 0.25)
        self.assertLess(abs(load.present - after), DECIMALS)

    def test_after_a_pause_of_updates_that_can_be_told_apart_it_is_exact(self):
        """Twenty seconds without a reading: four updates."""
        kernel = Kernel(step(70, 6), phase=0.5)
        load = LoadAverage()
        for time in (*range(69), 70, 88):
            kernel.run_until(time)
            load.heard(float(time), kernel.getloadavg())
        self.assertEqual(kernel.counts[-3:], [6, 6, 6])
        self.assertLess(abs(load.present - 6), 0.02)

    def test_after_a_long_pause_or_a_clock_put_back_the_average_holds(self):
        """Of what was between nothing is known; and from the next update on it is as before."""
        for time in (161.0, 50.0):
            load = LoadAverage()
            for heard in range(100):
                load.heard(float(heard), 9.0)
            load.heard(time, 2.0)
            self.assertEqual(load.present, 2.0)
            load.heard(time + 1, 2.0 * 1884 / 2048)
            self.assertAlmostEqual(load.present, 0.0)

    def test_before_anything_is_heard_there_is_none(self):
        """And then, until an update is seen, the average."""
        load = LoadAverage()
        self.assertIsNone(load.present)
        load.heard(5.0, 1.5)
        self.assertEqual(load.present, 1.5)

    @EXAMPLES
    @given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e6)), min_size=1))
    def test_whatever_is_heard_it_is_a_number_and_not_negative(self, heard):
        """Nothing is raised, at whatever times."""
        load = LoadAverage()
        for time, average in heard:
            load.heard(time, average)
            self.assertTrue(math.isfinite(load.present) and load.present >= 0)

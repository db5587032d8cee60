"""The model of a machine that the governor is tried on: what can be reckoned by hand, and its picture."""

from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.governor import Governor
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.load import Load, LoadSettings
from twistedmx.testing.machine import Machine, Strangers, calc_load, poisson, steady
from twistedmx.testing.machine_picture import picture

ROOT = Path(__file__).parent.parent.parent


def held_at(sessions, strangers, **more):
    """A machine with so many sessions, whatever comes of them."""
    settings = GovernorSettings(start=sessions, floor=sessions, ceiling=sessions)
    return Machine(strangers, steady(sessions), governor=Governor(settings, Load(LoadSettings())), **more)


class TestLoadAverage(SynchronousTestCase):
    def test_it_is_the_kernels(self):
        """Four tasks that begin: 0.32, 0.62 ... and after a minute 63 % of them; as on a real machine."""
        averages, average = [], 0
        for _ in range(12):
            average = calc_load(average, 4)
            averages.append(round(average / 2048, 2))
        self.assertEqual((averages[0], averages[1], averages[11]), (0.32, 0.62, 2.53))

    def test_it_comes_down_to_nothing_and_up_to_what_runs(self):
        """The kernel rounds towards what it counts."""
        average = 2048
        for _ in range(200):
            average = calc_load(average, 0)
        self.assertEqual(average, 0)
        for _ in range(200):
            average = calc_load(average, 3)
        self.assertEqual(average, 3 * 2048)

    def test_at_present_it_is_what_runs(self):
        """The smoothing is undone: 20 seconds after four tasks have begun it says 4, where the average says 1."""
        last = Machine(Strangers(), steady(0), cpus=1, hogs=steady(4)).run(21)[-1]
        self.assertLess(abs(last.load - 4.0), 0.2)
        self.assertLess(last.average, 1.3)


class TestMachine(SynchronousTestCase):
    def test_tasks_of_sessions_are_counted(self):
        """100 sessions, each a tenth of its time at work: 10 tasks on 16 CPUs."""
        last = held_at(100, Strangers(thinks=0.9, task=0.1, loop=0, commands=1000), cpus=16).run(60)[-1]
        self.assertLess(abs(last.load * 16 - 10.0), 1.0)

    def test_who_waits_for_a_disk_counts_too(self):
        """In the load, not in what runs just now."""
        last = held_at(100, Strangers(thinks=0.9, disk=0.1, loop=0, commands=1000), cpus=16).run(60)[-1]
        self.assertLess(abs(last.load * 16 - 10.0), 1.0)

    def test_beyond_its_cpus_tasks_queue(self):
        """2 CPUs serve 20 commands a second; 100 sessions that think for a second are 80 too many."""
        last = held_at(100, Strangers(thinks=1.0, task=0.1, loop=0, commands=1000), cpus=2).run(120)[-1]
        self.assertLess(abs(last.load * 2 - 80.0), 4.0)

    def test_beyond_its_loop_there_is_lag(self):
        """A loop that serves 1000 commands a second: the 1500th session waits half a second."""
        last = held_at(1500, Strangers(thinks=1.0, loop=0.001, commands=1000)).run(60)[-1]
        self.assertLess(abs(last.lag - 0.5), 0.05)

    def test_the_limit_is_judged_five_times_a_second_while_many_come(self):
        """From four fifths on, as by a server: a step of a fifth of a second is enough for 120, and one of a second is not made."""
        governor = Governor(GovernorSettings(), Load(LoadSettings(memory_high=0.0)))
        machine = Machine(Strangers(loop=0), lambda time: 120 if time >= 5 else 14, governor=governor)
        self.assertEqual([second.limit for second in machine.run(7)], [140, 140, 140, 140, 140, 168, 168])

    def test_counts_are_around_their_mean(self):
        """Also where they are many."""
        chance = Random(1)
        for mean in (0.3, 5.0, 100.0):
            counts = [poisson(chance, mean) for _ in range(2000)]
            self.assertLess(abs(sum(counts) / 2000 - mean), 4 * (mean / 2000) ** 0.5)


class TestPicture(SynchronousTestCase):
    def test_it_is_what_the_model_gives(self):
        """`python -m twistedmx.testing.machine_picture > docs/governor/model.svg` was forgotten."""
        self.assertEqual((ROOT / "docs/governor/model.svg").read_text(encoding="utf-8"), picture())

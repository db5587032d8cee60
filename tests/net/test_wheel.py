"""Deadlines: never early, at most a tick late, and none lost."""

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.wheel import Deadline, Wheel


class TestWheel(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.wheel = Wheel(self.clock)
        self.passed = []

    def deadline(self, name="it"):
        return Deadline(lambda: self.passed.append((name, self.clock.seconds())))

    def wait(self, seconds, step=0.125):
        """Time passes in steps that binary fractions have exactly."""
        for _ in range(int(seconds / step)):
            self.clock.advance(step)

    def test_it_passes_not_before_its_time_and_at_most_a_tick_after(self):
        """Whenever it was set, and whenever the ticks fall."""
        chance = Random(1)
        for begin in (0.0, 0.25, 0.5, 0.875, 3.125):
            for seconds in (0.0, 0.5, 1.0, 1.25, 5.0, 7.625, *(chance.randrange(1, 100) / 8 for _ in range(20))):
                self.setUp()
                self.clock.advance(begin)
                self.wheel.set(self.deadline("first"), 60.0)
                self.wait(chance.randrange(8) / 8)
                due = self.clock.seconds() + seconds
                self.wheel.set(self.deadline("it"), seconds)
                self.wait(seconds + 4)
                (at,) = [at for name, at in self.passed if name == "it"]
                self.assertGreaterEqual(at, due)
                self.assertLessEqual(at, due + 1.0, f"set at {due - seconds} for {seconds} seconds; ticks from {begin}")

    def test_set_later_it_does_not_pass_early(self):
        """This is what happens at every command."""
        deadline = self.deadline()
        for _ in range(50):
            self.wheel.set(deadline, 10.0)
            self.wait(3)
        self.assertEqual(self.passed, [])
        self.wait(12)
        self.assertEqual(len(self.passed), 1)

    def test_set_earlier_it_passes_earlier(self):
        """From the five minutes of a command to the five seconds of the last word."""
        deadline = self.deadline()
        self.wheel.set(deadline, 300.0)
        self.wait(2)
        self.wheel.set(deadline, 5.0)
        self.wait(8)
        self.assertEqual(len(self.passed), 1)
        self.wait(400, step=1.0)
        self.assertEqual(len(self.passed), 1)

    def test_a_time_that_is_over_already_passes_at_the_next_tick(self):
        """The allowance of a slow sender may be used up when it is reckoned: that session must not live for ever."""
        for late in (0.0, -0.5, -1.5, -1000.0):
            self.setUp()
            self.wheel.set(self.deadline("other"), 10.0)
            self.wait(3.5)
            self.wheel.set(self.deadline(), late)
            self.wait(3)
            self.assertEqual(len(self.passed), 1, late)

    def test_cleared_it_does_not_pass(self):
        """A closed session has no time limit."""
        deadline = self.deadline()
        self.wheel.clear(deadline)
        self.wheel.set(deadline, 5.0)
        self.wheel.clear(deadline)
        self.wheel.clear(deadline)
        self.wait(10)
        self.assertEqual(self.passed, [])
        self.wheel.set(deadline, 5.0)
        self.wait(7)
        self.assertEqual(len(self.passed), 1)

    def test_cleared_by_another_that_passes_in_the_same_tick_it_does_not_pass(self):
        """What is cleared is cleared, whoever's turn it is."""
        two = []
        deadlines = [Deadline(lambda: pass_(0)), Deadline(lambda: pass_(1))]

        def pass_(number):
            two.append(number)
            self.wheel.clear(deadlines[1 - number])

        for each in deadlines:
            self.wheel.set(each, 5.0)
        self.wait(10)
        self.assertEqual(len(two), 1)

    def test_set_again_while_it_passes_it_passes_again(self):
        """The last word sets the time for which the peer may read it."""
        deadline = Deadline(lambda: (self.passed.append(self.clock.seconds()), self.wheel.set(deadline, 5.0)))
        self.wheel.set(deadline, 5.0)
        self.wait(30)
        self.assertGreaterEqual(len(self.passed), 4)
        for before, after in zip(self.passed, self.passed[1:], strict=False):
            self.assertGreaterEqual(after - before, 5.0)

    def test_an_expiry_that_fails_takes_no_other_with_it(self):
        """One broken session must not give the others eternal life."""
        for number in range(20):
            self.wheel.set(Deadline(lambda: 1 / 0), 5.0)
            self.wheel.set(self.deadline(number), 5.0)
        for _ in range(80):
            try:
                self.clock.advance(0.125)
            except ZeroDivisionError:
                continue
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(len(self.passed), 20)

    def test_without_deadlines_it_does_not_tick(self):
        """An idle server sleeps."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        deadline = self.deadline()
        self.wheel.set(deadline, 3.0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.wheel.clear(deadline)
        self.wait(2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wheel.set(deadline, 3.0)
        self.wait(6)
        self.assertEqual(len(self.passed), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopped_it_forgets_everything_and_may_begin_again(self):
        """A service may be stopped and started."""
        deadline = self.deadline()
        self.wheel.set(deadline, 3.0)
        self.wheel.stop()
        self.wheel.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait(10)
        self.assertEqual(self.passed, [])
        self.wheel.set(deadline, 3.0)
        self.wait(10)
        self.assertEqual(len(self.passed), 1)

    def test_a_clock_that_leaps_loses_nobody(self):
        """A laptop wakes up; a debugger held the process."""
        for seconds in (1.0, 10.0, 100.0):
            self.wheel.set(self.deadline(seconds), seconds)
        self.clock.advance(5000.0)
        self.clock.advance(1.0)
        self.assertEqual({name for name, _ in self.passed}, {1.0, 10.0, 100.0})

    def test_ten_thousand_pass_each_in_its_time(self):
        """And one timer serves them all."""
        chance = Random(2)
        due = {number: chance.randrange(0, 4800) / 8 for number in range(10_000)}
        for number, seconds in due.items():
            self.wheel.set(self.deadline(number), seconds)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.wait(603, step=0.25)
        self.assertEqual(len(self.passed), 10_000)
        for number, at in self.passed:
            self.assertGreaterEqual(at, due[number])

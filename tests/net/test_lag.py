"""How late the event loop is, told so that a limit can go by it."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.lag import Lag


class TestLag(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.lag = Lag(self.clock)
        self.lag.start()

    def turns(self, seconds, turn=0.01):
        """The loop runs for so long, each turn as long as this."""
        for _ in range(round(seconds / turn)):
            self.clock.advance(turn)

    def test_a_loop_that_keeps_up_is_not_late(self):
        """By the half of its turns."""
        self.turns(1)
        self.assertLess(self.lag.take(), 0.02)

    def test_one_garbage_collection_is_no_overload(self):
        """A third of a second in which nothing else was done."""
        self.turns(0.4)
        self.clock.advance(0.35)
        self.turns(0.3)
        self.assertLess(self.lag.take(), 0.02)

    def test_a_loop_that_is_always_late_is_late(self):
        """Each second anew, by the half of its turns."""
        for turn in (0.15, 0.4, 0.9, 2.0):
            for _ in range(3):
                self.turns(6 * turn, turn)
                self.assertLess(abs(self.lag.take() - turn / 2), 0.06)
        self.turns(1)
        self.assertLess(self.lag.take(), 0.02)

    def test_a_hang_shows_when_it_is_over(self):
        """One timer came, for thirty that should have."""
        self.turns(0.9)
        self.clock.advance(3.0)
        self.assertGreater(self.lag.take(), 0.8)
        self.turns(1)
        self.assertLess(self.lag.take(), 0.02)

    def test_it_shows_to_who_asks_before_its_timer(self):
        """After a hang all timers are due, and the other one may be the first."""
        told = []
        self.lag.stop()
        self.clock.callLater(0.05, lambda: told.append(self.lag.take()))
        self.lag.start()
        self.clock.advance(3.0)
        self.assertGreater(told[0], 1.0)
        self.turns(1)
        self.assertLess(self.lag.take(), 0.02, "it is not counted twice")

    def test_asked_again_at_once_it_tells_the_same(self):
        """Nothing new is known."""
        self.clock.advance(1.0)
        self.assertGreater(self.lag.take(), 0.4)
        self.assertEqual(self.lag.take(), self.lag.take())
        self.assertGreater(self.lag.take(), 0.4)

    def test_before_the_first_moment_and_when_stopped_it_is_not_known(self):
        """None is left out of a judgement; 0 would be praise."""
        self.assertIsNone(self.lag.take())
        self.clock.advance(5)
        self.lag.stop()
        self.assertIsNone(self.lag.take())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lag.stop()

    def test_started_twice_it_has_one_timer(self):
        """And after a stop it begins anew."""
        self.lag.start()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.lag.stop()
        self.clock.advance(100)
        self.lag.start()
        self.turns(1)
        self.assertLess(self.lag.take(), 0.02)

    def test_nobody_who_asks_costs_nothing_but_a_minute_of_moments(self):
        """Nor does a machine that had slept."""
        self.turns(200, 0.5)
        self.assertLessEqual(len(self.lag._waits), 600)
        self.clock.advance(10_000_000.0)
        self.assertLessEqual(len(self.lag._waits), 600)
        self.assertGreater(self.lag.take(), 20)


class TestClocks(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.clock.advance(1000)
        self.off = 0.0
        self.lag = Lag(self.clock, lambda: self.clock.seconds() + self.off)
        self.lag.start()

    def turns(self, count):
        for _ in range(count):
            self.clock.advance(0.01)

    def test_a_clock_put_back_gives_no_negative_lag(self):
        """And it is measured on."""
        self.turns(50)
        self.off = -3600.0
        self.turns(50)
        self.assertLess(abs(self.lag.take() - 0.005), 0.015)
        self.turns(100)
        self.clock.advance(3)
        self.assertGreater(self.lag.take(), 0.5)

    def test_timers_that_come_early_are_not_late(self):
        """The reactor's clock was put forward, the other one cannot be: a wall clock would look like a hang."""
        self.turns(50)
        self.off = -3600.0
        self.clock.advance(3600)
        self.assertLess(self.lag.take(), 0.02)
        self.turns(100)
        self.assertLess(self.lag.take(), 0.02)

"""Answers that come later, and how many at a time."""

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.tarpit import Tarpit
from twistedmx.smtp import codes


class TestTarpit(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.tarpit = Tarpit(self.clock)

    def test_an_answer_comes_when_its_time_is_over(self):
        """Not before: else nothing is slowed down."""
        held = self.tarpit.hold(codes.NOOP, 2.0, most=1)
        self.clock.advance(1.9)
        self.assertNoResult(held)
        self.clock.advance(0.1)
        self.assertIs(self.successResultOf(held), codes.NOOP)
        self.assertEqual(self.tarpit.held, 0)

    def test_beyond_the_limit_answers_come_at_once(self):
        """Siege 2: each session that waits is a place that nobody else has."""
        first = self.tarpit.hold(codes.NOOP, 2.0, most=1)
        self.assertIs(self.tarpit.hold(codes.RESET, 2.0, most=1), codes.RESET)
        self.clock.advance(2.0)
        self.successResultOf(first)
        self.assertNoResult(self.tarpit.hold(codes.RESET, 2.0, most=1))

    def test_who_goes_away_gives_his_place_back(self):
        """Bots hang up on who is slow: their places are not to be missing for the next ones."""
        held = self.tarpit.hold(codes.NOOP, 2.0, most=1)
        held.cancel()
        self.failureResultOf(held, CancelledError)
        self.assertEqual((self.tarpit.held, self.clock.getDelayedCalls()), (0, []))

    def test_what_is_no_error_has_places_of_its_own(self):
        """Greetings that wait are not to switch off the delays of errors."""
        self.tarpit.hold(codes.NOOP, 2.0, most=None)
        self.assertNoResult(self.tarpit.hold(codes.RESET, 2.0, most=1))

    def test_a_stop_waits_for_none(self):
        """systemd kills who takes too long to stop, and what he had still to write."""
        held = [self.tarpit.hold(codes.NOOP, 60.0, most=most) for most in (5, None)]
        self.tarpit.let_all_go()
        self.assertEqual([self.successResultOf(each) for each in held], [codes.NOOP] * 2)
        self.assertIs(self.tarpit.hold(codes.RESET, 2.0, most=5), codes.RESET)
        self.assertEqual((self.tarpit.held, self.clock.getDelayedCalls()), (0, []))

"""What sessions gather is told in time, and not all in one turn of the reactor."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from twistedmx.policy.untold import Untold

THREE_SECONDS = 3.0
A_LOT = 0.0003  # seconds, for one to tell


class Session:
    """Tells when it is asked, which takes some time of `clock`."""

    def __init__(
        self, name: int, clock: Clock, told: list[tuple[int, float]], then: Callable[[], object] = int
    ) -> None:
        self._name, self._clock, self._told, self._then = name, clock, told, then

    def tell_gathered(self) -> None:
        self._told.append((self._name, self._clock.seconds()))
        self._clock.rightNow += A_LOT
        self._then()


class TestUntold(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.untold = Untold(self.clock)
        self.told: list[tuple[int, float]] = []

    def session(self, name: int, then: Callable[[], object] = int) -> Session:
        session = Session(name, self.clock, self.told, then)
        self.untold.gather(session)
        return session

    def names(self) -> list[int]:
        return [name for name, _ in self.told]

    def turn(self) -> None:
        """One of the reactor: what is due at its beginning. `Clock.advance` goes on with what is due by then."""
        calls, now = self.clock.calls, self.clock.seconds()
        due = [call for call in calls if call.getTime() <= now]
        for call in due:
            calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)

    def pass_three_seconds(self) -> None:
        self.clock.pump([0.001] * 3000)

    def test_not_at_once_and_within_three_seconds(self) -> None:
        self.session(1)
        self.clock.advance(2)
        self.assertEqual(self.names(), [])
        self.clock.advance(1)
        self.assertEqual(self.names(), [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_at_once_have_several_turns(self) -> None:
        for name in range(10):
            self.session(name)
        self.clock.rightNow += THREE_SECONDS
        told = []
        while self.clock.calls:
            self.turn()
            told.append(len(self.told))
        self.assertEqual(self.names(), list(range(10)))
        self.assertEqual(told, [2, 4, 6, 8, 10])

    def test_who_has_told_is_not_asked(self) -> None:
        first, _ = self.session(1), self.session(2)
        self.untold.forget(first)
        self.untold.forget(first)
        self.pass_three_seconds()
        self.assertEqual(self.names(), [2])

    def test_nobody_left_no_timer_left(self) -> None:
        self.untold.forget(self.session(1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_gathers_again_has_his_time_again(self) -> None:
        def again() -> None:
            self.untold.gather(session)

        session = self.session(1, again)
        for seconds in (2.8, 2.8, 2.8):
            self.clock.advance(seconds)
        self.assertEqual(self.names(), [1, 1, 1])

    def test_a_fault_of_one_keeps_no_other_from_telling(self) -> None:
        def fail() -> None:
            raise RuntimeError("no")

        for name in (1, 2, 3):
            self.session(name, fail)
        self.pass_three_seconds()
        self.assertEqual(self.names(), [1, 2, 3])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_a_clock_that_is_set_back(self) -> None:
        self.session(1)
        self.clock.advance(2)
        self.clock.rightNow -= 3600
        self.session(2)
        for call in self.clock.getDelayedCalls():  # the reactor's own would move with its clock
            call.reset(0)
        self.pass_three_seconds()
        self.assertEqual(self.names(), [1, 2])

    @given(st.lists(st.floats(0, 0.3), max_size=60))
    def test_all_are_told_in_order_and_in_time(self, pauses: list[float]) -> None:
        self.setUp()
        began = []
        for name, pause in enumerate(pauses):
            began.append(self.clock.seconds())
            self.session(name)
            self.clock.advance(pause)
        self.pass_three_seconds()
        self.assertEqual(self.names(), list(range(len(pauses))))
        for name, at in self.told:
            self.assertLess(at - began[name], THREE_SECONDS + 0.3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

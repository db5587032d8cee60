"""What sessions gather is told in time, and not all in one turn of the reactor."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from twistedmx.policy.untold import Untold

IN_TIME = 3.0  # seconds, docs/log.md
A_TELL = 0.0002  # seconds that one takes


class Session:
    """Tells when it is asked, which takes some time of `clock`; then does something else."""

    def __init__(self, name: int, clock: Clock, told: list[tuple[int, float]], then: Callable[[], object]) -> None:
        self._name, self._clock, self._told, self._then = name, clock, told, then

    def tell_gathered(self) -> None:
        self._clock.rightNow += A_TELL
        self._told.append((self._name, self._clock.seconds()))
        self._then()


class TestUntold(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.untold = Untold(self.clock)
        self.told: list[tuple[int, float]] = []

    def session(self, name: int, then: Callable[[], object] = lambda: None) -> Session:
        session = Session(name, self.clock, self.told, then)
        self.untold.gather(session)
        return session

    def names(self) -> list[int]:
        return [name for name, _ in self.told]

    def turn(self, rest: float = 0.0) -> float:
        """One of the reactor: what is due at its beginning, and whatever else takes `rest`; `Clock.advance` would go on with what
        is due by then. How long the first of these took."""
        calls, began = self.clock.calls, self.clock.seconds()
        for call in [call for call in calls if call.getTime() <= began]:
            calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
        took = self.clock.seconds() - began
        self.clock.rightNow += rest
        return took

    def turns(self, seconds: float, rest: float = 0.001) -> float:
        """Of so many seconds; the longest."""
        end, longest = self.clock.seconds() + seconds, 0.0
        while self.clock.seconds() < end:
            longest = max(longest, self.turn(rest))
        return longest

    def test_not_at_once_and_in_time(self) -> None:
        """And nothing of it is left."""
        self.session(1)
        self.turns(1.5)
        self.assertEqual(self.names(), [])
        self.turns(1.5)
        self.assertEqual(self.names(), [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_of_many_that_are_due_together_some_have_a_turn(self) -> None:
        """Who else has something to say waits for these alone."""
        for name in range(500):
            self.session(name)
        self.assertLess(self.turns(IN_TIME), 0.002)
        self.assertEqual(self.names(), list(range(500)))

    def test_who_comes_all_the_time_is_told_in_time_however_long_turns_are(self) -> None:
        """Sessions of which each tells all that it has, and gathers anew at once, in turns of seven milliseconds."""
        began: dict[int, float] = {}
        late: list[float] = []

        def again(name: int) -> None:
            late.append(self.clock.seconds() - began[name])
            gather(name)

        def gather(name: int) -> None:
            began[name] = self.clock.seconds()
            self.session(name, lambda: again(name))

        for name in range(2000):
            gather(name)
            self.turn(0.001)
        self.turns(20, rest=0.007)
        self.assertGreater(len(late), 10_000)
        self.assertLess(max(late), IN_TIME)

    def test_who_has_told_is_not_asked(self) -> None:
        """Nor is it a fault to say so twice."""
        first, _ = self.session(1), self.session(2)
        self.untold.forget(first)
        self.untold.forget(first)
        self.turns(IN_TIME)
        self.assertEqual(self.names(), [2])

    def test_nobody_left_no_timer_left(self) -> None:
        """A reactor that stops finds nothing of ours."""
        self.untold.forget(self.session(1))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_gathers_while_it_tells_is_behind_the_others(self) -> None:
        """They do not wait for him."""
        session = self.session(1, lambda: self.untold.gather(session))
        self.turns(0.05)
        self.session(2)
        self.turns(2)
        self.assertEqual(self.names(), [1, 2])
        self.turns(2)
        self.assertEqual(self.names(), [1, 2, 1])

    def test_a_fault_of_one_keeps_no_other_from_telling(self) -> None:
        """It is logged."""

        def fail() -> None:
            raise RuntimeError("no")

        for name in (1, 2, 3):
            self.session(name, fail)
        self.turns(IN_TIME)
        self.assertEqual(self.names(), [1, 2, 3])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_a_clock_that_is_set_back_keeps_nobody_waiting_who_comes_then(self) -> None:
        """The reactor's timers go by it: what was to be called is as much later. Nor do those who were there before wait longer."""
        self.session(1)
        self.turns(2)
        self.clock.rightNow -= 3600
        self.session(2)
        self.turns(IN_TIME)
        self.assertEqual(self.names(), [1, 2])

    @given(st.lists(st.floats(0, 0.3), max_size=60))
    def test_all_are_told_in_order_and_in_time(self, pauses: list[float]) -> None:
        """However they come."""
        self.setUp()
        began = []
        for name, pause in enumerate(pauses):
            began.append(self.clock.seconds())
            self.session(name)
            self.turns(pause, rest=0.02)
        self.turns(IN_TIME, rest=0.02)
        self.assertEqual(self.names(), list(range(len(pauses))))
        for name, at in self.told:
            self.assertLess(at - began[name], IN_TIME)
        self.assertEqual(self.clock.getDelayedCalls(), [])

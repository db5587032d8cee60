"""When the machine counts as loaded, and what presses most."""

import re
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.vitals import Vitals
from twistedmx.policy.load import NO_PRESSURE, Load, LoadSettings, Signal


def pressure(*, settings=None, **vitals):
    return Load(settings or LoadSettings()).judge(0.0, Vitals(**vitals))


class TestHigh(SynchronousTestCase):
    def judge(self, load, *vitals):
        """Whether it is high at each, ten seconds apart."""
        told = []
        for number, one in enumerate(vitals):
            load.judge(10.0 * number, one)
            told.append(load.high)
        return told

    def test_it_is_entered_at_once_and_left_late(self):
        """Limits that change with each wave of the load are understood by nobody."""
        load = Load(LoadSettings(high=4.0, leave=0.5, calm=20.0))
        loads = (3.9, 4.0, 2.1, 1.9, 1.9, 2.0, 1.9, 1.9, 3.9)
        self.assertEqual(
            self.judge(load, *(Vitals(load=one) for one in loads)),
            [False, True, True, True, False, False, False, False, False],
        )

    def test_memory_is_left_when_there_is_more_of_it(self):
        """Of this signal less is worse: its mark is divided by `leave`."""
        load = Load(LoadSettings(memory_high=0.03, leave=0.5, calm=20.0))
        free = (0.031, 0.03, 0.059, 0.061, 0.061)
        self.assertEqual(self.judge(load, *(Vitals(free_memory=one) for one in free)), [False, True, True, True, False])

    def test_each_signal_alone_is_enough(self):
        """A machine may be short of one thing only."""
        for vitals in (Vitals(load=4.0), Vitals(lag=0.5), Vitals(free_memory=0.03), Vitals(throttled=0.75)):
            self.assertEqual(self.judge(Load(LoadSettings()), vitals), [True], vitals)

    def test_what_cannot_be_read_ends_it(self):
        """A signal that is gone must not hold limits for ever."""
        load = Load(LoadSettings(calm=20.0))
        self.assertEqual(self.judge(load, Vitals(load=9.0), Vitals(), Vitals()), [True, True, False])

    def test_a_mark_of_nought_leaves_the_signal_out(self):
        """Who does not want it has one limit in calm and under load."""
        settings = LoadSettings(high=0.0, lag_high=0.0, memory_high=0.0, throttled_high=0.0)
        worst = Vitals(load=99.0, runnable=99.0, lag=9.0, free_memory=0.0, throttled=1.0)
        load = Load(settings)
        self.assertEqual((self.judge(load, worst), load.quick(worst)), ([False], 0.0))
        self.assertEqual(load.judge(0.0, worst), NO_PRESSURE)


class TestPressure(SynchronousTestCase):
    def test_it_is_told_in_shares_of_the_target(self):
        """One law is then good for all signals."""
        for signal, value, vitals in (
            (Signal.LOAD, 3.0, {"load": 3.0}),
            (Signal.LAG, 0.075, {"lag": 0.075}),
            (Signal.THROTTLED, 0.375, {"throttled": 0.375}),
        ):
            told = pressure(settings=LoadSettings(target=2.0), **vitals)
            self.assertEqual((told.signal, told.value, round(told.share, 6), told.high), (signal, value, 1.5, False))

    def test_of_free_memory_it_is_squared(self):
        """With three times what is too little nothing is wrong yet; half of it is four times too little."""
        for free, share in ((0.5, 0.04), (0.3, 1 / 9), (0.1, 1.0), (0.05, 4.0), (0.02, 25.0)):
            self.assertAlmostEqual(pressure(free_memory=free).share, share)

    def test_the_one_that_weighs_most_is_told(self):
        """The limit follows what is scarcest."""
        told = pressure(load=1.0, lag=0.049, free_memory=0.5, throttled=0.0)
        self.assertEqual((told.signal, told.high), (Signal.LAG, False))

    def test_nothing_that_can_be_read_is_no_pressure(self):
        """A system without these signals is no loaded one."""
        self.assertEqual(pressure(), NO_PRESSURE)

    def test_no_memory_at_all_is_a_number(self):
        """Of the share as well: it is written into a log."""
        self.assertEqual(pressure(free_memory=0.0).share, 100.0)

    def test_a_target_of_nought_is_the_mark(self):
        """Who wants no limit that moves below it."""
        settings = LoadSettings(target=0.0, lag_target=0.0, memory_target=0.0, throttled_target=0.0)
        for vitals in ({"load": 4.0}, {"lag": 0.5}, {"free_memory": 0.03}, {"throttled": 0.75}):
            told = pressure(settings=settings, **vitals)
            self.assertEqual((told.share, told.high), (1.0, True), vitals)

    def test_what_runs_just_now_has_the_target_of_the_load(self):
        """It is the same thing, seen earlier."""
        load = Load(LoadSettings(target=2.0))
        self.assertEqual([load.quick(Vitals(runnable=one)) for one in (None, 0.0, 1.0)], [None, 0.0, 0.5])


class TestSettings(SynchronousTestCase):
    def test_what_contradicts_itself_is_refused(self):
        """A state would be left before it is entered."""
        self.assertRaises(ValueError, LoadSettings, leave=1.1)

    def test_a_target_beyond_its_mark_is_the_mark(self):
        """Whoever lowers the mark alone need not know of the target."""
        load = Load(LoadSettings(high=1.0, lag_high=0.02, memory_high=0.3, throttled_high=0.1))
        half = ({"load": 0.5}, {"lag": 0.01}, {"free_memory": 0.3 * 2**0.5}, {"throttled": 0.05})
        self.assertEqual([round(load.judge(0.0, Vitals(**vitals)).share, 9) for vitals in half], [0.5] * 4)
        self.assertEqual(load.quick(Vitals(runnable=0.5)), 0.5)

    def test_every_level_may_be_nought(self):
        """It is how a signal is left out."""
        for field in attrs.fields(LoadSettings):
            if field.name not in ("leave", "calm"):
                self.assertEqual(getattr(LoadSettings(**{field.name: 0.0}), field.name), 0.0)

    def test_the_manual_of_the_governor_has_them(self):
        """A row for each signal, with its target and its mark."""
        text = (Path(__file__).parent.parent.parent / "docs/governor.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
        shipped = LoadSettings()
        names = {signal: "" if signal is Signal.LOAD else f"{signal.value}_" for signal in Signal}
        self.assertEqual(
            [(name, float(target), float(high)) for name, target, high in rows],
            [
                (signal.value, getattr(shipped, f"{name}target"), getattr(shipped, f"{name}high"))
                for signal, name in names.items()
            ],
        )

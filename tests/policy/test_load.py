"""When the machine counts as loaded."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.load import Load, LoadSettings


class TestLoad(SynchronousTestCase):
    def judge(self, load, *loads):
        """What is said of each, ten seconds apart."""
        return [load.judge(10.0 * number, one) for number, one in enumerate(loads)]

    def test_it_is_entered_at_once_and_left_late(self):
        """Limits that change with each wave of the load are understood by nobody."""
        load = Load(LoadSettings(high=4.0, leave=0.5, calm=20.0))
        self.assertEqual(
            self.judge(load, 3.9, 4.0, 2.1, 1.9, 1.9, 2.0, 1.9, 1.9, 3.9),
            [False, True, True, True, False, False, False, False, False],
        )

    def test_zero_means_never(self):
        """Who does not want it has one limit in calm and under load."""
        self.assertEqual(self.judge(Load(LoadSettings(high=0.0)), 0.0, 99.0), [False, False])

    def test_the_lower_mark_is_not_above_the_upper_one(self):
        """It would be left before it is entered."""
        self.assertRaises(ValueError, LoadSettings, leave=1.1)

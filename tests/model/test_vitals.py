"""A figure that cannot be is not judged by."""

import math

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.vitals import Vitals


class TestVitals(SynchronousTestCase):
    def test_what_could_not_be_read_is_none(self):
        """Each alone: a container hides one file and not another."""
        nothing = Vitals()
        self.assertEqual((nothing.load, nothing.lag, nothing.free_memory, nothing.free_descriptors), (None,) * 4)
        self.assertEqual(Vitals(load=0.5).load, 0.5)

    def test_a_wrong_one_cannot_be_built(self):
        """A limit that followed it would go anywhere."""
        for wrong in (
            {"load": -0.1},
            {"load": math.nan},
            {"runnable": -1.0},
            {"lag": -1e-9},
            {"free_memory": 1.1},
            {"free_memory": -0.1},
            {"throttled": 1.01},
            {"free_descriptors": -1},
        ):
            self.assertRaises(ValueError, Vitals, **wrong)

"""When Python looks for cycles."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.service.room import Collecting


class TestCollecting(SynchronousTestCase):
    def setUp(self):
        self.clock, self.connections, self.thresholds = Clock(), 0, []
        self.collecting = Collecting(
            self.clock, lambda: self.connections, lambda *thresholds: self.thresholds.append(thresholds)
        )

    def test_the_more_sessions_the_later(self):
        """What they hold rises and falls, and is no garbage; and when they have gone it is as before."""
        self.collecting.startService()
        for self.connections in (2000, 0):
            self.clock.advance(1)
        self.collecting.stopService()
        self.clock.advance(1)
        self.assertEqual(self.thresholds, [(50_000, 10, 10), (250_000, 10, 10), (50_000, 10, 10)])

    def test_a_fault_leaves_it_as_it_is(self):
        """And is told."""
        self.connections = None
        self.collecting.startService()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertEqual(self.thresholds, [])

"""Lines that were lost: said, and not said again and again."""

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.report.losses import Losses


class TestLosses(SynchronousTestCase):
    def setUp(self):
        self.heard = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)

    def hear(self, event):
        if "destination" in event:
            self.heard.append((event["destination"], event["error"]))

    def test_they_are_counted_and_the_first_one_is_said(self):
        """A full disk would otherwise fill the other log."""
        losses = Losses()
        for _ in range(5):
            losses.lost("/var/log/mx", "no space left")
        self.assertEqual((losses.lines, self.heard), (5, [("/var/log/mx", "no space left")]))

    def test_once_a_line_got_through_the_next_loss_is_news_again(self):
        """It was mended, and broke anew."""
        losses = Losses()
        losses.lost("/dev/log", "connection refused")
        losses.got_through()
        losses.lost("/dev/log", "no such file")
        self.assertEqual([error for _, error in self.heard], ["connection refused", "no such file"])

    def test_what_comes_and_goes_is_said_once_a_minute(self):
        """A slow journal takes some lines and loses some: a flood of ours must not become one of the other log."""
        clock = Clock()
        losses = Losses(clock.seconds)
        for second in range(100):
            losses.lost("/dev/log", f"slow {second}")
            losses.got_through()
            clock.advance(1)
        self.assertEqual([error for _, error in self.heard], ["slow 0", "slow 60"])
        self.assertEqual(losses.lines, 100)

    def test_what_was_not_said_then_is_said_later(self):
        """Also when nothing gets through any more."""
        clock = Clock()
        losses = Losses(clock.seconds)
        losses.lost("/dev/log", "slow")
        losses.got_through()
        for _ in range(3):
            losses.lost("/dev/log", "gone")
            clock.advance(30)
        self.assertEqual([error for _, error in self.heard], ["slow", "gone"])

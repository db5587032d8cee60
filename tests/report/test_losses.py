"""Lines that were lost: said, and not said again and again."""

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

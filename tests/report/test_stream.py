"""The stream of facts: one that cannot listen does not silence the others."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import MailboxesLoaded
from twistedmx.report.stream import Stream

EVENT = MailboxesLoaded(at=0.0, source="boxes", addresses=1, seconds=0.0)


class TestStream(SynchronousTestCase):
    def test_all_hear_in_order(self):
        """The log is written before a counter is asked."""
        heard = []
        Stream([lambda event: heard.append((1, event)), lambda event: heard.append((2, event))]).tell(EVENT)
        self.assertEqual(heard, [(1, EVENT), (2, EVENT)])

    def test_one_that_fails_is_dropped_and_reported_and_the_others_go_on(self):
        """The mail does not stop because a dashboard is broken, and the log is not filled by it either."""
        heard = []

        def broken(event):
            raise RuntimeError("no more")

        stream = Stream([broken, heard.append, broken])
        stream.tell(EVENT)
        stream.tell(EVENT)
        self.assertEqual(heard, [EVENT, EVENT])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_one_that_tells_in_turn_and_fails_is_dropped_once(self):
        """`tell` never raises: not even then."""
        stream = None
        depth = []

        def teller(event):
            depth.append(event)
            if len(depth) < 3:
                stream.tell(event)
            raise RuntimeError("no more")

        stream = Stream([teller])
        stream.tell(EVENT)
        self.assertTrue(self.flushLoggedErrors(RuntimeError))

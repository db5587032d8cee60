"""The stream of facts: one that cannot listen does not silence the others."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.event import MailboxesLoaded, SubscriberDropped
from twistedmx.report.stream import Stream

EVENT = MailboxesLoaded(at=7.0, source="boxes", addresses=1, seconds=0.0)


class Broken:
    """A subscriber that fails at everything."""

    def __call__(self, event):
        raise RuntimeError("no more")


class TestStream(SynchronousTestCase):
    def test_all_hear_in_order(self):
        """The log is written before a counter is asked."""
        heard = []
        Stream([lambda event: heard.append((1, event)), lambda event: heard.append((2, event))]).tell(EVENT)
        self.assertEqual(heard, [(1, EVENT), (2, EVENT)])

    def test_one_that_fails_is_dropped_and_the_others_go_on(self):
        """The mail does not stop because a dashboard is broken, and the log is not filled by it either."""
        heard = []
        stream = Stream([Broken(), heard.append, Broken()])
        stream.tell(EVENT)
        stream.tell(EVENT)
        self.assertEqual([event for event in heard if event is EVENT], [EVENT, EVENT])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_that_it_was_dropped_is_an_event_for_the_others(self):
        """A counter that stands still looks like a quiet day."""
        heard = []
        stream = Stream([Broken(), heard.append])
        stream.tell(EVENT)
        dropped = SubscriberDropped(at=7.0, subscriber="Broken", fault="RuntimeError: no more")
        self.assertEqual(heard, [EVENT, dropped])
        self.assertEqual(stream.dropped, ("Broken",))
        self.flushLoggedErrors(RuntimeError)

    def test_one_that_tells_in_turn_and_fails_is_dropped_once(self):
        """`tell` never raises: not even then."""
        stream = None
        depth, heard = [], []

        def teller(event):
            depth.append(event)
            if len(depth) < 3:
                stream.tell(event)
            raise RuntimeError("no more")

        stream = Stream([teller, heard.append])
        stream.tell(EVENT)
        self.assertEqual(sum(isinstance(event, SubscriberDropped) for event in heard), 1)
        self.assertEqual(len(stream.dropped), 1)
        self.assertTrue(self.flushLoggedErrors(RuntimeError))

    def test_when_all_fail_nobody_is_left_and_nothing_is_raised(self):
        """Each drop is told to those who remain, until there are none."""
        stream = Stream([Broken(), Broken(), Broken()])
        stream.tell(EVENT)
        stream.tell(EVENT)
        self.assertEqual(len(stream.dropped), 3)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_what_is_held_each_hears_by_itself(self):
        """In the order in which it was told; an event that somebody tells thereupon comes behind what was held."""
        heard = []
        later = attrs.evolve(EVENT, at=8.0)
        news = attrs.evolve(EVENT, at=9.0)

        def second(event):
            heard.append((2, event))
            if event is EVENT:
                stream.tell(news)

        stream = Stream([lambda event: heard.append((1, event)), second])
        stream.hold()
        stream.hold()
        stream.tell(EVENT)
        stream.tell(later)
        self.assertEqual(heard, [])
        stream.release()
        self.assertEqual(heard, [(1, EVENT), (1, later), (2, EVENT), (2, later), (1, news), (2, news)])
        stream.tell(EVENT)
        self.assertEqual(heard[6:8], [(1, EVENT), (2, EVENT)])

    def test_one_that_fails_at_what_was_held_hears_no_more_of_it(self):
        """The others hear all, and that it was dropped."""
        heard = []
        stream = Stream([Broken(), heard.append])
        stream.hold()
        later = attrs.evolve(EVENT, at=8.0)
        stream.tell(EVENT)
        stream.tell(later)
        stream.release()
        dropped = SubscriberDropped(at=7.0, subscriber="Broken", fault="RuntimeError: no more")
        self.assertEqual(heard, [EVENT, later, dropped])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_release_without_anything_held(self):
        """Most turns tell nothing."""
        heard = []
        stream = Stream([heard.append])
        stream.release()
        stream.hold()
        stream.release()
        stream.tell(EVENT)
        self.assertEqual(heard, [EVENT])

    def test_a_reload_puts_others_in_their_place(self):
        """A log with new settings, while the counters count on; one that was dropped gets another chance."""
        old, counted, new = [], [], []
        stream = Stream([old.append, counted.append, Broken()])
        stream.tell(EVENT)
        stream.replace([new.append, counted.append])
        stream.tell(EVENT)
        self.assertEqual((old.count(EVENT), counted.count(EVENT), new.count(EVENT)), (1, 2, 1))
        self.assertEqual(stream.dropped, ())
        self.flushLoggedErrors(RuntimeError)

"""Who is new is heard out beyond the limit: he names a recipient, and there he and the bots part."""

import attrs

from tests.net.test_door import FULL, GREETING, MESSAGE, Base
from twistedmx.model.verdict import Reason
from twistedmx.net.waiting import Waiting

UNKNOWN = b"550 5.1.1"


class TestHeardOut(Base):
    def setUp(self):
        super().setUp()
        self.door.admission.hear_out(3, 100)

    def crowd(self, number, first=1):
        return [self.come(f"192.0.2.{one}") for one in range(first, first + number)]

    def counts(self):
        admission = self.door.admission
        return admission.strangers, admission.heard_out, admission.displaced

    def test_a_first_time_sender_is_served_among_bots(self):
        """All places are theirs, and nobody has said a word: he is none the later for it."""
        bots = self.crowd(4)
        sender = self.come("198.51.100.1")
        self.assertEqual(self.say(sender, MESSAGE), b"250")
        self.assertEqual(self.heard(*bots), [GREETING] * 4)
        self.turn()
        self.assertEqual(self.counts(), (2, 3, 0), "he has one of the two, and who has said nothing has the other")

    def test_who_fails_goes_as_long_as_there_are_too_many(self):
        """Those who failed first, and each has his 550."""
        bots = self.crowd(5)
        for transport in bots:
            self.say(transport, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\n")
        self.assertEqual(self.counts(), (5, 0, 0))
        self.turn()
        told = [transport.value() for transport in bots]
        self.assertEqual([FULL in one for one in told], [True, True, True, False, False])
        self.assertTrue(all(one.index(UNKNOWN) < one.index(FULL) for one in told[:3]))
        self.assertEqual((self.counts(), self.ended()), ((2, 0, 3), [Reason.NO_PLACE] * 3))

    def test_a_guess_of_the_short_way_is_one(self):
        """What a session says behind its first error is answered elsewhere: it has been heard by then."""
        bots = self.crowd(3)
        self.say(bots[0], b"HELO x\r\nMAIL FROM:<>\r\n")
        self.say(bots[0], b"RCPT TO:<nobody@example.org>\r\n")
        self.turn()
        self.assertEqual(self.counts(), (2, 1, 0), "there is a place for it")
        self.say(bots[0], b"RCPT TO:<nobody@example.org>\r\n")
        self.guess(bots[1])
        self.guess(bots[2])
        self.turn()
        self.assertEqual(self.counts(), (2, 0, 1))

    def test_who_has_named_a_recipient_stays(self):
        """Also where no place is left, and nobody has failed; meanwhile nobody else is heard out."""
        senders = self.crowd(3)
        for transport in senders:
            self.say(transport, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<demo@example.org>\r\n")
        self.turn()
        self.assertEqual(self.counts(), (3, 0, 0))
        late = self.come("198.51.100.1")
        self.assertIsInstance(late.protocol, Waiting)
        self.assertEqual(self.say(senders[0], b"QUIT\r\n"), b"221")
        self.go(senders[0])
        self.turn()
        self.assertEqual(late.value(), GREETING)

    def test_who_waits_is_heard_out_when_there_is_time(self):
        """The newest first, as they are let in."""
        self.door.admission.hear_out(3, 0)
        waiting = self.crowd(4)[2:]
        self.turn()
        self.assertEqual(self.heard(*waiting), [b"", b""])
        self.door.admission.hear_out(3, 1)
        self.turn()
        self.assertEqual(self.heard(*waiting), [b"", GREETING])

    def test_who_has_failed_here_before_needs_a_place(self):
        """All is known of him. Those who are heard out leave him theirs; who was hung up on waits, as always."""
        self.crowd(2)
        failed = [self.come(f"20.0.0.{number}") for number in (1, 2, 3)]
        hung_up = self.come("30.0.0.1")
        self.assertEqual(self.heard(*failed, hung_up), [GREETING, GREETING, b"", b""])
        self.assertEqual(self.counts(), (2, 2, 0))

    def test_where_nobody_is_to_wait_some_are_heard_out_all_the_same(self):
        """They have no place to wait for; who comes behind them is refused."""
        self.door.configure(attrs.evolve(self.governor, over="refuse"))
        self.assertEqual(self.heard(*self.crowd(6)), [GREETING] * 5 + [FULL])

    def test_who_is_asked_for_answers_first(self):
        """A recipient that is looked up elsewhere: 421 comes behind what is found there."""
        bots = self.crowd(3)
        self.stage.act("look-ups are late")
        for transport in bots:
            self.say(transport, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\nRSET\r\n")
        self.turn()
        self.assertEqual(self.counts(), (2, 1, 0), "nothing is known of any yet")
        self.stage.act("look-ups answer")
        self.stage.settle()
        self.turn()
        self.assertEqual(self.counts(), (2, 0, 1))
        self.assertEqual([transport.value().count(UNKNOWN) for transport in bots], [1, 1, 1])
        self.assertTrue(bots[0].value().endswith(FULL))

    def test_a_stop_leaves_nobody_to_be_shed(self):
        """Nothing is called behind it."""
        bots = self.crowd(4)
        for transport in bots[:3]:
            self.guess(transport)
        self.door.close()
        self.guess(bots[3])
        self.turn()
        self.assertEqual(self.counts(), (4, 0, 0))

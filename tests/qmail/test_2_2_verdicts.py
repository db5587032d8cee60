"""What a queue program has said becomes the reply, the reason and the line of the log, like the outcome of a disk."""

from tests.policy.test_receiver import Base
from twistedmx.model.storage import Declined, HandedOver
from twistedmx.model.verdict import Action, Reason
from twistedmx.qmail.queue_exits import CRASHED, reply_of
from twistedmx.smtp import codes
from twistedmx.smtp.reply import with_id


class TestVerdicts(Base):
    def ending(self, outcome):
        """What is heard and told when the message ends so."""
        self.stage.acceptance.refusal = outcome
        self.begin()
        heard = self.successResultOf(self.send(b"x\n"))
        return heard, self.ended()[-1]

    def test_one_that_has_it_is_named_to_the_peer(self):
        """He can ask the postmaster for it."""
        heard, told = self.ending(HandedOver(name="1234"))
        self.assertEqual(heard, codes.accepted("1234"))
        self.assertEqual(
            (told.verdict.action, told.reason, told.detail), (Action.ACCEPT, Reason.ACCEPTED, "handed over as 1234")
        )

    def test_one_that_refuses_is_heard_and_told(self):
        """For good or for now, as it says; a fault is told apart, for somebody has to mend it."""
        for reply, fault, action, reason in (
            (reply_of(31), False, Action.REJECT, Reason.QUEUE_REFUSED),
            (reply_of(71), False, Action.DEFER, Reason.QUEUE_REFUSED),
            (CRASHED, True, Action.DEFER, Reason.QUEUE_FAILED),
        ):
            heard, told = self.ending(Declined(reply=reply, detail="bin/qmail-queue: x", fault=fault))
            self.assertEqual(heard, with_id(reply, self.receiver.id))
            self.assertEqual((told.verdict.action, told.reason, told.detail), (action, reason, "bin/qmail-queue: x"))

    def test_a_refusal_is_none_that_accepts(self):
        """A wrong one cannot be built."""
        self.assertRaises(ValueError, Declined, reply=codes.accepted("1234"), detail="")

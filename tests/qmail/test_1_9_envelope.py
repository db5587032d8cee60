"""Who gets into the envelope of a message, and that there is somebody in it."""

from tests.qmail.test_1_1_live import HostTest


class TestNobody(HostTest):
    def test_no_recipients_are_no_message_whatever_the_session_has_been_told(self) -> None:
        """A queue program that is given none takes the message, and 250 is said for mail that nobody gets."""
        stage = self.stage()
        caller = stage.connect()
        self.assertEqual(
            caller.say(b"MAIL FROM:<a@example.net>", b"RCPT TO:<ann@example.org>")[-2:], ["250 ok", "250 ok"]
        )
        caller.shell._receiver._open_transaction().accepted.clear()
        self.assertEqual(caller.say(b"DATA"), ["503 RCPT first (#5.5.1)"])
        self.assertEqual(stage.queue, [])
        caller.go()

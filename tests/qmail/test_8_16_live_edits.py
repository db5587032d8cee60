"""Nobody who runs qmail has a word for "reload": each file holds for the next connection. More of them than in test_1_1_live."""

from tests.qmail.test_1_1_live import NOBODY, HostTest


class TestLists(HostTest):
    """What an operator edits in a hurry, under attack."""

    def said(self, stage: object, recipient: bytes) -> str:
        """To a client that comes now, of this recipient."""
        caller = stage.connect()  # type: ignore[attr-defined]
        caller.say(b"MAIL FROM:<a@example.net>")
        (line,) = caller.say(b"RCPT TO:<%b>" % recipient)
        caller.go()
        return str(line)

    def test_each_comes_and_goes(self) -> None:
        """With the very next client, whatever was asked before."""
        stage = self.stage("sagredo", environment={"BRTLIMIT": "0"})
        ann = b"ann@example.org"
        for name, text, refusal in (
            ("badrcptto", "^ann@", "553 sorry, your envelope recipient has been denied (#5.7.1)"),
            ("badmailfrom", "example\\.net", "553 sorry, your envelope sender has been denied (#5.7.1)"),
            ("validrcptto", "-ann@example.org", "553 sorry, this recipient is not in my validrcptto list (#5.7.1)"),
        ):
            self.assertEqual(self.said(stage, ann), "250 ok", name)
            stage.act(f"control/{name} is {text}")
            self.assertEqual(self.said(stage, ann), refusal)
            stage.act(f"control/{name} is gone")
            self.assertEqual(self.said(stage, ann), "250 ok", name)

    def test_an_edit_of_the_same_length(self) -> None:
        """The size of a file says nothing, and its time may be the same second."""
        stage = self.stage()
        for _ in range(3):
            stage.act("control/rcpthosts is example.org")
            self.assertEqual(self.said(stage, b"ann@example.org"), "250 ok")
            stage.act("control/rcpthosts is example.net")
            self.assertEqual(self.said(stage, b"ann@example.org"), NOBODY)

    def test_rules(self) -> None:
        """Of tcprules: who may relay, and what else is set."""
        stage = self.stage(rules={"": {"RELAYCLIENT": ""}})
        elsewhere = b"x@elsewhere.example"
        for rules, expected in (({"": {}}, NOBODY), ({"192.0.2.": {"RELAYCLIENT": ""}}, "250 ok"), ({"": {}}, NOBODY)):
            stage.edit_rules(rules)
            stage.clock.advance(1 / 64)
            self.assertEqual(self.said(stage, elsewhere), expected)

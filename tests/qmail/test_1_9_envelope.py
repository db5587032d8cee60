"""Who gets into the envelope of a message, and that there is somebody in it."""

from tests.qmail.scene import QmailStage, Scene
from tests.qmail.test_1_1_live import HostTest
from twistedmx.settings import settings_from


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


class TestPassPlugins(HostTest):
    def heard(self, address: str, **environment: str) -> tuple[str, list[str]]:
        """What RCPT is answered where a plugin of [pass] says that address, and what the queue gets."""
        stage = self.stage(
            environment={"ENABLE_SPP": "1", **environment},
            control={"smtpplugins": "[pass]\np\n"},
            programs={"p": {"1": f"C{address}\n"}},
        )
        caller = stage.connect()
        said = caller.say(b"MAIL FROM:<a@example.net>", b"RCPT TO:<ann@example.org>")[-1]
        caller.say(b"DATA", b"Subject: x", b"", b".")
        caller.go()
        return said, [queued._envelope for queued in stage.queue]

    def test_an_address_that_a_plugin_says_behind_all_checks_is_asked_for_in_rcpthosts(self) -> None:
        """A plugin that rewrites what a peer says, `user%elsewhere` say, would be an open relay."""
        self.assertEqual(
            self.heard("bob@elsewhere.example"),
            ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", []),
        )
        self.assertEqual(self.heard("bob@example.org"), ("250 ok", ["Fa@example.net Tbob@example.org"]))
        self.assertEqual(
            self.heard("bob@elsewhere.example", RELAYCLIENT=""),
            ("250 ok", ["Fa@example.net Tbob@elsewhere.example"]),
        )


class TestQuotes(HostTest):
    def stage(self, tree: str = "notqmail", **scene: object) -> QmailStage:
        """In our own dialect."""
        settings = settings_from({"host": "mx.example.org", "qmail": {"tree": tree}}, "test")
        stage = QmailStage(Scene(**scene), settings)  # type: ignore[arg-type]
        self.addCleanup(stage.close)
        self.addCleanup(stage.wheel.stop)
        return stage

    def test_files_and_programs_of_qmail_never_see_the_quotes_of_smtp(self) -> None:
        """Badmailfrom would not know the sender again, and qmail-queue deliver to a user whose name begins with a quote."""
        stage = self.stage(environment={"RELAYCLIENT": ""}, control={"badmailfrom": "b ad@example.net\n"})
        caller = stage.connect()
        bad = caller.say(b"EHLO x", b'MAIL FROM:<"b ad"@example.net>', b'RCPT TO:<"o brien"@far.example>')
        self.assertRegex(bad[-1], "^5.. .*badmailfrom")
        good = [b'MAIL FROM:<"a b"@example.net>', b'RCPT TO:<"o brien"@far.example>', b'RCPT TO:<"x\\"@y"@far.example>']
        self.assertEqual([each[:3] for each in caller.say(b"RSET", *good)], ["250"] * 4)
        caller.say(b"DATA", b"Subject: x", b"", b".")
        self.assertEqual(
            [queued._envelope for queued in stage.queue],
            ['Fa b@example.net To brien@far.example Tx"@y@far.example'],
        )
        caller.go()

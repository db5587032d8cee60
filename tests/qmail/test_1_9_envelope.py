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

"""An edit of control/ and of the rules holds for the next connection, and for none that is there already."""

import os

from twisted.trial.unittest import SynchronousTestCase

from tests.qmail.scene import QmailStage, Scene
from twistedmx.settings import settings_from

NOBODY = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
NO_CONTROLS = "421 unable to read controls (#4.3.0)"


class HostTest(SynchronousTestCase):
    """A host of its own for each test, and as many clients as it needs."""

    def stage(self, tree: str = "notqmail", **scene: object) -> QmailStage:
        qmail = {"dialect": "qmail", "tree": tree, "chkuser": {"error_delay": 0.0}}
        stage = QmailStage(Scene(**scene), settings_from({"host": "mx.example.org", "qmail": qmail}, "test"))
        self.addCleanup(stage.close)
        self.addCleanup(stage.wheel.stop)
        return stage


class TestLive(HostTest):
    """As under tcpserver, where each connection has a qmail-smtpd of its own."""

    def edited(self, act: str, line: bytes, before: str, after: str, **scene: object) -> None:
        """`line` is answered `before` in the session that is there, and `after` in the next one."""
        stage = self.stage(**scene)
        there = stage.connect()
        there.say(b"MAIL FROM:<a@example.net>")
        stage.act(act)
        self.assertEqual(there.say(line)[-1:], [before])
        new = stage.connect()
        new.say(b"MAIL FROM:<a@example.net>")
        self.assertEqual(new.say(line)[-1:], [after])
        there.go()
        new.go()

    def test_rcpthosts(self) -> None:
        """A domain more, and one less."""
        rcpt = b"RCPT TO:<ann@example.org>"
        self.edited("control/rcpthosts is other.example", rcpt, "250 ok", NOBODY)
        self.edited("control/rcpthosts is example.org", rcpt, NOBODY, "250 ok", control={"rcpthosts": ""})

    def test_badmailfrom(self) -> None:
        """An address more, and the file gone."""
        rcpt, bad = b"RCPT TO:<ann@example.org>", "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)"
        self.edited("control/badmailfrom is a@example.net", rcpt, "250 ok", bad)
        self.edited("control/badmailfrom is gone", rcpt, bad, "250 ok", control={"badmailfrom": "a@example.net"})

    def test_databytes(self) -> None:
        """As EHLO announces it."""
        self.edited("control/databytes is 7", b"EHLO x", "250 SIZE 20000000", "250 SIZE 7", tree="sagredo")

    def test_smtpgreeting(self) -> None:
        """In the greeting, and in what follows."""
        self.edited("control/smtpgreeting is new.example", b"HELO x", "250 host.example", "250 new.example")
        stage = self.stage()
        stage.act("control/smtpgreeting is new.example ready")
        self.assertEqual(stage.connect().hear(), ["220 new.example ready ESMTP"])

    def test_a_smtpgreeting_that_no_reply_has_room_for(self) -> None:
        """RFC 5321 4.5.3.1.5: a line has 512 octets. It is cut, and nobody is turned away."""
        stage = self.stage()
        stage.act("control/smtpgreeting is " + "x" * 600)
        there = stage.connect()
        self.assertEqual(there.hear(), ["220 " + "x" * 400 + " ESMTP"])
        self.assertEqual(there.say(b"HELO x"), ["250 " + "x" * 400])

    def test_me(self) -> None:
        """It stands in for smtpgreeting; without both nobody is served."""
        stage = self.stage(control={"smtpgreeting": False})
        stage.act("control/me is mine.example")
        self.assertEqual(stage.connect().hear(), ["220 mine.example ESMTP"])
        stage.act("control/me is gone")
        self.assertEqual(stage.connect().hear(), [NO_CONTROLS])

    def test_servercert(self) -> None:
        """STARTTLS comes and goes with it."""
        stage = self.stage("sagredo")
        there = stage.connect()
        with_it = self.stage(certificate=True)
        pem = os.path.join(with_it.home, "control", "servercert.pem")
        with open(pem, "rb") as file:
            stage.edit("servercert.pem", file.read())
        stage.clock.advance(1 / 64)
        self.assertNotIn("250-STARTTLS", there.say(b"EHLO x"))
        self.assertEqual(there.say(b"STARTTLS"), ["502 unimplemented (#5.5.1)"])
        new = stage.connect()
        self.assertIn("250-STARTTLS", new.say(b"EHLO x"))
        stage.act("control/servercert.pem is gone")
        self.assertEqual(new.say(b"STARTTLS"), ["220 ready for tls"])
        self.assertNotIn("250-STARTTLS", stage.connect().say(b"EHLO x"))

    def test_rules(self) -> None:
        """The cdb of tcprules, made anew."""
        stage = self.stage(rules={"": {"RELAYCLIENT": ""}})
        there = stage.connect()
        there.say(b"MAIL FROM:<a@example.net>")
        stage.edit_rules({"192.0.2.8": "deny", "": {}})
        self.assertEqual(there.say(b"RCPT TO:<x@elsewhere.example>"), ["250 ok"])
        new = stage.connect()
        new.say(b"MAIL FROM:<a@example.net>")
        self.assertEqual(new.say(b"RCPT TO:<x@elsewhere.example>"), [NOBODY])
        denied = stage.connect("192.0.2.8")
        self.assertEqual((denied.hear(), denied.transport.disconnecting), ([], True))

    def test_what_cannot_be_read(self) -> None:
        """421, until it is mended; who is there is served on."""
        stage = self.stage()
        there = stage.connect()
        for name in ("rcpthosts", "badmailfrom", "databytes", "me"):
            stage.act(f"control/{name} cannot be read")
            turned_away = stage.connect()
            self.assertEqual((turned_away.hear(), turned_away.transport.disconnecting), ([NO_CONTROLS], True), name)
            mended = {"me": "is host.example", "rcpthosts": "is example.org"}.get(name, "is gone")
            stage.act(f"control/{name} {mended}")
            self.assertEqual(stage.connect().hear(), ["220 host.example ESMTP"])
        there.say(b"MAIL FROM:<a@example.net>")
        self.assertEqual(there.say(b"RCPT TO:<ann@example.org>"), ["250 ok"])

    def test_a_broken_morercpthosts(self) -> None:
        """A cdb that is none."""
        stage = self.stage()
        stage.act("control/morercpthosts.cdb is no cdb")
        self.assertEqual(stage.connect().hear(), [NO_CONTROLS])

    def test_unread_rules(self) -> None:
        """Nobody is let in."""
        stage = self.stage(rules={"": {}})
        stage.lock("tcp.smtp.cdb")
        denied = stage.connect()
        self.assertEqual((denied.hear(), denied.transport.disconnecting), ([], True))


class TestNothingLeaks(HostTest):
    """Each session has an environment of its own."""

    def test_what_auth_sets(self) -> None:
        """RELAYCLIENT is his who has shown who he is, and the queue program hears it of him alone."""
        stage = self.stage("sagredo", authenticates=True, environment={"SMTPAUTH": "", "FORCETLS": "0"})
        known, other = stage.connect(), stage.connect()
        self.assertEqual(known.say(b"AUTH PLAIN AGRlbW8Ac2VjcmV0")[-1:], ["235 ok, go ahead (#2.0.0)"])
        after = stage.connect()
        for caller in (known, other, after):
            caller.say(b"MAIL FROM:<ann@example.org>", b"RCPT TO:<ann@example.org>", b"DATA", b".")
        told = [queued.environment.get(b"SMTPAUTHUSER") for queued in stage.queue]
        self.assertEqual(told, [b"demo", None, None])
        self.assertEqual(["RELAYCLIENT" in str(queued.environment) for queued in stage.queue], [True, False, False])
        for caller, said in ((known, "250 ok"), (other, "553"), (after, "553")):
            caller.say(b"MAIL FROM:<ann@example.org>")
            self.assertTrue(caller.say(b"RCPT TO:<x@elsewhere.example>")[0].startswith(said))

    def test_what_a_plugin_sets(self) -> None:
        """It is gone with the session; what the rules set is another session's, too."""
        stage = self.stage(
            "sagredo",
            environment={"ENABLE_SPP": "1"},
            control={"smtpplugins": "[mail]\nm\n"},
            programs={"m": {"1": "SMARK=1\nSRELAYCLIENT=\nUENABLE_SPP\n"}},
            rules={"192.0.2.7": {"FROM_RULES": "7"}, "": {}},
        )
        first = stage.connect()
        first.say(b"MAIL FROM:<a@example.net>")
        self.assertEqual(first.say(b"RCPT TO:<x@elsewhere.example>", b"DATA", b".")[0], "250 ok")
        second = stage.connect("192.0.2.8")
        self.assertTrue(second.say(b"RCPT TO:<x@elsewhere.example>")[-1].startswith("503"))
        second.say(b"MAIL FROM:<a@example.net>")
        seen = [environment for _, environment in stage.places.asked]
        self.assertEqual([b"MARK" in environment for environment in seen], [False, False])
        self.assertEqual([environment.get(b"FROM_RULES") for environment in seen], [b"7", None])
        self.assertEqual([environment.get(b"TCPREMOTEIP") for environment in seen], [b"192.0.2.7", b"192.0.2.8"])
        self.assertEqual(stage.queue[0].environment.get(b"MARK"), b"1")

    def test_counters(self) -> None:
        """brtlimit and chkuser count for a session, not for a host."""
        stage = self.stage("sagredo", environment={"BRTLIMIT": "1", "CHKUSER_RCPTLIMIT": "2"})
        for _ in range(3):
            caller = stage.connect()
            caller.say(b"MAIL FROM:<a@example.net>")
            self.assertTrue(caller.say(b"RCPT TO:<nobody@example.org>")[0].startswith("550 5.1.1"))

    def test_the_number_of_a_session(self) -> None:
        """No two have the same, and 250 says when, and what the queue calls it."""
        stage = self.stage()
        first, second = stage.connect(), stage.connect()
        self.assertNotEqual(
            *(caller.shell._receiver._call.pid for caller in (first, second))  # as tcpserver's child has one
        )
        first.say(b"MAIL FROM:<a@example.net>", b"RCPT TO:<ann@example.org>")
        self.assertEqual(first.say(b"DATA", b".")[-1], f"250 ok {int(stage.site.ports.now())} qp 8001")

"""What `check-config` finds where tcpserver hands connections over as a user who names no programs."""

import attrs

from tests.qmail.test_check_config import STRANGER, Judged
from twistedmx.qmail.finding import Reader
from twistedmx.qmail.run_script import parse_run_script


class TestHanding(Judged):
    """tcpserver stays, and is another user than the server."""

    def setUp(self) -> None:
        super().setUp()
        self.program("bin/scan")
        self.program("bin/check")
        text = b"export QMAILQUEUE=bin/scan\nexec tcpserver -u qmaild 0 25 twistedmx-smtpd bin/check /bin/true\n"
        self.handing = {
            "script": parse_run_script(text, "run"),
            "settings": self.with_settings(socket="/run/twistedmx/smtpd.sock"),
            "tcpserver": Reader(name="qmaild", uid=STRANGER, groups=frozenset()),
        }

    def test_what_he_names_must_be_exported_here_too(self):
        """Else every client hears 421: who is not trusted names no program."""
        self.fault("run:1", "QMAILQUEUE names a program, and qmaild (uid 4242)", **self.handing)
        self.fault("run:2", "the words behind twistedmx-smtpd name", **self.handing)
        settings = attrs.evolve(self.handing["settings"], check_program=("bin/check", "/bin/true"))
        named = {**self.handing, "settings": settings, "environment": {b"QMAILQUEUE": b"bin/scan"}}
        self.assertEqual(self.judge(**named).findings, ())

    def test_of_rules_too(self):
        """One that has another scanner for some."""
        self.rules({b"192.0.2.": b"+QMAILQUEUE=bin/check\0"})
        named = {**self.handing, "script": None, "environment": {b"QMAILQUEUE": b"bin/scan"}}
        self.fault(f"{self.path('control/tcp.smtp.cdb')}: '192.0.2.'", "QMAILQUEUE names", **named)

    def test_who_is_trusted_and_who_hands_nothing_over_names_what_he_wants(self):
        """Root, the server's own user, and a run script that is the server's."""
        for changed in (
            {"tcpserver": Reader(name="", uid=0, groups=frozenset())},
            {"tcpserver": None},
            {"reader": Reader(name="qmaild", uid=STRANGER, groups=frozenset())},
            {"settings": self.host.settings},
        ):
            found = self.judge(**{**self.handing, **changed})
            self.assertEqual([each for each in found.findings if "421" in each.found and "names" in each.found], [])

"""Siege 1 against a qmail host, as the operator of its story had it: chkuser, brtlimit, and a guesser who says RSET."""

import json
from typing import Any

from tests.integration.program import ORDERLY
from tests.integration.qmail_case import QmailCase
from tests.integration.tcpserver_case import UnderTcpserver

# chkuser's delays, a second and more, would have it last as long.
QMAIL = 'dialect = "qmail"\ntree = "sagredo"\nchkuser = { error_delay = 0.0, error_delay_increase = 0.0 }\n'
QUICK = ("--minutes", "0.04", "--rate", "60", "--sessions", "60")
# A machine that runs other tests beside is slow, which is no fault of the server.
THRESHOLDS = "[siege_1]\np99_floor = 10_000\nconnections = 10\n"


class Siege(QmailCase):
    """Several processes, and seconds: where several Pythons are tried, one of them does it."""

    def setUp(self) -> None:
        super().setUp()
        self.control("brtlimit", "2\n")
        # What a queue does at least: it reads all of both.
        self.program("#!/bin/sh\ncat > /dev/null\ncat <&1 > /dev/null\n", "bin", "qmail-queue")

    def besieged(self, *words: str) -> Any:
        """The figures, as JSON has them. Nobody guessed more than twice, and no mail was lost."""
        thresholds = self.folder / "thresholds.toml"
        thresholds.write_text(THRESHOLDS, encoding="utf-8")
        recipients = ("--recipient", "ann@example.org", "--recipient", "postmaster@example.org")
        done = self.asked("drill", "1", *QUICK, "--json", "--thresholds", str(thresholds), *recipients, *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        attackers, legitimate = told["attackers"], told["legitimate"]["attack"]
        self.assertLessEqual(attackers["most_guesses"], 2)  # brtlimit: who has guessed so often hears no third answer
        self.assertEqual((attackers["closed_share"], attackers["accepted"], attackers["deferred"]), (1.0, 0, 0))
        self.assertEqual((legitimate["failed"], legitimate["answered"]), (0, legitimate["sent"]))
        self.assertIsNotNone(told["server"]["resident_before"])
        return told


class TestTheDaemon(Siege):
    """In place of tcpserver and qmail-smtpd."""

    def test_siege_1(self) -> None:
        """The log has a line for each guess, and one for each that was hung up on."""
        server = self.start(*self.configured(f'[qmail]\n{QMAIL}[log]\nto = "stdout"\nformat = "qmail"\n'))
        self.besieged()
        code, lines = server.stop()
        self.assertEqual(code, ORDERLY)
        for words in ("not existing recipient", "excessive rcptto violations hanging up", "tcpserver: status: 0/"):
            self.assertTrue(any(words in line for line in lines), words)
        self.assertEqual([line for line in lines if "Traceback" in line], [])


class TestUnderTcpserver(Siege, UnderTcpserver):
    """The run script, and twistedmx-smtpd in it."""

    def test_siege_1(self) -> None:
        """tcpserver's log has it, and its limit is about processes that live for a moment."""
        server = self.serve(QMAIL)
        log = self.run_script("-c", "20", "-b", "200", exports="export CHKUSER_START=ALWAYS")
        self.besieged("--target", f"127.0.0.1:{self.port}")
        code, _ = server.stop()
        self.assertEqual(code, ORDERLY)
        lines = log.so_far()
        for words in ("not existing recipient", "excessive rcptto violations hanging up"):
            self.assertTrue(any(words in line for line in lines), words)

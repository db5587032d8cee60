"""A real server remembers its clients, over SIGKILL as well, and condemns whom it should."""

import json
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from tests.integration.test_life import Life

SETTINGS = """\
[blocklist]
loopback = true
hold = 0
[reputation]
private = true
save = 0.1
"""


def saved(file: Path, query: str) -> list[Any]:
    """What another program finds in it; nothing before there is a table."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


class ReputationTests(Life):
    def setUp(self) -> None:
        super().setUp()
        self.settings(rest=SETTINGS)
        self.numbers = count()

    def guess(self) -> None:
        """A session that guesses until it is hung up on."""
        with self.client() as guesser:
            guesser.ehlo()
            guesser.mail("me@example.com")
            while guesser.rcpt(f"guess{next(self.numbers)}@example.org")[0] != 421:
                pass

    def known(self) -> Any:
        answer = self.asked("reputation", "127.0.0.1", "--json")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        (told,) = json.loads(answer.stdout)
        return told

    def test_what_a_host_did_before_sigkill_counts_behind_it(self) -> None:
        """Siege 1 goes on over a crash: two sessions before it, one behind, and the host is blocked."""
        server = self.start()
        self.guess()
        self.guess()
        before = self.known()
        self.assertEqual((before["host"]["bad"], before["host"]["hung_up_lately"]), (2.0, 2))
        # Wait until it is on disk, however slow that is: another program can see it. Each table is written by itself.
        counted = "SELECT host FROM hosts JOIN helos JOIN networks WHERE min(hosts.bad, helos.bad, networks.bad) > 1.5"
        while saved(self.data / "store.sqlite", counted) != [("127.0.0.1",)]:
            self.asked("status")
        server.kill()
        self.start()
        behind = self.known()
        self.assertEqual((behind["host"]["hung_up_lately"], behind["helos"]), (2, before["helos"]))
        self.assertTrue(behind["next"].startswith("1 more session hung up on"))
        self.guess()
        self.assertEqual(self.known()["block"]["network"], "127.0.0.1/32")
        self.assertEqual(json.loads(self.asked("status", "--json").stdout)["reputation"]["read"], True)

    def test_mail_counts_and_an_orderly_stop_loses_nothing(self) -> None:
        """The last message of a day is the one that proves a host tomorrow."""
        server = self.start()
        self.send()
        _, lines = server.stop()
        self.assertNotIn("Traceback", "\n".join(lines))
        self.start()
        host = self.known()["host"]
        self.assertEqual((round(host["good"]), host["days"]), (1, 1))

    def test_in_shadow_it_is_told_and_the_server_goes_on_talking(self) -> None:
        """Whoever takes over a server with years of mail wants to look first."""
        self.settings(rest=f"{SETTINGS}shadow = true")
        server = self.start()
        for _ in range(4):
            self.guess()
        self.send()
        _, lines = server.stop()
        log = "\n".join(lines)
        self.assertEqual(log.count("network-would-be-blocked network=127.0.0.1/32 reason=bad-recipients"), 1)
        self.assertNotIn("network-blocked", log)

"""Operators block, and a real server heeds it: sessions, connections, a restart."""

import json
import socket
from itertools import count

from tests.integration.test_life import Life


class BlocklistTests(Life):
    def setUp(self) -> None:
        super().setUp()
        self.settings(rest="[blocklist]\nloopback = true\n[reputation]\ncondemned_after = 3\nprivate = true")

    def greeting(self) -> str:
        """What who connects hears first."""
        with self.connection() as peer:
            return peer.makefile("rb").readline().decode().rstrip()

    def connection(self) -> socket.socket:
        """Closed with the test."""
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.addCleanup(peer.close)
        return peer

    def test_a_block_hangs_up_turns_away_and_is_there_after_a_restart(self) -> None:
        """Siege 1: the host's other sessions lived on, and a restart forgot the list."""
        server = self.start()
        session = self.client()
        session.ehlo()
        done = self.asked("ban", "127.0.0.1", "--for", "1h", "--evidence", "guesses names", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        (block,) = json.loads(done.stdout)
        self.assertEqual(
            (block["network"], block["origin"], block["evidence"]), ("127.0.0.1/32", "operator", "guesses names")
        )
        self.assertEqual(session.getreply()[0], 421)
        self.assertIn(block["id"], self.greeting())
        status = json.loads(self.asked("status", "--json").stdout)
        self.assertEqual((status["blocklist"]["entries"], status["blocklist"]["turned_away"]), (1, 1))
        _, lines = server.stop()
        log = "\n".join(lines)
        self.assertIn("network-blocked network=127.0.0.1/32", log)
        self.assertIn("reason=blocked", log)
        self.start()
        self.assertRegex(self.greeting(), f"^554 .*{block['id']}")
        listed = self.asked("list")
        self.assertIn("127.0.0.1/32: blocked until", listed.stdout)
        self.assertEqual(self.asked("unban", block["id"]).returncode, 0)
        self.assertTrue(self.greeting().startswith("220 "))
        self.assertEqual(self.asked("list").stdout, "")

    def test_a_host_whose_sessions_are_hung_up_on_is_condemned_with_all_of_them(self) -> None:
        """Siege 1, RSET dictionary: the guesser comes back in another session, and has others open."""
        server = self.start()
        other, numbers = self.client(), count()
        for _ in range(3):
            guesser = self.client()
            guesser.ehlo()
            said = 0
            while said != 421:
                guesser.mail("me@example.com")
                for _ in range(5):
                    said = guesser.rcpt(f"guess{next(numbers)}@example.org")[0]
                    if said == 421:
                        break
                else:
                    guesser.rset()
        self.assertEqual(other.getreply()[0], 421)
        self.assertTrue(self.greeting().startswith("554 "))
        _, lines = server.stop()
        self.assertIn("reason=bad-recipients origin=conduct relapse=0", "\n".join(lines))

    def test_what_should_not_be_blocked_is_told_with_the_way_around(self) -> None:
        """A slip of the operator's must not cut off half the world."""
        self.settings()
        self.start()
        for words, why in (
            (("ban", "127.0.0.1"), "never blocked"),
            (("ban", "10.0.0.0/7"), "wider than a /8"),
            (("ban", "nonsense"), "neither an address nor a network"),
            (("unban", "192.0.2.1"), "is not blocked"),
        ):
            done = self.asked(*words)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(why, done.stderr)
        self.assertTrue(self.greeting().startswith("220 "))

"""Operators block, and a real server heeds it: sessions, connections, a restart."""

import json
import socket
from itertools import count

from tests.integration.test_life import Life


class BlocklistTests(Life):
    def setUp(self) -> None:
        super().setUp()
        self.settings(rest="[blocklist]\nloopback = true\nhold = 0\n[reputation]\ncondemned_after = 3\nprivate = true")

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

    def test_a_postmaster_who_quotes_his_id_is_answered_and_let_in(self) -> None:
        """From the refusal to the command that undoes it, and to a network that nobody blocks any more."""
        server = self.start()
        guesser = self.client()
        guesser.ehlo()
        guesser.mail("me@example.com")
        numbers = count()
        while guesser.rcpt(f"guess{next(numbers)}@example.org")[0] != 421:
            pass
        self.asked("ban", "127.0.0.1", "--for", "1h")
        block = self.greeting().split()[-1]
        told = self.asked("why", block.lower())
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("hung up: bad-recipients: ", told.stdout)
        self.assertIn(f"undo: twistedmx unban {block}", told.stdout)
        (session,) = json.loads(self.asked("why", "127.0.0.1", "--json").stdout)[0]["sessions"]
        told = self.asked("why", session["session"].lower(), "guess1@example.org")
        self.assertIn(f"session {session['session']}: client 127.0.0.1", told.stdout)
        self.assertIn(f"change: write the line `guess1@example.org` into {self.table}", told.stdout)
        self.assertEqual(self.asked("why", "0123456789").returncode, 1)
        told = self.asked("allow", "127.0.0.0/24", "--evidence", "a partner")
        self.assertIn("holds no longer: 127.0.0.1/32: blocked until", told.stdout)
        self.assertTrue(self.greeting().startswith("220 "))
        server.stop()
        self.start()
        self.assertTrue(self.greeting().startswith("220 "))
        self.assertIn("127.0.0.0/24: never blocked (operator: a partner)", self.asked("list", "--allowed").stdout)
        self.assertEqual(self.asked("allow", "--remove", "127.0.0.0/24").returncode, 0)
        self.assertTrue(self.greeting().startswith("554 "))

    def test_lists_go_from_one_server_to_another(self) -> None:
        """More than a page and more than a request, in every format that is read."""
        self.start()
        networks = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(6000)]
        drop = self.folder / "drop.txt"
        drop.write_text("\n".join(networks), encoding="ascii")
        done = self.asked("ban", "--from", str(drop), "--for", "ever", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        blocks = json.loads(done.stdout)
        self.assertEqual((len(blocks), blocks[0]["origin"]), (6000, "import drop.txt"))
        for format in ("plain", "json", "json-lines"):
            path = self.folder / f"list.{format}"
            self.assertEqual(self.asked("list", "--format", format, "--to", str(path)).returncode, 0)
            self.assertEqual(path.read_text(encoding="utf-8").count("/24"), 6000)
            done = self.asked("ban", "--from", str(path), "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({each["id"] for each in json.loads(done.stdout)}, {each["id"] for each in blocks})

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

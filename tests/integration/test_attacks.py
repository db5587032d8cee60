"""A real server notices that names are guessed, and that one address is asked for again and again, and tells."""

import json

from tests.integration.program import Started
from tests.integration.test_life import Life


class AttackTests(Life):
    def setUp(self) -> None:
        super().setUp()
        self.settings(
            rest="[attacks]\nnames = 20\ntries = 20\ncalm = 2\n"
            "[conduct]\nbad_recipients = [30, 30, 30]\nresets = [30, 30, 30]"
        )

    def name(self, *names: str) -> None:
        """One session that asks for these, in as many transactions as it takes."""
        with self.client() as peer:
            peer.ehlo()
            for start in range(0, len(names), 5):
                peer.mail("me@example.com")
                for name in names[start : start + 5]:
                    peer.rcpt(name)
                peer.rset()

    def told(self, server: Started, *lines: str) -> "dict[str, list[dict[str, object]]]":
        """What `twistedmx attacks` says, once these are in the log: the server looks once a second."""
        for line in lines:
            server.output.wait_for(line)
        done = self.asked("attacks", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        told: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
        return told

    def test_guesses_and_a_flood_are_noticed_told_and_taken_up_by_a_reload(self) -> None:
        """Sieges 1 and 3, from the first packet to the operator's terminal."""
        server = self.start()
        self.name(*(f"guess{number}@example.org" for number in range(10)))
        self.name(*(f"guess{number}@example.org" for number in range(10, 19)), "guess9@example.org")
        self.assertIn("nothing is under attack", self.asked("attacks").stdout)
        self.name("nobody@example.org")
        for _ in range(3):
            self.name(*["nobody@example.org"] * 10)
        told = self.told(server, "attack-began ", "flood-began ")
        (attack,), (flood,) = told["under_attack"], told["flooded"]
        self.assertEqual((attack["domain"], attack["names"]), ("example.org", 20))
        self.assertEqual(flood["address"], "nobody@example.org")
        self.assertIn("example.org: under attack since ", self.asked("attacks").stdout)
        status = json.loads(self.asked("status", "--json").stdout)
        self.assertEqual(status["attacks"], {"domains": 1, "flooded_addresses": 1})
        self.settings(rest="[attacks]\nnames = 0\ntries = 0")
        self.assertEqual(self.asked("reload").returncode, 0)
        told = self.told(server, "attack-ended ", "flood-ended ")
        self.assertEqual((told["under_attack"], told["flooded"]), ([], []))
        self.assertEqual([each["domain"] for each in told["recent"]], ["example.org"])
        _, lines = server.stop()
        log = "\n".join(lines)
        for words in (
            "attack-began domain=example.org names=20 known=0 hosts=1",
            "attack-ended domain=example.org start=",
            "flood-began address=nobody@example.org tries=",
            "flood-ended address=nobody@example.org start=",
        ):
            self.assertIn(words, log)

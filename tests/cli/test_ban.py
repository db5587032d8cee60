"""`twistedmx ban`, `unban`, `list`: what is asked of the server, and how its answers read."""

import argparse
import json

from tests.cli.calling import Calling
from twistedmx.cli.ban import seconds_of

BLOCK = {
    "id": "7KW3PQ2N",
    "network": "192.0.2.0/24",
    "reason": "bad-recipients",
    "evidence": "3 sessions",
    "origin": "conduct",
    "since": 0.0,
    "expiry": None,
    "relapse": 0,
}


class TestTimes(Calling):
    def test_times_are_read_as_people_write_them(self):
        """Seconds are for programs."""
        for text, seconds in (
            ("90", 90),
            ("90s", 90),
            ("1.5h", 5400),
            ("30m", 1800),
            ("7d", 604_800),
            ("ever", float("inf")),
        ):
            self.assertEqual(seconds_of(text), seconds)

    def test_what_is_no_time_is_told_with_what_is(self):
        """A typo must not block for ever, nor for no time at all."""
        for text in ("", "0", "0h", "-1", "1w", "1 h", "forever", "1e9", "nan"):
            self.assertRaises(argparse.ArgumentTypeError, seconds_of, text)
        said = self.ask("ban", "192.0.2.1", "--for", "soon")
        self.assertEqual(said.status, 2)
        self.assertIn("12h", said.beside)


class TestBan(Calling):
    def test_all_that_was_said_is_asked(self):
        """Each network by itself, with the same words."""
        asked = []
        self.serve(ban=lambda arguments: asked.append(arguments) or BLOCK)
        said = self.ask("ban", "192.0.2.0/24", "203.0.113.7", "--for", "1h", "--evidence", "noon", "--force")
        self.assertEqual(said.status, 0)
        self.assertEqual([each["network"] for each in asked], ["192.0.2.0/24", "203.0.113.7"])
        self.assertEqual({(each["seconds"], each["evidence"], each["force"]) for each in asked}, {(3600, "noon", True)})
        line = "192.0.2.0/24: blocked until it is removed, id 7KW3PQ2N (conduct: bad-recipients: 3 sessions)"
        self.assertEqual(said.out.splitlines(), [line, line])


class TestFrom(Calling):
    def test_a_list_is_asked_line_by_line(self):
        """A drop list, as others publish them."""
        asked = []
        self.serve(ban=lambda arguments: asked.append(arguments["network"]) or BLOCK)
        path = self.write("; a drop list\n192.0.2.0/24 ; SBL1\n\n2001:db8::/32\n", "drop.txt")
        self.assertEqual(self.ask("ban", "--from", path).status, 0)
        self.assertEqual(asked, ["192.0.2.0/24", "2001:db8::/32"])
        path = self.write(json.dumps({**BLOCK, "network": "203.0.113.0/24"}) + "\n", "blocked.json")
        self.assertEqual(self.ask("ban", "--from", path).status, 0)
        self.assertEqual(asked[2:], ["203.0.113.0/24"])

    def test_of_a_list_with_a_fault_nothing_is_blocked(self):
        """Half a list is the half that nobody wanted."""
        asked = []
        self.serve(ban=lambda arguments: asked.append(arguments) or BLOCK)
        said = self.ask("ban", "--from", self.write("192.0.2.0/24\nnonsense\n", "drop.txt"))
        self.assertEqual((said.status, asked), (1, []))
        self.assertIn("drop.txt: line 2:", said.beside)
        self.assertEqual(self.ask("ban", "--from", "/nowhere").status, 1)
        self.assertEqual(self.ask("ban").status, 1)


class TestList(Calling):
    def test_that_there_are_more_is_told_with_the_way_to_them(self):
        """A list that was cut must not pass for the whole."""
        self.serve(list={"blocks": [BLOCK], "more": True})
        said = self.ask("list", "--most", "1")
        self.assertEqual(len(said.out.splitlines()), 1)
        self.assertIn("there are more", said.beside)

    def test_other_programs_get_it_in_their_words_without_who_is_never_blocked(self):
        """A firewall knows of no never-block list."""
        self.serve(list={"blocks": [BLOCK], "more": False, "never": ["192.0.2.128/25"]})
        for format, words in (
            ("plain", "192.0.2.0/25\n"),
            ("nftables", "192.0.2.0/25"),
            ("postfix", "192.0.2.0/25 REJECT 5.7.1 blocked, id 7KW3PQ2N"),
        ):
            said = self.ask("list", "--format", format)
            self.assertIn(words, said.out)
            self.assertNotIn("192.0.2.128", said.out)
        said = self.ask("list", "--format", "json-lines")
        self.assertEqual(json.loads(said.out)["network"], "192.0.2.0/24", "as it is, to be read again")

    def test_it_is_written_whole(self):
        """Whoever reads it meanwhile sees the old file or the new one."""
        path = self.write("old", "blocked")
        self.serve(list={"blocks": [BLOCK], "more": False})
        self.assertEqual(self.ask("list", "--format", "plain", "--to", path).status, 0)
        with open(path, encoding="ascii") as file:
            self.assertIn("192.0.2.0/24", file.read())
        self.assertEqual(self.ask("list", "--to", "/nowhere/at/all").status, 1)

    def test_half_of_it_is_not_written(self):
        """A firewall would open for the other half."""
        path = self.write("old", "blocked")
        self.serve(list={"blocks": [BLOCK], "more": True})
        said = self.ask("list", "--format", "plain", "--to", path)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(said.status, 1)
        self.assertIn("not written", said.beside)


class TestWhy(Calling):
    def test_who_is_not_blocked_is_told_so(self):
        """The postmaster's question has an answer either way."""
        self.serve(why={"block": None, "undo": ""})
        self.assertEqual(self.ask("why", "192.0.2.9").out, "192.0.2.9: is not blocked\n")

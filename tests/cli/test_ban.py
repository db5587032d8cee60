"""`twistedmx ban`, `unban`, `list`, `allow`: what is asked of the server, and how its answers read."""

import argparse
import json

from tests.cli.calling import Calling
from twistedmx.cli.times import seconds_of
from twistedmx.net.control import Refused

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
        """In one request, so that the server can do all or nothing."""
        asked = []
        self.serve(ban=lambda arguments: asked.append(arguments) or [BLOCK, BLOCK])
        said = self.ask("ban", "192.0.2.0/24", "203.0.113.7", "--for", "1h", "--evidence", "noon", "--force")
        self.assertEqual(said.status, 0)
        (request,) = asked
        self.assertEqual((request["networks"], request["blocks"]), (["192.0.2.0/24", "203.0.113.7"], []))
        self.assertEqual((request["seconds"], request["evidence"], request["force"]), (3600, "noon", True))
        line = "192.0.2.0/24: blocked until it is removed, id 7KW3PQ2N (conduct: bad-recipients: 3 sessions)"
        self.assertEqual(said.out.splitlines(), [line, line])

    def test_what_is_refused_is_told_line_by_line(self):
        """Every fault of it, so that it is mended at once."""

        def no(arguments):
            raise Refused("10.0.0.0/7 is too wide\n127.0.0.1 is ours")

        self.serve(ban=no)
        said = self.ask("ban", "10.0.0.0/7", "127.0.0.1")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertEqual(
            said.beside.splitlines(), ["twistedmx ban: 10.0.0.0/7 is too wide", "twistedmx ban: 127.0.0.1 is ours"]
        )


class TestFrom(Calling):
    def asked(self, text, *words, name="drop.txt"):
        """The requests that a file makes."""
        if not hasattr(self, "requests"):
            self.serve(ban=lambda arguments: self.requests.append(arguments) or [])
        self.requests = []
        self.assertEqual(self.ask("ban", "--from", self.write(text, name), *words).status, 0)
        return self.requests

    def test_a_list_is_read_in_each_of_its_formats(self):
        """A drop list, as others publish them; JSON lines and an array, as `list` writes them."""
        (request,) = self.asked("; a drop list\n192.0.2.0/24 ; SBL1\n\n2001:db8::/32\n")
        self.assertEqual((request["networks"], request["source"]), (["192.0.2.0/24", "2001:db8::/32"], "drop.txt"))
        for text in (json.dumps(BLOCK), json.dumps([BLOCK], indent=2), "\ufeff" + json.dumps([BLOCK, BLOCK])):
            (request,) = self.asked(text, name="blocked.json")
            self.assertEqual((request["networks"], request["blocks"]), ([], [BLOCK]))

    def test_a_long_list_is_judged_whole_before_any_of_it_is_blocked(self):
        """A request has an end, and a list may have a million lines."""
        requests = self.asked("".join(f"10.{number >> 8}.{number & 255}.0/24\n" for number in range(1200)))
        self.assertEqual([each.get("check") for each in requests], [True] * 3 + [None] * 3)
        self.assertEqual(sum(len(each["networks"]) for each in requests), 2400)
        long = [{**BLOCK, "evidence": "\U0001f4a3" * 1000, "network": f"10.0.{number}.0/24"} for number in range(30)]
        requests = self.asked(json.dumps(long))
        self.assertLess(max(len(json.dumps(each)) for each in requests), 60_000)
        self.assertEqual(sum(len(each["blocks"]) for each in requests), 60)

    def test_of_a_list_with_a_fault_nothing_is_blocked(self):
        """Half a list is the half that nobody wanted."""
        asked = []

        def no(arguments):
            asked.append(arguments)
            raise Refused("127.0.0.0/24 touches 127.0.0.0/8")

        self.serve(ban=no)
        said = self.ask("ban", "--from", self.write("192.0.2.0/24\nnonsense\n", "drop.txt"))
        self.assertEqual((said.status, asked), (1, []))
        self.assertIn("drop.txt: line 2:", said.beside)
        said = self.ask("ban", "--from", self.write('["192.0.2.0/24", "nonsense"]', "drop.json"))
        self.assertEqual((said.status, asked), (1, []))
        self.assertIn("drop.json: entry 2:", said.beside)
        networks = "".join(f"127.{number >> 8}.{number & 255}.0/24\n" for number in range(1200))
        said = self.ask("ban", "--from", self.write(networks, "drop.txt"))
        self.assertEqual((said.status, len(asked), asked[0]["check"]), (1, 1, True))
        self.assertEqual(self.ask("ban", "--from", "/nowhere").status, 1)
        self.assertEqual(self.ask("ban").status, 1)

    def test_what_was_done_before_a_failure_is_told(self):
        """The blocklist was full in the middle."""
        asked = []

        def full(arguments):
            asked.append(arguments)
            if len(asked) == 5:
                raise Refused("the blocklist is full")
            return [] if arguments.get("check") else [BLOCK] * 500

        self.serve(ban=full)
        said = self.ask("ban", "--from", self.write("".join(f"10.{n >> 8}.{n & 255}.0/24\n" for n in range(1200)), "l"))
        self.assertEqual((said.status, len(said.out.splitlines())), (1, 500))
        self.assertIn("before that 500 of 1200 were blocked", said.beside)


class TestUnban(Calling):
    def test_of_several_each_is_told(self):
        """One that is gone already keeps nobody blocked."""

        def unban(arguments):
            if arguments["what"] == "192.0.2.1":
                raise Refused("192.0.2.1 is not blocked")
            return BLOCK

        self.serve(unban=unban)
        said = self.ask("unban", "7KW3PQ2N", "192.0.2.1", "198.51.100.1")
        self.assertEqual((said.status, len(said.out.splitlines())), (1, 2))
        self.assertIn("192.0.2.1 is not blocked", said.beside)
        self.assertEqual(len(self.ask("unban", "7KW3PQ2N", "--json").json), 1)


class Pages:
    """A server with so many entries, that tells `size` at once. `asked`: behind which it was."""

    def __init__(self, count, size=2):
        self.blocks = [
            {**BLOCK, "network": f"192.0.{number}.0/24", "holds": True, "spared": ""} for number in range(count)
        ]
        self.size = size
        self.asked = []

    def __call__(self, arguments):
        after = arguments["after"]
        self.asked.append(after)
        networks = [block["network"] for block in self.blocks]
        first = 0 if after is None else networks.index(after) + 1
        page = self.blocks[first : first + self.size]
        more = first + self.size < len(networks)
        return {"blocks": page, "next": page[-1]["network"] if more else None, "now": 0.0, "never": ["192.0.0.128/25"]}


class TestList(Calling):
    def test_all_are_told_page_by_page(self):
        """However many there are; a million is two hundred questions."""
        pages = Pages(5)
        self.serve(list=pages)
        said = self.ask("list")
        self.assertEqual((said.status, len(said.out.splitlines()), said.beside), (0, 5, ""))
        self.assertEqual(pages.asked, [None, "192.0.1.0/24", "192.0.3.0/24"])
        document = self.ask("list", "--json").json
        self.assertEqual((len(document["blocks"]), document["more"], document["never"]), (5, False, ["192.0.0.128/25"]))

    def test_that_there_are_more_is_told_with_the_way_to_them(self):
        """A list that was cut must not pass for the whole."""
        self.serve(list=Pages(5))
        said = self.ask("list", "--most", "3")
        self.assertEqual(len(said.out.splitlines()), 3)
        self.assertIn("there are more", said.beside)
        self.assertTrue(self.ask("list", "--most", "3", "--json").json["more"])
        self.assertEqual(self.ask("list", "--most", "5").beside, "")
        self.assertEqual(self.ask("list", "--most", "0").status, 2)

    def test_other_programs_get_it_in_their_words_without_who_is_never_blocked(self):
        """A firewall knows of no never-block list."""
        self.serve(list=Pages(1))
        for format, words in (
            ("plain", "192.0.0.0/25\n"),
            ("nftables", "192.0.0.0/25"),
            ("postfix", "192.0.0.0/25 REJECT 5.7.1 blocked, id 7KW3PQ2N"),
        ):
            said = self.ask("list", "--format", format)
            self.assertIn(words, said.out)
            self.assertNotIn("192.0.0.128", said.out)

    def test_another_server_gets_it_as_it_is(self):
        """Every field, as JSON lines or as one array."""
        self.serve(list=Pages(3))
        lines = [json.loads(line) for line in self.ask("list", "--format", "json-lines").out.splitlines()]
        self.assertEqual(lines, [{**BLOCK, "network": f"192.0.{number}.0/24"} for number in range(3)])
        self.assertEqual(json.loads(self.ask("list", "--format", "json").out), lines)

    def test_what_does_not_hold_is_marked(self):
        """The never-block list wins, and the operator sees why nobody is turned away."""
        pages = Pages(1)
        pages.blocks[0]["spared"] = "operator"
        self.serve(list=pages)
        self.assertIn("holds for nobody: never blocked by operator", self.ask("list").out)

    def test_it_is_written_whole(self):
        """Whoever reads it meanwhile sees the old file or the new one."""
        path = self.write("old", "blocked")
        self.serve(list=Pages(5))
        self.assertEqual(self.ask("list", "--format", "plain", "--to", path).status, 0)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read().count("192.0."), 5)
        self.assertEqual(self.ask("list", "--to", "/nowhere/at/all").status, 1)

    def test_half_of_it_is_not_written(self):
        """A firewall would open for the other half, where --most cuts it or the server goes away."""
        path = self.write("old", "blocked")
        pages, going = Pages(5), True

        def answer(arguments):
            if not going and arguments["after"] is not None:
                raise Refused("it stops")
            return pages(arguments)

        self.serve(list=answer)
        said = self.ask("list", "--format", "plain", "--most", "2", "--to", path)
        self.assertEqual(said.status, 1)
        self.assertIn("not written", said.beside)
        going = False
        self.assertEqual(self.ask("list", "--format", "plain", "--to", path).status, 1)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "old")

    def test_who_is_never_blocked_is_listed_with_who_says_so(self):
        """Settings and operator in one list."""
        never = {"network": "192.0.2.0/24", "source": "operator", "evidence": "a partner", "since": 0.0, "expiry": 60.0}
        ours = {"network": "10.0.0.0/8", "source": "[blocklist] never", "evidence": "", "since": None, "expiry": None}
        asked = []
        self.serve(list=lambda arguments: asked.append(arguments) or {"allowed": [never, ours], "now": 0.0})
        self.assertEqual(
            self.ask("list", "--allowed").out.splitlines(),
            [
                "192.0.2.0/24: never blocked until 1970-01-01 00:01 UTC (operator: a partner)",
                "10.0.0.0/8: never blocked ([blocklist] never)",
            ],
        )
        self.assertTrue(asked[0]["allowed"])
        self.assertEqual(len(self.ask("list", "--allowed", "--json").json["allowed"]), 2)


class TestAllow(Calling):
    def test_what_holds_no_longer_is_told(self):
        """The operator sees what he has done."""
        asked = []
        told = {
            "network": "192.0.2.0/24",
            "source": "operator",
            "evidence": "",
            "since": 0.0,
            "expiry": None,
            "within": [{**BLOCK, "spared": "operator"}],
            "more": True,
            "around": [{**BLOCK, "network": "192.0.0.0/16"}],
        }
        self.serve(allow=lambda arguments: asked.append(arguments) or [told])
        said = self.ask("allow", "192.0.2.0/24", "--for", "ever", "--evidence", "a partner")
        lines = said.out.splitlines()
        self.assertEqual(lines[0], "192.0.2.0/24: never blocked (operator)")
        self.assertTrue(lines[1].startswith("holds no longer: 192.0.2.0/24: blocked until"), lines)
        self.assertNotIn("holds for nobody", lines[1])
        self.assertEqual(lines[2], "and more: twistedmx list 192.0.2.0/24")
        self.assertTrue(lines[3].startswith("holds for others only: 192.0.0.0/16: blocked until"), lines)
        (request,) = asked
        self.assertEqual((request["networks"], request["evidence"]), (["192.0.2.0/24"], "a partner"))
        self.assertEqual((request["seconds"], request["remove"], request["force"]), (1e300, False, False))

    def test_it_is_taken_back(self):
        """And a file of networks may be named."""
        asked = []
        self.serve(allow=lambda arguments: asked.append(arguments) or [{"network": "192.0.2.0/24"}])
        path = self.write("192.0.2.0/24\n198.51.100.0/24\n", "provider.txt")
        said = self.ask("allow", "--remove", "--from", path)
        self.assertEqual(said.out, "192.0.2.0/24: may be blocked again\n")
        self.assertEqual((asked[0]["networks"], asked[0]["remove"]), (["192.0.2.0/24", "198.51.100.0/24"], True))
        self.assertEqual(self.ask("allow").status, 1)

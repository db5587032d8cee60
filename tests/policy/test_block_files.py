"""Blocklists as files: what is read, what is written, and what the programs that it is written for make of it."""

import json
import os
import re
import shutil
import stat
import subprocess
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.model.block import Block
from twistedmx.policy.block_files import (
    json_array_lines,
    json_lines,
    list_lines,
    nftables_lines,
    parse_json,
    parse_json_array,
    parse_list,
    postfix_lines,
    spared,
    write_whole,
)
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.networks import network_of

DOCUMENT = Path(__file__).parents[2] / "docs/blocklist.md"
NOW = 1e9


def block(text, expiry=NOW + 60, **more):
    """An entry of this network."""
    said = {"id": "BCDF0001", "reason": "bad-recipients", "evidence": "35 of 35", "origin": "conduct", "since": NOW}
    return Block(network=network_of(text), expiry=expiry, **(said | more))


BLOCKS = (
    block("192.0.2.0/24"),
    block("192.0.2.7", None, id="BCDF0002"),
    block("198.51.100.1", NOW + 0.5, id="BCDF0003"),
    block("203.0.113.0/26", NOW - 1, id="BCDF0004"),
    block("2001:db8::/32", None, id="BCDF0005"),
    block("2001:db9:0:1::/64", id="BCDF0006"),
)


class TestList(SynchronousTestCase):
    def test_lists_are_read_as_they_are_found(self):
        """Spamhaus DROP, a file of one's own, one from Windows."""
        lines = [
            "\ufeff; Spamhaus DROP List",
            "192.0.2.0/24 ; SBL1",
            "# ours",
            "",
            "198.51.100.7\r\n",
            "\t2001:db8::/32 # all of it",
            "192.0.2.0/24",
        ]
        parsed = parse_list(lines)
        self.assertEqual([str(each) for each in parsed.found], ["192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32"])
        self.assertEqual(parsed.faults, ())

    def test_each_fault_names_its_line(self):
        """The good lines can be used all the same; whether they are is the operator's choice."""
        parsed = parse_list(["192.0.2.0/24", "192.0.2.1/24", "mail.example.org"])
        self.assertEqual(len(parsed.found), 1)
        self.assertEqual(parsed.faults[0], "line 2: '192.0.2.1/24' has bits beyond its /24; write 192.0.2.0/24")
        self.assertTrue(parsed.faults[1].startswith("line 3: 'mail.example.org' is neither"))

    def test_of_many_faults_the_first_are_told(self):
        """A picture by a slip of the hand; the terminal stays readable."""
        parsed = parse_list(["x" * 100_000] * 100)
        self.assertEqual((len(parsed.faults), parsed.faulty), (20, 100))
        self.assertLess(len("".join(parsed.faults)), 4000)

    def test_what_is_written_can_be_read(self):
        """By another server, or by this one."""
        self.assertEqual(parse_list(list_lines(BLOCKS)).found, tuple(each.network for each in BLOCKS))
        self.assertIn("192.0.2.7", list(list_lines(BLOCKS)))


class TestJson(SynchronousTestCase):
    def test_what_is_written_can_be_read(self):
        """Every field of every entry."""
        self.assertEqual(parse_json(json_lines(BLOCKS)).found, BLOCKS)

    def test_what_may_be_left_out_and_what_not(self):
        """Evidence and relapse have defaults; who says no reason has none."""
        said = json.loads(next(json_lines(BLOCKS)))
        del said["evidence"], said["relapse"]
        self.assertEqual(parse_json([json.dumps(said)]).found[0].evidence, "")
        del said["reason"]
        self.assertEqual(parse_json([json.dumps(said)]).faults, ("line 1: has no reason",))

    def test_each_fault_says_what_is_wrong(self):
        """Nothing is made to fit."""
        good = json.loads(next(json_lines(BLOCKS)))
        for change, words in {
            ("network", "192.0.2.1/24"): "write 192.0.2.0/24",
            ("network", 7): "network must be a string",
            ("since", True): "since must be a number",
            ("since", 10**400): "since is beyond all time",
            ("expiry", float("nan")): "expiry is beyond all time",
            ("expiry", "never"): "expiry must be a number or null",
            ("relapse", -1): "relapse must be 0 or more",
            ("relapse", 1.5): "relapse must be a whole number",
            ("country", "xx"): "has a field 'country'",
        }.items():
            (fault,) = parse_json([json.dumps(good | dict([change]))]).faults
            self.assertIn(words, fault)
        for line, words in {
            "{": "is not JSON",
            "[]": "is not an object",
            "1" * 5000: "is not",
            "[" * 9000: "is not",
        }.items():
            (fault,) = parse_json([line]).faults
            self.assertIn(words, fault)


class TestJsonArray(SynchronousTestCase):
    def test_what_is_written_can_be_read(self):
        """Every field of every entry, of none as well; and it is JSON to every other program."""
        for blocks in (BLOCKS, BLOCKS[:1], ()):
            text = "\n".join(json_array_lines(blocks))
            self.assertEqual(parse_json_array(text).found, blocks)
            self.assertEqual(len(json.loads(text)), len(blocks))

    def test_it_may_be_written_over_many_lines_and_may_have_networks_alone(self):
        """As a script of the operator's writes it, or a list of a provider's networks."""
        text = "\ufeff" + json.dumps(["192.0.2.0/24", json.loads(next(json_lines(BLOCKS[1:])))], indent=2)
        self.assertEqual(parse_json_array(text).found, (BLOCKS[0].network, BLOCKS[1]))

    def test_each_fault_names_the_entry(self):
        """The line would say nothing of an array."""
        parsed = parse_json_array('["192.0.2.0/24", "mail.example.org", 7, {"network": "192.0.2.1"}]')
        self.assertEqual((len(parsed.found), parsed.faulty), (1, 3))
        self.assertTrue(parsed.faults[0].startswith("entry 2: 'mail.example.org' is neither"), parsed.faults)
        self.assertTrue(parsed.faults[1].startswith("entry 3: '7' is not an object"), parsed.faults)
        self.assertEqual(parsed.faults[2], "entry 4: has no id")
        for text in ("", "{}", "[1,", "[" * 90_000, '"[]"'):
            parsed = parse_json_array(text)
            self.assertEqual((parsed.found, parsed.faulty), ((), 1))
            self.assertTrue(parsed.faults[0].startswith("is not a JSON array: "), parsed.faults)


_line = some.text() | some.from_regex(r"[0-9a-f.:/;# ]{0,30}", fullmatch=True)
_value = some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.lists(some.integers())
_fields = ["id", "network", "reason", "evidence", "origin", "since", "expiry", "relapse", "other"]
_object = some.dictionaries(some.sampled_from(_fields), _value | some.just("192.0.2.0/24")).map(json.dumps)
_some_blocks = some.lists(
    some.builds(
        Block,
        id=some.text(),
        network=some.builds(
            lambda network, less: network.supernet(new_prefix=network.prefixlen - less),
            some.ip_addresses().map(str).map(network_of),
            some.integers(0, 32),
        ),
        reason=some.text(),
        evidence=some.text(),
        origin=some.text(),
        since=some.floats(0, 1e12),
        expiry=some.none() | some.floats(0, 1e12),
        relapse=some.integers(0),
    ),
    max_size=8,
)


class TestAnything(SynchronousTestCase):
    def check(self, parsed, lines):
        self.assertLessEqual(len(parsed.found) + parsed.faulty, len(lines))
        self.assertEqual(min(parsed.faulty, 20), len(parsed.faults))
        for fault in parsed.faults:
            self.assertTrue(fault.isprintable(), fault)
            self.assertLess(len(fault), 500)

    @EXAMPLES
    @given(some.lists(_line))
    def test_any_lines_as_a_list(self, lines):
        """Networks and faults, and nothing is raised: lists come from strangers."""
        parsed = parse_list(lines)
        self.check(parsed, lines)
        self.assertEqual(parse_list(map(str, parsed.found)).found, parsed.found)

    @EXAMPLES
    @given(some.lists(_line | _object))
    def test_any_lines_as_json(self, lines):
        """The same; and what was read can be written and read again."""
        parsed = parse_json(lines)
        self.check(parsed, lines)
        self.assertEqual(parse_json(json_lines(parsed.found)).found, parsed.found)

    @EXAMPLES
    @given(some.lists(_line.map(json.dumps) | _object | some.recursive(_value, some.lists).map(json.dumps)))
    def test_any_entries_as_an_array(self, entries):
        """The same of an array, whatever is in it; and of any text."""
        parsed = parse_json_array(f"[{','.join(entries)}]")
        self.check(parsed, entries)
        blocks = tuple(each for each in parsed.found if isinstance(each, Block))
        self.assertEqual(parse_json_array("\n".join(json_array_lines(blocks))).found, blocks)
        for text in entries:
            self.check(parse_json_array(text), json.loads(text) if text.startswith("[") else [text])

    @EXAMPLES
    @given(_some_blocks, some.floats(0, 1e12))
    def test_any_entries_can_be_written(self, blocks, now):
        """What strangers said stands in no file of another program's language, and no line has two."""
        settings = BlocklistSettings()
        nft, postfix = list(nftables_lines(blocks, now)), list(postfix_lines(blocks, settings.text_for))
        for line in (*nft, *postfix, *list_lines(blocks), *json_lines(blocks), *json_array_lines(blocks)):
            self.assertTrue(line.isprintable(), line)
        self.assertEqual(len(postfix), len(blocks) + 1)
        networks = [ip_network(text) for line in nft for text in re.findall(r"[{,] ([0-9a-f.:]+/\d+)", line)]
        for one, other in pairwise(networks):
            self.assertFalse(one.version == other.version and one.overlaps(other))
        self.assertEqual(parse_json(json_lines(blocks)).found, tuple(dict.fromkeys(blocks)))

    @EXAMPLES
    @given(_some_blocks, some.lists(some.ip_addresses().map(ip_network), max_size=3), some.lists(some.ip_addresses()))
    def test_who_is_never_blocked_is_in_no_file(self, blocks, never, addresses):
        """And whoever is beside them is in it still."""
        never += [ip_network(each.network.network_address) for each in blocks[:2]]
        left = [each.network for each in spared(blocks, never)]
        asked = [
            *addresses,
            *(each.network.broadcast_address for each in blocks),
            *(each.network_address for each in never),
        ]
        for address in asked:
            expected = any(address in each.network for each in blocks) and not any(address in each for each in never)
            self.assertEqual(any(address in network for network in left), expected)


class TestWrite(SynchronousTestCase):
    def setUp(self):
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "blocked"

    def test_a_file_is_replaced_at_once_and_all_may_read_it(self):
        """nft and Postfix run as other users."""
        self.path.write_text("old")
        before = os.umask(0o077)
        try:
            write_whole(str(self.path), ["one", "two é"])
        finally:
            os.umask(before)
        self.assertEqual(self.path.read_bytes(), "one\ntwo é\n".encode())
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o644)

    def test_a_failure_leaves_the_old_one_and_nothing_beside_it(self):
        """Half a list would let in the other half."""

        def lines():
            yield "new"
            raise OSError("no")

        self.path.write_text("old")
        self.assertRaises(OSError, write_whole, str(self.path), lines())
        self.assertEqual((self.path.read_text(), os.listdir(self.folder)), ("old", ["blocked"]))
        self.assertRaises(FileNotFoundError, write_whole, str(self.folder / "no" / "file"), [])


class TestNftables(SynchronousTestCase):
    def test_what_stands_in_it(self):
        """Time that is left, rounded up; what has expired or lies in another is left out."""
        text = "\n".join(nftables_lines(BLOCKS, NOW))
        self.assertIn("blocked4 { 192.0.2.0/24 timeout 60s, 198.51.100.1/32 timeout 1s }", text)
        self.assertIn("blocked6 { 2001:db8::/32, 2001:db9:0:1::/64 timeout 60s }", text)

    def test_nft_takes_it_with_the_rules_of_the_manual_and_again(self):
        """What operators copy; a file is loaded every minute, and another may be empty."""
        nft = shutil.which("nft")
        if nft is None:
            raise SkipTest("nft is not installed (package nftables)")
        (rules,) = re.findall(r"^```nftables\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
        many = [block(str(each)) for each in network_of("10.0.0.0/20")][::2]
        folder = Path(self.mktemp())
        folder.mkdir()
        files = {
            "rules": rules,
            "full": "\n".join(nftables_lines([*BLOCKS, *many], NOW)),
            "none": "\n".join(nftables_lines([], NOW)),
        }
        for name, text in files.items():
            (folder / name).write_text(f"{text}\n")
        script = "set -e; for file in rules full full none; do nft -f $file; done; nft -f full; nft list ruleset"
        done = subprocess.run(["unshare", "-rn", "sh", "-c", script], cwd=folder, capture_output=True, text=True)
        if "unshare" in done.stderr or "Operation not permitted" in done.stderr:
            raise SkipTest(f"no namespace of its own can be had here: {done.stderr.strip()}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("192.0.2.0/24 timeout 1m", done.stdout)
        self.assertIn("@blocked6 drop", done.stdout)


class TestPostfix(SynchronousTestCase):
    def test_postmap_finds_the_smallest_network(self):
        """The peer hears the id that is its own."""
        postmap = shutil.which("postmap") or shutil.which("postmap", path="/usr/sbin")
        if postmap is None:
            raise SkipTest("postmap is not installed (package postfix)")
        table, folder = Path(self.mktemp()), Path(self.mktemp())
        folder.mkdir()
        (folder / "main.cf").write_text("")
        write_whole(str(table), postfix_lines(BLOCKS, BlocklistSettings(text="{address}: see {id}").text_for))
        for address, answer in {
            "192.0.2.7": "REJECT 5.7.1 192.0.2.7: see BCDF0002",
            "192.0.2.8": "REJECT 5.7.1 192.0.2.0/24: see BCDF0001",
            "2001:db8::1": "REJECT 5.7.1 2001:db8::/32: see BCDF0005",
            "192.0.3.1": "",
        }.items():
            asked = [postmap, "-c", str(folder), "-q", address, f"cidr:{table.absolute()}"]
            done = subprocess.run(asked, capture_output=True, text=True)
            self.assertEqual((done.stdout.strip(), done.stderr), (answer, ""))

"""Settings from a file: every fault of it at once, each with its place and what to do."""

import math
import os
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.settings.sample import Sample
from twistedmx.net.tls import TlsSettings
from twistedmx.settings import BadSettings, Settings, read_settings, settings_from
from twistedmx.settings.toml_file import read_as
from twistedmx.smtp.limits import Limits

_FEW_DIGITS = sys.implementation.name == "cpython"


def faults(document, kind=Settings):
    try:
        read_as(kind, document, "mx.toml")
    except BadSettings as bad:
        return list(bad.faults)
    return []


class TestGood(SynchronousTestCase):
    def test_nothing_written_is_the_defaults(self):
        """Every setting has one."""
        self.assertEqual(settings_from({}, "mx.toml"), Settings())

    def test_what_is_written_holds_and_the_rest_stays(self):
        """Sections are as deep as rooms."""
        settings = settings_from(
            {
                "host": "mx.example.org",
                "listen": ["tcp:25", "tcp6:25"],
                "limits": {"size": 100_000},
                "timeouts": {"command": 60, "content": 30.5},
                "log": {"format": "json"},
            },
            "mx.toml",
        )
        self.assertEqual((settings.host, settings.listen), ("mx.example.org", ("tcp:25", "tcp6:25")))
        self.assertEqual((settings.limits.size, settings.limits.recipients), (100_000, 100))
        self.assertEqual((settings.timeouts.command, settings.timeouts.content), (60.0, 30.5))
        self.assertIs(type(settings.timeouts.command), float)
        self.assertEqual(settings.log.format, "json")


class TestFaults(SynchronousTestCase):
    def test_all_of_them_are_told_at_once(self):
        """Nobody wants to start a server seven times."""
        told = faults(
            {
                "hots": "mx",
                "disk_reserve": -1,
                "limits": {"size": 1, "recipients": "many", "nonsense": 1},
                "timeouts": {"command": 0},
                "log": {"format": "xml"},
                "tls": "cert.pem",
            }
        )
        self.assertEqual(len(told), 8, told)
        for fault in told:
            self.assertTrue(fault.startswith("mx.toml: "), fault)

    def test_an_unknown_key_is_told_with_what_may_have_been_meant(self):
        """Most faults are typing errors."""
        self.assertEqual(faults({"hots": "x"}), ["mx.toml: hots: no such setting here; did you mean 'host'?"])
        self.assertEqual(
            faults({"limits": {"recipient": 1}}),
            ["mx.toml: limits.recipient: no such setting here; did you mean 'recipients'?"],
        )
        (told,) = faults({"one": {"zzz": 1}}, Sample)
        self.assertEqual(told, "mx.toml: one.zzz: no such setting here; known here: size, word")

    def test_a_key_of_another_section_is_told_with_its_section(self):
        """What comes below [mailboxes] belongs to it, however far to the left it is written."""
        for document, meant in (
            ({"size": 1}, "size: no such setting here; did you mean [limits] size?"),
            (
                {"limits": {"host": "x"}},
                "limits.host: no such setting here; did you mean host above the first [section]?",
            ),
            ({"tls": {"mailboxes": {}}}, "tls.mailboxes: no such setting here; did you mean [mailboxes]?"),
            ({"lingger": 1}, "lingger: no such setting here; did you mean [timeouts] linger?"),
            (
                {"timeouts": {"command_line": 1}},
                "timeouts.command_line: no such setting here; did you mean [limits] command_line?",
            ),
        ):
            self.assertEqual(faults(document), [f"mx.toml: {meant}"])
        (told,) = faults({"url": "x"}, Sample)
        self.assertEqual(told, "mx.toml: url: no such setting here; did you mean [[many]] url?")
        (told,) = faults({"one": {"many": []}}, Sample)
        self.assertEqual(told, "mx.toml: one.many: no such setting here; did you mean [[many]]?")

    def test_a_key_that_is_no_word_is_told_in_quotes(self):
        """And one line stays one line, whatever the key."""
        (told,) = faults(
            {
                "a\nb": 1,
            }
        )
        self.assertTrue(told.startswith('mx.toml: "a\\nb": no such setting here'), told)

    def test_a_wrong_type_is_told_with_the_right_one(self):
        """ "25" is not 25: what looks alike is where mistakes hide."""
        for document, place in (
            ({"host": 1}, "host: must be a string, is 1"),
            ({"disk_reserve": "1"}, "disk_reserve: must be a whole number, is '1'"),
            ({"disk_reserve": 1.5}, "disk_reserve: must be a whole number, is 1.5"),
            ({"disk_reserve": True}, "disk_reserve: must be a whole number, is True"),
            ({"timeouts": {"command": "60"}}, "timeouts.command: must be a number, is '60'"),
            ({"timeouts": {"command": True}}, "timeouts.command: must be a number, is True"),
            ({"listen": [25]}, "listen: must be a list of strings, is [25]"),
        ):
            self.assertEqual(faults(document), [f"mx.toml: {place}"])

    def test_one_string_where_a_list_is_asked_for_is_a_fault(self):
        """A list of the letters of "tcp:25" would be eight strange endpoints."""
        for key in ("listen", "listen_tls", "bare_newline_from"):
            told = faults({key: "tcp:25"})
            self.assertEqual(len(told), 1, (key, told))
            self.assertTrue(told[0].startswith(f"mx.toml: {key}: "))

    def test_a_section_that_is_a_value_is_told_how_to_be_a_section(self):
        """And a value that is a section is a wrong type."""
        self.assertEqual(faults({"tls": "x"}), ["mx.toml: tls: is a section; write [tls] and its settings below it"])
        self.assertEqual(len(faults({"host": {"name": "x"}})), 1)
        self.assertEqual(len(faults({"listen": {"tcp": 25}})), 1)

    def test_a_validator_says_what_is_allowed(self):
        """Not only that it is not."""
        self.assertEqual(faults({"limits": {"hops": 1}}), ["mx.toml: limits.hops: must be 2 or more, is 1"])
        self.assertEqual(
            faults({"recipients": {"look_up_time": 0.0}}),
            ["mx.toml: recipients.look_up_time: must be 0.1 or more, is 0.0"],
        )
        self.assertEqual(
            faults({"log": {"format": "xml"}}), ["mx.toml: log.format: must be one of text, json, qmail, is 'xml'"]
        )

    def test_no_number_is_no_number(self):
        """TOML has nan and inf: a time limit of either would break the wheel at the first connection."""
        for value in (math.nan, math.inf, -math.inf, 10**400):
            self.assertEqual(len(faults({"timeouts": {"command": value}})), 1, value)


class TestTables(SynchronousTestCase):
    """Arrays of tables: [[many]]."""

    def test_each_is_read_with_its_own_defaults(self):
        """As many as are written, in their order."""
        sample = read_as(Sample, {"many": [{"url": "a", "least": 2}, {"url": "b"}]}, "mx.toml")
        self.assertEqual([(one.url, one.least, one.most) for one in sample.many], [("a", 2, 9), ("b", 1, 9)])
        self.assertEqual(read_as(Sample, {}, "mx.toml").many, ())

    def test_a_fault_says_which_of_them(self):
        """All of them at once, the first is [0]."""
        told = faults({"many": [{"url": "a"}, {"url": 1}, {"least": 0, "ulr": "x"}, 7]}, Sample)
        self.assertEqual(
            told,
            [
                "mx.toml: many[1].url: must be a string, is 1",
                "mx.toml: many[2].least: must be 1 or more, is 0",
                "mx.toml: many[2].ulr: no such setting here; did you mean 'url'?",
                "mx.toml: many[2].url: is missing, and has no default: Where to ask.",
                "mx.toml: many[3]: must be a table, is 7; write [[many]] and its settings",
            ],
        )

    def test_one_pair_of_brackets_is_told_to_be_two(self):
        """[many] and [[many]] look alike, and so do [one] and [[one]]."""
        (told,) = faults({"many": {"url": "a"}}, Sample)
        self.assertEqual(told, "mx.toml: many: may be there several times; write [[many]] above the settings of each")
        (told,) = faults({"one": [{"size": 1}]}, Sample)
        self.assertEqual(told, "mx.toml: one: is a section; write [one] and its settings below it")

    def test_what_several_settings_together_must_be_is_told_with_their_section(self):
        """The class says it when all its settings are good, and not before."""
        self.assertEqual(
            faults({"many": [{"url": "a"}, {"url": "a", "least": 5, "most": 4}]}, Sample),
            ["mx.toml: many[1]: least is more than most"],
        )
        self.assertEqual(len(faults({"many": [{"url": 1, "least": 5, "most": 4}]}, Sample)), 1)
        self.assertEqual(faults({"one": {"size": 7, "word": "seven"}}, Sample), ["mx.toml: one: the size is the word"])
        self.assertEqual(faults({"pin": "0000", "top": 1}, Sample), ["mx.toml: top needs another pin"])

    def test_what_is_good_beside_faults_is_kept(self):
        """It can still be judged: with defaults in the place of the others, and with the numbers that tables have in the file."""
        document = {
            "backlog": 7,
            "disk_reserve": -1,
            "limits": {"size": 1, "recipients": 50},
            "tls": {
                "clients": [{"networks": []}, {"networks": ["192.0.2.1"], "names": ["a.example"], "ca": "/ca.pem"}]
            },
        }
        rest = self.assertRaises(BadSettings, settings_from, document, "mx.toml").rest
        self.assertEqual((rest.settings.backlog, rest.settings.limits.recipients), (7, 50))
        self.assertEqual(
            (rest.settings.disk_reserve, rest.settings.limits.size), (Settings().disk_reserve, Limits().size)
        )
        self.assertEqual(
            rest.settings.tls, TlsSettings()
        )  # clients need a certificate: what is left of it makes no section
        for key, unread, has_unread in (
            ("limits.size", True, True),
            ("limits", False, True),
            ("limits.recipients", False, False),
            ("tls.clients[0].networks", True, True),
            ("backlog", False, False),
        ):
            self.assertEqual((rest.is_unread(key), rest.has_unread(key)), (unread, has_unread), key)
        self.assertEqual(
            rest.numbered("tls.clients[0].ca: tls.clients[9], x[0]"), "tls.clients[1].ca: tls.clients[9], x[0]"
        )

    def test_no_fault_has_a_secret(self):
        """Faults of a reload go to the log."""
        told = faults({"pin": "hunter2", "many": [{"url": "http://u:hunter2@h/", "least": "token=hunter2"}]}, Sample)
        self.assertEqual(len(told), 3, told)
        self.assertNotIn("hunter2", "".join(told))
        (told,) = faults({"pin": 4711}, Sample)
        self.assertEqual(told, "mx.toml: pin: must be a string, is '(secret)'")

    def test_what_was_found_is_shown_in_part_when_it_is_long(self):
        """A fault is to be read."""
        for found in ("x" * 10_000, 16**5_000, [16**5_000], nested(20_000)):
            (told,) = faults({"one": {"word": [found]}}, Sample)
            self.assertLess(len(told), 700)


def nested(depth):
    table = {}
    for _ in range(depth):
        table = {"a": table}
    return table


class TestFile(SynchronousTestCase):
    def write(self, octets):
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(octets)
        return path

    def told(self, path):
        return self.assertRaises(BadSettings, read_settings, path).faults

    def test_a_file_is_read(self):
        """In UTF-8, as TOML is."""
        path = self.write('host = "mx.example.org" # ü\n[limits]\nsize = 100_000\n'.encode())
        self.assertEqual(read_settings(path).limits.size, 100_000)

    def test_a_missing_file_is_named(self):
        """With the reason, and without a traceback."""
        self.assertEqual(
            self.told("/nowhere/mx.toml"), ("/nowhere/mx.toml: cannot be read: No such file or directory",)
        )
        os.mkdir(folder := self.mktemp())
        self.assertEqual(self.told(folder), (f"{folder}: cannot be read: Is a directory",))

    def test_a_file_that_is_no_toml_is_told_with_the_place(self):
        """The line and the column help."""
        for octets in (b"host = \n", b"\xff\xfe", b"[limits]\n[limits]\n", b"\0"):
            path = self.write(octets)
            (told,) = self.told(path)
            self.assertTrue(told.startswith(f"{path}: is not TOML: "), told)
        for octets, place in (
            (b"host = \n", "line 1, column 8"),
            (b"host = 'x'\n[limits\n", "line 2, column 8"),
            ("host = 'x'\n# ü".encode() + b"\xff", "octet 0xff is not UTF-8 (at line 2, column 4)"),
            # A number of too many digits; PyPy reads any.
            *([(b"host = 'x'\nbacklog = " + b"1" * 5000, "(at line 2, column 11)")] if _FEW_DIGITS else []),
            (b'host = "x', "Unterminated string (at the end, line 1)"),
            (b"\xef\xbb\xbfhost = 'x'\n", "byte order mark (at line 1, column 1)"),
        ):
            self.assertIn(place, self.told(self.write(octets))[0])

    def test_a_file_nested_without_end_is_no_toml_either(self):
        """tomllib raises RecursionError, which is no TOMLDecodeError; the tables of mailboxes know it."""
        path = self.write(b"a = " + b"[" * 5000)
        try:
            read_settings(path)
        except BadSettings as bad:
            (told,) = bad.faults
        except RecursionError:
            told = "a traceback of a thousand lines"
        self.assertTrue(told.startswith(f"{path}: is not TOML: "), told)

    def test_the_message_is_all_faults_a_line_each(self):
        """It goes to a terminal as it is."""
        bad = self.assertRaises(BadSettings, settings_from, {"a": 1, "b": 2}, "x")
        self.assertEqual(str(bad).splitlines(), list(bad.faults))

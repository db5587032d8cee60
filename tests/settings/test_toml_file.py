"""Settings from a file: every fault of it at once, each with its place and what to do."""

import math
import os

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.settings import BadSettings, Settings, read_settings, settings_from


def faults(document):
    try:
        settings_from(document, "mx.toml")
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
        self.assertEqual(faults({"hots": "x"}), ["mx.toml: hots: no such setting; did you mean 'host'?"])
        self.assertEqual(
            faults({"limits": {"recipient": 1}}),
            ["mx.toml: limits.recipient: no such setting; did you mean 'recipients'?"],
        )
        (told,) = faults({"log": {"zzz": 1}})
        self.assertEqual(told, "mx.toml: log.zzz: no such setting; known here: format, file")

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
            faults({"log": {"format": "xml"}}), ["mx.toml: log.format: must be one of text, json, is 'xml'"]
        )

    def test_no_number_is_no_number(self):
        """TOML has nan and inf: a time limit of either would break the wheel at the first connection."""
        for value in (math.nan, math.inf, -math.inf, 10**400):
            self.assertEqual(len(faults({"timeouts": {"command": value}})), 1, value)


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
        self.assertIn("line 1, column", self.told(self.write(b"host = \n"))[0])

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

"""qmail-spp: its file, and the answers of its plugins, without running any."""

import os

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.qmail.spp_answer import MOST_LINES, BadAnswer, Last, joined, parse_spp_answer, reply_of
from twistedmx.qmail.spp_file import (
    MOST_OCTETS,
    MOST_PLUGINS,
    NO_PLUGINS,
    BadSppFile,
    Stage,
    is_enabled,
    parse_spp_file,
    read_spp_file,
)
from twistedmx.smtp.reply import Reply, reply


def argvs(file):
    return {stage.name: [plugin.argv for plugin in plugins] for stage, plugins in file.plugins.items()}


class TestFile(SynchronousTestCase):
    def test_sections_by_their_first_letter_and_shell_behind_a_colon(self):
        """spp_init of qmail-spp.c."""
        file = parse_spp_file(
            b'# comment\n\n[connection]\nplugins/greet \t\n[h]\n[mailfrom is it]\n:test -n "$A" || echo N\nplugins/a b\n'
            b"[rcpt]\n/opt/one\n[mail]\n/opt/two\n[pass]\np\n[data]\nd\n[auth]\na"
        )
        self.assertEqual(
            argvs(file),
            {
                "CONNECTION": [(b"plugins/greet",)],
                "MAIL": [(b"/bin/sh", b"-c", b'test -n "$A" || echo N'), (b"plugins/a b",), (b"/opt/two",)],
                "RCPT": [(b"/opt/one",)],
                "PASS": [(b"p",)],
                "DATA": [(b"d",)],
                "AUTH": [(b"a",)],
            },
        )
        self.assertEqual(file.faults, ())
        self.assertEqual(file.plugins[Stage.RCPT][0].number, 10)

    def test_what_is_ignored_is_told_with_the_number_of_its_line(self):
        """The original says nothing, and the operator wonders why a plugin is not asked."""
        file = parse_spp_file(b"early\n[Mail]\nlost\n[quit]\n[rcpt]\n:\na\0b\nfine\n")
        self.assertEqual(argvs(file), {"RCPT": [(b"fine",)]})
        self.assertEqual(
            [fault.partition(":")[0] for fault in file.faults], ["line 1", "line 2", "line 4", "line 6", "line 7"]
        )
        self.assertIn("[Mail] is no section; there are [connection], [helo], [mail]", file.faults[1])

    def test_limits(self):
        """A file of megabytes is read for each connection, and a thousand plugins are a thousand processes for each RCPT."""
        file = parse_spp_file(b"[rcpt]\n" + b"p\n" * (MOST_PLUGINS + 1))
        self.assertEqual(len(file.plugins[Stage.RCPT]), MOST_PLUGINS)
        self.assertIn(f"{MOST_PLUGINS} plugins at most", file.faults[0])
        with self.assertRaises(BadSppFile):
            parse_spp_file(b"#" * (MOST_OCTETS + 1))

    def test_0_and_nothing_switch_it_off(self):
        """The original looks whether ENABLE_SPP is there; sagredo's run script sets it to 0."""
        self.assertEqual(
            [is_enabled({b"ENABLE_SPP": value}) for value in (b"", b"0", b"1", b"yes")], [False, False, True, True]
        )
        self.assertFalse(is_enabled({}))


class TestReading(SynchronousTestCase):
    def setUp(self):
        self.home = os.fsencode(os.path.abspath(self.mktemp()))
        os.makedirs(os.path.join(self.home, b"control"))
        self.told = []

    def read(self, **environment):
        environment = {os.fsencode(name): value for name, value in environment.items()}
        return read_spp_file(self.home, environment, self.told.append)

    def write(self, octets, name=b"control/smtpplugins"):
        with open(os.path.join(self.home, name), "wb") as file:
            file.write(octets)

    def test_a_missing_file_has_no_plugins_and_is_told(self):
        """The original answers 421 to everybody: the whole port is down for a missing file."""
        self.assertEqual(self.read(ENABLE_SPP=b"1").plugins, {})
        self.assertEqual(
            self.told,
            [b"qmail-smtpd: control/smtpplugins: is missing, so no plugins are asked; write it, or unset ENABLE_SPP\n"],
        )

    def test_where_it_is_off_nothing_is_read_or_told(self):
        """As if there were no such file."""
        self.write(b"nonsense")
        self.assertIs(self.read(ENABLE_SPP=b"0"), NO_PLUGINS)
        self.assertEqual(self.told, [])

    def test_sppconffile_is_another(self):
        """From qmail's home, or absolute; one that is empty is none."""
        self.write(b"[rcpt]\none")
        self.write(b"[rcpt]\ntwo", b"control/other")
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"", SPPCONFFILE=b"control/other")), {})
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"")), {"RCPT": [(b"one",)]})
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"control/other")), {"RCPT": [(b"two",)]})
        absolute = os.path.join(self.home, b"control/other")
        self.assertEqual(argvs(self.read(ENABLE_SPP=b"1", SPPCONFFILE=absolute)), {"RCPT": [(b"two",)]})

    def test_one_that_cannot_be_read_is_no_missing_one(self):
        """421: policies of the operator are not left out because of a fault."""
        os.mkdir(os.path.join(self.home, b"control/smtpplugins"))
        with self.assertRaisesRegex(BadSppFile, "control/smtpplugins: Is a directory"):
            self.read(ENABLE_SPP=b"1")
        with self.assertRaises(BadSppFile):
            self.read(ENABLE_SPP=b"1", SPPCONFFILE=b"a\0b")

    def test_faults_are_told_as_lines_of_the_log(self):
        """With the name of the file."""
        self.write(b"a\x1b\n")
        self.read(ENABLE_SPP=b"1")
        self.assertRegex(self.told[0], rb"\Aqmail-smtpd: control/smtpplugins: line 1: a\? is ignored: .*\n\Z")


class TestAnswers(SynchronousTestCase):
    def test_all_letters_that_change_something(self):
        """spp of qmail-spp.c; the last of several addresses counts, and variables in their order."""
        said = parse_spp_answer(
            b"HX-One: 1\nH\tfolded\nCa@example.net\nCb@example.net\nSA=1=2\nUA\nSB=\nP250-hello\n"
            b"LM550 no\nLM550 more\nLR451 later\nLD554 never\n"
        )
        self.assertEqual(said.headers, (b"X-One: 1", b"\tfolded"))
        self.assertEqual(said.address, b"b@example.net")
        self.assertEqual(said.changes, ((b"A", b"1=2"), (b"A", None), (b"B", b"")))
        self.assertEqual(said.printed, ((250, "hello"),))
        self.assertEqual(
            {stage.name: each.octets for stage, each in said.delayed.items()},
            {"MAIL": b"550-no\r\n550 more\r\n", "RCPT": b"451 later\r\n", "DATA": b"554 never\r\n"},
        )
        self.assertEqual((said.last, said.reply, said.faults), (None, None, ()))

    def test_the_last_line_that_counts(self):
        """What stands behind it is not read."""
        for letter in b"EROAND":
            octets = bytes([letter]) + (b"550 no\r" if letter in b"ER" else b"")
            said = parse_spp_answer(b"SA=1\n" + octets + b"\nSB=1\nE554 other\n")
            self.assertEqual((said.last, said.changes), (Last(bytes([letter])), ((b"A", b"1"),)))
            self.assertEqual(parse_spp_answer(octets).last, said.last, "a last line without LF")
        self.assertEqual(parse_spp_answer(b"E550 no").reply, Reply(code=550, lines=("no",)))
        self.assertEqual(parse_spp_answer(b"R550 no").reply, Reply(code=550, lines=("no",), closes=True))
        closed = parse_spp_answer(b"D").reply
        self.assertEqual((closed.octets, closed.closes), (b"", True))

    def test_a_refusal_without_a_reply_is_a_plugin_that_failed(self):
        """The original sends whatever it is: an empty line, or a text without a code."""
        for octets in (b"E\n", b"Eno\n", b"R5\n", b"E354 go on\n", b"E550no\n", b"E250 ok\n", b"R221 bye\n"):
            with self.assertRaises(BadAnswer):
                parse_spp_answer(octets)
        with self.assertRaises(BadAnswer):
            parse_spp_answer(b"\n" * MOST_LINES + b"N\n")

    def test_what_would_break_the_session_or_the_message_is_ignored_and_told(self):
        """A header that ends early, a second reply, a variable without a value, an address with line ends."""
        for octets in (
            b"H", b"Hno field", b"H folded first", b"HA: b\r", b"P250 ok", b"Phello", b"SA", b"S=1", b"UA=1", b"U", b"Ca\rb",
            b"C" + b"x" * 901, b"LX550 no", b"LMno", b"LR250 ok", b"L", b"z", b"SA=\0",
        ):  # fmt: skip
            said = parse_spp_answer(octets + b"\nN\n")
            self.assertEqual((len(said.faults), said.last), (1, Last.NEXT_COMMAND), octets)
            self.assertEqual(attrs.evolve(said, faults=(), last=None), parse_spp_answer(b""), octets)
        self.assertEqual(len(parse_spp_answer(b"nonsense\n" * 99).faults), 5)

    def test_replies(self):
        """What may be sent as it is, and what may not."""
        self.assertEqual(reply_of(b"550 5.7.1 no\x07\xff\r").octets, b"550 5.7.1 no??\r\n")
        self.assertEqual([reply_of(code).code for code in (b"571 x", b"470 x", b"550-x", b"499")], [554, 451, 550, 451])
        self.assertLessEqual(len(reply_of(b"550 " + b"x" * 9999).octets), 512)
        one = reply(550, "", "one")
        self.assertEqual(joined(one, reply(550, "", "two")).octets, b"550-one\r\n550 two\r\n")
        self.assertEqual(joined(one, reply(451, "", "two")), one)

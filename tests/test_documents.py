"""What the documents say is what the code does."""

import re
import tomllib
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.cli.commands import COMMANDS
from twistedmx.drill.thresholds import Thresholds, read_thresholds
from twistedmx.mailbox.tables import read_table
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.verdict import Reason
from twistedmx.report import fields
from twistedmx.settings import settings_from
from twistedmx.settings.manual import manual

ROOT = Path(__file__).parent.parent
TEMPLATE = MaildirTemplate(text="/srv/mail/{domain}/{local}")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name, language):
    """The fenced blocks of a document in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def octets(written):
    """A number as a table has it."""
    number, _, unit = written.strip().partition(" ")
    return float(number) * {"": 1, "MiB": 1 << 20}[unit]


class TestSettings(SynchronousTestCase):
    def test_the_manual_is_the_settings(self):
        """`python -m twistedmx.settings.manual > docs/settings.md` was forgotten."""
        self.assertEqual(read("docs/settings.md"), manual())

    def test_the_first_configuration_can_be_used(self):
        """It is what a newcomer copies."""
        (toml,) = blocks("README.md", "toml")
        settings = settings_from(tomllib.loads(toml), "README.md")
        self.assertEqual(settings.host, "mx.example.org")
        (table,) = (block for block in blocks("README.md", "") if "ann@example.org" in block)
        self.assertEqual(read_table("mailboxes", table.encode(), TEMPLATE).addresses, 5)


class TestMailboxes(SynchronousTestCase):
    def test_both_examples_can_be_used(self):
        """Text and TOML are shown side by side; neither may have a fault."""
        (text,) = blocks("docs/mailboxes.md", "")
        (toml,) = blocks("docs/mailboxes.md", "toml")
        self.assertGreater(read_table("mailboxes", text.encode(), TEMPLATE).addresses, 5)
        self.assertGreater(read_table("mailboxes.toml", toml.encode(), TEMPLATE).addresses, 5)


class TestLog(SynchronousTestCase):
    def test_every_reason_has_its_row(self):
        """Who reads a reason in the log finds it in the manual; and no row is about nothing."""
        rows = re.findall(r"^\| `([a-z-]+)` \|", read("docs/log.md").split("## Reasons")[1], re.MULTILINE)
        self.assertEqual(sorted(rows), sorted(reason.value for reason in Reason))

    def test_every_event_that_is_a_line_has_a_section(self):
        """By the word that the line begins with."""
        headings = re.findall(r"^## (.*)$", read("docs/log.md"), re.MULTILINE)
        words = {word for heading in headings for word in heading.split(", ")}
        for event in fields.FIELDS:
            word = {"TransactionEnded": "transaction", "SessionEnded": "session"}.get(
                event.__name__, re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()
            )
            self.assertIn(word, words)


class TestSieges(SynchronousTestCase):
    def test_what_shows_that_we_stand_is_there(self):
        """A row that names a test or a command which is gone shows nothing."""
        text = read("docs/sieges.md") + read("docs/drill.md")
        named = set(re.findall(r"`?((?:tests|twistedmx)/[\w./-]+\.\w+)", text))
        self.assertGreater(len(named), 5)
        for name in named:
            self.assertTrue((ROOT / name).exists(), name)
        commands = set(re.findall(r"\btwistedmx ([a-z-]+)(?= [\d<A-Z127]|`)", text))
        self.assertLessEqual(commands, {command.name for command in COMMANDS})
        self.assertIn("drill", commands)

    def test_the_settings_that_the_commands_are_for_are_good(self):
        """A server that does not start shows nothing, and neither does one that never blocks loopback."""
        text = read("docs/sieges.md")
        (plain,) = re.findall(r"^cat > sieges.toml <<'END'\n(.*?)^END$", text, re.MULTILINE | re.DOTALL)
        more = re.findall(r"^printf '(\[.*)' \| cat sieges.toml - > now.toml$", text, re.MULTILINE)
        self.assertEqual(len(more), 4)
        for lines in ("", *more):
            settings = settings_from(tomllib.loads(plain + lines.replace("\\n", "\n")), "sieges.toml")
            self.assertTrue(settings.blocklist.loopback and settings.reputation.private)

    def test_what_keeps_us_out_of_each_pitfall_is_there(self):
        """A test that was renamed shows nothing; nor does a row without one."""
        rows = re.findall(r"^\| (?!pitfall|---).* \| (.*) \|$", read("docs/pitfalls.md"), re.MULTILINE)
        self.assertGreater(len(rows), 20)
        for row in rows:
            named = re.findall(r"`(tests/[^`]+)`((?:,? `test_\w+`)*)", row)
            self.assertTrue(named, row)
            for path, tests in named:
                text = read(path)
                for name in re.findall(r"\w+", tests):
                    self.assertIn(f"def {name}(", text, path)

    def test_the_thresholds_in_the_manual_are_those_that_are_shipped(self):
        """A row each, with the value for each siege."""
        rows = re.findall(r"^\| `(\w+)` \|.*?\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", read("docs/drill.md"), re.MULTILINE)
        shipped = read_thresholds()
        names = [field.name for field in attrs.fields(Thresholds)]
        self.assertEqual([name for name, *_ in rows], names)
        for name, *written in rows:
            values = [float(getattr(shipped.of(siege), name)) for siege in (1, 2, 3)]
            self.assertEqual([octets(value) for value in written], values, name)


class TestArchitecture(SynchronousTestCase):
    def test_every_file_that_is_named_is_there(self):
        """A map of rooms that were moved leads nowhere."""
        named = re.findall(
            r"`((?:smtp|model|policy|mailbox|delivery|report|net|settings|tests|benchmarks)/[\w./]+)`",
            read("docs/architecture.md"),
        )
        self.assertGreater(len(named), 10)
        for name in named:
            self.assertTrue((ROOT / name).exists() or (ROOT / "twistedmx" / name).exists(), name)

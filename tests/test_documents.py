"""What the documents say is what the code does."""

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

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

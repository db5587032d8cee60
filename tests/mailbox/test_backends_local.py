"""docs/backends-local.md: what is shown there can be used."""

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.maildirs import MaildirsSettings
from twistedmx.mailbox.obligatory import parse_postmaster
from twistedmx.mailbox.passwd import PasswdSettings
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.tables import read_table
from twistedmx.mailbox.template import MaildirTemplate

TEXT = (Path(__file__).parent.parent.parent / "docs" / "backends-local.md").read_text(encoding="utf-8")
KINDS = {"maildirs": MaildirsSettings, "passwd": PasswdSettings}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


class TestExamples(SynchronousTestCase):
    def test_every_example_of_settings_can_be_used(self) -> None:
        """It is what an operator copies."""
        for block in blocks("toml"):
            written = tomllib.loads(block)["mailboxes"]
            parse_postmaster(written.get("postmaster", ""))
            for kind, settings in KINDS.items():
                for table in written.get(kind, ()):
                    given = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
                    self.assertTrue(settings(**given).domains)

    def test_the_example_of_a_table_can_be_used(self) -> None:
        """Beside the backends that it is shown with."""
        elsewhere = {b"example.org": "mailboxes.passwd[0]", b"example.net": "mailboxes.maildirs[0]"}
        template = MaildirTemplate(text="/srv/mail/{domain}/{local}")
        table = read_table("mailboxes", blocks("text")[0].encode(), template, Rules(elsewhere=elsewhere))
        self.assertEqual((list(table.domains), table.addresses), ([b"example.com"], 3))

    def test_every_setting_that_the_text_names_is_there(self) -> None:
        """And its default is what the text says."""
        maildirs, passwd = MaildirsSettings(domains=("example.org",)), PasswdSettings(domains=("example.org",))
        self.assertEqual((maildirs.fresh, maildirs.quota_fresh, passwd.least_uid), (1, 15, 1000))
        self.assertEqual((passwd.delimiters, passwd.maildir), ("+-", "Maildir"))

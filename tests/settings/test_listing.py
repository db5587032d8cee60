"""Every setting with its value, as values and as a file."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.settings.sample import Many, One, Sample
from twistedmx.settings import Settings
from twistedmx.settings.listing import as_toml, only_changed, sections

SAMPLE = Sample(
    pin="4711",
    open=True,
    one=One(size=20_000),
    many=(Many(url="http://u:pw@h/"), Many(url="b", least=2)),
    names=("ä\x1b",),
)


class TestSections(SynchronousTestCase):
    def test_each_setting_has_its_key_and_what_the_manual_says(self):
        """For scripts that compare two servers."""
        entries = {entry.key: entry for section in sections(SAMPLE) for entry in section.entries}
        self.assertEqual(
            list(entries),
            ["pin", "open", "top", "names", "one.size", "one.word"]
            + [f"many[{number}].{name}" for number in (0, 1) for name in ("url", "least", "most", "shares")],
        )
        size = entries["one.size"]
        self.assertEqual((size.value, size.default, size.unit, size.why), (20_000, 10_000, "octets", "How large."))
        self.assertTrue(size.changed)
        self.assertFalse(entries["one.word"].changed)
        self.assertTrue(entries["one.word"].restart)
        self.assertTrue(entries["many[0].url"].required)

    def test_only_what_changed_is_left_when_asked_for(self):
        """What was written is told from what was not."""
        changed = {entry.key for section in only_changed(sections(SAMPLE)) for entry in section.entries}
        self.assertEqual(changed, {"pin", "open", "names", "one.size", "many[0].url", "many[1].url", "many[1].least"})

    def test_no_secret_is_listed(self):
        """It is printed into tickets."""
        self.assertNotIn("4711", str(list(sections(SAMPLE))))
        self.assertNotIn("pw", str(list(sections(SAMPLE))))

    def test_all_settings_of_a_server_are_listed_with_a_reason(self):
        """As many as the classes have."""
        entries = [entry for section in sections(Settings()) for entry in section.entries]
        self.assertGreater(len(entries), 30)
        self.assertEqual([entry.key for entry in entries if not entry.why or entry.changed], [])


class TestText(SynchronousTestCase):
    def test_the_file_says_what_each_is_for(self):
        """Below the reason stands the setting, ready to be copied."""
        text = as_toml(only_changed(sections(attrs.evolve(SAMPLE, pin=""))))
        self.assertEqual(
            text,
            """\
# Is it?
# Default false.
open = true

# Which.
# Default []; names.
names = ["ä\\u001b"]

[one]

# How large. (Precedent: Postfix | others.)
# Default 10_000; octets.
size = 20_000

[[many]]

# Where to ask.
# Required.
url = "http://u:(secret)@h/"

[[many]]

# Where to ask.
# Required.
url = "b"

# From.
# Default 1.
least = 2""",
        )

    def test_a_section_with_nothing_in_it_is_left_out(self):
        """Nothing changed is no text at all."""
        self.assertEqual(as_toml(only_changed(sections(Sample()))), "")

    def test_an_array_without_a_table_is_shown_as_a_comment(self):
        """Who does not know that it exists cannot write it."""
        self.assertTrue(as_toml(sections(Sample())).endswith("\n\n# [[many]]\n# None."))
        self.assertTrue(
            as_toml(sections(Settings())).find("# [[mailboxes.sql]]\n# Mailboxes that a database knows.") > 0
        )

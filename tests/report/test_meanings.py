"""Each reason has its sentence, and the setting that it names is there."""

import re

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.model.verdict import Reason
from twistedmx.report.meanings import MEANINGS
from twistedmx.settings import Settings
from twistedmx.settings.listing import sections


class TestMeanings(SynchronousTestCase):
    def test_each_reason_has_its_sentence(self):
        """Who asks why is never answered with a word alone."""
        self.assertEqual(set(MEANINGS), set(Reason))
        for meaning in MEANINGS.values():
            self.assertRegex(meaning.sentence, r"^[a-zB].+[^.]$")

    def test_each_setting_that_is_named_is_there(self):
        """What an operator is told to change can be changed."""
        all_of_them = list(sections(Settings()))
        keys = {entry.key for section in all_of_them for entry in section.entries}
        headers = {section.header for section in all_of_them}
        named = 0
        for meaning in MEANINGS.values():
            for section, key in re.findall(r"(\[\w+\])(?: (\w+)\b)?", meaning.change):
                self.assertIn(section, headers)
                if key and f"{section[1:-1]}.{key}" not in keys:
                    self.assertIn(key, ("or",), meaning.change)
                named += 1
            for key in re.findall(r"\b(\w+_\w+)\b", re.sub(r"\[\w+\] \w+", "", meaning.change)):
                self.assertIn(key, keys, meaning.change)
        self.assertGreater(named, 10)

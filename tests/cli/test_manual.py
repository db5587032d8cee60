"""docs/commands.md says what the commands do."""

import re
from pathlib import Path

from tests.cli.calling import Calling
from twistedmx.cli.commands import COMMANDS

MANUAL = Path(__file__).parent.parent.parent.joinpath("docs", "commands.md").read_text(encoding="utf-8")


def section(name):
    """The part about a command, down to the next."""
    return MANUAL.partition(f"## `twistedmx {name}`\n")[2].partition("\n## ")[0]


class TestManual(Calling):
    def test_each_command_has_its_section_and_no_section_is_about_nothing(self):
        """In the order of --help."""
        self.assertEqual(re.findall("^## `twistedmx (.*)`$", MANUAL, re.MULTILINE), [one.name for one in COMMANDS])

    def test_the_examples_are_those_of_the_help(self):
        """Which another test runs."""
        for command in COMMANDS:
            self.assertIn(f"```console\n{command.example}\n```", section(command.name))

    def test_every_option_of_the_help_is_in_the_manual(self):
        """The common ones at its top."""
        common = MANUAL.partition("\n## ")[0]
        for command in COMMANDS:
            for option in re.findall(r"^  (--[a-z]+)", self.call(command.name, "--help").out, re.MULTILINE):
                self.assertIn(f"`{option}", common + section(command.name))

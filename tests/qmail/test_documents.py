"""What the documents say of qmail hosts is what the code does."""

import os
import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

import attrs
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.cli.commands import COMMANDS
from twistedmx.qmail.manual import manual
from twistedmx.qmail.settings import QmailSettings
from twistedmx.qmail.standings import ROWS
from twistedmx.service.qmail_start import of_host
from twistedmx.settings import settings_from

ROOT = Path(__file__).parent.parent.parent
PAGES = ("docs/qmail.md", "docs/qmail-differences.md", "docs/qmail-names.md")
SCRIPTS = ("run-daemon", "run-tcpserver", "run-server")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


class TestNames(SynchronousTestCase):
    def test_the_page_of_names_is_the_table(self) -> None:
        """`python -m twistedmx.qmail.manual > docs/qmail-names.md` was forgotten."""
        self.assertEqual(read("docs/qmail-names.md"), manual())

    def test_each_name_is_on_the_page_once(self) -> None:
        """Who looks for a variable of his run script finds what becomes of it."""
        cells = re.findall(r"^\| (`.*?`) \| ", manual(), re.MULTILINE)
        named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
        self.assertEqual(sorted(named), sorted(row.name for row in ROWS))


class TestPages(SynchronousTestCase):
    def test_links_lead_somewhere(self) -> None:
        """To a file that is there, and a heading in it."""
        for page in PAGES:
            for target in re.findall(r"\]\(([^)]+)\)", read(page)):
                name, _, anchor = target.partition("#")
                path = (ROOT / page).parent / name if name else ROOT / page
                self.assertTrue(path.exists(), target)
                headings = {
                    re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
                    for heading in re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                }
                self.assertTrue(not anchor or anchor in headings, target)

    def test_commands_are_there(self) -> None:
        """Beside `twistedmx check-config` and the like, `twistedmx` alone may be meant."""
        words = set(re.findall(r"(?:`|bin/|^)twistedmx ([a-z][a-z-]+)", read("docs/qmail.md"), re.MULTILINE))
        self.assertIn("check-config", words)
        self.assertLessEqual(words, {command.name for command in COMMANDS})

    def test_settings_are_there(self) -> None:
        """Each that is named behind its section, and each row of the table."""
        text = read("docs/qmail.md") + read("docs/qmail-differences.md")
        known = {field.name for field in attrs.fields(QmailSettings)}
        named = set(re.findall(r"`\[qmail\] (\w+)", text))
        table = text.split("| `[qmail]` |")[1].split("\n\n")[0]
        named |= set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE))))
        self.assertGreater(len(named), 8)
        self.assertLessEqual(named, known)
        for section, name in re.findall(r"`\[qmail\.(\w+)\] (\w+)", text):
            self.assertTrue(hasattr(getattr(QmailSettings(home=""), section), name), name)

    def test_settings_files_can_be_used(self) -> None:
        """They are what a reader copies."""
        for toml in re.findall(r"^```toml\n(.*?)^```$", read("docs/qmail.md"), re.MULTILINE | re.DOTALL):
            self.assertEqual(settings_from(tomllib.loads(toml), "docs/qmail.md").qmail.home, "/var/qmail")


class TestContrib(SynchronousTestCase):
    def test_the_settings_are_those_of_a_host_without_any(self) -> None:
        """So it says, and so nothing changes for who begins with them."""
        written = settings_from(tomllib.loads(read("contrib/qmail/twistedmx.toml")), "twistedmx.toml")
        without = of_host("/var/qmail", None, open_relay=False)
        self.assertEqual(written, attrs.evolve(without, user="vpopmail"))

    def test_run_scripts_are_programs_and_replace_their_shell(self) -> None:
        """supervise signals the process that it has started."""
        for name in SCRIPTS:
            path = ROOT / "contrib" / "qmail" / name
            self.assertTrue(path.stat().st_mode & 0o100, name)
            text = path.read_text(encoding="utf-8")
            self.assertTrue(text.startswith("#!/bin/sh\n"))
            commands = [line for line in text.replace("\\\n", "").splitlines() if line and not line.startswith("#")]
            self.assertTrue(commands[-1].startswith("exec "), name)

    def test_without_vpopmail_run_tcpserver_runs_nothing_as_root(self) -> None:
        """tcpserver takes an empty -u for uid 0; here nothing is started, and the log says what to set."""
        with tempfile.TemporaryDirectory() as folder:
            for name, does in (("id", "echo no such user >&2; exit 1"), ("softlimit", 'echo started "$@"')):
                program = Path(folder, name)
                program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
                program.chmod(0o755)
            for given, words in (
                ({}, "there is no user vpopmail: set UID_OF_SMTPD"),
                ({"UID_OF_SMTPD": "89"}, "there is no user vpopmail: set GID_OF_SMTPD"),
                ({"UID_OF_SMTPD": "89", "GID_OF_SMTPD": "88"}, " -u 89 -g 88 "),
            ):
                done = subprocess.run(
                    [str(ROOT / "contrib/qmail/run-tcpserver")],
                    env={"PATH": f"{folder}:{os.environ['PATH']}", "QMAIL": folder, **given},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=30,
                )
                self.assertIn(words, done.stdout)
                self.assertEqual(("started" in done.stdout, done.returncode == 0), ("GID_OF_SMTPD" in given,) * 2)

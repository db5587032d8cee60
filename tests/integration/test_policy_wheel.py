"""The policy of docs/policies.md, as a stranger makes it: files from the page, a wheel, an environment, a real refusal."""

import re
import smtplib
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.program import LISTENS, ORDERLY, TwistdProcess
from tests.integration.test_packaging import (
    SOURCE,
    Environment,
    build_wheel,
    clean_environment,
    copy_checkout,
    needed,
    run,
)

PAGE = (SOURCE / "docs" / "policies.md").read_text(encoding="utf-8")
SETTINGS = """\
host = "mx.example.org"
data = "data"
listen = ["tcp:0:interface=127.0.0.1"]
[mailboxes]
table = "boxes"
"""


def files():
    """Those that the page shows: their text, by the name that stands last before the block."""
    return dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def table():
    """How the page names it in the settings."""
    (text,) = re.findall(r'^```toml\n(\[\[policies\]\]\nname = "badmailfrom".*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    return text


class PolicyWheelTests(SynchronousTestCase):
    def test_the_page_has_a_whole_policy_of_twenty_lines(self) -> None:
        """More would not be read, and less would not run."""
        shown = files()
        self.assertEqual(set(shown), {"badmailfrom.py", "twisted/plugins/badmailfrom_plugin.py", "pyproject.toml"})
        lines = [line for line in shown["badmailfrom.py"].splitlines() if line.strip()]
        self.assertLessEqual(len(lines), 20)

    def test_it_is_built_installed_named_and_refuses(self) -> None:
        """A third party needs nothing but the page."""
        needed("build", "hatchling")
        folder = Path(self.mktemp()).resolve()
        package = folder / "package"
        for name, text in files().items():
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_text(text)
        run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--skip-dependency-check", "."], package)
        (theirs,) = (package / "dist").glob("*.whl")
        ours = build_wheel(copy_checkout(folder / "checkout"), folder / "dist")
        environment = Environment(folder / "venv", ours)
        install = [str(folder / "venv" / "bin" / "pip"), "install", "-q", "--no-deps", "--no-index"]
        run([*install, "--disable-pip-version-check", str(theirs)], folder)
        self.assert_refuses(environment, folder)

    def assert_refuses(self, environment: Environment, folder: Path) -> None:
        """By a server of that environment, and by its log."""
        (folder / "boxes").write_text("ann@example.org\n")
        config = folder / "mx.toml"
        config.write_text(SETTINGS + table())
        command = str(folder / "venv" / "bin" / "twistedmx")
        self.assertIn("good", run([command, "check-config", str(config)], folder))
        self.assertIn(
            'senders = ["spammer@example.net", "@example.com"]', run([command, "settings", str(config)], folder)
        )
        words = [environment.python, environment.twistd, "-n", "--pidfile=", "twistedmx", "--config", str(config)]
        program = TwistdProcess(words, folder=str(folder), environment=clean_environment())
        self.addCleanup(program.stop)
        port = int(program.output.wait_for(LISTENS)[1].rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60) as client:
            for sender, code in (
                ("friend@example.net", 250),
                ("spammer@example.net", 550),
                ("anybody@EXAMPLE.com", 550),
                ("", 250),
            ):
                client.ehlo()
                client.mail(sender)
                answer = client.rcpt("ann@example.org")
                self.assertEqual(answer[0], code, sender)
            self.assertEqual(client.rcpt("nobody@example.org")[0], 452)  # the null sender has one recipient
        status, lines = program.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        told = [line for line in lines if "policy-refused" in line]
        self.assertEqual(len(told), 2, "\n".join(lines))
        self.assertIn("policy=badmailfrom", told[0])
        self.assertIn("from=spammer@example.net to=ann@example.org count=1", told[0])

"""A qmail host whose mail is received by a real process: the tree, the server in it, and what arrives.

Root makes the tree for another uid and runs the server as that one, as no qmail program delivers as root.
"""

import os
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.once import with_one_python
from tests.integration.program import LOOPBACK, TwistdProcess, remove, short_folder, shown
from tests.integration.stored import messages
from tests.qmail.queue_home import FAKE
from twistedmx.cli.control import ask
from twistedmx.testing.qmail_tree import make_qmail_tree, remake

TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
USER = 65_534  # who root becomes
NO_MX = {"CHKUSER_SENDER_MX_NOCHECK": "1", "CHKUSER_RCPT_MX_NOCHECK": "1"}  # tests ask no name server
CONTENT = "Subject: hello\n\nHello\n"


def needed(*programs: str) -> None:
    """Raises SkipTest."""
    packages = {"swaks": "swaks", "multilog": "daemontools", "tcpserver": "ucspi-tcp", "tcprules": "ucspi-tcp"}
    for program in programs:
        if shutil.which(program) is None:
            raise SkipTest(f"{program} is not installed: apt-get install {packages.get(program, program)}")


def as_user() -> list[str]:
    """Words before a command that make it nobody's, where we are root."""
    if os.geteuid() != 0:
        return []
    needed("setpriv")
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]


class Client(smtplib.SMTP):
    """With a deadline, and a name that does not ask the resolver."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(host, port, local_hostname="client.example", timeout=60)

    def transaction(self, *recipients: str, content: str = CONTENT, sender: str = "me@client.example") -> str:
        """The last reply: of the message, or of the first recipient that is refused."""
        self.ehlo_or_helo_if_needed()
        self.mail(sender)
        for recipient in recipients:
            code, words = self.rcpt(recipient)
            if code >= 400:
                self.rset()
                return f"{code} {words.decode()}"
        code, words = self.data(content)
        return f"{code} {words.decode()}"


class QmailCase(SynchronousTestCase):
    """Each test has a tree: `tree`; and a server that `start` starts: `port`."""

    timeout = 120

    def setUp(self) -> None:
        with_one_python()
        self.folder = short_folder()
        self.addCleanup(remove, self.folder)
        self.uid = USER if os.geteuid() == 0 else os.geteuid()
        self.gid = USER if os.geteuid() == 0 else os.getegid()
        self.tree = make_qmail_tree(str(self.folder / "qmail"), uid=self.uid, gid=self.gid)
        self.data = self.folder / "data"
        self.owned(self.folder)

    # -- the host ----------------------------------------------------------------------------------------------------

    def below_roots_own(self) -> None:
        """As qmail is installed: else nothing is delivered by users/cdb as root."""
        os.chown(self.folder, 0, 0)

    def owned(self, path: Path) -> Path:
        """It belongs to whoever the server is."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)
        return path

    def path(self, *names: str) -> Path:
        return Path(self.tree.root, *names)

    def control(self, name: str, text: str) -> None:
        """Write a control file."""
        self._new(self.path("control", name), text)

    def _new(self, path: Path, text: str, mode: int = 0o644) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return self.owned(path)

    def program(self, text: str, *names: str) -> Path:
        """A program in the tree."""
        path = self._new(self.path(*names), text, 0o755)
        self.owned(path.parent)
        return path

    def queue(self, steps: str = "message envelope store") -> Path:
        """bin/qmail-queue is the fake one, which takes these steps; the folder of what it was given."""
        found = self.folder / "found"
        if not found.exists():
            found.mkdir()
            self.owned(found)
        fake = FAKE.read_text(encoding="utf-8")
        environment = f'os.environ.setdefault("FAKE", {steps!r}); os.environ["FAKE_FOLDER"] = {str(found)!r}'
        text = fake.replace('if __name__ == "__main__":', f"{environment}\nif __name__ == '__main__':")
        self.program(f"#!{sys.executable} -IS\n{text}", "bin", "qmail-queue")
        return found

    def dot_qmail(self, text: str, user: str, name: str = ".qmail", mode: int = 0o600) -> None:
        """A `.qmail` file of a user of users/assign."""
        self._new(Path(self.tree.home(user, name)), text, mode)

    def users(self, *names: str) -> None:
        """They are in users/assign, with and without extensions: no account of the system is needed."""
        assign = self.path("users", "assign")
        lines = assign.read_text(encoding="ascii").removesuffix(".\n")
        for name in names:
            home = Path(self.tree.home(name))
            home.mkdir(exist_ok=True, parents=True)
            self.owned(home)
            lines += (
                f"={name}:{name}:{self.uid}:{self.gid}:{home}:::\n+{name}-:{name}:{self.uid}:{self.gid}:{home}:-::\n"
            )
        assign.write_text(lines + ".\n", encoding="ascii")
        remake(self.tree)

    # -- the server --------------------------------------------------------------------------------------------------

    def launch(
        self, *words: str, qmail: bool = True, before: Sequence[str] | None = None, **more: str
    ) -> TwistdProcess:
        """It may not come to listen. `words`: behind --qmail. `more`: of its environment."""
        command = [*(as_user() if before is None else before), TWISTD, "-n", "--pidfile=", "twistedmx"]
        if qmail:
            command += ["--qmail", self.tree.root]
        server = TwistdProcess(
            [*command, "--data", str(self.data), *words],
            folder=str(self.folder),
            environment=shown(self.folder / "place", **{**NO_MX, **more}),
        )
        self.addCleanup(server.stop)
        return server

    def start(self, *words: str, **more: Any) -> TwistdProcess:
        """It listens on `port`."""
        server = self.launch("--port", LOOPBACK, *words, **more)
        self.port = server.ports_of()[0]
        return server

    def configured(self, text: str, name: str = "twistedmx.toml") -> list[str]:
        """Words for a settings file of ours with this text, where it does not say what log lines look like."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return ["--config", str(path)]

    def client(self, host: str = "127.0.0.1") -> Client:
        client = Client(self.port, host)
        self.addCleanup(client.close)
        return client

    def asked(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`twistedmx` about the server that runs."""
        return subprocess.run(
            [sys.executable, "-m", "twistedmx", *words, "--socket", str(self.data / "control.sock")],
            env=shown(self.folder / "place"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def until(self, there: Callable[[], bool]) -> None:
        """It is. What is asked takes its time."""
        end = time.monotonic() + 60
        while not there():
            self.assertLess(time.monotonic(), end)

    def said_of(self, address: str) -> str:
        """What a connection of its own hears of a message; the greeting, where that is none."""
        try:
            with Client(self.port) as client:
                return client.transaction(address)
        except smtplib.SMTPConnectError as error:
            return f"{error.smtp_code} {error.smtp_error!r}"

    def status(self) -> Any:
        """What the server says of itself."""
        return ask(str(self.data / "control.sock"), "status", {})

    # -- what arrives ------------------------------------------------------------------------------------------------

    def mail_of(self, user: str, domain: str = "example.org") -> list[bytes]:
        """In his Maildir."""
        return messages(self.tree.domain(domain, user, "Maildir"))

    def assert_ends(self, server: TwistdProcess, *words: str) -> None:
        """By itself, with status 1 and these words in one line of its log, without a traceback."""
        status, lines = server.ended()
        log = "\n".join(lines)
        self.assertEqual(status, 1, log)
        self.assertNotIn("Traceback", log)
        self.assertTrue(any(all(word in line for word in words) for line in lines), log)

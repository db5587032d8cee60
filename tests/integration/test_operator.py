"""docs/operator.md is true: its commands are run, word for word, on something that is almost a host.

Folders are below one of the test's own, ports are others. What is the whole machine's (users, owners, systemd, the journal) is
played by this test: a command of that name asks it, `_Host`, over a Unix socket.
"""

import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer
from threading import Thread

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.once import with_one_python
from tests.integration.output import Output
from tests.integration.program import free_port, remove, short_folder
from tests.integration.systemd_unit import Unit, environment, loopback_socket, values
from tests.integration.test_packaging import Environment, copy_checkout, needed

SOURCE = Path(__file__).resolve().parent.parent.parent
PLACES = ("/opt/twistedmx", "/etc/twistedmx", "/etc/systemd/system", "/etc/letsencrypt", "/var/lib/twistedmx")
PLAYED = ("python3", "useradd", "chown", "chgrp", "systemctl", "journalctl")
COMMAND = f"""#!{sys.executable}
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as host:
    host.connect(os.environ["HOST_OF_THE_TEST"])
    host.sendall(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]).encode() + b"\\n")
    status, said = json.loads(host.makefile().read())
print(said, end="")
sys.exit(status)
"""


class _Host(ThreadingMixIn, UnixStreamServer):
    """Answers the commands of `PLAYED`. `root`: where all folders are; `listening`: port 25."""

    daemon_threads = True

    def __init__(self, root: Path, listening: socket.socket) -> None:
        self.root = root
        self.units = root / "etc" / "systemd" / "system"
        self.unit: Unit | None = None
        self._listening = listening
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(str(root / "journal.sock"))
        self._heard = heard
        self.journal = Output(iter(lambda: heard.recv(65_536).decode(), ""))
        super().__init__(str(root / "host.sock"), _Asked)
        Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        """The end of the machine."""
        if self.unit is not None:
            self.unit.close()
        self.shutdown()
        self.server_close()
        self._heard.shutdown(socket.SHUT_RDWR)
        self._heard.close()

    def play(self, command: str, *words: str) -> str:
        """What the command prints. Raises AssertionError for what nobody here understands."""
        plays = {"python3": self._python3, "systemctl": self._systemctl, "journalctl": self._journalctl}
        # Users and owners: that is for root, on a machine that may be changed.
        return plays[command](*words) if command in plays else ""

    def _python3(self, *words: str) -> str:
        module, venv, folder = words
        if (module, venv) != ("-m", "venv"):
            raise AssertionError(f"python3 {' '.join(words)}")
        Path(folder).parent.mkdir(parents=True, exist_ok=True)
        Environment(Path(folder))
        return ""

    def _systemctl(self, verb: str, *words: str) -> str:
        names = [word for word in words if not word.startswith("-")]
        for name in names:
            if not (self.units / name).exists():
                raise AssertionError(f"there is no unit {name}")
        if verb == "enable" and "--now" in words:
            self.unit = self._made()
            self.unit.start(watchdog=60.0)
        elif verb == "restart" and self.unit is not None:
            self.unit.stop()
            self.unit.start(watchdog=60.0)
        elif verb == "stop" and self.unit is not None:
            self.unit.stop()
        elif verb != "daemon-reload":
            raise AssertionError(f"systemctl {verb} {' '.join(words)}")
        return ""

    def _made(self) -> Unit:
        service = (self.units / "twistedmx.service").read_text(encoding="utf-8")
        (name,) = values((self.units / "twistedmx.socket").read_text(encoding="utf-8"), "FileDescriptorName")
        return Unit(service, self._listening, name, folder=self.root, environment=environment())

    def _journalctl(self, *words: str) -> str:
        """The next entry with all these fields."""
        wanted = "".join(rf"(?=[^\0]*^{re.escape(word)}$)" for word in words if "=" in word)
        found = self.journal.wait_for(rf"(?m)\A{wanted}")
        return "".join(f"{line}\n" for line in re.findall(r"^MESSAGE=(.*)$", found.string, re.MULTILINE))


class _Asked(StreamRequestHandler):
    def handle(self) -> None:
        """One command."""
        host = self.server
        assert isinstance(host, _Host)
        try:
            answer = (0, host.play(*json.loads(self.rfile.readline())))
        except Exception as error:
            answer = (1, f"{error!r}\n")
        self.wfile.write(json.dumps(answer).encode())


def blocks() -> list[tuple[str, str]]:
    """Each block of commands, with the block of output that follows it, or ""."""
    text = (SOURCE / "docs" / "operator.md").read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    following = [*found[1:], ("", "")]
    return [
        (commands, output if shape == "text" else "")
        for (language, commands), (shape, output) in zip(found, following, strict=True)
        if language == "sh"
    ]


class OperatorTests(SynchronousTestCase):
    """The whole hour."""

    def setUp(self) -> None:
        with_one_python()
        needed("pip", "hatchling")
        for program in ("bash", "openssl", "curl"):
            if shutil.which(program) is None:
                raise SkipTest(f"{program} is not installed: apt-get install {program}")
        self.root = short_folder()
        self.addCleanup(remove, self.root)
        listening, self.domain = loopback_socket()
        self.addCleanup(listening.close)
        self.place, self.port = listening.getsockname()[:2]
        self.metrics = free_port()
        self.host = _Host(self.root, listening)
        self.addCleanup(self.host.close)
        self.checkout = copy_checkout(self.root / "checkout")
        for folder in ("examples", "contrib"):
            shutil.copytree(SOURCE / folder, self.checkout / folder, dirs_exist_ok=True)
        for path in (*self.checkout.glob("examples/small-host/*"), *self.checkout.glob("contrib/systemd/*")):
            path.write_text(self.here(path.read_text(encoding="utf-8")), encoding="utf-8")
        lineage = self.root / "etc" / "letsencrypt" / "live" / "mx.example.org"
        lineage.mkdir(parents=True)
        (self.root / "etc" / "letsencrypt" / "renewal-hooks" / "deploy").mkdir(parents=True)
        self.host.units.mkdir(parents=True)
        self.issue(lineage)

    def issue(self, lineage: Path) -> None:
        """What certbot does."""
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=mx.example.org"
        files = ["-keyout", str(lineage / "privkey.pem"), "-out", str(lineage / "fullchain.pem")]
        name = ["-addext", "subjectAltName=DNS:mx.example.org"]
        subprocess.run(["openssl", *words.split(), *name, *files], check=True, capture_output=True, timeout=60)

    def here(self, text: str) -> str:
        """With the places of this test."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        for old, new in (
            ("/usr/bin/python3", f"{self.root}/played/python3"),
            ("'localhost', 25)", f"'{self.place}', {self.port})"),
            ("domain=INET6", f"domain={self.domain}"),
            ('user = "twistedmx"', f'user = "{pwd.getpwuid(os.geteuid()).pw_name}"'),
            ("9925", str(self.metrics)),
            ('to = "journald"', f'to = "journald"\nsocket = "{self.root}/journal.sock"'),
        ):
            text = text.replace(old, new)
        return text

    def run_all(self, commands: list[str]) -> list[str]:
        """In one shell that ends at the first command that fails; what each block printed."""
        played = self.root / "played"
        played.mkdir()
        for name in PLAYED:
            (played / name).write_text(COMMAND, encoding="utf-8")
            (played / name).chmod(0o755)
        script = "".join(f"printf '\\0'\n{block}" for block in commands)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.checkout,
            env={
                **environment(),
                "PATH": f"{played}:{os.environ.get('PATH', os.defpath)}",
                "HOST_OF_THE_TEST": str(self.root / "host.sock"),
                "TWISTEDMX_CONFIG": f"{self.root}/etc/twistedmx/twistedmx.toml",
                "PIP_NO_INDEX": "1",
                "PIP_NO_BUILD_ISOLATION": "0",  # which means: none
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.split("\0")[1:]

    def test_the_first_hour(self) -> None:
        """Who follows it has a server, and sees what it says he sees."""
        commands = blocks()
        self.assertGreater(len(commands), 8)
        printed = self.run_all([self.here(block) for block, _ in commands])
        for (block, expected), output in zip(commands, printed, strict=True):
            for line in self.here(expected).splitlines():
                pattern = ".*".join(map(re.escape, line.split("…")))
                self.assertRegex(output, re.compile(rf"^{pattern}$", re.MULTILINE), block)
            self.assertNotIn("Traceback", output)

"""What contrib/ has for supervisors and containers, as far as a machine without any can tell."""

import json
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tomllib
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.program import LISTENS, LOOPBACK, ORDERLY, TwistdProcess, programs, remove, short_folder
from tests.integration.stored import contents
from tests.integration.systemd_unit import Unit, environment, loopback_socket, values
from tests.integration.test_packaging import build_wheel
from twistedmx.net.timeouts import Timeouts

SOURCE = Path(__file__).resolve().parent.parent.parent
CONTRIB = SOURCE / "contrib"
STORED = b"Subject: hello\n\nHello.\n"
# systemd's own scale is 0 to 10, in tenths here; below 2.0 is what its own network daemons reach.
EXPOSURE = 20


class Contrib(SynchronousTestCase):
    """Each test has what an installation has: `opt` for /opt/twistedmx, settings with the table for /etc/twistedmx."""

    def setUp(self) -> None:
        self.folder = short_folder()
        self.addCleanup(remove, self.folder)
        self.opt = programs(self.folder / "opt")
        self.config = self.folder / "twistedmx.toml"
        self.data = self.folder / "data"
        (self.folder / "mailboxes").write_text("ann@example.org\n", encoding="utf-8")

    def settings(self, *listen: str, rest: str = "") -> None:
        """Such as contrib/ speaks of."""
        self.config.write_text(
            f'host = "localhost"\ndata = "{self.data}"\nlisten = {json.dumps(listen)}\n'
            f'[mailboxes]\ntable = "mailboxes"\n{rest}',
            encoding="utf-8",
        )

    def adapted(self, text: str) -> str:
        """With the places of this test."""
        for old, new in (("/opt/twistedmx/", f"{self.opt}/"), ("/etc/twistedmx/twistedmx.toml", str(self.config))):
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def assert_takes_mail(self, port: int, host: str = "127.0.0.1") -> None:
        """One message."""
        with smtplib.SMTP(host, port, local_hostname="client.example", timeout=60) as client:
            client.sendmail("me@example.com", ["ann@example.org"], b"Subject: hello\r\n\r\nHello.\r\n")
        self.assertEqual(contents(str(self.data / "mail" / "example.org" / "ann"))[-1], STORED)


def installed(name: str, package: str) -> str:
    """Path of a program. Raises SkipTest."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/command")
    if path is None:
        raise SkipTest(f"{name} is not installed: apt-get install {package}")
    return path


class SystemdTests(Contrib):
    """contrib/systemd"""

    def setUp(self) -> None:
        super().setUp()
        self.units = self.folder / "units"
        self.units.mkdir()
        for name in ("twistedmx.service", "twistedmx.socket"):
            text = (CONTRIB / "systemd" / name).read_text(encoding="utf-8")
            (self.units / name).write_text(self.adapted(text) if name.endswith("service") else text, encoding="utf-8")
        self.service = (self.units / "twistedmx.service").read_text(encoding="utf-8")
        self.socket = (self.units / "twistedmx.socket").read_text(encoding="utf-8")

    def analyze(self, *words: str) -> str:
        """What systemd-analyze prints. Raises AssertionError for another status than 0."""
        analyze = installed("systemd-analyze", "systemd")
        done = subprocess.run([analyze, *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_systemd_understands_every_line(self) -> None:
        """A misspelt line is one that does not protect: systemd goes on without it."""
        self.settings(LOOPBACK)
        said = self.analyze("verify", *(str(path) for path in sorted(self.units.iterdir())))
        self.assertNotIn("twistedmx", said)

    def test_little_is_exposed(self) -> None:
        """A process that strangers talk to has the rights of one that does."""
        words = ["security", "--offline=true", f"--threshold={EXPOSURE}", str(self.units / "twistedmx.service")]
        said = self.analyze(*words)
        if "Overall exposure" not in said:
            raise SkipTest("this systemd-analyze judges no files: it needs systemd 250")

    def test_a_life_under_systemd(self) -> None:
        """Checked, started on systemd's socket, watched, reloaded, stopped."""
        listening, domain = loopback_socket()
        self.addCleanup(listening.close)
        (name,) = values(self.socket, "FileDescriptorName")
        self.assertIn(f'listen = ["systemd:domain=INET6:name={name}"]', self.service)
        self.settings(f"systemd:domain={domain}:name={name}")
        unit = Unit(self.service, listening, name, folder=self.folder, environment=environment())
        self.addCleanup(unit.close)
        unit.start(watchdog=0.1)
        unit.said.wait_for("^WATCHDOG=1$")
        unit.said.wait_for("^WATCHDOG=1$")
        host, port, *_ = listening.getsockname()
        self.assert_takes_mail(port, host)
        self.settings(f"systemd:domain={domain}:name={name}", rest="[limits]\nsize = 1_000_000\n")
        self.assertEqual(unit.reload(), "reloaded; changed: limits.size\n")
        self.assert_takes_mail(port, host)
        self.assertEqual(unit.stop(), ORDERLY)
        self.assertIn("STOPPING=1", unit.said.lines)
        log = "\n".join(unit.output.lines)
        self.assertNotIn("Traceback", log)
        # The socket is systemd's: who connects while the server is down waits for the next one.
        with socket.create_connection((host, port), 60):
            pass

    def test_systemd_waits_longer_than_the_server(self) -> None:
        """Or it would be killed while the last sessions still have time."""
        (seconds,) = values(self.service, "TimeoutStopSec")
        self.assertGreater(float(seconds), Timeouts().grace + Timeouts().closing)


class DaemontoolsTests(Contrib):
    """contrib/daemontools"""

    def setUp(self) -> None:
        super().setUp()
        self.settings(LOOPBACK)
        self.environment = {**environment(), "TWISTEDMX": str(self.opt), "CONFIG": str(self.config)}

    def test_the_script_is_the_server(self) -> None:
        """It becomes it, so that signals reach it: hangup reads the settings again, TERM stops."""
        server = TwistdProcess(
            ["sh", str(CONTRIB / "daemontools" / "run")], folder=str(self.folder), environment=self.environment
        )
        self.addCleanup(server.stop)
        (port,) = server.ports_of()
        self.assert_takes_mail(port)
        self.settings(LOOPBACK, rest="[limits]\nsize = 1_000_000\n")
        server.hang_up()
        server.output.wait_for("settings-reloaded .*limits.size")
        self.assertEqual(server.stop()[0], ORDERLY)

    def test_a_life_under_svscan(self) -> None:
        """With its log, kept by multilog; `svc -h` reloads, `svc -t` is another server, `svc -dx` the end."""
        svscan, svc = installed("svscan", "daemontools"), installed("svc", "daemontools")
        scanned = self.folder / "service"
        shutil.copytree(CONTRIB / "daemontools", scanned / "twistedmx")
        for script in ("run", "log/run"):
            self.assertTrue(os.access(scanned / "twistedmx" / script, os.X_OK), script)
        path = {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/bin:/command"}
        ended, alive = os.pipe()  # `alive` is closed when the last of all these processes is gone
        root = subprocess.Popen(
            [svscan, str(scanned)], env={**self.environment, **path}, stderr=subprocess.DEVNULL, pass_fds=[alive]
        )
        os.close(alive)

        def control(*words: str) -> None:
            both = [str(scanned / "twistedmx"), str(scanned / "twistedmx" / "log")]
            subprocess.run([svc, *words, *(both if "-dx" in words else both[:1])], check=True, timeout=60)

        def end() -> None:
            root.terminate()
            root.wait(60)
            control("-dx")
            os.read(ended, 1)
            os.close(ended)

        self.addCleanup(end)
        # -F: the file may not be there yet, and multilog begins another one when it is full.
        current = str(scanned / "twistedmx" / "log" / "main" / "current")
        log = TwistdProcess(
            ["tail", "-s", "0.05", "-n", "+1", "-F", current], folder=str(self.folder), environment=dict(os.environ)
        )
        self.addCleanup(log.stop)
        (port,) = log.ports_of()
        self.assert_takes_mail(port)
        control("-h")
        log.output.wait_for("settings-reloaded ")
        control("-t")
        log.output.wait_for("Server Shut Down")
        (again,) = log.ports_of()
        self.assert_takes_mail(again)
        control("-d")
        log.output.wait_for("Server Shut Down")


class ContainerTests(Contrib):
    """contrib/container, without anything that could build it."""

    def setUp(self) -> None:
        super().setUp()
        text = (CONTRIB / "container" / "Containerfile").read_text(encoding="utf-8")
        self.text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))

    def instructions(self, word: str) -> list[str]:
        """What stands behind a word, by line."""
        return re.findall(rf"^{word} (.*)$", self.text, re.MULTILINE)

    def test_what_it_copies_is_all_that_a_wheel_needs(self) -> None:
        """A file that was renamed is noticed here, not by who builds an image."""
        copied = self.folder / "src"
        copied.mkdir()
        for line in self.instructions("COPY"):
            if line.startswith("--from"):
                continue
            *sources, target = line.split()
            for source in sources:
                found = SOURCE / source
                self.assertTrue(found.exists(), source)
                if found.is_dir():
                    self.assertEqual(target, f"/src/{source}")  # else its content would be strewn about
                    shutil.copytree(found, copied / source, ignore=shutil.ignore_patterns("__pycache__", "*.cache"))
                else:
                    shutil.copy(found, copied)
        build_wheel(copied, self.folder / "dist")

    def test_the_extras_that_it_installs_are_there(self) -> None:
        """pip only warns of one that is not."""
        project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (extras,) = re.findall(r'pip install [^&]*"/src\[([\w,]+)\]"', self.text)
        for extra in extras.split(","):
            self.assertIn(extra, project["optional-dependencies"])

    def test_its_command_line_starts_the_server(self) -> None:
        """With the settings that its comment asks for; SIGTERM, which it names, ends it; its health check says good."""
        (entry,), (command,) = self.instructions("ENTRYPOINT"), self.instructions("CMD")
        (check,) = (line.removeprefix("CMD ") for line in self.instructions("HEALTHCHECK"))
        self.assertEqual(self.instructions("STOPSIGNAL"), ["SIGTERM"])
        self.settings(LOOPBACK, rest='[log]\nto = "stdout"\nformat = "json"\n')
        words = json.loads(self.adapted_words(entry)) + json.loads(self.adapted_words(command))
        server = TwistdProcess(words, folder="/", environment=environment())
        self.addCleanup(server.stop)
        (port,) = server.ports_of(LISTENS)
        self.assert_takes_mail(port)
        checked = subprocess.run(json.loads(self.adapted_words(check)), capture_output=True, text=True, timeout=60)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertEqual(server.stop()[0], ORDERLY)

    def adapted_words(self, text: str) -> str:
        """With the places of this test."""
        return text.replace("/opt/twistedmx/", f"{self.opt}/").replace(
            "/etc/twistedmx/twistedmx.toml", str(self.config)
        )

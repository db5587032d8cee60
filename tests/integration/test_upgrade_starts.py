"""`twistedmx upgrade` of servers that were started in other ways: as a daemon, by systemd, as root who becomes another."""

import json
import os
import signal
import subprocess
from typing import Any
from unittest import skipUnless

from twisted.trial.unittest import SkipTest

from tests.integration.program import command, free_port, shown, words_of
from tests.integration.systemd_unit import Unit, environment, loopback_socket, values
from tests.integration.test_contrib import CONTRIB, Contrib
from tests.integration.test_life import AS_ROOT, NOBODY, ids_of, needed_user
from tests.integration.test_upgrade import UpgradeCase, end
from tests.integration.worker_case import runs


class DaemonTests(UpgradeCase):
    """`twistd` without -n, as it is started by hand or by an old init script."""

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.settings(listen=f"tcp:{self.port}:interface=127.0.0.1")
        twistd, *_ = words_of(self.config)
        # Relative to the folder of the start, which twistd then leaves.
        options = ["--pidfile", "server.pid", "--logfile", "server.log", "--rundir", "/"]
        done = subprocess.run(
            [twistd, *options, "twistedmx", "--config", self.config.name],
            cwd=self.folder,
            env=shown(self.folder / "place"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.pid = self.named()
        self.addCleanup(end, self.pid)

    def named(self) -> int:
        """In the pid file."""
        return int((self.folder / "server.pid").read_text(encoding="ascii"))

    def test_the_pid_file_names_the_new_one_until_that_ends(self) -> None:
        """Who stops it by that file stops the right one; the old one's end does not take it away."""
        done = self.asked("upgrade", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        new = json.loads(done.stdout)["pid"]
        self.addCleanup(end, new)
        self.assertEqual((self.named(), self.told()["pid"]), (new, new))
        self.until(lambda: not runs(self.pid), "the end of the old one")
        self.assertEqual(self.named(), new)
        self.send()
        os.kill(new, signal.SIGTERM)
        self.until(lambda: not runs(new), "the end of the new one")
        self.assertFalse((self.folder / "server.pid").exists())
        # Both have written to one log, and neither over the other's lines.
        log = (self.folder / "server.log").read_text(encoding="utf-8")
        for words in (f"process {new} serves; this one ends", "Server Shut Down", "Main loop terminated"):
            self.assertIn(words, log)
        self.assertEqual(log.count("Server Shut Down"), 2)
        self.assertNotIn("Traceback", log)

    def test_a_fault_is_told_and_the_pid_file_stays(self) -> None:
        """Nobody sees the standard error of a daemon."""
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text + "[limits]\nsise = 1\n", encoding="utf-8")
        self.assertIn("limits.sise", self.refused())
        self.assertEqual(self.named(), self.pid)


class UserTests(UpgradeCase):
    @skipUnless(AS_ROOT, "needs root")
    def test_a_port_that_root_opened_is_handed_over(self) -> None:
        """By who may not open it any more, to who never might."""
        user = needed_user(NOBODY)
        host = f"127.25.1.{self.workers}"  # two of these tests may run at a time
        self.settings(listen=f"tcp:25:interface={host}", top=f'user = "{NOBODY}"')
        try:
            server = self.start()
        except AssertionError as error:
            server = None
            told = str(error)
        else:
            told = "\n".join(server.output.lines)
        if "Python is in" in told:
            raise SkipTest(f"{NOBODY} may not read this Python")
        self.assertIsNotNone(server, told)
        self.send(host=host)
        answer = self.upgrade()
        self.assertEqual(ids_of(answer["pid"])["Uid"], [user.pw_uid] * 4)
        self.send(host=host)
        self.until(lambda: not runs(answer["before"]), "the end of the old one")
        self.send(host=host)
        # A port that only root can open is a fault, and so is another user.
        text = self.config.read_text(encoding="utf-8")
        for before, after, words in (
            ("tcp:25:", "tcp:24:", "cannot listen on tcp:24"),
            (f'"{NOBODY}"', '"mail"', "user: cannot change"),
        ):
            self.config.write_text(text.replace(before, after), encoding="utf-8")
            self.port = 25
            done = self.asked("upgrade", "--foreground")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(words, done.stderr)
            self.send(host=host)


class UserOfWorkers(UserTests):
    workers = 2


class UnitTests(Contrib):
    """contrib/systemd"""

    def test_systemd_is_told_which_process_is_the_server(self) -> None:
        """With the socket that systemd opened, which the next one has although nobody passes it to him; and the watchdog is fed."""
        listening, domain = loopback_socket()
        self.addCleanup(listening.close)
        service = self.adapted((CONTRIB / "systemd" / "twistedmx.service").read_text(encoding="utf-8"))
        (name,) = values((CONTRIB / "systemd" / "twistedmx.socket").read_text(encoding="utf-8"), "FileDescriptorName")
        place = f"systemd:domain={domain}:name={name}"
        self.settings(place)
        unit = Unit(service, listening, name, folder=self.folder, environment=environment())
        self.addCleanup(unit.close)
        unit.start(watchdog=0.1)
        host, port, *_ = listening.getsockname()
        self.assert_takes_mail(port, host)
        pids = []
        for _ in range(2):
            done = command("upgrade", "--json", "--config", str(self.config))
            self.assertEqual(done.returncode, 0, done.stderr)
            answer: Any = json.loads(done.stdout)
            self.addCleanup(end, answer["pid"])
            unit.said.wait_for(f"^MAINPID={answer['pid']}$")
            pids.append(answer["pid"])
            unit.said.wait_for("^WATCHDOG=1$")
            self.assert_takes_mail(port, host)
        self.settings(place, rest="[limits]\nsize = 1_000_000\n")
        self.assertEqual(unit.reload(), "reloaded; changed: limits.size\n")
        self.assert_takes_mail(port, host)
        self.assertNotIn("STOPPING=1", unit.said.lines)
        for pid in pids:
            end(pid)

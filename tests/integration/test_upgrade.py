"""`twistedmx upgrade` with real processes: mail comes throughout, and nobody who sends it notices."""

import contextlib
import json
import os
import re
import signal
import smtplib
import sqlite3
from threading import Event, Thread
from typing import Any

from tests.integration.program import ORDERLY, Started, free_port
from tests.integration.test_life import CONTENT, Client
from tests.integration.worker_case import From, WorkerCase, runs
from twistedmx.cli.control import Refused, Unreachable

_SENDERS = 4
_HOSTS = tuple(f"127.0.9.{last}" for last in range(1, 9))  # of several workers


class Senders:
    """Threads that send one message after the other, each over a connection of its own. `accepted`: marks of messages that were
    answered 250; `faults`: whatever else happened to one."""

    def __init__(self, port: int) -> None:
        self.accepted: list[str] = []
        self.faults: list[str] = []
        self._port = port
        self._over = Event()
        self._threads = [Thread(target=self._send, args=(number,), daemon=True) for number in range(_SENDERS)]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        sent = 0
        while not self._over.is_set():
            mark = f"<{number}-{sent}@example.com>"
            sent += 1
            try:
                with From(self._port, _HOSTS[sent % len(_HOSTS)]) as client:
                    client.sendmail("me@example.com", ["ann@example.org"], f"Message-ID: {mark}\r\n\r\nHello.\r\n")
            except (OSError, smtplib.SMTPException) as error:
                self.faults.append(f"{mark}: {error!r}")
                return
            self.accepted.append(mark)

    def stop(self) -> None:
        """And wait for the last one."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)


class UpgradeCase(WorkerCase):
    """`workers`: of the servers."""

    workers = 1
    foreign = "other.sqlite"  # a store that one of them will have

    def settings(self, *, top: str = "", rest: str = "", **more: str) -> None:
        super(WorkerCase, self).settings(
            top=f"workers = {self.workers}\n{top}", rest=rest or "[governor]\nshares = [1, 1, 1]\n", **more
        )

    def upgrade(self) -> Any:
        """What the command says with --json."""
        done = self.asked("upgrade", "--foreground", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.addCleanup(end, answer["pid"])
        return answer

    def refused(self, *words: str) -> str:
        """What it complains about; and then all is as it was."""
        before = self.told()["pid"]
        done = self.asked("upgrade", *words)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(self.told()["pid"], before)
        self.send()
        return done.stderr

    def started(self, server: Started) -> int:
        """The process of an upgrade that was asked for."""
        return int(server.output.wait_for(r"upgrade: process (\d+) is started")[1])

    def upgrading(self) -> "tuple[Thread, list[str]]":
        """Ask for it, beside the test. What it was refused with, when the thread has ended."""
        refusals: list[str] = []

        def ask() -> None:
            try:
                self.told("upgrade", foreground=True)
            except (Refused, Unreachable) as error:
                refusals.append(str(error))

        thread = Thread(target=ask, daemon=True)
        thread.start()
        return thread, refusals

    def marks(self) -> list[str]:
        """Of the messages that are on the disk."""
        return [mark.decode() for content in self.mail() for mark in re.findall(rb"^Message-ID: (\S+)$", content, re.M)]


def end(pid: int) -> None:
    """A server that no test has started itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class OneProcess(UpgradeCase):
    def test_no_connection_is_refused_or_lost(self) -> None:
        """Twice: who has followed can be followed. A session that was open goes on to its end with the process that it has."""
        server = self.start()
        senders = Senders(self.port)
        self.addCleanup(senders.stop)
        self.until(lambda: len(senders.accepted) > 10 or senders.faults, "mail")
        old = Client(self.port)
        self.addCleanup(old.close)
        old.begin()
        pids = [server.pid]
        for _ in range(2):
            answer = self.upgrade()
            self.assertEqual(answer["before"], pids[-1])
            pids.append(answer["pid"])
            self.assertEqual(self.until(lambda: self.told()["pid"], "the new one"), pids[-1])
            sent = len(senders.accepted)
            self.until(lambda sent=sent: len(senders.accepted) > sent + 10 or senders.faults, "mail")
        self.until(lambda: not runs(pids[1]), "the end of the second, which has no session")
        self.assertTrue(runs(pids[0]))
        self.assertEqual(old.data(CONTENT)[0], 250)
        for _ in range(2):
            old.begin()
            self.assertEqual(old.data(CONTENT)[0], 250)
        old.quit()
        status, lines = server.ended_alone()
        self.assertEqual(status, 0, "\n".join(lines))
        senders.stop()
        self.assertEqual(senders.faults, [])
        self.assertGreater(len(senders.accepted), 30)
        self.assertEqual(sorted(self.marks()), sorted(senders.accepted))
        self.assertEqual([line for line in lines if "Traceback" in line or "#error" in line], [])

    def test_what_a_restart_alone_could_change_is_changed(self) -> None:
        """Another control socket, another place, the metrics at the same one; what was blocked still is."""
        metrics = free_port()
        rest = f'[metrics]\nlisten = "tcp:{metrics}:interface=127.0.0.1"\n'
        self.settings(rest=rest)
        self.start()
        (block,) = self.told("ban", networks=["192.0.2.7"])
        new = free_port()
        self.settings(listen=f"tcp:{new}:interface=127.0.0.1", rest=rest + "[limits]\nsize = 1000000\n")
        answer = self.upgrade()
        status = self.told()
        self.assertEqual((status["pid"], status["listening"]), (answer["pid"], [f"127.0.0.1:{new}"]))
        self.assertEqual([each["id"] for each in self.told("list")["blocks"]], [block["id"]])
        before, self.port = self.port, new
        self.send()
        self.until(lambda: not runs(answer["before"]), "the end of the old one")
        self.port = before
        self.assertRaises(ConnectionRefusedError, self.send)

    def test_settings_with_a_fault_change_nothing(self) -> None:
        """All faults are told to who asked, and the old one goes on."""
        self.start()
        good = self.config.read_text(encoding="utf-8")
        for words, fault in (
            ("[limits]\nsise = 1\n", "limits.sise"),
            ('[metrics]\nlisten = "tcp:1:interface=192.0.2.1"\n', "metrics.listen: cannot listen"),
        ):
            self.config.write_text(good + words, encoding="utf-8")
            self.assertIn(fault, self.refused("--foreground"))
        self.config.write_text(good.replace(f"workers = {self.workers}", "workers = 3"), encoding="utf-8")
        self.assertIn("workers: cannot change", self.refused("--foreground"))
        self.config.write_text(good, encoding="utf-8")
        self.upgrade()
        self.send()

    def test_a_fault_behind_the_last_step_changes_nothing(self) -> None:
        """What the old one had let go it takes up again: commands are heard, and what is decided is written down."""
        self.settings()
        self.start()
        with contextlib.closing(sqlite3.connect(self.data / self.foreign)) as other:
            other.execute("CREATE TABLE theirs (id INTEGER)")
        good = self.config.read_text(encoding="utf-8")
        self.config.write_text(good + '[store]\nfile = "other.sqlite"\n', encoding="utf-8")
        self.assertIn("is the database of another program", self.refused("--foreground"))
        (block,) = self.told("ban", networks=["192.0.2.7"])
        self.config.write_text(good, encoding="utf-8")
        self.upgrade()
        self.assertEqual([each["id"] for each in self.told("list")["blocks"]], [block["id"]])

    def test_sessions_have_their_time_and_then_hear_that_it_is_over(self) -> None:
        """Who keeps a session open for ever keeps no process for ever."""
        self.settings(rest="[timeouts]\nfollowed = 0.5\ngrace = 0.5\n")
        server = self.start()
        old = self.client()
        old.begin()
        self.upgrade()
        self.assertRegex(old.hear(), b"^421 4.3.2 ")
        self.assertEqual(server.ended_alone()[0], 0)

    def test_who_is_killed_before_he_serves_changes_nothing(self) -> None:
        """A new version may die in any way."""
        server = self.start()
        for _ in range(2):
            thread, refusals = self.upgrading()
            os.kill(self.started(server), signal.SIGKILL)
            thread.join(60)
            self.assertIn("has ended before it could", refusals[0])
            self.assertEqual(self.told()["pid"], server.pid)
            self.send()

    def test_who_is_told_to_stop_meanwhile_stops(self) -> None:
        """And nobody follows: who stops a server wants none."""
        server = self.start()
        thread, _ = self.upgrading()
        pid = self.started(server)
        self.addCleanup(end, pid)
        server.ask_to_stop()
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        thread.join(60)
        self.until(lambda: not runs(pid), "the end of who was to follow")
        self.assertFalse((self.data / "control.sock").exists())
        self.assertEqual([line for line in lines if "Traceback" in line], [])

    def test_in_the_foreground_it_must_be_said(self) -> None:
        """Else a supervisor that knows nothing of it would start a second server."""
        self.start()
        self.assertIn("--foreground", self.refused())


class TwoWorkers(OneProcess):
    workers = 2
    foreign = "other-1-of-2.sqlite"

"""Workers from their start: places, users, what a process has of its supervisor, and one log."""

import contextlib
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path
from unittest import skipUnless

from twisted.trial.unittest import SkipTest

from tests.integration.program import ORDERLY, Started, TwistdProcess, command, shown, words_of
from tests.integration.stored import contents
from tests.integration.test_life import AS_ROOT, CONTENT, NOBODY, STORED, ids_of, needed_user, system_user
from tests.integration.worker_case import DEADLINE, WORKERS, WorkerCase, hosts_of

# What systemd does for a unit with one socket: it is descriptor 3.
AS_SYSTEMD = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="smtp")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class StartTests(WorkerCase):
    def test_a_port_that_is_taken_ends_it(self) -> None:
        """In the words of a server without workers: also if it is a server of ours, which could be joined."""
        self.start()
        self.settings(listen=f"tcp:{self.port}:interface=127.0.0.1")
        self.assert_ends(self.launch(), f"cannot listen on tcp:{self.port}", "Address already in use")

    @skipUnless(AS_ROOT, "needs root")
    def test_root_without_a_user_serves_nobody_but_this_machine(self) -> None:
        """Whoever finds a way into a worker that faces the world must not be root."""
        self.settings(listen="tcp:0")
        self.assert_ends(self.launch(), "started as root, with no user to become, and 0.0.0.0:", 'write user = "mail"')

    @skipUnless(AS_ROOT, "needs root")
    def test_it_binds_as_root_and_all_serve_as_its_user(self) -> None:
        """The supervisor as well. And it can start one anew."""
        user = needed_user(NOBODY)
        self.settings(listen="tcp:25:interface=127.25.0.26", top=f'user = "{NOBODY}"')
        server = self.launch()
        found = server.output.wait_for(r"twistedmx \S+ listens on (.+) with 4 workers|user: Python is in")
        if found[1] is None:
            raise SkipTest(f"{NOBODY} may not read this Python")
        pids = [server.pid, *(worker["pid"] for worker in self.workers())]
        for pid in pids:
            self.assertEqual(ids_of(pid)["Uid"], [user.pw_uid] * 4)
        os.kill(pids[1], signal.SIGKILL)
        self.until(lambda: (w := self.workers()[0])["restarts"] and w["state"] == "serving", "the next worker")
        self.port = 25
        self.send(host="127.25.0.26")
        self.assertEqual(self.mail(), [STORED])

    def test_what_workers_cannot_have_is_a_fault(self) -> None:
        """With what to do instead."""
        words = "one process alone can listen there: write workers = 1"
        self.settings(listen="unix:mx.sock")
        self.assert_ends(self.launch(), words)
        self.assertIn(words, command("check-config", str(self.config)).stdout)

    @skipUnless(AS_ROOT, "needs root")
    def test_mail_for_a_system_user_is_that_users_and_so_it_is_behind_a_death(self) -> None:
        """Each worker has an agent that was started while we were root, and is kept for whoever follows."""
        needed_user(NOBODY)
        ann = system_user(self, "mxtest-bea")
        self.settings(
            top=f'user = "{NOBODY}"', rest='[[mailboxes.passwd]]\ndomains = ["example.net"]\n[timeouts]\ngrace = 5'
        )
        server = self.launch()
        found = server.output.wait_for(r"listens on .*:(\d+) with 4 workers|user: Python is in")
        if found[1] is None:
            raise SkipTest(f"{NOBODY} may not read this Python")
        self.port = int(found[1])
        maildir = Path(ann.pw_dir) / "Maildir"
        for number in range(WORKERS):
            for _ in range(2):
                with self.from_host(next(hosts_of(number))) as client:
                    client.sendmail("me@example.com", [f"{ann.pw_name}@example.net"], CONTENT)
                pid = self.workers()[number]["pid"]
                os.kill(pid, signal.SIGKILL)
                self.until(
                    lambda number=number, pid=pid: (
                        (w := self.workers()[number])["pid"] != pid and w["state"] == "serving"
                    ),
                    "the next worker",
                )
        self.assertEqual(contents(str(maildir)), [STORED] * 2 * WORKERS)
        self.assertEqual({message.stat().st_uid for message in (maildir / "new").iterdir()}, {ann.pw_uid})
        self.assertEqual(server.stop()[0], ORDERLY)

    def test_the_log_is_one(self) -> None:
        """Lines of all workers, each with its number; nothing is stamped twice."""
        server = self.start()
        for number in range(WORKERS):
            with self.from_host(next(hosts_of(number))) as client:
                client.sendmail("me@example.com", ["ann@example.org"], CONTENT)
        for _ in range(WORKERS):
            line = server.output.wait_for(r"#info\] worker \d: (transaction|message|session)")
            self.assertEqual(len(re.findall(r"\d{4}-\d\d-\d\dT", line.string)), 1, line.string)

    def test_a_file_takes_whole_lines_of_all(self) -> None:
        """Each opens it by itself."""
        log = self.folder / "log"
        self.settings(rest=f'[log]\nfile = "{log}"\nformat = "json"')
        self.start()
        for number in range(40):
            with self.from_host(next(hosts_of(number % WORKERS))) as client:
                client.sendmail("me@example.com", ["ann@example.org"], CONTENT)
        self.until(lambda: log.read_text(encoding="utf-8").count('"session"') >= 40, "forty sessions")
        for line in log.read_text(encoding="utf-8").splitlines():
            json.loads(line)


class ProcessTests(WorkerCase):
    def test_a_worker_has_its_own_sockets_and_nothing_else_of_the_supervisors(self) -> None:
        """Whoever finds a way into one must not be in all others too."""
        server = self.start()
        of_all = {pid: sockets_of(pid) for pid in (server.pid, *(worker["pid"] for worker in self.workers()))}
        ours = of_all.pop(server.pid)
        for pid, sockets in of_all.items():
            self.assertEqual(len(sockets & ours), 1, pid)  # the one that it listens at
            for other, others in of_all.items():
                self.assertEqual(sockets & others if other != pid else set(), set(), (pid, other))
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            self.assertNotIn(b"NOTIFY_SOCKET=", environment)

    def test_systemd_hears_that_all_listen_and_that_they_stop(self) -> None:
        """From the first process alone: the others are none of its business."""
        address = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(address))
            systemd.settimeout(DEADLINE)
            server = Started(self.config, environment={"NOTIFY_SOCKET": str(address)})
            self.addCleanup(server.stop)
            self.assertEqual(systemd.recv(100), b"READY=1")
            self.assertEqual([worker["state"] for worker in self.workers()], ["serving"] * WORKERS)
            server.stop()
            self.assertEqual(systemd.recv(100), b"STOPPING=1")
            systemd.setblocking(False)
            self.assertRaises(BlockingIOError, systemd.recv, 100)

    def test_one_socket_of_systemd_is_shared_by_all(self) -> None:
        """It cannot be steered, and the log says so; mail is taken all the same."""
        with socket.create_server(("127.0.0.1", 0)) as opened:
            self.port = opened.getsockname()[1]
            self.settings(listen="systemd:domain=INET:index=0")
            server = TwistdProcess(
                [sys.executable, "-c", AS_SYSTEMD, str(opened.fileno()), *words_of(self.config)],
                folder=str(self.folder),
                environment=shown(self.folder / "place"),
                pass_fds=[opened.fileno()],
            )
            self.addCleanup(server.stop)
            server.output.wait_for(r"warn\] systemd:.*: hosts are not steered to workers \(systemd opened it")
            server.ports_of()
            for _ in range(8):
                self.send()
            os.kill(self.workers()[0]["pid"], signal.SIGKILL)
            self.send()
            self.assertEqual(self.mail(), [STORED] * 9)


def sockets_of(pid: int) -> set[str]:
    """By their numbers in the kernel."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(path))
    return {name for name in found if name.startswith("socket:")}

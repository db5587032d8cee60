"""Several workers as operators run them: each host has one, and whoever dies, no mail that was taken is lost."""

import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import skipUnless
from urllib.request import urlopen

from twisted.trial.unittest import SkipTest

from tests.integration.program import ORDERLY, Started, TwistdProcess, command, free_port, shown, words_of
from tests.integration.stored import contents
from tests.integration.test_life import (
    AS_ROOT,
    CONTENT,
    NOBODY,
    STORED,
    Client,
    Life,
    ids_of,
    needed_user,
    system_user,
)
from twistedmx.cli.control import NoServer, Refused, ask
from twistedmx.net.steering import worker_of

WORKERS = 4
DEADLINE = 60.0


class From(Client):
    """A client at another address of the loopback network."""

    def __init__(self, port: int, address: str) -> None:
        smtplib.SMTP.__init__(
            self, "127.0.0.1", port, local_hostname="client.example", timeout=60, source_address=(address, 0)
        )


def hosts_of(number: int) -> Iterator[str]:
    """Addresses whose worker it is."""
    return (host for host in (f"127.0.9.{last}" for last in range(1, 255)) if worker_of(host, WORKERS) == number)


def runs(pid: int) -> bool:
    """Is there such a process? One that nobody has waited for yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class WorkerCase(Life):
    def setUp(self) -> None:
        super().setUp()
        self.settings()

    def settings(self, *, top: str = "", **more: str) -> None:
        super().settings(top=f"workers = {WORKERS}\n{top}", **more)

    def told(self, command: str = "status", **arguments: Any) -> Any:
        """What the control socket says."""
        return ask(str(self.data / "control.sock"), command, arguments)

    def until(self, there: Callable[[], Any], what: str = "") -> Any:
        """What it says once it says something. It asks the server, or the disk, which takes its time."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if found := there():
                return found
        raise AssertionError(f"not within {DEADLINE:g} s: {what or there}")

    def workers(self) -> list[Any]:
        """Of the status."""
        workers: list[Any] = self.told()["workers"]
        return workers

    def from_host(self, address: str) -> From:
        """Closed with the test."""
        client = From(self.port, address)
        self.addCleanup(client.close)
        return client

    def mail(self) -> list[bytes]:
        """Of ann."""
        return contents(str(self.data / "mail" / "example.org" / "ann"))


class SteeringTests(WorkerCase):
    def test_each_host_comes_to_its_worker_and_the_numbers_are_added_up(self) -> None:
        """All that is known of a host is known in one process; who looks sees one server."""
        port = free_port()
        self.settings(rest=f'[metrics]\nlisten = "tcp:{port}:interface=127.0.0.1"')
        server = self.start()
        expected = [0] * WORKERS
        for last in range(1, 25):
            host = f"127.0.7.{last}"
            expected[worker_of(host, WORKERS)] += 1
            self.from_host(host).begin()
        self.assertGreater(min(expected), 0)
        status = self.told()
        self.assertEqual([worker["sessions"] for worker in status["workers"]], expected)
        self.assertEqual(status["sessions"]["open"], 24)
        self.assertEqual(status["pid"], server.pid)
        self.assertEqual(len({worker["pid"] for worker in status["workers"]} | {server.pid}), WORKERS + 1)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
            page = answer.read().decode()
        self.assertIn("\ntwistedmx_sessions_open 24.0\n", page)
        self.assertIn('\ntwistedmx_mailboxes_loaded{source="', page)
        # The page for people has them, too.
        shown = self.asked("status")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"workers +0: process \d+, serving, \d+ sessions, since ")

    def test_commands_are_answered_for_all(self) -> None:
        """Whatever worker it is that knows."""
        self.start()
        for number in range(WORKERS):
            with self.from_host(next(hosts_of(number))) as client:
                client.ehlo()
                client.mail("me@example.com")
                client.rcpt("nobody@example.org")
        for number in range(WORKERS):
            host = next(hosts_of(number))
            why = self.until(
                lambda host=host: (told := self.told("why", what=host))["found"] and told, f"what is known of {host}"
            )
            self.assertEqual([each["host"] for each in why["hosts"]], [host])
            reputation = self.told("reputation", address=host)
            self.assertEqual(reputation["address"], host)
        self.assertEqual(len(self.told("why", what="nobody@example.org")["sessions"]), WORKERS)
        self.assertEqual(self.told("rcpt", address="ann@example.org")["address"], "ann@example.org")
        self.assertEqual(sum(minute["sessions"] for minute in self.told("history")["minutes"]), WORKERS)
        self.assertEqual(len(self.told("samples")["samples"]), WORKERS)
        (block,) = self.told("ban", networks=["192.0.2.7"])
        self.assertEqual([each["id"] for each in self.told("list")["blocks"]], [block["id"]])
        self.assertEqual(self.told("unban", what=block["id"])["id"], block["id"])
        self.assertEqual(self.told("list")["blocks"], [])
        self.assertRaises(Refused, self.told, "unban", what="192.0.2.7")
        self.assertEqual(self.told("attacks")["flooded"], [])


class DeathTests(WorkerCase):
    def test_who_is_killed_is_followed_and_nobody_else_notices(self) -> None:
        """Sessions of the others go on; what was answered 250 is there; who comes meanwhile waits for the next one."""
        server = self.start()
        others = [self.from_host(next(hosts_of(number))) for number in range(1, WORKERS)]
        for client in others:
            client.begin()
        mine = next(hosts_of(0))
        victim = self.from_host(mine)
        victim.begin()
        self.assertEqual(victim.data(CONTENT)[0], 250)
        victim.begin()
        before = self.workers()
        os.kill(before[0]["pid"], signal.SIGSTOP)  # else the next may be there before anybody can come
        try:
            connecting = socket.create_connection(("127.0.0.1", self.port), 60, (mine, 0))
            self.addCleanup(connecting.close)
        finally:
            os.kill(before[0]["pid"], signal.SIGKILL)
        self.assertEqual(victim.hear(), b"")
        self.assertTrue(connecting.recv(100).startswith(b"220 "))  # whoever follows has found it in the queue
        server.output.wait_for(r"worker 0, process \d+, was ended by signal 9")
        for client in others:
            self.assertEqual(client.data(CONTENT)[0], 250)
        after = self.until(lambda: (now := self.workers())[0]["state"] == "serving" and now, "the next worker")
        self.assertNotEqual(after[0]["pid"], before[0]["pid"])
        self.assertEqual([worker["restarts"] for worker in after], [1, 0, 0, 0])
        self.assertEqual([worker["pid"] for worker in after[1:]], [worker["pid"] for worker in before[1:]])
        self.assertEqual(self.mail(), [STORED] * WORKERS)

    def test_the_end_of_the_supervisor_is_the_end_of_all(self) -> None:
        """In good order: a transaction is finished. And the next server can listen there at once."""
        port = free_port()
        self.settings(listen=f"tcp:{port}:interface=127.0.0.1", rest="[timeouts]\ngrace = 30")
        server = self.start()
        clients = [self.from_host(next(hosts_of(number))) for number in range(WORKERS)]
        for client in clients:
            client.begin()
        pids = [worker["pid"] for worker in self.workers()]
        server.kill()
        for client in clients:
            self.assertEqual(client.data(CONTENT)[0], 250)
        self.until(lambda: not any(map(runs, pids)), "the end of the workers")
        self.assertEqual(self.mail(), [STORED] * WORKERS)
        self.start()
        self.send()

    def test_sigterm_ends_all_of_them(self) -> None:
        """Who is in a transaction finishes it; nobody is left over."""
        self.settings(rest="[timeouts]\ngrace = 30")
        server = self.start()
        clients = [self.from_host(next(hosts_of(number))) for number in range(WORKERS)]
        for client in clients:
            client.begin()
        pids = [worker["pid"] for worker in self.workers()]
        server.ask_to_stop()
        for client in clients:
            self.assertEqual(client.data(CONTENT)[0], 250)
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, lines)
        self.assertFalse(any(map(runs, pids)))
        self.assertEqual(self.mail(), [STORED] * WORKERS)
        self.assertFalse([line for line in lines if re.search("Traceback|#(error|critical)", line)], lines)
        with self.assertRaises(NoServer):
            self.told()

    def test_a_worker_that_is_asked_to_end_is_followed(self) -> None:
        """As an operator may do with each in turn: its own transactions are finished."""
        server = self.start()
        client = self.from_host(next(hosts_of(2)))
        client.begin()
        before = self.workers()[2]["pid"]
        os.kill(before, signal.SIGTERM)
        self.assertEqual(client.data(CONTENT)[0], 250)
        server.output.wait_for(r"worker 2, process \d+, ended")
        self.until(lambda: (now := self.workers()[2])["state"] == "serving" and now["pid"] != before, "the next worker")
        with self.from_host(next(hosts_of(2))) as other:
            other.begin()

    def test_a_crowd_that_is_served_while_workers_die_loses_no_message(self) -> None:
        """Each that was answered 250 is on disk, and each connection is answered by somebody."""
        self.start()
        taken: list[bytes] = []
        for number in range(24):
            host = next(hosts_of(number % WORKERS))
            if number % 6 == 5:
                os.kill(self.until(lambda: (w := self.workers()[2])["state"] == "serving" and w["pid"]), signal.SIGKILL)
            content = b"Subject: %d\r\n\r\nHello.\r\n" % number
            with contextlib.suppress(smtplib.SMTPException, OSError), self.from_host(host) as client:
                client.sendmail("me@example.com", ["ann@example.org"], content)
                taken.append(content.replace(b"\r\n", b"\n"))
        self.assertGreaterEqual(len(taken), 18)
        self.assertEqual([content for content in taken if content not in self.mail()], [])


class ReloadTests(WorkerCase):
    def change(self) -> None:
        """A smaller limit."""
        self.settings(rest="[limits]\nsize = 1_000_000")

    def sizes(self) -> set[str]:
        """What each worker tells a client."""
        sizes = set()
        for number in range(WORKERS):
            with self.from_host(next(hosts_of(number))) as client:
                client.ehlo()
                sizes.add(client.esmtp_features["size"])
        return sizes

    def test_all_take_up_other_settings(self) -> None:
        """And say so once; sessions go on. Who is started later begins with them."""
        server = self.start()
        client = self.client()
        client.begin()
        self.change()
        done = self.asked("reload")
        self.assertEqual((done.returncode, done.stdout), (0, "reloaded; changed: limits.size\n"), done.stderr)
        self.assertEqual(self.sizes(), {"1000000"})
        self.assertEqual(client.data(CONTENT)[0], 250)
        self.assertIsNotNone(self.told()["reloaded"])
        self.config.write_text("nonsense", encoding="utf-8")  # whoever follows must not read it
        os.kill(self.workers()[1]["pid"], signal.SIGKILL)
        self.until(lambda: (w := self.workers()[1])["restarts"] and w["state"] == "serving", "the next worker")
        self.assertEqual(self.sizes(), {"1000000"})
        _, lines = server.stop()
        self.assertEqual(len([line for line in lines if "settings-reloaded" in line]), 1)

    def test_a_hangup_does_it_too(self) -> None:
        """What every supervisor can send."""
        server = self.start()
        self.change()
        server.hang_up()
        server.output.wait_for("settings-reloaded .*changed=limits.size")
        self.assertEqual(self.sizes(), {"1000000"})

    def test_what_is_wrong_or_cannot_change_leaves_all_as_it_was(self) -> None:
        """Every fault, by its key."""
        self.start()
        before = self.sizes()
        for key, more in (
            ("listen: cannot change", {"listen": "tcp:0:interface=127.0.0.2"}),
            ("tls.certificate", {"rest": '[tls]\ncertificate = "/nowhere/mx.pem"\n[limits]\nsize = 1_000_000'}),
            ("limits.size", {"rest": '[limits]\nsize = "much"'}),
        ):
            self.settings(**more)
            refused = self.asked("reload")
            self.assertNotEqual(refused.returncode, 0, key)
            self.assertIn(key, refused.stdout + refused.stderr)
            self.assertEqual(self.sizes(), before)
        Life.settings(self, top="workers = 2")
        refused = self.asked("reload")
        self.assertIn("workers: cannot change while the server runs", refused.stdout + refused.stderr)


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
                [
                    "sh",
                    "-c",
                    f'exec 3<&{opened.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=smtp exec "$@"',
                    "sh",
                    *words_of(self.config),
                ],
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

"""Several workers as operators run them: each host has one, and whoever dies, no mail that was taken is lost."""

import contextlib
import os
import re
import signal
import smtplib
import socket
from urllib.request import urlopen

from tests.integration.program import ORDERLY, free_port
from tests.integration.test_life import CONTENT, STORED, Life
from tests.integration.worker_case import WORKERS, WorkerCase, hosts_of, runs
from twistedmx.cli.control import NoServer, Refused
from twistedmx.net.steering import worker_of


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

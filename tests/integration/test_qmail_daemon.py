"""In place of tcpserver and qmail-smtpd: `twistd twistedmx --qmail DIR`, how it begins, what it says, and how it ends."""

import contextlib
import os
import pwd
import re
import signal
import socket
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.output import Output
from tests.integration.program import COMPLAINT, LOOPBACK, ORDERLY, shown
from tests.integration.qmail_case import NO_MX, TWISTD, Client, QmailCase, as_user, needed
from tests.integration.test_life import system_user
from tests.integration.worker_case import runs
from twistedmx.net.demo_certificate import make_demo_certificate


class TestTheStart(QmailCase):
    """What keeps it from starting is said in a line, with the remedy."""

    def test_without_rcpthosts_it_would_be_an_open_relay(self) -> None:
        """qmail-smtpd is one then. Here somebody has to say that he wants it."""
        self.path("control", "rcpthosts").unlink()
        self.assert_ends(
            self.launch("--port", LOOPBACK), "control/rcpthosts is missing", "one a line", "--allow-open-relay"
        )
        found = self.queue()
        server = self.start("--allow-open-relay")
        with Client(self.port) as client:
            self.assertEqual(client.transaction("whoever@everywhere.example")[:3], "250")
        (envelope,) = (path.read_bytes() for path in found.glob("*.envelope"))
        self.assertIn(b"Twhoever@everywhere.example\0", envelope)
        self.assertEqual(server.stop()[0], ORDERLY)

    def test_without_me_it_has_no_name(self) -> None:
        """And a file that is not to be read stands for settings that nobody knows."""
        self.path("control", "smtpgreeting").unlink()
        self.path("control", "me").unlink()
        self.assert_ends(self.launch("--port", LOOPBACK), "control/me", "is missing", "this host's full name")
        self.control("me", "host.example\n")
        self.path("control", "rcpthosts").chmod(0)
        self.assert_ends(self.launch("--port", LOOPBACK), "control/rcpthosts: Permission denied", "qmail-smtpd")

    def test_a_folder_that_is_no_qmail(self) -> None:
        """A slip of the pen."""
        words = ["--qmail", str(self.folder), "--port", LOOPBACK]
        self.assert_ends(self.launch(*words, qmail=False), f"qmail.home: {self.folder}: has no folder control")

    def test_workers_are_refused(self) -> None:
        """One process serves a qmail host."""
        words = self.configured(f'listen = ["{LOOPBACK}"]\nworkers = 2\n')
        self.assert_ends(self.launch(*words), "one process alone can serve a qmail host: write workers = 1")

    def test_help_names_it(self) -> None:
        """Who types --help finds how to begin."""
        done = subprocess.run(
            [TWISTD, "twistedmx", "--help"],
            env=shown(self.folder / "place", COLUMNS="100"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        said = " ".join(done.stdout.split())
        for words in ("--qmail=", "Serve the qmail host in this folder, as /var/qmail", "--allow-open-relay"):
            self.assertIn(words, said)

    def test_root_becomes_vpopmail(self) -> None:
        """Who may look up users: and mail still goes to each user as that user."""
        if os.geteuid() != 0:
            raise SkipTest("only root can become another")
        name = "vpopmail"
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            entry = system_user(self, name)  # type: ignore[arg-type]  # it has a folder, and cleans up
        self.data = Path(self.tree.root, "data")
        self.below_roots_own()
        server = self.start(before=())
        status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        self.assertEqual(re.findall(r"^[UG]id:\t(\d+)", status, re.MULTILINE), [str(entry.pw_uid), str(entry.pw_gid)])
        with Client(self.port) as client:
            self.assertEqual(client.transaction("ann@example.org")[:3], "250")
        (path,) = Path(self.tree.domain("example.org", "ann", "Maildir", "new")).iterdir()
        self.assertEqual(path.stat().st_uid, self.uid)
        code, lines = server.stop()
        self.assertEqual((code, [line for line in lines if COMPLAINT.search(line)]), (ORDERLY, []))


class TestTheLog(QmailCase):
    """What tcpserver -v and chkuser would have written, where multilog reads it."""

    def test_through_multilog(self) -> None:
        """With the usual timestamps and size, and of chkuser's lines alone another log."""
        needed("multilog")
        self.control("concurrencyincoming", "7\n")
        main, refused = self.folder / "main", self.folder / "refused"
        command = [*as_user(), TWISTD, "-n", "--pidfile=", "twistedmx", "--qmail", self.tree.root]
        server = subprocess.Popen(
            [*command, "--data", str(self.data), "--port", LOOPBACK],
            cwd=self.folder,
            env=shown(self.folder / "place", **NO_MX),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        multilog = subprocess.Popen(
            [
                *(*as_user(), "multilog", "t", "e", "s16777215", "n20", str(main)),
                *("-*", "+*CHKUSER*", "s16777215", "n20", str(refused)),
            ],
            stdin=server.stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(multilog.communicate, timeout=60)
        self.addCleanup(server.send_signal, signal.SIGTERM)
        server.stdout.close()  # type: ignore[union-attr]
        log = Output(multilog.stderr)  # type: ignore[arg-type]
        self.port = int(log.wait_for(r"listens on 127\.0\.0\.1:(\d+)$")[1])
        with Client(self.port) as client:
            self.assertEqual(client.transaction("ann@example.org")[:3], "250")
            self.assertEqual(client.transaction("nobody@example.org")[:3], "550")
        log.wait_for("tcpserver: status: 0/7$")
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        multilog.wait(60)
        lines = (main / "current").read_text(encoding="utf-8").splitlines()
        for line in lines:
            self.assertRegex(line, "^@[0-9a-f]{24} ")
        told = [line[26:] for line in lines if re.match(r".{26}(tcpserver:|CHKUSER )", line)]
        number, port = r"(\d+)", str(self.port)
        expected = [
            "tcpserver: status: 0/7",
            "tcpserver: status: 1/7",
            f"tcpserver: pid {number} from 127.0.0.1",
            rf"tcpserver: ok {number} :127\.0\.0\.1:{port} :127\.0\.0\.1::\d+",
            r"CHKUSER accepted sender: from <me@client\.example::> remote <client\.example:unknown:127\.0\.0\.1> rcpt <> : .*",
            r"CHKUSER accepted rcpt: from <me@client\.example::> remote <client\.example:unknown:127\.0\.0\.1> "
            r"rcpt <ann@example\.org> : found existing recipient",
            r"CHKUSER accepted sender: .*",
            r"CHKUSER rejected rcpt: from <me@client\.example::> remote <client\.example:unknown:127\.0\.0\.1> "
            r"rcpt <nobody@example\.org> : not existing recipient",
            f"tcpserver: end {number} status 0",
            "tcpserver: status: 0/7",
        ]
        self.assertEqual(len(told), len(expected), told)
        for line, pattern in zip(told, expected, strict=True):
            self.assertRegex(line, f"^{pattern}$")
        chosen = (refused / "current").read_text(encoding="utf-8").splitlines()
        self.assertEqual([line[26:] for line in chosen], [line for line in told if line.startswith("CHKUSER")])


class TestTheEnd(QmailCase):
    """What is at work is finished."""

    def setUp(self) -> None:
        super().setUp()
        self.gate = self.folder / "gate"
        os.mkfifo(self.gate)
        self.owned(self.gate)
        self.finished = self.folder / "finished"
        # It waits at the gate until nobody holds that open any more.
        text = f"#!/bin/sh\ncat > /dev/null; cat <&1 > /dev/null\nread line < {self.gate}\n: > {self.finished}\n"
        self.program(text, "bin", "qmail-queue")

    def sent(self) -> tuple[Client, int]:
        """A client whose message the queue program has, and who has heard nothing of it; and the gate at which that waits."""
        client = Client(self.port)
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("me@client.example")
        client.rcpt("ann@example.org")
        self.assertEqual(client.docmd("DATA")[0], 354)
        client.send("Subject: hello\r\n\r\nHello\r\n.\r\n")
        return client, os.open(self.gate, os.O_WRONLY)

    def wait_until_closed(self) -> None:
        """Returns when nobody listens on the port."""
        with contextlib.suppress(ConnectionError):
            while True:
                with socket.create_connection(("127.0.0.1", self.port), timeout=60) as more:
                    more.recv(1)

    def test_a_message_that_the_queue_has_is_answered(self) -> None:
        """The sender hears 250, and does not send it again."""
        server = self.start()
        client, gate = self.sent()
        server.ask_to_stop()
        self.wait_until_closed()
        os.close(gate)
        self.assertEqual(client.getreply()[0], 250)
        client.close()
        self.assertEqual(server.stop()[0], ORDERLY)
        self.assertTrue(self.finished.exists())

    def test_a_queue_program_whose_client_is_gone_is_waited_for(self) -> None:
        """It has the message, and would be killed in the middle of it."""
        server = self.start()
        client, gate = self.sent()
        client.close()
        server.ask_to_stop()
        self.wait_until_closed()
        self.assertTrue(runs(server.pid))
        self.assertFalse(self.finished.exists())
        os.close(gate)
        self.assertEqual(server.stop()[0], ORDERLY)
        self.assertTrue(self.finished.exists())


class TestWhileItRuns(QmailCase):
    """Commands, reloads, and files that are edited."""

    def test_a_hangup_leaves_qmail_alone(self) -> None:
        """Its files hold for the next connection without one; sessions and messages under way go on."""
        found = self.queue()
        server = self.start()
        client = self.client()
        client.ehlo()
        client.mail("me@client.example")
        server.hang_up()
        server.output.wait_for("reloaded|settings")
        self.assertEqual(client.rcpt("ann@example.org")[0], 250)
        self.assertEqual(client.data("Subject: one\n\n")[0], 250)
        client.quit()
        self.assertEqual(self.said_of("ann@new.example")[:3], "553")
        # The next connection, unless it comes within two milliseconds of the last.
        with open(self.path("control", "rcpthosts"), "a", encoding="ascii") as file:
            file.write("new.example\n")
        self.until(lambda: self.said_of("ann@new.example")[:3] == "250")
        self.path("control", "rcpthosts").chmod(0)
        self.until(lambda: self.said_of("ann@new.example") == "421 b'unable to read controls (#4.3.0)'")
        server.output.wait_for("control/rcpthosts: Permission denied.*421 until it is mended")
        self.path("control", "rcpthosts").chmod(0o644)
        self.until(lambda: self.said_of("ann@new.example")[:3] == "250")
        self.assertGreaterEqual(len(list(found.glob("*.message"))), 3)

    def test_status_tells_what_the_host_has(self) -> None:
        """Without a settings file of ours: its certificate, its limits, and where it is."""
        certificate = self.path("control", "servercert.pem")
        make_demo_certificate(str(certificate), "host.example", 0.0)
        self.owned(certificate)
        self.control("maxrcpt", "7\n")
        self.start()
        told = self.status()
        self.assertEqual([each["file"] for each in told["certificates"]], [str(certificate)])
        self.assertEqual((told["limits"]["size"], told["limits"]["recipients"]), (20_000_000, 7))
        said = self.asked("status").stdout
        self.assertRegex(said, rf"(?m)^settings +none, all is as {self.tree.root} has it$")
        self.assertRegex(said, rf"(?m)^qmail +{self.tree.root}, dialect twistedmx, tree notqmail, delivery own$")
        self.assertRegex(said, r"(?m)^certificates  .*servercert\.pem: host\.example, ")
        self.control("databytes", "0\n")
        self.until(lambda: self.status()["limits"]["size"] == 268_435_456)  # [qmail] largest
        self.path("control", "rcpthosts").chmod(0)
        self.until(lambda: self.status()["certificates"] == [])  # nor is anybody served

    def test_commands_of_the_operator(self) -> None:
        """status, why and ban know of a qmail host what they know of any other."""
        self.queue()
        self.start()
        client = self.client()
        client.ehlo()
        client.mail("me@client.example")
        self.assertEqual(client.rcpt("nobody@example.org")[0], 550)
        status = self.asked("status")
        self.assertEqual(status.returncode, 0, status.stdout + status.stderr)
        self.assertRegex(status.stdout, rf"127\.0\.0\.1:{self.port}")
        client.quit()
        why = self.asked("why", "nobody@example.org")
        self.assertEqual(why.returncode, 0, why.stdout + why.stderr)
        self.assertRegex(why.stdout, r"127\.0\.0\.1(.|\n)*550 5\.1\.1 .*\(chkuser\)")
        banned = self.asked("ban", "192.0.2.7")
        self.assertEqual(banned.returncode, 0, banned.stdout + banned.stderr)
        self.assertIn("192.0.2.7", self.asked("list").stdout)

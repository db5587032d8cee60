"""The life of the program, from a start that cannot be to an end that loses nothing: real processes, signals and users."""

import json
import os
import pwd
import re
import shutil
import smtplib
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest import skipUnless
from urllib.request import urlopen

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.program import LOOPBACK, ORDERLY, Started, command, free_port, remove, short_folder
from tests.integration.stored import contents
from tests.integration.test_clients import trusting
from tests.integration.test_packaging import copy_checkout
from twistedmx.net.demo_certificate import make_demo_certificate

AS_ROOT = os.geteuid() == 0
CONTENT = b"Subject: hello\r\n\r\nHello.\r\n"
STORED = CONTENT.replace(b"\r\n", b"\n")
NOBODY = "nobody"
TRUSTING = trusting()


class Client(smtplib.SMTP):
    """With a deadline, and a name that does not ask the resolver."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        super().__init__(host, port, local_hostname="client.example", timeout=60)

    def begin(self, address: str = "ann@example.org") -> None:
        """A transaction, up to the content."""
        self.ehlo()
        for code, words in (self.mail("me@example.com"), self.rcpt(address)):
            if code != 250:
                raise AssertionError(words)

    def hear(self) -> bytes:
        """The next reply, and the end of the connection where that is what comes."""
        try:
            code, words = self.getreply()
        except smtplib.SMTPServerDisconnected:
            return b""
        return b"%d %s" % (code, words)


class ImplicitTls(smtplib.SMTP_SSL):
    """The same where TLS comes first."""

    hear = Client.hear

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, local_hostname="client.example", timeout=60, context=TRUSTING)


class Life(SynchronousTestCase):
    """Each test has a folder with settings, and a table of mailboxes that every user may read."""

    def setUp(self) -> None:
        self.folder = short_folder()
        self.addCleanup(remove, self.folder)
        self.config = self.folder / "twistedmx.toml"
        self.data = self.folder / "data"
        self.table = self.folder / "mailboxes"
        self.table.write_text("ann@example.org\n", encoding="utf-8")

    def settings(self, *, listen: str = LOOPBACK, top: str = "", rest: str = "", mailboxes: str = "") -> None:
        """`top`: more keys of the top; `mailboxes`: of that section; `rest`: more sections."""
        text = f'host = "mx.example.org"\ndata = "{self.data}"\nlisten = ["{listen}"]\n{top}\n'
        text += f'[mailboxes]\ntable = "mailboxes"\n{mailboxes}\n{rest}\n'
        self.config.write_text(text, encoding="utf-8")

    def start(self) -> Started:
        """It listens; self.port says where."""
        server = self.launch()
        self.port, *_ = server.ports_of()
        return server

    def launch(self) -> Started:
        """It may not come to that."""
        server = Started(self.config)
        self.addCleanup(server.stop)
        return server

    def assert_ends(self, server: Started, *words: str) -> None:
        """By itself, with status 1 and these words in one line of its log, without a traceback."""
        status, lines = server.ended()
        log = "\n".join(lines)
        self.assertEqual(status, 1, log)
        self.assertNotIn("Traceback", log)
        self.assertTrue(any(all(word in line for word in words) for line in lines), log)

    def client(self) -> Client:
        """Closed with the test."""
        client = Client(self.port)
        self.addCleanup(client.close)
        return client

    def send(self, address: str = "ann@example.org", host: str = "127.0.0.1") -> None:
        """A message."""
        with Client(self.port, host) as client:
            client.sendmail("me@example.com", [address], CONTENT)

    def asked(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """`twistedmx` about this server."""
        return command(*words, "--config", str(self.config))


class StartTests(Life):
    """What keeps a server from starting is said in a line."""

    def test_a_port_that_is_taken_ends_it(self) -> None:
        """The old MTA still runs: the first thing that happens to everybody."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.settings(listen=f"tcp:{port}:interface=127.0.0.1")
            self.assert_ends(self.launch(), f"cannot listen on tcp:{port}:interface=127.0.0.1: ", "in use")

    def test_a_port_of_the_metrics_that_is_taken_ends_it(self) -> None:
        """Not seen in the graphs is not watched."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.settings(rest=f'[metrics]\nlisten = "tcp:{port}:interface=127.0.0.1"')
            self.assert_ends(self.launch(), "metrics.listen: cannot listen on ", "in use")

    def test_all_faults_of_the_settings_are_told_at_once(self) -> None:
        """One start for each fault would be an hour."""
        self.settings(rest='[limits]\nsise = 1\n[timeouts]\ncommand = "long"')
        server = self.launch()
        status, lines = server.ended()
        log = "\n".join(lines)
        self.assertEqual(status, 1, log)
        for words in (f"{self.config}: limits.sise: ", f"{self.config}: timeouts.command: "):
            self.assertIn(words, log)
        self.assertNotIn("Traceback", log)

    def test_two_servers_do_not_share_a_data_folder(self) -> None:
        """The second one would take the control socket from the first."""
        self.settings()
        self.start()
        self.assert_ends(self.launch(), "another server runs with this data folder", str(self.data / "control.sock"))
        self.send()  # the first one goes on, and still hears commands
        self.assertEqual(self.asked("status").returncode, 0)

    def test_a_socket_that_a_killed_server_left_behind_is_no_hindrance(self) -> None:
        """Or nobody could start again after a power cut."""
        self.settings()
        server = self.start()
        server.kill()
        self.assertTrue((self.data / "control.sock").exists())
        self.start()
        self.assertEqual(self.asked("status").returncode, 0)


def system_user(test: Life, name: str) -> pwd.struct_passwd:
    """A user of this system while the test runs. Raises SkipTest."""
    for program in ("useradd", "userdel"):
        if shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin") is None:
            raise SkipTest(f"{program} is not installed: apt-get install passwd")
    home = test.folder / "home" / name
    home.parent.mkdir()
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin"
    # Not --system: those below least_uid get no mail.
    words = ["useradd", "--create-home", "--home-dir", str(home), "--no-log-init", "--shell", "/bin/false", name]
    made = subprocess.run(words, env={"PATH": path}, capture_output=True, text=True, timeout=60)
    if made.returncode != 0:
        raise SkipTest(f"no user can be added here: {made.stderr.strip()}")
    test.addCleanup(subprocess.run, ["userdel", name], env={"PATH": path}, capture_output=True, timeout=60)
    return pwd.getpwnam(name)


class UserTests(Life):
    """Root opens the port, and is gone before the first octet is read."""

    @skipUnless(AS_ROOT, "needs root")
    def test_root_without_a_user_serves_nobody_but_this_machine(self) -> None:
        """Whoever finds a way into a server that faces the world must not be root."""
        self.settings(listen="tcp:0")
        self.assert_ends(self.launch(), "started as root, with no user to become, and 0.0.0.0:", 'write user = "mail"')
        self.assertFalse(self.data.exists())

    @skipUnless(AS_ROOT, "needs root")
    def test_root_on_loopback_is_a_warning(self) -> None:
        """The demo, in a container."""
        self.settings()
        server = self.launch()
        server.output.wait_for("warn.* runs as root: loopback only")
        self.port, *_ = server.ports_of()
        self.send()

    def test_a_user_that_is_not_there_ends_it(self) -> None:
        """Rather than being root for once; and whoever starts it hears of it before root does."""
        self.settings(top='user = "nosuchuser-mx"')
        self.assert_ends(self.launch(), "user: 'nosuchuser-mx' is no user of this system", "useradd")

    @skipUnless(AS_ROOT, "needs root")
    def test_root_who_becomes_root_serves_nobody_but_this_machine(self) -> None:
        """With words that do not send him to look for a user who is there."""
        self.settings(listen="tcp:0", top='user = "root"')
        self.assert_ends(self.launch(), "started as root, and user = 'root' is root, and 0.0.0.0:")

    @skipUnless(AS_ROOT, "needs root")
    def test_it_binds_as_root_and_serves_as_its_user(self) -> None:
        """A port below 1024, a folder that is the user's, and mail in it."""
        user = needed_user(NOBODY)
        self.settings(listen="tcp:25:interface=127.25.0.25", top=f'user = "{NOBODY}"')
        server = self.start()
        self.assertEqual(self.port, 25)
        ids = ids_of(server.pid)
        self.assertEqual(ids["Uid"], [user.pw_uid] * 4)
        self.assertEqual(ids["Gid"], [user.pw_gid] * 4)
        self.assertNotIn(0, ids["Groups"])
        self.assertEqual(self.data.stat().st_uid, user.pw_uid)
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        self.send(host="127.25.0.25")
        maildir = self.data / "mail" / "example.org" / "ann"
        self.assertEqual(contents(str(maildir)), [STORED])
        (message,) = (maildir / "new").iterdir()
        self.assertEqual(message.stat().st_uid, user.pw_uid)
        # As that user it reloads, too: what it reads must be readable for it.
        self.assertEqual(self.asked("reload").returncode, 0)
        self.assertEqual(server.stop()[0], ORDERLY)

    @skipUnless(AS_ROOT, "needs root")
    def test_what_its_user_cannot_import_is_there_before(self) -> None:
        """A Python below /root: the start warns, and mail and commands are answered all the same."""
        needed_user(NOBODY)
        closed = self.folder / "closed"
        closed.mkdir(mode=0o700)
        copy_checkout(closed)
        self.settings(top=f'user = "{NOBODY}"')
        server = Started(self.config, environment={"PYTHONPATH": str(closed)})
        self.addCleanup(server.stop)
        # Or it is the interpreter, where that is below /root as well: the first of them is told.
        server.output.wait_for(f"warn.* user: Python is in .*, and {NOBODY} may not enter ({closed}|/root): ")
        self.port, *_ = server.ports_of()
        self.send()
        for asked in ("status", "reload"):
            said = self.asked(asked)
            self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    @skipUnless(AS_ROOT, "needs root")
    def test_mail_for_a_system_user_is_that_users(self) -> None:
        """Or he could neither read nor remove it. The server itself is another user all the while."""
        needed_user(NOBODY)
        ann = system_user(self, "mxtest-ann")
        self.settings(
            top=f'user = "{NOBODY}"', rest='[[mailboxes.passwd]]\ndomains = ["example.net"]\ndelimiters = "+"'
        )
        server = self.start()
        self.send(f"{ann.pw_name}+lists@example.net")
        maildir = Path(ann.pw_dir) / "Maildir"
        self.assertEqual(contents(str(maildir)), [STORED])
        (message,) = (maildir / "new").iterdir()
        self.assertEqual((message.stat().st_uid, message.stat().st_gid), (ann.pw_uid, ann.pw_gid))
        self.assertEqual(stat.S_IMODE(message.stat().st_mode) & 0o077, 0)
        with Client(self.port) as client:
            client.ehlo()
            client.mail("me@example.com")
            self.assertEqual(client.rcpt("root@example.net")[0], 550)
            self.assertEqual(client.rcpt("mxtest-nobody@example.net")[0], 550)
        self.assertEqual(server.stop()[0], ORDERLY)

    def test_commands_are_for_the_servers_user(self) -> None:
        """Who may write to the socket may command the server."""
        self.settings()
        self.start()
        found = (self.data / "control.sock").stat()
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_uid), (0o600, os.geteuid()))


class ReloadTests(Life):
    """Other settings for a running server, and nobody notices who is in the middle of something."""

    def in_transactions(self) -> list[Client]:
        """Twenty sessions, half of them in their content."""
        clients = [self.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.begin()
            if number % 2:
                self.assertEqual(client.docmd("DATA")[0], 354)
                client.send(b"Subject: half\r\n")
        return clients

    def finish(self, clients: list[Client]) -> None:
        """None was dropped: each message is taken."""
        for number, client in enumerate(clients):
            if number % 2:
                client.send(b"\r\nHello.\r\n.\r\n")
                self.assertEqual(client.getreply()[0], 250)
            else:
                self.assertEqual(client.data(CONTENT)[0], 250)
            self.assertEqual(client.quit()[0], 221)
        self.assertEqual(len(contents(str(self.data / "mail" / "example.org" / "ann"))), len(clients))

    def change(self) -> None:
        """A smaller limit, and a mailbox more."""
        self.settings(rest="[limits]\nsize = 1_000_000")
        self.table.write_text("ann@example.org\nbob@example.org\n", encoding="utf-8")

    def assert_changed(self) -> None:
        """Who comes now finds the new settings."""
        client = self.client()
        client.ehlo()
        self.assertEqual(client.esmtp_features["size"], "1000000")
        self.send("bob@example.org")

    def test_twistedmx_reload(self) -> None:
        """It waits, and says what has changed."""
        self.settings()
        server = self.start()
        clients = self.in_transactions()
        self.change()
        done = self.asked("reload")
        self.assertEqual((done.returncode, done.stdout), (0, "reloaded; changed: limits.size\n"), done.stderr)
        self.assert_changed()
        self.finish(clients)
        server.output.wait_for("settings-reloaded .*changed=limits.size")

    def test_a_hangup(self) -> None:
        """What every supervisor can send."""
        self.settings()
        server = self.start()
        clients = self.in_transactions()
        self.change()
        server.hang_up()
        server.output.wait_for("settings-reloaded .*changed=limits.size")
        self.assert_changed()
        self.finish(clients)

    def test_a_file_with_faults_changes_nothing(self) -> None:
        """All of them are told, and the server goes on with what it had: mailboxes, limits, sessions."""
        self.settings()
        server = self.start()
        clients = self.in_transactions()
        self.settings(rest='[limits]\nsise = 1\n[timeouts]\ncommand = "long"')
        done = self.asked("reload")
        self.assertEqual(done.returncode, 1)
        for key in ("limits.sise: ", "timeouts.command: "):
            self.assertIn(key, done.stdout + done.stderr)
        server.output.wait_for("settings-kept .*limits.sise.*timeouts.command")
        server.hang_up()
        server.output.wait_for("not reloaded: .*timeouts.command")
        client = self.client()
        client.ehlo()
        self.assertEqual(client.esmtp_features["size"], "26214400")
        self.finish(clients)

    def test_a_faulty_table_or_certificate_changes_nothing(self) -> None:
        """All or nothing: the good half of an edit is not taken alone."""
        self.settings()
        self.start()
        self.settings(rest=f'[limits]\nsize = 1_000_000\n[tls]\ncertificate = "{self.folder}/missing.pem"')
        self.table.write_text("ann@example.org alias nobody@example.org\n", encoding="utf-8")
        done = self.asked("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("tls.certificate: ", done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, rf"{self.table}\S* .*nobody@example.org")
        client = self.client()
        client.ehlo()
        self.assertEqual(client.esmtp_features["size"], "26214400")

    def test_another_port(self) -> None:
        """The new one is open before the old one is closed; sessions on the old one go on."""
        self.settings()
        self.start()
        before, client = self.port, self.client()
        client.begin()
        self.port = free_port()
        self.settings(listen=f"tcp:{self.port}:interface=127.0.0.1")
        self.assertEqual(self.asked("reload").stdout, "reloaded; changed: listen\n")
        self.send()
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", before), 60)
        self.assertEqual(client.data(CONTENT)[0], 250)

    def test_what_holds_for_a_life_is_refused(self) -> None:
        """A folder of data cannot be changed under messages that are being written."""
        self.settings()
        self.start()
        self.data = self.folder / "elsewhere"
        self.settings()
        done = command("reload", "--socket", str(self.folder / "data" / "control.sock"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("data: cannot change while the server runs: restart it", done.stdout + done.stderr)


class EndTests(Life):
    """SIGTERM is a request."""

    def test_who_is_in_the_middle_of_a_message_may_finish_it(self) -> None:
        """And hears 421 after it. Nobody new is let in; the server ends when the last one has gone."""
        self.settings(rest="[timeouts]\ngrace = 50.0")
        server = self.start()
        sending = self.client()
        sending.begin()
        self.assertEqual(sending.docmd("DATA")[0], 354)
        sending.send(b"Subject: half\r\n")
        server.ask_to_stop()
        server.output.wait_for("TCP Port .* Closed")
        try:  # Twisted says so a moment before it is so
            with socket.create_connection(("127.0.0.1", self.port), 60) as late:
                self.assertEqual(late.recv(100), b"")
        except ConnectionError:
            pass
        sending.send(b"\r\nHello.\r\n.\r\n")
        self.assertRegex(sending.hear(), b"^250 2.0.0 ")
        self.assertRegex(sending.hear(), b"^421 4.3.2 ")
        self.assertEqual(sending.hear(), b"")
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        self.assertEqual(contents(str(self.data / "mail" / "example.org" / "ann")), [b"Subject: half\n\nHello.\n"])

    def test_who_takes_too_long_hears_421(self) -> None:
        """A peer that never ends must not keep the server from ending."""
        self.settings(rest="[timeouts]\ngrace = 0.2")
        server = self.start()
        clients = [self.client() for _ in range(3)]
        idle, between, sending = clients
        idle.ehlo()
        between.begin()
        sending.begin()
        self.assertEqual(sending.docmd("DATA")[0], 354)
        server.ask_to_stop()
        for client in clients:
            self.assertRegex(client.hear(), b"^421 4.3.2 ")
            self.assertEqual(client.hear(), b"")
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        self.assertEqual(contents(str(self.data / "mail" / "example.org" / "ann")), [])

    def test_under_tls_as_well(self) -> None:
        """There a reply leaves later than the session ends."""
        make_demo_certificate(str(self.folder / "mx.pem"), "mx.example.org", time.time())
        self.settings(top=f'listen_tls = ["{LOOPBACK}"]', rest='[tls]\ncertificate = "mx.pem"\n[timeouts]\ngrace = 0.2')
        server = self.launch()
        self.port, implicit = server.ports_of()
        secured: list[Any] = [self.client() for _ in range(2)]
        for client in secured:
            client.starttls(context=TRUSTING)
        secured.append(ImplicitTls(implicit))
        self.addCleanup(secured[-1].close)
        for client in secured:
            client.ehlo()
        secured[0].begin()
        self.assertEqual(secured[0].docmd("DATA")[0], 354)
        server.ask_to_stop()
        for client in secured:
            self.assertRegex(client.hear(), b"^421 4.3.2 ")
            self.assertEqual(client.hear(), b"")
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        self.assertEqual([line for line in lines if "Traceback" in line or "#error" in line or "#critical" in line], [])

    def test_nothing_is_left_behind(self) -> None:
        """Not even the socket."""
        self.settings()
        server = self.start()
        self.send()
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY)
        self.assertFalse((self.data / "control.sock").exists())
        self.assertEqual([line for line in lines if "Traceback" in line or "#error" in line], [])


class FactsTests(Life):
    """What can be seen from outside."""

    def test_metrics_and_status_count_what_has_happened(self) -> None:
        """The graphs, and the command, of the same numbers."""
        metrics = free_port()
        self.settings(rest=f'[metrics]\nlisten = "tcp:{metrics}:interface=127.0.0.1"')
        server = self.start()
        for _ in range(3):
            self.send()
        guesser = self.client()
        guesser.ehlo()
        guesser.mail("me@example.com")
        for number in range(4):
            self.assertEqual(guesser.rcpt(f"user{number}@example.org")[0], 550)
        guesser.ehlo(
            "another.example"
        )  # guesses are counted a second late at most, or when the guesser is somebody else
        with urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=60) as page:
            said = dict(re.findall(r"^(twistedmx_\S+) (\S+)$", page.read().decode(), re.MULTILINE))
        for name, value in {
            "twistedmx_sessions_opened_total": 4,
            'twistedmx_sessions_total{reason="quit"}': 3,
            "twistedmx_sessions_open": 1,
            'twistedmx_recipients_total{reason="accepted",verdict="accept"}': 3,
            'twistedmx_recipients_total{reason="unknown-mailbox",verdict="reject"}': 4,
            'twistedmx_messages_total{reason="accepted",verdict="accept"}': 3,
            'twistedmx_message_bytes_total{verdict="accept"}': 3 * len(CONTENT),
        }.items():
            self.assertEqual(float(said[name]), value, name)
        done = self.asked("status", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        status = json.loads(done.stdout)
        self.assertEqual((status["host"], status["pid"]), ("mx.example.org", server.pid))
        self.assertEqual(status["sessions"], {"open": 1, "tls": 0, "waiting": 0})
        self.assertEqual(status["listening"], [f"127.0.0.1:{self.port}"])
        self.assertEqual((status["rates"]["messages"], status["rates"]["refused_recipients"]), (3, 4))


def needed_user(name: str) -> pwd.struct_passwd:
    """Raises SkipTest."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise SkipTest(f"there is no user {name}") from None
    return entry


def ids_of(pid: int) -> dict[str, list[int]]:
    """By "Uid" and "Gid", each real, effective, saved and of the file system, and by "Groups"."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {
        name: [int(word) for word in words.split()]
        for name, words in re.findall(r"^(Uid|Gid|Groups):(.*)$", status, re.MULTILINE)
    }

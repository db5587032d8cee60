"""The folders of examples/ are what people copy: each is started as it is, and takes mail for mailboxes of every kind in it.

Changed is only what is of the machine: folders, the user, the balancer's address, and ports that others may have.
"""

import os
import pwd
import shutil
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.output import Output
from tests.integration.program import LOOPBACK, ORDERLY, Started, command, free_port, remove, short_folder
from tests.integration.stored import contents
from twistedmx.net.demo_certificate import make_demo_certificate

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
CONTENT = b"Subject: hello\r\n\r\nHello.\r\n"
STORED = CONTENT.replace(b"\r\n", b"\n")
ME = pwd.getpwuid(os.geteuid()).pw_name
JUDGED = "nobody" if os.geteuid() == 0 else ME  # with the ports of the example, root has to become another
CLIENT = "203.0.113.7"  # whom a balancer speaks for


class Balanced(smtplib.SMTP):
    """A client as one sees it behind a balancer that sends PROXY headers, version 1."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.create_connection((host, port), timeout)
        found.sendall(f"PROXY TCP4 {CLIENT} 192.0.2.1 4711 25\r\n".encode())
        return found


def unverified() -> ssl.SSLContext:
    """Nobody vouches for the certificates of tests."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Example(SynchronousTestCase):
    """Each has a copy of a folder, `etc`, and below `root` what it speaks of. `changes`: of its settings, all of which are
    needed."""

    name = "small-host"
    client: type[smtplib.SMTP] = smtplib.SMTP

    def setUp(self) -> None:
        self.root = short_folder()
        self.addCleanup(remove, self.root)
        self.etc = self.root / "etc" / "twistedmx"
        shutil.copytree(EXAMPLES / self.name, self.etc)
        self.config = self.etc / "twistedmx.toml"
        for name in ("mx.example.org", "mx.example.net"):
            make_demo_certificate(str(self.etc / f"{name}.pem"), name, time.time())
        self.change(
            ("/etc/twistedmx/", f"{self.etc}/"),
            ('"/var/lib/twistedmx"', f'"{self.root}/var"'),
            ('user = "twistedmx"', f'user = "{JUDGED}"'),
        )

    def change(self, *changes: tuple[str, str]) -> None:
        """Of the settings. A word that is not there any more makes the test look at something else."""
        text = self.config.read_text(encoding="utf-8")
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")

    def listen_as(self, service: str) -> Output:
        """What journald or syslog hears, a datagram after the other."""
        path = str(self.root / service)
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(path)
        self.addCleanup(heard.close)
        self.addCleanup(heard.shutdown, socket.SHUT_RDWR)
        self.change((f'to = "{service}"', f'to = "{service}"\nsocket = "{path}"'))
        return Output(iter(lambda: heard.recv(65_536).decode(), ""))

    def start(self) -> Started:
        """It is judged to be good before it is started, and listens. Its `port` is in self.port."""
        judged = command("check-config", str(self.config))
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)
        self.assertIn(f"{self.config}: good", judged.stdout)
        if JUDGED != ME:  # the folders here are root's; and on loopback it may stay root
            self.change((f'user = "{JUDGED}"', f'user = "{ME}"'))
        server = Started(self.config, "--port", LOOPBACK)
        self.addCleanup(server.stop)
        (self.port,) = server.ports_of()
        return server

    def assert_takes(self, address: str, *maildirs: str) -> None:
        """Mail for the address is found in these, and nowhere else below the root; under TLS."""
        with self.client("127.0.0.1", self.port, local_hostname="client.example", timeout=60) as client:
            client.starttls(context=unverified())
            client.sendmail("me@example.com", [address], CONTENT)
        self.assertEqual(self.found(), sorted((maildir, STORED) for maildir in maildirs))
        for maildir in maildirs:
            for message in (self.root / maildir / "new").iterdir():
                message.unlink()

    def found(self) -> list[tuple[str, bytes]]:
        """Every new message, with its Maildir relative to the root."""
        return sorted(
            (str(new.parent.relative_to(self.root)), content)
            for new in self.root.rglob("new")
            if new.is_dir() and (new.parent / "cur").is_dir()
            for content in contents(str(new.parent))
        )

    def assert_refuses(self, address: str, reply: bytes) -> None:
        """At RCPT."""
        with self.client("127.0.0.1", self.port, local_hostname="client.example", timeout=60) as client:
            client.ehlo()
            client.mail("me@example.com")
            code, words = client.rcpt(address)
        self.assertEqual((b"%d %s" % (code, words))[: len(reply)], reply)

    def assert_good(self, server: Started) -> list[str]:
        """Nothing frightening was said, and the end is orderly. The log."""
        status, lines = server.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        self.assertEqual([line for line in lines if "Traceback" in line or "#error" in line], [])
        return lines


class SmallHostTests(Example):
    """examples/small-host"""

    def test_it_takes_mail(self) -> None:
        """A table of addresses, and a journal."""
        journal = self.listen_as("journald")
        server = self.start()
        journal.wait_for("^MESSAGE=mailboxes-loaded ")
        ann, bob = "var/mail/example.org/ann", "var/mail/example.org/bob"
        self.assert_takes("Ann@Example.ORG", ann)
        journal.wait_for(r"\nTWISTEDMX_TO=Ann@Example\.ORG\n")
        self.assert_takes("info@example.org", ann, bob)
        self.assert_takes("postmaster@example.org", ann)
        self.assert_takes("abuse@example.org", ann)
        self.assert_refuses("nobody@example.org", b"550 5.1.1 ")
        self.assert_refuses("ann@example.net", b"550 5.7.1 ")
        self.assert_refuses("old@example.org", b"550 5.7.1 Write to ann@example.org instead")
        self.assert_good(server)


class SeveralDomainsTests(Example):
    """examples/several-domains"""

    name = "several-domains"

    def setUp(self) -> None:
        super().setUp()
        self.metrics = free_port()
        self.change(("/srv/", f"{self.root}/srv/"), ("tcp:9925:", f"tcp:{self.metrics}:"))
        with sqlite3.connect(self.etc / "users.sqlite") as database:
            database.executescript((self.etc / "users.sql").read_text(encoding="utf-8"))
        database.close()
        (self.root / "srv" / "mail" / "example.net" / "bob").mkdir(parents=True)

    def test_it_takes_mail_for_each_domain(self) -> None:
        """A table, folders and a database, side by side; aliases from one to the other."""
        syslog = self.listen_as("syslog")
        server = self.start()
        ann, bob = "var/mail/example.org/ann", "srv/mail/example.net/bob"
        self.assert_takes("ann@example.org", ann)
        self.assert_takes("bob@example.net", bob)
        self.assert_takes("bob+lists@example.net", bob)
        self.assert_takes("sales@example.org", ann, bob)
        self.assert_takes("webmaster@example.net", ann)
        self.assert_takes("Ann@example.com", "var/mail/example.com/Ann")
        self.assert_takes("team@example.com", "var/mail/example.com/Ann")
        self.assert_takes("postmaster@example.com", ann)
        self.assert_refuses("ann@example.com", b"550 5.1.1 ")  # another than Ann, there
        self.assert_refuses("full@example.com", b"452 4.2.2 ")
        self.assert_refuses("nobody@example.net", b"550 5.1.1 ")
        self.assert_refuses("nobody@example.org", b"550 5.1.1 ")
        self.assert_refuses("nobody@example.edu", b"550 5.7.1 ")
        syslog.wait_for(r"^<22>.* twistedmx\[\d+\]: mailboxes-loaded ")
        syslog.wait_for(r"^<22>.* twistedmx\[\d+\]: transaction ")
        with urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=60) as page:
            said = page.read().decode()
        self.assertIn('twistedmx_messages_total{reason="accepted",verdict="accept"} 8.0\n', said)
        self.assert_good(server)

    def test_each_name_has_its_certificate(self) -> None:
        """Senders that verify (MTA-STS, RFC 8461) look at the name of the MX that they know."""
        self.listen_as("syslog")
        server = self.start()
        for name in ("mx.example.org", "mx.example.net"):
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=60) as client:
                client._host = name  # type: ignore[attr-defined]  # what starttls asks for
                client.starttls(context=unverified())
                assert isinstance(client.sock, ssl.SSLSocket)
                shown = client.sock.getpeercert(binary_form=True)
            pem = (self.etc / f"{name}.pem").read_text(encoding="ascii")
            expected = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
            self.assertEqual(shown, expected)
        self.assert_good(server)


class GatewayTests(Example):
    """examples/gateway"""

    name = "gateway"
    client: type[smtplib.SMTP] = Balanced

    def setUp(self) -> None:
        super().setUp()
        script = self.etc / "directory.py"
        script.write_text(script.read_text(encoding="utf-8").replace("/srv/", f"{self.root}/srv/"), encoding="utf-8")
        (directory,) = self.serve(sys.executable, str(script), "0", says=r"serves on (\S+)")
        self.change(
            ("/srv/", f"{self.root}/srv/"),
            ("127.0.0.1:8025", directory),
            ('"192.0.2.1", "192.0.2.2"', '"127.0.0.1"'),
            ("tcp:9925:", f"tcp:{free_port()}:"),
        )

    def serve(self, *words: str, says: str) -> tuple[str, ...]:
        """Start another program, which is ended with the test; what is in the parentheses of its line."""
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.terminate)
        return Output(process.stdout).wait_for(says).groups()

    def assert_serves(self) -> None:
        """Mailboxes of the directory, postmasters of ours, and no others."""
        self.assert_takes("ann@example.org", "srv/vmail/example.org/ann")
        self.assert_takes("info@example.org", "srv/vmail/example.org/ann", "srv/vmail/staff/bob")
        self.assert_takes("postmaster@example.net", "srv/vmail/example.org/ann")
        self.assert_refuses("nobody@example.org", b"550 5.1.1 ")
        self.assert_refuses("full@example.org", b"452 4.2.2 ")
        self.assert_refuses("gone@example.net", b"550 5.1.6 Write to bob@example.net instead")
        self.assert_refuses("ann@example.com", b"550 5.7.1 ")

    def test_it_takes_mail_for_the_balancers_clients(self) -> None:
        """The log is about the client, not about the balancer."""
        server = self.start()
        self.assert_serves()
        log = self.assert_good(server)
        (taken, *_) = [line for line in log if '"event": "transaction"' in line or '"event":"transaction"' in line]
        self.assertIn(f'"{CLIENT}"', taken)
        self.assertIn('"127.0.0.1"', taken)

    def test_who_sends_no_header_is_closed(self) -> None:
        """Else a client that reaches the port on another way could be anybody."""
        server = self.start()
        with socket.create_connection(("127.0.0.1", self.port), 60) as stranger:
            stranger.sendall(b"EHLO client.example\r\n")
            try:
                heard = stranger.recv(100)
            except ConnectionResetError:
                heard = b""
        self.assertEqual(heard, b"")
        server.output.wait_for(r'"reason": ?"proxy-failed"')
        self.assert_good(server)

    def test_haproxy_sends_what_is_understood(self) -> None:
        """The other half of the example, through the real one, with its checks."""
        haproxy = shutil.which("haproxy", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
        if haproxy is None:
            raise SkipTest("haproxy is not installed: apt-get install haproxy")
        server = self.start()
        inside, self.port, self.client = self.port, free_port(), smtplib.SMTP
        written = self.etc / "haproxy.cfg"
        text = written.read_text(encoding="utf-8")
        for old, new in (
            ("bind :25\n", f"bind 127.0.0.1:{self.port}\n"),
            ("192.0.2.10:25", f"127.0.0.1:{inside}"),
            ("192.0.2.11:25", f"127.0.0.1:{inside}"),
        ):
            self.assertIn(old, text)
            text = text.replace(old, new)
        written.write_text(text, encoding="utf-8")
        checked = subprocess.run([haproxy, "-c", "-f", str(written)], capture_output=True, text=True, timeout=60)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertNotIn("WARNING", checked.stderr)
        self.serve(haproxy, "-W", "-db", "-f", str(written), says="Loading success")
        self.assert_takes("ann@example.org", "srv/vmail/example.org/ann")
        self.assert_refuses("nobody@example.org", b"550 5.1.1 ")
        log = self.assert_good(server)
        self.assertEqual([line for line in log if "proxy-failed" in line], [])

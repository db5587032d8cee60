"""Mail from the clients that people have arrives in the Maildir, octet for octet, through the program as it is started.

Clients that are not installed are skipped, with the name of their Debian package.
"""

import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.program import COMPLAINT, ORDERLY, Program
from tests.integration.stored import contents, files, messages

HEAD = b"From: me@example.org\r\nTo: demo@localhost\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
# By what is special about them; CRLF ends, as on the wire.
CONTENTS = {
    "plain": HEAD + b"Subject: plain\r\n\r\nHello.\r\n",
    "without a body": HEAD + b"Subject: without a body\r\n\r\n",
    "dots": HEAD + b"Subject: dots\r\n\r\n.\r\n..\r\n. \r\n...and\r\n.\r\nend\r\n",
    "a dot at the end": HEAD + b"Subject: dot\r\n\r\n.\r\n",
    "eight bits": HEAD + "Subject: Grüße\r\n\r\nÄÖÜ, 試験, 例\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "long lines": HEAD + b"Subject: long lines\r\n\r\n" + b"x" * 998 + b"\r\n" + b"y" * 70_000 + b"\r\nend\r\n",
    "a thousand lines": HEAD + b"Subject: lines\r\n\r\n" + b"".join(b"line %d\r\n" % n for n in range(1000)),
    "five megabytes": HEAD + b"Subject: large\r\n\r\n" + b"".join(b"%069d\r\n" % n for n in range(5_000_000 // 71)),
}
# What programs that take text from a file can be given: no octets that are not UTF-8, no line too long for them.
TEXTS = {name: CONTENTS[name] for name in ("plain", "dots", "a thousand lines", "five megabytes")}
TABLE = (
    "demo@localhost\npostmaster@localhost\n試験@localhost\nboth@localhost alias demo@localhost, postmaster@localhost\n"
)

# Names of the fields of a log line, in order.
TRANSACTION = (
    "session queue_id peer via helo tls tls_name tls_client verdict reason from to refused refused_to octets seconds "
    "reply detail"
)
SESSION = (
    "session peer port via helo tls tls_name tls_client reason commands transactions messages refused errors seconds"
)
KEPT = r"mailboxes-kept source=\S+ fault="

_FROM_SMTP_SOURCE = re.compile(rb"From: <.*\nTo: <.*\nDate: .*\nMessage-Id: <.*\n\n(?:\d?X+\n)+").fullmatch


def stored_form(content: bytes) -> bytes:
    """On disk lines end in LF."""
    return content.replace(b"\r\n", b"\n")


def fields(line: str) -> str:
    """The names of the fields of a log line, in order."""
    return " ".join(re.findall(r'(\w+)=(?:"(?:[^"\\]|\\.)*"|\S*)', line))


def installed(name: str, package: str) -> str:
    """Path of a program. Raises SkipTest."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    if path is None:
        raise SkipTest(f"{name} is not installed: apt-get install {package}")
    return path


class Served(SynchronousTestCase):
    """Each test has a server of its own."""

    endpoints: tuple[str, ...] = ("tcp:0:interface=127.0.0.1",)
    tls_endpoints: tuple[str, ...] = ()

    def setUp(self) -> None:
        folder = self.mktemp()
        data = os.path.join(folder, "data")
        os.makedirs(data)
        self.table = os.path.join(data, "mailboxes")
        self.write_table(TABLE)
        self.program = self.started(folder)

    def started(self, folder: str) -> Program:
        """A server on this folder."""
        program = Program(folder, self.endpoints, self.tls_endpoints)
        self.addCleanup(program.stop)
        return program

    def write_table(self, text: str) -> None:
        """Edit the table as an editor does: a new file in the place of the old."""
        with open(self.table + "~", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.table + "~", self.table)

    def connect(self) -> smtplib.SMTP:
        """A session, greeted."""
        client = smtplib.SMTP("127.0.0.1", self.program.port, local_hostname="client.example", timeout=60)
        self.addCleanup(client.close)
        return client

    def rcpt(self, address: str) -> tuple[int, bytes]:
        """What a recipient is answered in a session of its own."""
        with self.connect() as client:
            client.ehlo()
            client.mail("me@example.org")
            return client.rcpt(address)

    def assert_stored(self, sent: list[bytes], mailbox: str = "demo") -> None:
        """This lies in the mailbox and nothing else, in any order."""
        found = contents(self.program.maildir(mailbox))
        # Not assertEqual of megabytes: its way to say "different" takes minutes.
        expected = sorted(map(stored_form, sent))
        self.assertEqual([len(content) for content in sorted(found)], [len(content) for content in expected])
        for content, as_sent in zip(sorted(found), expected, strict=True):
            self.assertTrue(content == as_sent, f"{content[:300]!r} ... {content[-80:]!r} is not {as_sent[:300]!r} ...")
        self.assertEqual(files(self.program.maildir(mailbox), "tmp"), [])

    def run_client(self, name: str, package: str, *words: str, stdin: bytes = b"") -> None:
        """Run it to its end, which must be a good one. Raises SkipTest."""
        done = subprocess.run(
            [installed(name, package), *words],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.program.folder,
            env={**os.environ, "HOME": self.program.folder},  # nobody's own settings
            timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="replace")[-4000:])

    def file_of(self, content: bytes) -> str:
        """Its path."""
        path = os.path.join(self.program.folder, "message.eml")
        with open(path, "wb") as file:
            file.write(content)
        return path


def trusting() -> ssl.SSLContext:
    """TLS with anybody: the demo's certificate is its own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class SmtplibTests(Served):
    """Python's own client."""

    def send_all(self, client: smtplib.SMTP) -> None:
        """Every content in one session."""
        for content in CONTENTS.values():
            client.ehlo_or_helo_if_needed()
            client.mail("me@example.org", ["BODY=8BITMIME"])
            client.rcpt("demo@localhost")
            self.assertEqual(client.data(content)[0], 250)

    def test_every_kind_of_content_arrives_as_it_was_sent(self) -> None:
        """A mail server that changes mail breaks its signatures."""
        with self.connect() as client:
            self.send_all(client)
        self.assert_stored(list(CONTENTS.values()))

    def test_every_kind_of_content_arrives_as_it_was_sent_under_starttls(self) -> None:
        """TLS cuts the stream at other places."""
        with self.connect() as client:
            self.assertEqual(client.starttls(context=trusting())[0], 220)
            self.send_all(client)
        self.assert_stored(list(CONTENTS.values()))
        self.assertIn(b" with ESMTPS id ", messages(self.program.maildir("demo"))[0])

    def test_an_internationalised_address_gets_its_mail(self) -> None:
        """RFC 6531: not everybody writes in Latin letters."""
        content = "Subject: 試験\r\n\r\nおはよう\r\n".encode()
        with self.connect() as client:
            client.ehlo()
            client.sendmail("例@example.org", ["試験@localhost"], content, ["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_stored([content], "試験")
        self.assertIn(b" with UTF8SMTP id ", messages(self.program.maildir("試験"))[0])

    def test_two_recipients_get_a_copy_each(self) -> None:
        """And neither sees the other in the trace fields."""
        with self.connect() as client:
            client.sendmail("me@example.org", ["demo@localhost", "postmaster@localhost"], CONTENTS["plain"])
        for mailbox, other in (("demo", b"postmaster@"), ("postmaster", b"demo@")):
            self.assert_stored([CONTENTS["plain"]], mailbox)
            trace = messages(self.program.maildir(mailbox))[0].partition(b"From: ")[0]
            self.assertNotIn(other, trace)


class PipelinedTests(Served):
    """RFC 2920, with nothing between us and the socket."""

    def test_all_that_may_be_sent_ahead_may_be_sent_in_one_packet(self) -> None:
        """The next transaction begins in the packet in which the content ends."""
        begin = b"MAIL FROM:<me@example.org>\r\nRCPT TO:<demo@localhost>\r\nRCPT TO:<nobody@localhost>\r\nDATA\r\n"
        contents_sent = [CONTENTS["plain"], CONTENTS["a thousand lines"], CONTENTS["plain"]]
        ends = [content + b".\r\n" for content in contents_sent]
        packets = [b"EHLO client.example\r\n" + begin, ends[0] + begin, ends[1] + begin, ends[2] + b"QUIT\r\n"]
        answers = [
            ["220", "250", "250", "250", "550", "354"],
            *[["250", "250", "250", "550", "354"]] * 2,
            ["250", "221"],
        ]
        with socket.create_connection(("127.0.0.1", self.program.port), 60) as connection:
            replies = connection.makefile("rb")
            for packet, answer in zip(packets, answers, strict=True):
                connection.sendall(packet)
                codes = []
                while len(codes) < len(answer):
                    line = replies.readline()
                    if line[3:4] != b"-":
                        codes.append(line[:3].decode())
                self.assertEqual(codes, answer)
            self.assertEqual(replies.read(), b"")
            replies.close()
        self.assert_stored(contents_sent)


class SwaksTests(Served):
    """The postmaster's tool."""

    def send(self, *words: str) -> None:
        """Each text, in a session each."""
        for content in TEXTS.values():
            self.run_client(
                "swaks",
                "swaks",
                "--silent",
                *("--server", f"127.0.0.1:{self.program.port}", "--helo", "client.example"),
                *("--from", "me@example.org", "--to", "demo@localhost"),
                # swaks puts the end of the last line itself.
                *("--data", "@" + self.file_of(content.removesuffix(b"\r\n")), *words),
            )
        self.assert_stored(list(TEXTS.values()))

    def test_swaks(self) -> None:
        """Lock-step."""
        self.send()

    def test_swaks_under_starttls(self) -> None:
        """Perl's TLS."""
        self.send("--tls")

    def test_swaks_pipelined(self) -> None:
        """Commands in groups."""
        self.send("--pipeline")


class CurlTests(Served):
    """A client in every container."""

    def send(self, port: int, scheme: str = "smtp", *words: str) -> None:
        """Each text, in a session each."""
        for content in TEXTS.values():
            self.run_client(
                "curl",
                "curl",
                *("--silent", "--show-error", "--disable", f"{scheme}://127.0.0.1:{port}/client.example"),
                *("--mail-from", "me@example.org", "--mail-rcpt", "demo@localhost"),
                *("--upload-file", self.file_of(content), *words),
            )
        self.assert_stored(list(TEXTS.values()))

    def test_curl(self) -> None:
        """smtp://"""
        self.send(self.program.port)

    def test_curl_under_starttls(self) -> None:
        """smtp:// with TLS or nothing."""
        self.send(self.program.port, "smtp", "--ssl-reqd", "--insecure")


class ImplicitTlsTests(CurlTests):
    """The same server with a second door, behind TLS from the first octet (RFC 8314 3.3)."""

    tls_endpoints = ("tcp:0:interface=127.0.0.1",)

    def test_curl_under_implicit_tls(self) -> None:
        """smtps://"""
        self.send(self.program.ports[1], "smtps", "--insecure")

    def test_smtplib_under_implicit_tls(self) -> None:
        """Python's TLS."""
        with smtplib.SMTP_SSL(
            "127.0.0.1", self.program.ports[1], local_hostname="client.example", timeout=60, context=trusting()
        ) as client:
            client.sendmail("me@example.org", ["demo@localhost"], CONTENTS["five megabytes"])
        self.assert_stored([CONTENTS["five megabytes"]])
        self.assertIn(b" with ESMTPS id ", messages(self.program.maildir("demo"))[0])


class MsmtpTests(Served):
    """What cron and mutt send with."""

    def send(self, *words: str) -> None:
        """Each text, in a session each."""
        for content in TEXTS.values():
            self.run_client(
                "msmtp",
                "msmtp",
                *("--host=127.0.0.1", f"--port={self.program.port}", "--domain=client.example", "--auth=off"),
                *("--from=me@example.org", *words, "--", "demo@localhost"),
                stdin=stored_form(content),
            )
        self.assert_stored(list(TEXTS.values()))

    def test_msmtp(self) -> None:
        """In the clear."""
        self.send("--tls=off")

    def test_msmtp_under_starttls(self) -> None:
        """GnuTLS."""
        self.send("--tls=on", "--tls-starttls=on", "--tls-certcheck=off")


class SmtpSourceTests(Served):
    """Postfix's load generator: many messages in several sessions at once."""

    MESSAGES = 300

    def send(self, *words: str) -> None:
        """All of them, and look at each."""
        self.run_client(
            "smtp-source",
            "postfix",
            *("-s", "5", "-m", str(self.MESSAGES), "-l", "4000", "-M", "client.example", *words),
            *("-f", "me@example.org", "-t", "demo@localhost", f"127.0.0.1:{self.program.port}"),
        )
        found = contents(self.program.maildir("demo"))
        self.assertEqual(len(found), self.MESSAGES)
        for content in found:
            self.assertIsNotNone(_FROM_SMTP_SOURCE(content), content[:400])
        self.assertEqual(
            len({content.partition(b"\n\n")[2] for content in found}), 1, "the bodies are not all the same"
        )
        self.assertEqual(len(set(found)), self.MESSAGES, "one is there twice")
        self.assertEqual(files(self.program.maildir("demo"), "tmp"), [])

    def test_smtp_source_with_a_session_for_each_message(self) -> None:
        """A connection costs us more than a message."""
        self.send()

    def test_smtp_source_with_sessions_that_stay(self) -> None:
        """-d: hundreds of transactions follow one another in five sessions."""
        self.send("-d")


class OperatorTests(Served):
    """What the one who runs the server sees."""

    def test_a_missing_mailbox_is_refused_at_rcpt(self) -> None:
        """Not later, by a bounce to somebody who never wrote."""
        code, text = self.rcpt("nobody@localhost")
        self.assertEqual((code, text[:5]), (550, b"5.1.1"))
        code, text = self.rcpt("demo@elsewhere.example")
        self.assertEqual((code, text[:5]), (550, b"5.7.1"))

    def test_an_edit_of_the_mailboxes_holds_for_the_next_connection(self) -> None:
        """No reload, no restart, no waiting."""
        self.assertEqual(self.rcpt("new@localhost")[0], 550)
        self.write_table(TABLE + "new@localhost\n")
        with self.connect() as client:
            client.sendmail("me@example.org", ["new@localhost"], CONTENTS["plain"])
        self.assert_stored([CONTENTS["plain"]], "new")
        self.write_table(TABLE)
        self.assertEqual(self.rcpt("new@localhost")[0], 550)

    def test_a_broken_edit_keeps_the_old_table_and_says_so_in_the_log(self) -> None:
        """A typing error must not bounce the mail of a whole company."""
        self.write_table("other@localhost\nthis is no entry\n")
        self.assertEqual(self.rcpt("demo@localhost")[0], 250)
        self.assertEqual(self.rcpt("other@localhost")[0], 550)
        line = self.program.output.wait_for(KEPT).string
        self.assertRegex(line, r"mailboxes:2\b")
        self.write_table(TABLE + "other@localhost\n")
        self.assertEqual(self.rcpt("other@localhost")[0], 250)

    def test_a_second_start_finds_mail_mailboxes_and_certificate_of_the_first(self) -> None:
        """What the first start made is the operator's from then on."""
        with self.connect() as client:
            client.sendmail("me@example.org", ["demo@localhost"], CONTENTS["plain"])
        self.assertEqual(self.program.stop()[0], ORDERLY)
        before = {name: self.read(name) for name in ("mailboxes", "demo.pem")}
        self.program = self.started(self.program.folder)
        with self.connect() as client:
            client.starttls(context=trusting())
            client.sendmail("me@example.org", ["demo@localhost"], CONTENTS["dots"])
        self.assert_stored([CONTENTS["plain"], CONTENTS["dots"]])
        self.assertEqual({name: self.read(name) for name in before}, before)

    def read(self, name: str) -> bytes:
        """A file of the data folder."""
        with open(os.path.join(self.program.data, name), "rb") as file:
            return file.read()

    def test_sigterm_says_421_to_whoever_is_there_and_ends_in_good_order(self) -> None:
        """A peer that hears 421 comes again; one that hears nothing waits and complains."""
        client = self.connect()
        client.ehlo()
        client.mail("me@example.org")
        self.program.ask_to_stop()
        code, text = client.getreply()
        self.assertEqual((code, text[:5]), (421, b"4.3.2"))
        client.close()
        status, lines = self.program.stop()
        self.assertEqual(status, ORDERLY, "\n".join(lines))
        self.assertIn("Server Shut Down.", lines[-1])
        self.assertEqual(self.reasons(lines), [("nobody-accepted", ""), ("session", "shutdown")])

    def reasons(self, lines: list[str]) -> list[tuple[str, str]]:
        """The kind and the reason of each line about a transaction or a session."""
        found = [
            re.search(r"\] (transaction|session) .*?\breason=(\S+)|\] (nobody-accepted) ()", line) for line in lines
        ]
        return [(match[1] or match[3], match[2] or "") for match in found if match is not None]

    def test_the_log_has_one_line_for_each_transaction_and_one_for_each_session(self) -> None:
        """Whoever counts mail counts lines; whoever greps knows the fields."""
        with self.connect() as client:
            client.sendmail("me@example.org", ["demo@localhost", "nobody@localhost"], CONTENTS["plain"])
            client.mail("me@example.org")
            client.rset()
        self.rcpt("nobody@localhost")
        lines = self.program.stop()[1]
        self.assertEqual(
            self.reasons(lines),
            [
                ("transaction", "accepted"),
                ("nobody-accepted", ""),
                ("session", "quit"),
                ("nobody-accepted", ""),
                ("session", "quit"),
            ],
        )
        for kind, names in (("transaction", TRANSACTION), ("session", SESSION)):
            for line in lines:
                if f"] {kind} " in line:
                    self.assertEqual(fields(line.partition(f"] {kind} ")[2]), names)
        self.assertEqual([line for line in lines if COMPLAINT.search(line)], [])

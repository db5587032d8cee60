"""The run script of a qmail host, with tcpserver, tcprules and multilog as they are, and twistedmx-smtpd in it for qmail-smtpd."""

import os
import pwd
import re
import socket
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.output import Output
from tests.integration.program import LOOPBACK, ORDERLY, free_port, programs
from tests.integration.qmail_case import NO_MX, as_user, needed
from tests.integration.tcpserver_case import UnderTcpserver
from tests.qmail.hand_over import CONTRIB, compiled

CHECK = """\
#!/bin/sh
# checkpassword's interface: ann, and her password.
test "$(tr '\\0' '\\n' <&3)" = "$(printf 'ann@example.org\\nsecret\\n')" && exec "$@"
exit 1
"""
UNREACHED = b"421 unable to reach the mail server (#4.3.0)\r\n"


class TheRunScript:
    """What the host has said to qmail-smtpd, and what it has read from it."""

    def test_environment_and_log(self) -> None:
        """Rules say who may relay; the log has the lines of all, in the order in which things happened."""
        self.serve("chkuser = { error_delay = 0.0 }")
        log = self.run_script("-c", "20", exports="export CHKUSER_START=ALWAYS")
        with self.from_("127.0.0.1") as client:
            self.assertEqual(client.transaction("whoever@elsewhere.example")[:3], "553")
            self.assertEqual(client.transaction("nobody@example.org")[:3], "550")
        with self.from_("127.0.0.2") as client:
            self.assertEqual(client.transaction("whoever@elsewhere.example")[:3], "250")
        envelope, message = self.stored()
        self.assertEqual(envelope, b"Fme@client.example\0Twhoever@elsewhere.example\0\0")
        self.assertRegex(
            message, rb"^Received: from unknown \(HELO client\.example\) \(127\.0\.0\.2\)\n  by 0 with SMTP; "
        )
        with self.from_("127.0.0.3") as client:
            self.assertEqual(client.transaction("ann@example.org")[:3], "250")
        _, message = self.stored()
        self.assertTrue(
            message.startswith(b"Received: from unknown (HELO client.example) (ident@127.0.0.3)\n"), message
        )
        with socket.create_connection(("127.0.0.1", self.port), 60, ("127.0.0.4", 0)) as client:
            self.assertEqual(client.recv(100), b"")
        log.wait_for(r"tcpserver: deny \d+ ")
        lines = [line[26:] for line in log.lines]
        remote = r"remote <client\.example:unknown:127\.0\.0\."
        for pattern in (
            r"tcpserver: status: 0/20",
            r"tcpserver: ok \d+ 0:127\.0\.0\.1:\d+ :127\.0\.0\.1::\d+",
            rf"CHKUSER rejected relaying: from <me@client\.example::> {remote}1> rcpt <whoever@elsewhere\.example> : .*",
            rf"CHKUSER rejected rcpt: from <me@client\.example::> {remote}1> rcpt <nobody@example\.org> : not existing recipient",
            rf"CHKUSER relaying rcpt: from <me@client\.example::> {remote}2> rcpt <whoever@elsewhere\.example> : .*",
            rf"CHKUSER accepted rcpt: from <me@client\.example:ident:> {remote}3> rcpt <ann@example\.org> : .*",
        ):
            self.assertTrue(any(re.fullmatch(pattern, line) for line in lines), (pattern, lines))
        self.assertEqual(next(line for line in lines if line.startswith("tcpserver: pid"))[-14:], "from 127.0.0.1")
        refused = (self.folder / "refused" / "current").read_text(encoding="ascii").splitlines()
        self.assertEqual([line[26:] for line in refused], [line for line in lines if line.startswith("CHKUSER")])

    def test_the_limit_is_about_sessions_where_the_program_waits(self) -> None:
        """-c 1: the second client waits for the first; and how each ended is in tcpserver's log."""
        self.serve()
        log = self.run_script("-c", "1", exports="export TWISTEDMX_WAIT=1")
        first = self.client()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as second:
            log.wait_for(r"tcpserver: status: 1/1$")
            second.setblocking(False)
            self.assertRaises(BlockingIOError, second.recv, 100)
            first.quit()
            second.settimeout(60)
            self.assertRegex(second.recv(100), rb"^220 host\.example ")
            log.wait_for(r"tcpserver: end \d+ status 0$")
        log.wait_for(r"tcpserver: end \d+ status 256$")


class TestTheRunScript(TheRunScript, UnderTcpserver):
    """With the program that needs a Python."""

    def test_auth_by_the_check_program_and_a_plugin(self) -> None:
        """The arguments of qmail-smtpd, and control/smtpplugins."""
        check = self.program(CHECK, "bin", "check")
        self.program(
            '#!/bin/sh\ntest "$SMTPRCPTTO" != bob@example.org || echo "E550 not him (#5.7.1)"\n', "plugins", "not-him"
        )
        self.control("smtpplugins", "[rcpt]\nplugins/not-him\n")
        self.serve()
        self.run_script(exports="export SMTPAUTH= FORCETLS=0 ENABLE_SPP=1", words=f"{check} /bin/true")
        with self.from_("127.0.0.1") as client:
            client.ehlo()
            self.assertEqual(client.transaction("whoever@elsewhere.example")[:3], "553")
            client.login("ann@example.org", "secret")
            self.assertEqual(client.transaction("whoever@elsewhere.example")[:3], "250")
            self.assertRegex(client.transaction("bob@example.org"), "^550 .*not him")
        envelope, _ = self.stored()
        self.assertEqual(envelope, b"Fme@client.example\0Twhoever@elsewhere.example\0\0")

    def test_what_programs_say_is_in_its_log(self) -> None:
        """That of the queue and RCPTCHECK, as they say it to the descriptor 2 that qmail-smtpd has left them."""
        self.queue("say:scanned message envelope store")
        self.program("#!/bin/sh\necho checked >&2\nexit 112\n", "bin", "check")
        self.serve()
        log = self.run_script(exports="export RCPTCHECK=bin/check")
        with self.from_("127.0.0.1") as client:
            self.assertEqual(client.transaction("ann@example.org")[:3], "250")
        log.wait_for(" checked$")
        log.wait_for(" scanned$")

    def test_a_server_that_is_killed_and_comes_again(self) -> None:
        """tcpserver runs on: who comes meanwhile hears 421, and who comes then is served."""
        server = self.serve()
        log = self.run_script()
        self.assertRegex(self.heard(), rb"^220 ")
        server.kill()
        self.assertEqual(self.heard(), UNREACHED)
        log.wait_for(r"twistedmx-smtpd: no server at \S+ \(Connection refused\): start twistedmx")
        server = self.serve()
        self.assertRegex(self.heard(), rb"^220 ")
        self.assertEqual(server.stop()[0], ORDERLY)
        self.assertFalse(self.socket.exists())
        self.assertEqual(self.heard(), UNREACHED)


class TestWhoIsNotTrusted(UnderTcpserver):
    """tcpserver becomes another user than the server."""

    def test_a_scanner_that_he_names_is_not_passed_by(self) -> None:
        """Its clients hear 421, and the operator once what to do; what both export is run."""
        if os.geteuid() != 0:
            raise SkipTest("tcpserver becomes another user, which only root can")
        daemon = pwd.getpwnam("daemon")
        names = 'user = "nobody"\nlisten = []'
        text = f'{names}\n[qmail]\nsocket = "{self.socket}"\nsocket_users = ["daemon"]\n'
        for own, heard in ({}, b"421 "), ({"QMAILQUEUE": "bin/scan"}, b"220 "):
            server = self.launch(*self.configured(text), before=(), **own)
            server.ports_of(rf"listens on ({re.escape(str(self.socket))})$")
            if not own:
                exports = "export QMAILQUEUE=bin/scan RCPTCHECK="
                self.run_script(f"-u {daemon.pw_uid} -g {daemon.pw_gid}", exports=exports)
            self.assertEqual([self.heard()[:4] for _ in range(3)], [heard] * 3)
            handed = {"refused": 0, "log_lines_lost": 0}
            self.assertEqual(self.status()["qmail"]["handed_over"], handed)
            log = [line for line in server.stop()[1] if f"user {daemon.pw_uid} hands over" in line]
            self.assertEqual(len(log), 0 if own else 1, log)


class TestTheRunScriptInC(TheRunScript, UnderTcpserver):
    """The same, of the program that is compiled."""

    def setUp(self) -> None:
        super().setUp()
        program = compiled(str(self.folder))
        if program is None:
            raise SkipTest("there is no C compiler: apt-get install gcc libc6-dev")
        self.smtpd = program

    def test_nothing_stays_of_those_who_were_there(self) -> None:
        """Descriptors and memory are what they were."""
        server = self.serve()
        self.run_script("-c", "40", "-b", "200")

        def many() -> None:
            for _ in range(100):
                self.assertRegex(self.heard(), rb"^220 ")

        many()
        self.until(lambda: self.status()["sessions"]["open"] == 0)
        before = descriptors(server.pid), resident(server.pid)
        many()
        self.until(lambda: self.status()["sessions"]["open"] == 0)
        self.assertLessEqual(descriptors(server.pid), before[0] + 1)
        self.assertLess(resident(server.pid), before[1] + (2 << 20))


class TestTheScriptsThatAreShipped(UnderTcpserver):
    """contrib/qmail, as an operator copies it: with his folders in variables, and nothing else changed."""

    def setUp(self) -> None:
        needed("softlimit")
        super().setUp()
        self.place = programs(self.folder / "opt")

    def script(self, name: str, *, is_roots: bool = False, **variables: str) -> tuple["subprocess.Popen[str]", Output]:
        """It runs, and what it says. Ended with the test."""
        process = subprocess.Popen(
            [*(() if is_roots else as_user()), str(CONTRIB / name)],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "TWISTEDMX": str(self.place), **NO_MX, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate, timeout=60)
        self.addCleanup(process.terminate)
        return process, Output(process.stdout)  # type: ignore[arg-type]

    def settings(self, text: str) -> str:
        """Those that are shipped, for this folder. `text`: more of [qmail]."""
        path = self.folder / "twistedmx.toml"
        path.write_text(f'data = "{self.data}"\n{text}\n', encoding="utf-8")
        return str(path)

    def test_run_daemon(self) -> None:
        """In place of both."""
        process, log = self.script(
            "run-daemon", QMAIL=self.tree.root, CONFIG=self.settings(f'listen = ["{LOOPBACK}"]\n[log]\nto = "stdout"')
        )
        self.port = int(log.wait_for(r"listens on 127\.0\.0\.1:(\d+)$")[1])
        self.assertEqual(self.said_of("ann@example.org")[:3], "250")
        process.terminate()
        self.assertEqual(process.wait(60), ORDERLY)

    def test_run_server_and_run_tcpserver(self) -> None:
        """Side by side, with softlimit, which twistedmx-smtpd stays within, and waits."""
        if os.geteuid() != 0:
            raise SkipTest("tcpserver becomes another user, which only root can")
        qmail = f'[qmail]\nhome = "{self.tree.root}"\nsocket = "{self.socket}"'
        _, server = self.script("run-server", CONFIG=self.settings(f"listen = []\n{qmail}"))
        server.wait_for(rf"listens on {re.escape(str(self.socket))}$")
        self.port = free_port()
        rules = self.folder / "rules.cdb"
        subprocess.run(["tcprules", rules, f"{rules}.tmp"], input=b":allow\n", check=True, timeout=30)
        _, log = self.script(
            "run-tcpserver",
            is_roots=True,
            QMAIL=self.tree.root,
            RULES=str(rules),
            HOST="127.0.0.1",
            PORT=str(self.port),
            UID_OF_SMTPD=str(self.uid),
            GID_OF_SMTPD=str(self.gid),
            SMTPD=self.smtpd,
            TWISTEDMX_SOCKET=str(self.socket),
        )
        log.wait_for(r"^tcpserver: status: 0/40$")
        self.assertEqual(self.said_of("ann@example.org")[:3], "250")
        log.wait_for(r"^CHKUSER accepted rcpt: ")
        log.wait_for(r"^tcpserver: end \d+ status 0$")


class TestUnderInetd(UnderTcpserver):
    """inetd and xinetd give the connection as descriptors 0, 1 and 2, and no facts."""

    def test_the_log_is_not_the_client(self) -> None:
        """No log line is read as a reply; and who it is, nobody has said."""
        self.serve()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = socket.create_connection(listening.getsockname(), timeout=60)
            accepted, _ = listening.accept()
        with client, accepted:
            done = subprocess.run(
                [*as_user(), self.smtpd],
                stdin=accepted,
                stdout=accepted,
                stderr=accepted,
                env={"TWISTEDMX_SOCKET": str(self.socket), **NO_MX},
                timeout=60,
            )
            accepted.close()
            self.assertEqual(done.returncode, 0)
            stream = client.makefile("rwb", buffering=0)
            heard = [stream.readline()]
            for line in (b"HELO x", b"MAIL FROM:<me@client.example>", b"RCPT TO:<ann@example.org>", b"QUIT"):
                stream.write(line + b"\r\n")
                heard.append(stream.readline())
            self.assertEqual([line[:4] for line in heard], [b"220 ", b"250 ", b"250 ", b"250 ", b"221 "], heard)
            self.assertEqual(stream.read(), b"")


def descriptors(pid: int) -> int:
    """Of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid: int) -> int:
    """Octets of memory that it has."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")

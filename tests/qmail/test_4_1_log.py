"""Lines of tcpserver: beside those of the real one, and read by fields as analysers do."""

import re
import shutil
import socket
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from twistedmx.qmail.tcpserver_lines import Ends, end_line, pid_line, rules_line, status_line

ENDS = Ends(
    local_host=b"mx.example",
    local_ip=b"192.0.2.9",
    local_port=b"25",
    remote_host=b"client.example",
    remote_ip=b"192.0.2.1",
    remote_info=b"ident",
    remote_port=b"40123",
)

RULES = re.compile(
    rb"tcpserver: (ok|deny) (\d+) ([^: ]*):([^ ]*):([^: ]*) ([^: ]*):([^ ]*):([^: ]*):([^: ]*)\n",
)
INDIMAIL = re.compile(
    rb"tcpserver: (ok|deny) (\d+) ([^[ ]*)\[([^] ]*)\]([^: ]*) ([^[ ]*)\[([^] ]*)\]([^: ]*):([^: ]*):maxperip=(\d+)\n"
)


class TestLines(SynchronousTestCase):
    def test_all_four(self):
        """tcpserver.c, with -v."""
        self.assertEqual(status_line(1, 40), b"tcpserver: status: 1/40\n")
        self.assertEqual(pid_line(1207, b"192.0.2.1"), b"tcpserver: pid 1207 from 192.0.2.1\n")
        self.assertEqual(
            rules_line(1207, False, ENDS),
            b"tcpserver: ok 1207 mx.example:192.0.2.9:25 client.example:192.0.2.1:ident:40123\n",
        )
        self.assertEqual(rules_line(1, True, Ends()), b"tcpserver: deny 1 :: :::\n")
        self.assertEqual(end_line(1207, 1), b"tcpserver: end 1207 status 256\n")
        self.assertEqual(end_line(1207, 0), b"tcpserver: end 1207 status 0\n")

    def test_those_of_indimail(self):
        """ucspi-tcp-x: brackets in place of colons."""
        self.assertEqual(status_line(1, 40, indimail=True), b"tcpserver: status: 1/40 sql: 0\n")
        self.assertEqual(
            rules_line(7, False, ENDS, indimail=True),
            b"tcpserver: ok 7 mx.example[192.0.2.9]25 client.example[192.0.2.1]ident:40123:maxperip=0\n",
        )

    def test_ipv6(self):
        """Between a name and two words that have no colon."""
        ends = Ends(local_ip=b"2001:db8::9", local_port=b"25", remote_ip=b"2001:db8::1", remote_port=b"40123")
        found = RULES.fullmatch(rules_line(1, False, ends)).groups()
        self.assertEqual(found[2:], (b"", b"2001:db8::9", b"25", b"", b"2001:db8::1", b"", b"40123"))

    def test_log_injection_by_ident_and_by_a_name(self):
        """Both are what the peer's own servers say. `safecats`: ? for what is unsafe, and dots after 100 octets."""
        ends = Ends(
            remote_host=b"evil:1.2.3.4:\n[x]%",
            remote_ip=b"192.0.2.1",
            remote_info=b"a\x1b[2J " + b"b" * 200,
            remote_port=b"9",
        )
        found = RULES.fullmatch(rules_line(1, False, ends)).groups()
        self.assertEqual(found[5:7], (b"evil?1.2.3.4??[x]?", b"192.0.2.1"))
        self.assertEqual(found[7], b"a?[2J?" + b"b" * 94 + b"...")
        found = INDIMAIL.fullmatch(rules_line(1, False, ends, indimail=True)).groups()
        self.assertEqual(found[5:7], (b"evil?1.2.3.4???x??", b"192.0.2.1"))


class TestTheRealOne(SynchronousTestCase):
    def test_it_says_the_same(self):
        """A connection to tcpserver itself, and our lines of the same facts."""
        tcpserver = shutil.which("tcpserver")
        if tcpserver is None:
            raise SkipTest("no tcpserver here: Debian has it in ucspi-tcp")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = [tcpserver, "-v", "-H", "-R", "-l", "mx.example", "127.0.0.1", str(port), "/bin/sh", "-c", "exit 1"]
        with subprocess.Popen(words, stderr=subprocess.PIPE) as running:
            try:
                self.assertEqual(running.stderr.readline(), status_line(0, 40))
                with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                    here = connection.getsockname()[1]
                    self.assertEqual(running.stderr.readline(), status_line(1, 40))
                    pid = running.stderr.readline()
                    number = int(pid.split()[2])
                    self.assertEqual(pid, pid_line(number, b"127.0.0.1"))
                    ends = Ends(
                        local_host=b"mx.example",
                        local_ip=b"127.0.0.1",
                        local_port=b"%d" % port,
                        remote_ip=b"127.0.0.1",
                        remote_port=b"%d" % here,
                    )
                    self.assertEqual(running.stderr.readline(), rules_line(number, False, ends))
                    self.assertEqual(running.stderr.readline(), end_line(number, 1))
                    self.assertEqual(running.stderr.readline(), status_line(0, 40))
            finally:
                running.terminate()

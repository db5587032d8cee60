"""The run script of qmail-smtpd as it is, with the tcpserver of ucspi-tcp, and `twistedmx-smtpd` at its end."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from twisted.internet.defer import DeferredList
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.integration.output import Output
from tests.qmail.hand_over import PROGRAM, Server, compiled, open_descriptors


def session(port, *lines):
    """What a client hears that says these lines one after the other, and then waits for the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=50) as client:
        stream = client.makefile("rb")
        heard = [stream.readline()]
        for line in lines:
            client.sendall(line + b"\r\n")
            heard.append(stream.readline())
        return b"".join([*heard, stream.read()])


class UnderTcpserver(TestCase):
    """`program`: what stands at the end of the run script."""

    timeout = 120
    program = PROGRAM

    def setUp(self):
        if shutil.which("tcpserver") is None:
            raise SkipTest("tcpserver is not installed: apt-get install ucspi-tcp")
        self.processes = []
        self.addCleanup(self.close)  # after the end of the server, which has their logs as well
        self.server = Server(self)

    def start(self, *options, before=(), **environment):
        """Runs it, with these options of tcpserver and variables; `before`: words before the program. (its port, its log)"""
        process = subprocess.Popen(
            [
                "tcpserver",
                "-v",
                "-1",
                "-RHl0",
                *options,
                "127.0.0.1",
                "0",
                *before,
                self.program,
                "/bin/vchkpw",
                "/bin/true",
            ],
            env={"PATH": os.environ["PATH"], "TWISTEDMX_SOCKET": self.server.path, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        self.addCleanup(process.send_signal, signal.SIGTERM)
        return int(process.stdout.readline()), Output(process.stderr)

    def close(self):
        for process in self.processes:
            process.communicate(timeout=60)

    async def said(self, log, *patterns):
        """Each is in a line of the log, in any order."""
        for pattern in patterns:
            if not any(re.search(pattern, line) for line in log.lines):
                await deferToThread(log.wait_for, pattern)


class TestTheRunScript(UnderTcpserver):
    async def test_the_environment_of_each_connection_arrives(self):
        """tcpserver's facts, its rules and what the script exported."""
        if shutil.which("tcprules") is None:
            raise SkipTest("tcprules is not installed: apt-get install ucspi-tcp")
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        rules = os.path.join(folder, "tcp.smtp.cdb")
        subprocess.run(
            ["tcprules", rules, rules + ".tmp"],
            input=b'127.:allow,RELAYCLIENT="",RBLSMTPD=""\n:deny\n',
            check=True,
            timeout=30,
        )
        port, log = self.start("-x", rules, CHKUSER_START="ALWAYS")
        self.assertEqual(await deferToThread(session, port, b"QUIT"), b"220 here\r\n221 bye\r\n")
        (handed,) = self.server.handed
        expected = {
            b"PROTO": b"TCP",
            b"TCPREMOTEIP": b"127.0.0.1",
            b"TCPREMOTEPORT": b"%d" % handed.address.port,
            b"TCPLOCALIP": b"127.0.0.1",
            b"TCPLOCALPORT": b"%d" % port,
            b"TCPLOCALHOST": b"0",
            b"RELAYCLIENT": b"",
            b"RBLSMTPD": b"",
            b"CHKUSER_START": b"ALWAYS",
        }
        self.assertEqual({name: handed.environment.get(name) for name in expected}, expected)
        self.assertNotIn(b"TCPREMOTEHOST", handed.environment)  # -H: a fact that is not known is not there
        self.assertEqual(handed.arguments, (b"/bin/vchkpw", b"/bin/true"))
        await self.said(log, r"^tcpserver: ok ", r"^session ended 0$", r"^tcpserver: end \d+ status 0$")

    async def test_the_process_ends_and_the_session_goes_on(self):
        """Many sessions cost no processes."""
        port, log = self.start("-c", "2")
        clients = [socket.create_connection(("127.0.0.1", port), timeout=50) for _ in range(10)]
        for client in clients:
            self.addCleanup(client.close)
            self.assertEqual(await deferToThread(client.recv, 100), b"220 here\r\n")
        await self.said(log, r"^tcpserver: status: 0/2$")
        self.assertEqual(len(self.server.there), 10)
        for client in clients:
            client.sendall(b"NOOP\r\n")
            self.assertEqual(await deferToThread(client.recv, 100), b"250 NOOP\r\n")
            client.close()
        await self.server.empty()

    async def test_many_come_and_nothing_stays(self):
        """Each is served, and no descriptor is left."""
        port, _ = self.start("-c", "20")
        await deferToThread(session, port, b"QUIT")
        await self.server.empty()
        before = open_descriptors()

        def several():
            return [session(port, b"NOOP", b"QUIT") for _ in range(25)]

        results = await DeferredList([deferToThread(several) for _ in range(4)], fireOnOneErrback=True)
        for _, heard in results:
            self.assertEqual(set(heard), {b"220 here\r\n250 NOOP\r\n221 bye\r\n"})
        await self.server.empty()
        self.assertEqual((len(self.server.handed), self.server.port.refused), (101, 0))
        self.assertLessEqual(open_descriptors(), before + 6)  # of threads that have just begun
        self.assertEqual(len(self.server.port.sinks), 0)

    async def test_with_TWISTEDMX_WAIT_the_limit_of_tcpserver_is_about_sessions(self):
        """-c 2: the third waits in the queue of the kernel, until one has ended; and how each ended is in tcpserver's log."""
        port, log = self.start("-c", "2", TWISTEDMX_WAIT="1")
        first, second, third = (socket.create_connection(("127.0.0.1", port), timeout=50) for _ in range(3))
        for client in (first, second, third):
            self.addCleanup(client.close)
        for client in (first, second):
            self.assertEqual(await deferToThread(client.recv, 100), b"220 here\r\n")
        await self.said(log, r"^tcpserver: status: 2/2$")
        self.assertEqual(len(self.server.handed), 2)
        first.sendall(b"QUIT\r\n")
        self.assertEqual(await deferToThread(third.recv, 100), b"220 here\r\n")
        await self.said(log, r"^tcpserver: end \d+ status 0$")
        second.close()
        third.close()
        await self.server.empty()
        for _ in range(2):
            await deferToThread(log.wait_for, r"^tcpserver: end \d+ status 256$")

    async def test_behind_rblsmtpd_which_gives_way_to_it(self):
        """It lets in whom it does not know, and then is the program itself: no pipe is between."""
        if shutil.which("rblsmtpd") is None:
            raise SkipTest("rblsmtpd is not installed: apt-get install ucspi-tcp")
        port, _ = self.start(before=["rblsmtpd"], RBLSMTPD="")
        self.assertEqual(await deferToThread(session, port, b"QUIT"), b"220 here\r\n221 bye\r\n")

    async def test_behind_recordio_the_client_hears_421_and_the_log_says_why(self):
        """recordio copies by pipes; our own log does what it did."""
        if shutil.which("recordio") is None:
            raise SkipTest("recordio is not installed: apt-get install ucspi-tcp")
        port, log = self.start(before=["recordio"])
        heard = await deferToThread(session, port)
        self.assertEqual(heard, b"421 unable to reach the mail server (#4.3.0)\r\n")
        await self.said(log, r"^twistedmx-smtpd: descriptors 0 and 1 are not one socket.*recordio")

    async def test_without_a_server_it_says_421(self):
        """It is being started anew: clients come again."""
        self.server.port.stop()
        port, log = self.start()
        heard = await deferToThread(session, port)
        self.assertEqual(heard, b"421 unable to reach the mail server (#4.3.0)\r\n")
        await self.said(log, r"^twistedmx-smtpd: no server at .*: start twistedmx, or set TWISTEDMX_SOCKET$")
        await self.said(log, r"^tcpserver: end \d+ status 256$")

    async def test_a_server_that_does_not_answer_is_waited_for_some_seconds(self):
        """It is stopped, or in the middle of something long; then 421 and the end, though its queue has the connection. When it
        goes on it must not say 220 behind that. This test does wait for them."""
        self.server.port.accept(False)
        port, log = self.start()
        heard = await deferToThread(session, port)
        self.assertEqual(heard, b"421 unable to reach the mail server (#4.3.0)\r\n")
        await self.said(log, r"^twistedmx-smtpd: .*does not answer")
        self.server.port.accept(True)
        self.assertEqual(await deferToThread(session, port, b"QUIT"), b"220 here\r\n221 bye\r\n")
        self.assertEqual(len(self.server.handed), 1)


class TestTheRunScriptInC(TestTheRunScript):
    """The same, of the program that is compiled."""

    def setUp(self):
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        program = compiled(folder)
        if program is None:
            raise SkipTest("there is no C compiler: apt-get install gcc libc6-dev")
        self.program = program
        super().setUp()


class TestUnderInetd(UnderTcpserver):
    """inetd and xinetd give the connection as descriptors 0, 1 and 2, and no facts; tcp-env of qmail adds those."""

    async def test_the_log_is_not_the_client(self):
        """No log line is read as a reply."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            client = socket.create_connection(listening.getsockname(), timeout=50)
            accepted, _ = listening.accept()
        self.addCleanup(client.close)
        words = {
            "stdin": accepted,
            "stdout": accepted,
            "stderr": accepted,
            "env": {"TWISTEDMX_SOCKET": self.server.path},
        }
        status = await deferToThread(lambda: subprocess.run([self.program], timeout=60, **words).returncode)
        accepted.close()
        self.assertEqual((status, self.server.handed[0].lines), (0, None))
        self.assertEqual(self.server.handed[0].address.port, client.getsockname()[1])
        client.sendall(b"QUIT\r\n")
        self.assertEqual(await deferToThread(client.makefile("rb").read), b"220 here\r\n221 bye\r\n")

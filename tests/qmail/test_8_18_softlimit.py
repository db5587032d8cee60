"""The stock run script has softlimit -m 30000000, for one qmail-smtpd: twistedmx-smtpd stays within, the server is not in it."""

import os
import socket
import subprocess
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import BinaryIO

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from tests.qmail.hand_over import PROGRAM, Server, compiled, connection

STOCK = 30_000  # units of 1024 octets, of which ulimit counts


class TestInPython(TestCase):
    """The program that needs a Python."""

    timeout = 60
    program = PROGRAM

    def setUp(self) -> None:
        self.server = Server(self)

    def ended(self, accepted: socket.socket, log: BinaryIO) -> int:
        """Its status, where it was run with a connection and that much address space."""
        done = subprocess.run(
            ["sh", "-c", f'ulimit -v {STOCK} && exec "$0" /home/vpopmail/bin/vchkpw /bin/true', self.program],
            stdin=accepted,
            stdout=accepted,
            stderr=log,
            env={"PATH": os.environ["PATH"], "TWISTEDMX_SOCKET": self.server.path, "CHKUSER_START": "ALWAYS"},
            timeout=50,
        )
        return done.returncode

    async def test_it_hands_over_within_the_limit(self) -> None:
        """The session is served by a process that has no such limit."""
        with ExitStack() as open_ones:
            client, accepted = map(open_ones.enter_context, connection())
            log = open_ones.enter_context(TemporaryFile())
            status = await deferToThread(self.ended, accepted, log)
            accepted.close()
            log.seek(0)
            self.assertEqual((status, log.read()), (0, b""))
            (handed,) = self.server.handed
            self.assertEqual(handed.environment[b"CHKUSER_START"], b"ALWAYS")
            client.sendall(b"QUIT\r\n")
            self.assertEqual(await deferToThread(client.makefile("rb").read), b"220 here\r\n221 bye\r\n")
            await self.server.empty()


class TestInC(TestInPython):
    """The same in C."""

    def setUp(self) -> None:
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        program = compiled(folder)
        if program is None:
            raise SkipTest("there is no C compiler: apt-get install gcc libc6-dev")
        self.program = program
        super().setUp()

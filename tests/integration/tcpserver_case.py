"""A qmail host under tcpserver, for tests: its run script, our server beside, and multilog."""

import os
import re
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.output import Output
from tests.integration.program import TwistdProcess
from tests.integration.qmail_case import NO_MX, USER, Client, QmailCase, as_user, needed
from tests.qmail.hand_over import PROGRAM

RULES = b"""\
127.0.0.2:allow,RELAYCLIENT=""
127.0.0.3:allow,TCPREMOTEINFO="ident"
127.0.0.4:deny
:allow
"""


class From(Client):
    """A client at another address of the loopback network."""

    def __init__(self, port: int, address: str) -> None:
        smtplib.SMTP.__init__(
            self, "127.0.0.1", port, local_hostname="client.example", timeout=60, source_address=(address, 0)
        )


class UnderTcpserver(QmailCase):
    """`smtpd`: what stands at the end of the run script. `log`: what multilog reads."""

    smtpd = PROGRAM

    def setUp(self) -> None:
        needed("tcpserver", "tcprules", "multilog")
        super().setUp()
        self.found = self.queue()
        self.socket = self.folder / "smtpd.sock"

    def serve(self, more: str = "") -> TwistdProcess:
        """Our server, which listens nowhere but for twistedmx-smtpd."""
        text = f'listen = []\n[qmail]\nsocket = "{self.socket}"\n{more}\n'
        server = self.launch(*self.configured(text))
        server.ports_of(rf"listens on ({re.escape(str(self.socket))})$")
        return server

    def run_script(self, *options: str, exports: str = "", words: str = "") -> Output:
        """It runs, with these options of tcpserver; `words`: behind the program. `self.port`; the log of multilog."""
        rules = self.folder / "tcp.smtp.cdb"
        subprocess.run(["tcprules", rules, f"{rules}.tmp"], input=RULES, check=True, timeout=30)
        user = f"-u {USER} -g {USER}" if os.geteuid() == 0 else ""
        script = self.folder / "run"
        script.write_text(
            f"#!/bin/sh\nexport TWISTEDMX_SOCKET={self.socket}\n{exports}\n"
            f"exec tcpserver -v -1 -RHl0 -x {rules} {user} {' '.join(options)} 127.0.0.1 0 {self.smtpd} {words} 2>&1\n",
            encoding="ascii",
        )
        script.chmod(0o755)
        running = subprocess.Popen([script], env={"PATH": os.environ["PATH"], **NO_MX}, stdout=subprocess.PIPE)
        multilog = subprocess.Popen(
            [
                *(*as_user(), "multilog", "t", "e", "s16777215", "n20", str(self.folder / "main")),
                *("-*", "+*CHKUSER*", "s16777215", "n20", str(self.folder / "refused")),
            ],
            stdin=running.stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.stdout.close()  # type: ignore[union-attr]
        self.addCleanup(multilog.communicate, timeout=60)
        self.addCleanup(running.wait, 60)
        self.addCleanup(running.terminate)
        log = Output(multilog.stderr)  # type: ignore[arg-type]
        self.port = int(log.wait_for(r"^@[0-9a-f]{24} (\d+)$")[1])
        return log

    @contextmanager
    def from_(self, address: str) -> Iterator[From]:
        client = From(self.port, address)
        try:
            yield client
            client.quit()
        finally:
            client.close()

    def heard(self) -> bytes:
        """What tcpserver's client hears first."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client, client.makefile("rb") as stream:
            return stream.readline()

    def stored(self) -> tuple[bytes, bytes]:
        """Envelope and message of the one that the queue has, which it forgets."""
        (envelope,), (message,) = (list(self.found.glob(f"*.{name}")) for name in ("envelope", "message"))
        read = envelope.read_bytes(), message.read_bytes()
        envelope.unlink()
        message.unlink()
        return read

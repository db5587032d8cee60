"""Whoever hands a connection over, and the server that takes it, for tests."""

import array
import gc
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from twistedmx.net.adopted import adopt
from twistedmx.net.eager import EagerWriter
from twistedmx.net.handed_over import HandOverPort, bind
from twistedmx.net.readers import Readers
from twistedmx.net.wheel import Wheel

CONTRIB = Path(__file__).parent.parent.parent / "contrib" / "qmail"
PROGRAM = str(CONTRIB / "twistedmx-smtpd")


def compose(environment: Mapping[bytes, bytes], arguments: Sequence[bytes] = (), *, waits: bool = False) -> bytes:
    """The packet of `twistedmx-smtpd`."""
    fields = [b"twistedmx-smtpd 1", b"wait" if waits else b"go", b"%d" % len(arguments), *arguments]
    fields += [name + b"=" + value for name, value in environment.items()]
    return b"".join(field + b"\0" for field in fields)


def open_descriptors() -> int:
    """Of this process, those aside that other tests have left to the collector of garbage."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def compiled(folder: str) -> str | None:
    """The program in C, built in `folder`; None without a compiler."""
    path = os.path.join(folder, "twistedmx-smtpd")
    words = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, str(CONTRIB / "twistedmx-smtpd.c")]
    try:
        subprocess.run(words, check=True, timeout=120)
    except FileNotFoundError:
        return None
    return path


class Session(Protocol):
    """Greets, answers each line with it, and ends after QUIT. `handed`: how it came."""

    def __init__(self, server, handed):
        self.server = server
        self.handed = handed
        self.status = 1

    def connectionMade(self):
        self.server.there.add(self)
        self.out = EagerWriter(self.transport)
        self.out.write(b"220 " + self.handed.environment.get(b"GREETING", b"here") + b"\r\n")

    def dataReceived(self, octets):
        for line in octets.splitlines():
            if line == b"QUIT":
                self.status = 0
                self.out.write(b"221 bye\r\n")
                self.transport.close()
                return
            self.out.write(b"250 " + line + b"\r\n")

    def connectionLost(self, reason):
        self.server.there.discard(self)
        if self.handed.lines is not None:
            self.handed.lines.write(b"session ended %d" % self.status)
            self.handed.lines.close()
        self.handed.ended(self.status)
        self.server.woken()


class Server:
    """A small server. `handed`: what it was handed so far. `there`: its sessions. `refusal`: is raised instead of a session."""

    def __init__(self, case, *, group=None, users=frozenset(), clock=reactor):
        folder = tempfile.mkdtemp()  # short: a socket has 107 octets for its path
        self.path = os.path.join(folder, "smtpd.sock")
        self.handed, self.there, self.refusal = [], set(), None
        self._waiting = []
        self.readers = Readers(reactor)
        self.wheel = Wheel(clock)
        self.port = HandOverPort(reactor, bind(self.path, group=group), wheel=self.wheel, take=self.take, users=users)
        self.port.accept(True)
        case.addCleanup(os.rmdir, folder)
        case.addCleanup(self.stop)

    def take(self, handed):
        self.handed.append(handed)
        if self.refusal is not None:
            raise self.refusal
        adopt(self.readers, handed.connection, handed.address, lambda address: Session(self, handed))
        self.woken()

    def woken(self):
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    def something(self):
        """Fires when a session begins or ends."""
        deferred = Deferred()
        self._waiting.append(deferred)
        return deferred

    async def empty(self):
        """Until no session is there."""
        while self.there:
            await self.something()

    async def stop(self):
        self.port.stop()
        for session in list(self.there):
            session.transport.abortConnection()
        await self.empty()
        self.readers.stop()
        self.wheel.stop()


def send(path, packet, descriptors=()):
    """Say `packet` there, with these descriptors; the socket, on which the answer comes."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.settimeout(30)
    channel.connect(path)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([packet], rights)
    return channel


def connection():
    """(the client's end of a TCP connection, the accepted one)"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname(), timeout=30)
        accepted, _ = listening.accept()
    return client, accepted

"""A server that is a function, on connections that are none: time is a Clock, and a round trip takes a moment."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from twistedmx.drill.plan import Plan

ROUND_TRIP = 0.005  # seconds
PLAN = Plan(
    siege=1,
    host="127.0.0.1",
    port=2525,
    recipients=("ann@example.org", "bob@example.org"),
    unknown="nobody.x@example.org",
    hosts=100,
    sessions=10,
    rate=100.0,
    calm=1.0,
    attack=1.0,
)
# What a line is answered: octets of a reply; None: the connection is closed behind what was answered before.
Behaviour = Callable[["Connection", bytes], bytes | None]


class Connection(StringTransport):
    """One. `source`: the address it comes from; `lines`: heard so far, content as one; `closed`: by whom, "" if it is open."""

    def __init__(self, server: "Server", source: str, protocol: Protocol) -> None:
        super().__init__()
        self.source = source
        self.lines: list[bytes] = []
        self.closed = ""
        self._server = server
        self._protocol_of_client = protocol
        self._content = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """It has none."""

    def write(self, data: bytes) -> None:
        line = data if self._content else data.removesuffix(b"\r\n")
        self._content = False
        self.lines.append(line)
        self._server.clock.callLater(ROUND_TRIP, self.answer, self._server.behaviour(self, line))

    def answer(self, reply: bytes | None) -> None:
        """The server speaks, or closes."""
        if self.closed:
            return
        if reply is None:
            self._close("server")
            return
        self._content = reply[:3] == b"354"
        self._protocol_of_client.dataReceived(reply)

    def loseConnection(self) -> None:
        self._close("client")

    def abortConnection(self) -> None:
        self._close("client")

    def _close(self, whose: str) -> None:
        if not self.closed:
            self.closed = whose
            self._server.open.remove(self)
            self._protocol_of_client.connectionLost(Failure(ConnectionDone()))


class Server:
    """`greeting`: what it says first, or None. `connections`: all there were; `open`: those that are. `listens`: is it there?"""

    def __init__(self, clock: Clock, behaviour: Behaviour, greeting: bytes | None = b"220 mx\r\n") -> None:
        self.clock = clock
        self.behaviour = behaviour
        self.greeting = greeting
        self.listens = True
        self.connections: list[Connection] = []
        self.open: list[Connection] = []

    def connect(self, source: str, protocol: Protocol) -> Deferred[Any]:
        """As `drill.connecting` has it."""
        if not self.listens:
            failed: Deferred[Any] = Deferred()
            self.clock.callLater(ROUND_TRIP, failed.errback, Failure(ConnectionRefusedError()))
            return failed
        connection = Connection(self, source, protocol)
        self.connections.append(connection)
        self.open.append(connection)
        protocol.makeConnection(connection)
        self.clock.callLater(ROUND_TRIP, connection.answer, self.greeting)
        return succeed(protocol)


def good(connection: Connection, line: bytes) -> bytes | None:
    """A server by the book: ann and bob are there, nobody else is."""
    if connection.lines.count(b"DATA") and connection.lines[-2:-1] == [b"DATA"]:
        return b"250 2.0.0 queued\r\n"
    match line[:4].upper():
        case b"RCPT":
            known = line[9:-1] in (b"ann@example.org", b"bob@example.org")
            return b"250 2.1.5 ok\r\n" if known else b"550 5.1.1 no such mailbox\r\n"
        case b"DATA":
            return b"354 go on\r\n"
        case b"QUIT":
            return b"221 2.0.0 bye\r\n"
        case _:
            return b"250 ok\r\n"


def run(clock: Clock, seconds: float, step: float = ROUND_TRIP) -> None:
    """So much time passes."""
    clock.pump([step] * round(seconds / step))

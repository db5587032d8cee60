"""A name server on the loopback, with its records in memory, and faults by name."""

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock, deferLater
from twisted.names import common, dns, server
from twisted.names.authority import FileAuthority

MINIMUM = 90  # seconds that it does not have what it does not have


def a_turn() -> "Deferred[None]":
    """Sockets that were closed are given back."""
    return deferLater(reactor, 0)  # type: ignore[arg-type]


class NetClock(Clock):
    """The reactor's sockets, and time that a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.no_socket: Exception | None = None

    def listenUDP(self, *args: Any, **kwargs: Any) -> Any:
        if self.no_socket is not None:
            raise self.no_socket
        return reactor.listenUDP(*args, **kwargs)

    def connectTCP(self, *args: Any, **kwargs: Any) -> Any:
        return reactor.connectTCP(*args, **kwargs)


class Authority(FileAuthority):
    """Of records in memory."""

    def __init__(self, soa: dns.Record_SOA, records: dict[bytes, list[Any]]) -> None:
        common.ResolverBase.__init__(self)
        self.soa = (b"example", soa)
        self.records = {b"example": [soa], **records}


class NameServer(server.DNSServerFactory):
    """`records`: of names under `example`. The first label may be a fault, see `sendReply`. `failing`: names that are SERVFAIL.
    `asked`: name, type, and "udp" or "tcp"."""

    noisy = False

    def __init__(self, records: dict[bytes, list[Any]]) -> None:
        soa = dns.Record_SOA(mname=b"ns.example", rname=b"root.example", minimum=MINIMUM, ttl=3600)
        super().__init__(authorities=[Authority(soa, records)])
        self.asked: list[tuple[bytes, int, str]] = []
        self.failing: set[bytes] = set()
        self.on_question: Callable[[], None] = lambda: None
        self._datagrams = dns.DNSDatagramProtocol(self)

    def open(self, interface: str = "127.0.0.1") -> tuple[str, int]:
        """Where it can be asked."""
        self._tcp = reactor.listenTCP(0, self, interface=interface)  # type: ignore[attr-defined]
        port: int = self._tcp.getHost().port
        self._udp = reactor.listenUDP(port, self._datagrams, interface=interface)  # type: ignore[attr-defined]
        self._stranger = reactor.listenUDP(0, DatagramProtocol(), interface=interface)  # type: ignore[attr-defined]
        return interface, port

    async def close(self) -> None:
        for stream in list(self.connections):
            stream.transport.abortConnection()
        for port in (self._udp, self._stranger, self._tcp):
            closing = port.stopListening()
            if isinstance(closing, Deferred):
                await closing

    def connectionMade(self, protocol: Any) -> None:
        self.connections.append(protocol)

    def sendReply(self, protocol: Any, message: dns.Message, address: Any) -> None:
        query = message.queries[0]
        by_udp = address is not None
        self.asked.append((query.name.name, query.type, "udp" if by_udp else "tcp"))
        fault = "servfail" if query.name.name in self.failing else query.name.name.partition(b".")[0].decode()
        octets = message.toStr()
        if fault == "silent" or (fault == "stuck" and not by_udp):
            octets = b""
        elif fault in ("servfail", "refused"):
            message.rCode = dns.ESERVER if fault == "servfail" else dns.EREFUSED
            message.answers, message.authority = [], []
            octets = message.toStr()
        elif fault == "cut":
            octets = octets[:-3]
        elif fault == "echo":
            message.answer, message.answers, message.authority = 0, [], []
            octets = message.toStr()
        elif fault == "referral":
            ns = dns.RRHeader(b"example", dns.NS, dns.IN, 60, dns.Record_NS(b"ns.example"))
            message.rCode, message.answers, message.authority = dns.OK, [], [ns]
            octets = message.toStr()
        elif fault == "no-soa":
            message.rCode, message.answers, message.authority = dns.OK, [], []
            octets = message.toStr()
        elif fault == "always-long" or (by_udp and fault in ("long", "dropped", "stuck")):
            message.trunc, message.answers, message.authority = 1, [], []
            octets = message.toStr()
        elif by_udp and fault == "longer":
            message.trunc = 1
            octets = message.toStr()
        elif fault == "dropped":
            protocol.transport.abortConnection()
            octets = b""
        if octets and by_udp:
            (self._stranger if fault == "stranger" else protocol.transport).write(octets, address)
        elif octets:
            protocol.sendString(octets)
        self.on_question()

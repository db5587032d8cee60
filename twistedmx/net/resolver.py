"""Questions to the name servers of resolv.conf(5): Twisted's resolver, which sends again, tries one server after the other, and
asks by TCP for what is too long for a datagram.

What it lacks, and has here:

- An answer that was cut off is dropped. `dns.Message` takes what it could read of one for the whole, and then a domain would
  have no MX because a packet was damaged.
- An answer must come from whom was asked: older versions of Twisted take it from anybody who knows its port and number.
- A connection for an answer that was too long for a datagram ends with its questions, and after some seconds at the latest. One
  that went dead would have all later questions.
- resolv.conf is read when something is asked. A line that cannot be used is passed over.
- No timer is left behind by a question that was cancelled.

What it does not: EDNS, DNSSEC, a cache (`net/mx.py`), `search` and `options` of resolv.conf. BUGS: a server that answers SERVFAIL
is believed, the next one is not asked; the resolver of the C library would.
"""

# mypy: allow-untyped-calls
# (twisted.names has types in part alone, and these classes are its.)

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IDelayedCall, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.names import client, dns
from twisted.python.failure import Failure

RESOLV_CONF: Final = "/etc/resolv.conf"
_READ_AGAIN: Final = 60.0  # seconds
_MOST_OCTETS: Final = 65_536  # of resolv.conf
_MOST_SERVERS: Final = 3  # MAXNS of resolv.h
_HERE: Final = ("127.0.0.1", dns.PORT)  # resolv.conf(5): what is asked where it names none
_SEND_AGAIN: Final = (1, 2, 4, 8)  # seconds, for each server; whoever asks has a limit of his own
_CONNECTION: Final = 10.0  # seconds
_HEADER: Final = struct.Struct("!6H")  # RFC 1035 4.1.1


class Asked(Protocol):
    """What is asked of a name server."""

    def ask(self, name: bytes, type: int) -> Deferred[dns.Message]:
        """Records of `type` (`dns.MX`) of `name`, in A-labels. The message has what came, errors in its `rCode`.

        Fails where nothing came in time, or nothing could be sent. May be cancelled.
        """

    def close(self) -> None:
        """Give back what is open. Never raises."""


def is_whole(octets: bytes) -> bool:
    """Whether this is an answer, and has as many records as it says (RFC 1035 4.1.1). Never raises, whatever came.

    One that says that it was cut short (TC) need not have.
    """
    message = dns.Message()
    try:
        message.fromStr(octets)
    except Exception:  # the parser has several, and these octets are a stranger's
        return False
    numbers = _HEADER.unpack_from(octets)[2:]
    there = (len(message.queries), len(message.answers), len(message.authority), len(message.additional))
    return bool(message.answer) and (bool(message.trunc) or numbers == there)


def servers_in(lines: Iterable[bytes]) -> list[tuple[str, int]]:
    """The name servers of a resolv.conf(5), in its order; the one of this machine where it has none. Never raises."""
    servers = []
    for line in lines:
        words = line.split()
        if len(words) < 2 or words[0] != b"nameserver":
            continue
        try:
            # In its shortest form: an answer must come from an address that reads the same.
            address = str(ipaddress.ip_address(words[1].decode("ascii")))
        except ValueError:
            continue
        servers.append((address, dns.PORT))
    return servers[:_MOST_SERVERS] or [_HERE]


class _Datagrams(dns.DNSDatagramProtocol):
    """For one question to one server."""

    noisy = False  # a line for each beginning and each end

    def query(self, address: tuple[str, int], *args: Any, **kwargs: Any) -> Deferred[dns.Message]:
        self._asked = address
        return super().query(address, *args, **kwargs)

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr == self._asked and is_whole(data):
            super().datagramReceived(data, addr)

    def stopProtocol(self) -> None:
        _forget(self.liveMessages)
        super().stopProtocol()


class _Stream(dns.DNSProtocol):
    """For the questions that are under way when one was answered with TC."""

    transport: ITCPTransport

    def connectionMade(self) -> None:
        self._end: IDelayedCall = self._reactor.callLater(_CONNECTION, self.transport.abortConnection)
        super().connectionMade()

    def stringReceived(self, data: bytes) -> None:
        if is_whole(data):
            super().stringReceived(data)
        if not self.liveMessages:
            self.controller.connectionLost(self)  # no other question may be put on it
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)
        for answer in _forget(self.liveMessages):
            answer.errback(reason)


def _forget(live: dict[int, tuple[Deferred[dns.Message], IDelayedCall]]) -> list[Deferred[dns.Message]]:
    """The Deferreds of questions that are under way. Their timers are no more."""
    waiting = list(live.values())
    live.clear()
    for _, timer in waiting:
        if timer.active():
            timer.cancel()
    return [answer for answer, _ in waiting]


class _Streams(client.DNSClientFactory):
    def buildProtocol(self, addr: IAddress | None) -> _Stream:
        stream = _Stream(self.controller, reactor=self.controller._reactor)
        stream.factory = self
        return stream


class Resolver(client.Resolver):
    """`ask` and `close` alone are meant to be called."""

    def __init__(
        self, *, reactor: Any, resolv_conf: str = RESOLV_CONF, servers: Sequence[tuple[str, int]] = ()
    ) -> None:
        """`reactor`: its IReactorUDP, IReactorTCP and IReactorTime. `servers`: addresses and ports, in place of a file's."""
        super().__init__(servers=list(servers) or [_HERE], timeout=_SEND_AGAIN, reactor=reactor)
        self.factory = _Streams(self, _SEND_AGAIN)
        self.factory.noisy = False
        self._resolv_conf = None if servers else resolv_conf
        self._read = float("-inf")

    def ask(self, name: bytes, type: int) -> Deferred[dns.Message]:
        """See `Asked`. A truncated answer that has records of `type` is given as it is: it says that there are some, also where
        a firewall forbids TCP."""
        self._look_at_resolv_conf()
        queries = [dns.Query(name, type, dns.IN)]
        # Not `lookupMailExchange`: where no socket can be had it never asks for that name again.
        asking: Deferred[dns.Message] = maybeDeferred(self.queryUDP, queries)
        return asking.addCallback(self._or_by_tcp, queries, type)

    def close(self) -> None:
        """See `Asked`."""
        for stream in list(self.connections):
            stream.transport.abortConnection()

    def _or_by_tcp(self, message: dns.Message, queries: list[dns.Query], type: int) -> Any:
        if not message.trunc or any(record.type == type for record in message.answers):
            return message
        return self.queryTCP(queries)

    def _look_at_resolv_conf(self) -> None:
        now = self._reactor.seconds()
        if self._resolv_conf is None or now - self._read < _READ_AGAIN:
            return
        self._read = now
        try:
            with open(self._resolv_conf, "rb") as file:
                self.servers = servers_in(file.read(_MOST_OCTETS).splitlines())
        except FileNotFoundError:
            self.servers = [_HERE]
        except OSError:
            pass  # those that were there last

    def _connectedProtocol(self, interface: str = "") -> _Datagrams:
        """Twisted's own makes a protocol that takes what was cut off. The port is the kernel's choice, a random one."""
        datagrams = _Datagrams(self, reactor=self._reactor)
        self._reactor.listenUDP(0, datagrams, interface=interface)
        return datagrams

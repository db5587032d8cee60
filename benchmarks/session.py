"""What the hot path costs, and what each trick on it saves: CPU microseconds of the server per unit.

    python -m benchmarks.session [--json] [--seconds 0.5]

Each row is measured in this process or in a forked server on a loopback socket; figures of one run may be compared with each
other, and with nothing else. The rows named "without" undo a trick, and show why it is there.
"""

import argparse
import json
import os
import resource
import socket
import time
from collections.abc import Callable
from random import Random

from twisted.internet.task import Clock

from benchmarks.fault import CannotMeasure
from twistedmx.model.mailbox import UNKNOWN
from twistedmx.model.peer import Peer
from twistedmx.net.connections import Connections
from twistedmx.net.eager import EagerWriter
from twistedmx.net.server import ServerFactory
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.wheel import Wheel
from twistedmx.policy.conduct_settings import ConductSettings
from twistedmx.policy.limit_settings import LimitSettings
from twistedmx.policy.receiver import Receiver
from twistedmx.policy.recipient import RecipientSettings, RecipientStep
from twistedmx.policy.short_way import answer_shortly
from twistedmx.policy.site import Site
from twistedmx.ports import Ports
from twistedmx.smtp import codes, command
from twistedmx.smtp.content import Content, Newlines
from twistedmx.smtp.line_ends import with_lf
from twistedmx.smtp.session import Need, Session
from twistedmx.testing.acceptance import FakeAcceptance

WELL_BEHAVED = ConductSettings(bad_recipients=(10**12,) * 3, resets=(10**12,) * 3)
UNLIMITED = LimitSettings(errors=(10**12,) * 3, idle_commands=(10**12,) * 3, recipients=10**6)
RCPT = b"RCPT TO:<nobody.12@example.org>\r\n"
LINE = b"The quick brown fox jumps over the lazy dog; then it rests a while.\r\n"
BLOCK = LINE * (65_536 // len(LINE))  # about a read of a busy connection
BASE64 = (b"VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZw" * 2)[:76] + b"\r\n"
STUFFED = b".." + BASE64[1:]


class NobodyHere:
    """Mailboxes of which none exists."""

    def refresh(self) -> None: ...

    def find(self, path: object) -> object:
        return UNKNOWN

    def none_of(self, addresses: object, domain: object) -> bool:
        return True


class Deaf:
    """Events that nobody hears."""

    def tell(self, event: object) -> None: ...


def cpu_of(work: Callable[[], object], seconds: float) -> float:
    """Microseconds of CPU for one call, the best of five rounds."""
    calls, took = 1, 0.0
    while took < seconds / 10:
        calls *= 2
        took = _time(work, calls)
    return min(took, *(_time(work, calls) for _ in range(4))) / calls * 1e6


def _time(work: Callable[[], object], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        work()
    return time.process_time() - began


def _session() -> Session:
    session = Session(limits=UNLIMITED.by_posture()[0], starttls=True, secure=False)
    session.reply(codes.greeting("mx.example.org"))
    session.receive(b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n")
    while not isinstance(session.next_input(), Need):
        session.reply(codes.NOOP)
    return session


def rejected_rcpt() -> Callable[[], object]:
    session = _session()

    def work() -> None:
        session.receive(RCPT)
        session.next_input()
        session.reply(codes.NO_SUCH_MAILBOX)
        session.next_input()

    return work


def pipelined_rcpt() -> Callable[[], object]:
    session = _session()
    packet = RCPT * 10

    def work() -> None:
        session.receive(packet)
        while not isinstance(session.next_input(), Need):
            session.reply(codes.NO_SUCH_MAILBOX)

    return work


def refused_at_once(packet: bytes) -> Callable[[], object]:
    """The short way of the same, with the look-up, conduct and facts."""
    clock = Clock()
    site = _site(clock)
    session = Session(limits=UNLIMITED.by_posture()[0], starttls=True, secure=False)
    receiver = Receiver(site, session, Peer(address="192.0.2.1", port=1024))
    session.reply(receiver.greeting())
    session.receive(b"EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n" + RCPT)
    while not isinstance(input_ := session.next_input(), Need):
        session.reply(receiver.answer(input_))

    def work() -> None:
        if answer_shortly(session, receiver, packet, 10, []) != len(packet):
            raise CannotMeasure("it was not answered the short way")

    return work


def _site(clock: object) -> Site:
    """A server that knows nobody, and tells nobody."""
    ports = Ports(
        clock=clock,
        now=time.time,
        chance=Random(),
        mailboxes=NobodyHere(),
        acceptance=FakeAcceptance(),
        events=Deaf(),
    )
    return Site(
        host="mx.example.org",
        limits=UNLIMITED,
        conduct=WELL_BEHAVED,
        starttls=False,
        reserve=0,
        recipients=RecipientStep(ports.mailboxes, clock, RecipientSettings()),
        ports=ports,
    )


def content(block: bytes, *, text_line: int = 0) -> Callable[[], object]:
    taken = Content(limit=1 << 60, text_line=text_line, newlines=Newlines.REFUSED)
    return lambda: taken.feed_data(block)


def _filled(lines: bytes) -> bytes:
    """A block of as many as BLOCK has octets."""
    return lines * (65_536 // len(lines))


def _wait_for_the_reactor(writer: EagerWriter, flags: int = 0) -> None:
    octets, writer._held = writer._held, b""
    writer._transport.write(octets)


def _serve(eager: bool) -> tuple[int, int]:
    """Fork a server that knows nobody; its port and pid. Without `eager`, replies wait for the reactor."""
    found, told = socket.socketpair()
    pid = os.fork()
    if pid:
        told.close()
        return int(found.recv(10)), pid
    from twisted.internet import reactor

    site = _site(reactor)
    if not eager:
        EagerWriter.flush = _wait_for_the_reactor
    factory = ServerFactory(site=site, timeouts=Timeouts(), wheel=Wheel(reactor))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    told.send(str(port.getHost().port).encode())
    factory.connections = _StopsWhenEmpty(reactor)
    reactor.run()
    os._exit(0)


class _StopsWhenEmpty(Connections):
    def __init__(self, reactor) -> None:
        super().__init__()
        self._reactor = reactor

    def discard(self, connection, address="") -> None:
        super().discard(connection, address)
        if not self:
            self._reactor.callFromThread(self._reactor.stop)


def over_a_socket(packet: bytes, commands: int, rounds: int, *, eager: bool) -> float:
    """CPU microseconds of the server per command, everything counted: kernel, reactor, shell, session."""
    port, pid = _serve(eager)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for line in (b"", b"EHLO client.example.net\r\n", b"MAIL FROM:<a@example.net>\r\n"):
        peer.sendall(line) if line else None
        peer.recv(4096)
    expected = commands * len(codes.NO_SUCH_MAILBOX.octets)
    for _ in range(rounds):
        peer.sendall(packet)
        heard = 0
        while heard < expected:
            heard += len(peer.recv(65_536))
    peer.close()
    os.waitpid(pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / rounds / commands * 1e6


def measure(seconds: float) -> dict[str, float]:
    """Every row: its name and CPU microseconds per unit."""
    line = RCPT[:-2]
    rounds = int(60_000 * seconds)
    return {
        "session: a refused RCPT, lock-step": cpu_of(rejected_rcpt(), seconds),
        "session: a refused RCPT, ten in a packet": cpu_of(pipelined_rcpt(), seconds) / 10,
        "session: the same by the short way, lock-step": cpu_of(refused_at_once(RCPT), seconds),
        "session: by the short way, ten in a packet": cpu_of(refused_at_once(RCPT * 10), seconds) / 10,
        "parse_command: a plain RCPT": cpu_of(lambda: command.parse_command(line), seconds),
        "parse_command: the same by the grammar": cpu_of(lambda: command._parse_any(line), seconds),
        "content: 64 KiB of text, checked and turned into LF": cpu_of(content(BLOCK), seconds),
        "content: the same with a limit of the line": cpu_of(content(BLOCK, text_line=1000), seconds),
        "content: 64 KiB of base64, without a dot": cpu_of(content(_filled(BASE64)), seconds),
        "content: one line of it in fifty begins with a dot": cpu_of(content(_filled(BASE64 * 49 + STUFFED)), seconds),
        "content: every line begins with a dot": cpu_of(content(_filled(STUFFED)), seconds),
        "content: lines of 20 octets": cpu_of(content(_filled(LINE[-20:])), seconds),
        "content: nothing but line ends": cpu_of(content(_filled(b"\r\n")), seconds),
        "line ends: of 64 KiB of text, line by line": cpu_of(lambda: with_lf(BLOCK, short_lines=False), seconds),
        "line ends: of the same, octet by octet": cpu_of(lambda: with_lf(BLOCK, short_lines=True), seconds),
        "server: a refused RCPT, lock-step": over_a_socket(RCPT, 1, rounds, eager=True),
        "server: without eager send": over_a_socket(RCPT, 1, rounds, eager=False),
        "server: a refused RCPT, ten in a packet": over_a_socket(RCPT * 10, 10, rounds // 4, eager=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.session",
        description="What the hot path costs: CPU microseconds of the server per unit.",
        epilog="Example: python -m benchmarks.session --seconds 1",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    parser.add_argument("--seconds", type=float, default=0.5, help="work per row (default 0.5)")
    chosen = parser.parse_args()
    rows = measure(chosen.seconds)
    if chosen.json:
        print(json.dumps(rows, indent=2))
    else:
        for name, cost in rows.items():
            print(f"{cost:9.2f} us  {name}")


if __name__ == "__main__":
    main()

"""What a message of 4 KiB costs the interpreter, from its first octet to its line in the log: CPU, without kernel and disk.

    python -m benchmarks.message [--json] [--seconds 0.5] [--profile]

Twenty connections and their messages go through shell, session, receiver, acceptance, writer, facts and log in two threads of this
process, over transports and a disk that do nothing. What is left out is the reactor and the kernel: `python -m benchmarks accept`
has all of it. The ratio is to a refused RCPT of `benchmarks.session`.
"""

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from benchmarks.session import UNLIMITED, WELL_BEHAVED, cpu_of, rejected_rcpt
from twistedmx.delivery.acceptance import MaildirAcceptance, Writing
from twistedmx.model.mailbox import Destination, Lookup, Outcome
from twistedmx.model.verdict import Action, Reason
from twistedmx.net.server import ServerFactory
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.wheel import Wheel
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.blocklist_settings import BlocklistSettings
from twistedmx.policy.recipient import RecipientSettings, RecipientStep
from twistedmx.policy.reputation import Reputation
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.site import Site
from twistedmx.ports import File, Ports
from twistedmx.report.counters import Counters
from twistedmx.report.lines import Lines
from twistedmx.report.log import Log, LogSettings
from twistedmx.report.stream import Stream

_ACCEPTED = (Action.ACCEPT, Reason.ACCEPTED)
_CONNECTIONS = 20
_MAILBOXES = 500
_CONTENT = (
    b"Subject: 4 KiB\r\n\r\n"
    + b"The quick brown fox jumps over the lazy dog; then it rests a while.\r\n" * 59
    + b".\r\n"
)


class Somebody:
    """Mailboxes that all exist."""

    def __init__(self) -> None:
        self._found = {
            f"user{number:05}@example.org".encode(): Lookup(
                outcome=Outcome.FOUND,
                destinations=(
                    Destination(
                        address=f"user{number:05}@example.org".encode(),
                        maildir=f"/srv/mail/example.org/user{number:05}",
                    ),
                ),
            )
            for number in range(_MAILBOXES)
        }

    def refresh(self) -> None: ...

    def none_of(self, addresses: object, domain: object) -> bool:
        return False

    def find(self, path: Any) -> Lookup:
        return self._found[path.address]


class NoDisk:
    """A disk that does nothing at once."""

    _file = File(descriptor=0, temporary="")

    def create(self, maildir: str, name: str) -> File:
        return self._file

    def sync(self, files: Sequence[File], published: Sequence[Any]) -> tuple[Sequence[None], Sequence[None]]:
        return [None] * len(files), [None] * len(published)

    def free_octets(self, path: str) -> int:
        return 1 << 40

    def make_directories(self, path: str, folders: Sequence[str]) -> Sequence[str]:
        return ()

    def list_stale(self, directory: str, older_than: float) -> Sequence[str]:
        return ()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class Wire:
    """A transport to nobody."""

    def __init__(self, number: int) -> None:
        self._peer = IPv4Address("TCP", f"127.0.1.{number}", 1024 + number)

    def getPeer(self) -> IPv4Address:
        return self._peer

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Server:
    """All of it, and who sends."""

    def __init__(self) -> None:
        self._told: SimpleQueue[tuple[Callable[..., None], Sequence[Any]]] = SimpleQueue()
        self._sent = 0
        clock = Clock()
        self._counters = Counters()
        lines = Lines("/dev/null", later=lambda flush: None)
        log = Log(LogSettings(), lines, stamped=True)
        self._acceptance = MaildirAcceptance(
            writing=Writing(),
            disk=NoDisk(),  # type: ignore[arg-type]  # of the rest nothing is asked
            clock=clock,
            now=time.time,
            chance=Random(1),
            host="mx.example.org",
            pid=lambda: 1,
            directory="/srv",
            call_in_reactor=lambda call, *words: self._told.put((call, words)),
        )
        mailboxes = Somebody()
        blocklist = Blocklist(BlocklistSettings(), time.time, Random(1))
        reputation = Reputation(ReputationSettings(), blocklist, lambda event: None, time.time())
        ports = Ports(
            clock=clock,
            now=time.time,
            chance=Random(1),
            mailboxes=mailboxes,
            acceptance=self._acceptance,
            events=Stream([self._counters, log, reputation]),
        )
        site = Site(
            host="mx.example.org",
            limits=UNLIMITED,
            conduct=WELL_BEHAVED,
            starttls=True,
            reserve=0,
            recipients=RecipientStep(mailboxes, clock, RecipientSettings()),
            ports=ports,
        )
        self._factory = ServerFactory(site=site, timeouts=Timeouts(), wheel=Wheel(clock))
        self._acceptance.start()
        self._connections = [self._connect(number) for number in range(_CONNECTIONS)]

    def _connect(self, number: int) -> Any:
        wire = Wire(number)
        connection = self._factory.buildProtocol(wire.getPeer())
        assert connection is not None
        connection.makeConnection(wire)  # type: ignore[arg-type]
        connection.dataReceived(b"EHLO client.example.net\r\n")
        return connection

    def messages(self) -> None:
        """One for each connection."""
        for connection in self._connections:
            self._sent += 1
            to = self._sent * 7919 % _MAILBOXES
            connection.dataReceived(
                b"MAIL FROM:<sender@client.example.net>\r\nRCPT TO:<user%05d@example.org>\r\nDATA\r\n" % to
            )
            connection.dataReceived(_CONTENT)
        while self._counters.messages[_ACCEPTED] < self._sent:
            call, words = self._told.get()
            call(*words)

    def connections(self) -> None:
        """New ones, with a message each."""
        self._connections = [self._connect(number) for number in range(_CONNECTIONS)]
        self.messages()
        for connection in self._connections:
            connection.dataReceived(b"QUIT\r\n")
            connection.connectionLost()


def measure(seconds: float) -> dict[str, float]:
    """Every row: its name and CPU microseconds."""
    server = Server()
    return {
        "calibration: a refused RCPT, lock-step, in the session alone": cpu_of(rejected_rcpt(), seconds),
        "a message of 4 KiB, in a session": cpu_of(server.messages, seconds) / _CONNECTIONS,
        "a session with a message of 4 KiB": cpu_of(server.connections, seconds) / _CONNECTIONS,
    }


def _profile(work: Callable[[], None], rounds: int = 500) -> None:
    work()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(rounds):
        work()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(60)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.message",
        description="What a message of 4 KiB costs the interpreter: CPU microseconds, without kernel and disk.",
        epilog="Example: python -m benchmarks.message --seconds 1",
    )
    parser.add_argument("--json", action="store_true", help="print an object instead of a table")
    parser.add_argument("--seconds", type=float, default=0.5, help="work per row (default 0.5)")
    parser.add_argument("--profile", action="store_true", help="print the functions that cost most instead")
    chosen = parser.parse_args()
    if chosen.profile:
        _profile(Server().messages)
        return
    rows = measure(chosen.seconds)
    unit = next(iter(rows.values()))
    if chosen.json:
        print(json.dumps({name: {"us": cost, "ratio": cost / unit} for name, cost in rows.items()}, indent=2))
    else:
        for name, cost in rows.items():
            print(f"{cost:9.2f} us {cost / unit:8.2f} x  {name}")


if __name__ == "__main__":
    main()

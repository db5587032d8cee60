"""What a chain of policies costs: CPU microseconds for a RCPT, by what is asked about it.

    python -m benchmarks.policies [--json] [--seconds 0.5]

In this process: session and receiver, no socket and no disk; each RCPT comes in a packet of its own, in transactions of fifty. "no
chain" is a server that names no policy: whoever asks is made only where one is named.
"""

import argparse
import json
from collections.abc import Callable
from random import Random

import attrs
from twisted.internet.task import Clock

from benchmarks.session import UNLIMITED, WELL_BEHAVED, Deaf, cpu_of
from twistedmx.model.mailbox import UNKNOWN, Destination, Lookup, Outcome
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Reason, Verdict, verdict
from twistedmx.policy.asking import receiver_of
from twistedmx.policy.chain import Chain, Entry
from twistedmx.policy.recipient import RecipientSettings, RecipientStep
from twistedmx.policy.short_way import answer_shortly
from twistedmx.policy.site import Site
from twistedmx.ports import Policy, Ports
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply, reply
from twistedmx.smtp.session import Need, Session
from twistedmx.testing.acceptance import FakeAcceptance

KNOWN, GUESS = b"RCPT TO:<ann@example.org>\r\n", b"RCPT TO:<nobody.12@example.org>\r\n"
ANN = Lookup(
    outcome=Outcome.FOUND,
    destinations=(Destination(address=b"ann@example.org", maildir="/mail/ann@example.org"),),
)
NO = verdict(reply(550, "5.7.1", "No"), Reason.POLICY)
TRANSACTION = 50


class OnlyAnn:
    def refresh(self) -> None: ...

    def none_of(self, addresses: list[bytes], domain: bytes) -> bool:
        return b"ann@example.org" not in addresses

    def find(self, path: Path) -> Lookup:
        return ANN if path.address == b"ann@example.org" else UNKNOWN


class Says:
    """A plain def."""

    def __init__(self, says: Verdict) -> None:
        self._says = says

    def decide(self, context: object) -> Verdict:
        return self._says


class SaysAtOnce(Says):
    """A coroutine that waits for nothing."""

    async def decide(self, context: object) -> Verdict:  # type: ignore[override]
        return self._says


def site_with(*policies: Policy, stage: Stage = Stage.RCPT, shadow: bool = False) -> Site:
    clock = Clock()
    ports = Ports(
        clock=clock,
        now=lambda: 1_800_000_000.0,
        chance=Random(1),
        mailboxes=OnlyAnn(),
        acceptance=FakeAcceptance(),
        events=Deaf(),
    )
    entries = [Entry(name="it", policy=each, stages=frozenset((stage,)), shadow=shadow) for each in policies]
    return Site(
        host="mx.example.org",
        limits=UNLIMITED,
        conduct=WELL_BEHAVED,
        starttls=False,
        reserve=0,
        recipients=RecipientStep(ports.mailboxes, clock, RecipientSettings()),
        ports=ports,
        chain=Chain(entries, clock=clock, now=ports.now, events=ports.events) if entries else None,
    )


def rcpt(packet: bytes, site: Site) -> Callable[[], object]:
    """Fifty of them, with MAIL before and RSET behind: by their number this counts as nothing."""
    session = Session(limits=attrs.evolve(UNLIMITED, recipients=10**9).by_posture()[0], starttls=False, secure=False)
    receiver = receiver_of(site, session, Peer(address="192.0.2.7", port=1024))

    def say(octets: bytes) -> None:
        if session.guessing and receiver.goes_short and not session.heard.octets:  # as net.conversation has it
            octets = octets[answer_shortly(session, receiver, octets, 100, []) :]
        session.receive(octets)
        while type(input_ := session.next_input()) is not Need:
            answer = receiver.answer(input_)  # type: ignore[arg-type]  # what is no Need is an Input
            if type(answer) is not Reply:
                answered: list[Reply] = []
                answer.addCallback(answered.append)
                (answer,) = answered
            session.reply(answer)

    greeting = receiver.greeting()
    assert isinstance(greeting, Reply)
    session.reply(greeting)
    say(b"EHLO client.example.net\r\n")

    def work() -> None:
        say(b"MAIL FROM:<a@example.net>\r\n")
        for _ in range(TRANSACTION):
            say(packet)
        say(b"RSET\r\n")

    return work


def measure(seconds: float) -> dict[str, float]:
    """Every row: its name and CPU microseconds for each RCPT."""
    rows = {
        "a recipient that is accepted: no chain": rcpt(KNOWN, site_with()),
        "a chain that asks at another stage": rcpt(KNOWN, site_with(Says(CONTINUE), stage=Stage.DATA)),
        "one policy, plain def": rcpt(KNOWN, site_with(Says(CONTINUE))),
        "five policies, plain def": rcpt(KNOWN, site_with(*[Says(CONTINUE)] * 5)),
        "one policy, plain def, in shadow": rcpt(KNOWN, site_with(Says(CONTINUE), shadow=True)),
        "one policy, async def that waits for nothing": rcpt(KNOWN, site_with(SaysAtOnce(CONTINUE))),
        "one policy that refuses": rcpt(KNOWN, site_with(Says(NO))),
        "a guess: no chain": rcpt(GUESS, site_with()),
        "a guess: one policy at RCPT, which is not asked": rcpt(GUESS, site_with(Says(NO))),
        "a guess: one policy that wants to be asked about it": rcpt(
            GUESS, site_with(Says(CONTINUE), stage=Stage.REFUSED)
        ),
    }
    return {name: cpu_of(work, seconds) / TRANSACTION for name, work in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.policies",
        description="What a chain of policies costs: CPU microseconds for a RCPT.",
        epilog="Example: python -m benchmarks.policies --seconds 1",
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

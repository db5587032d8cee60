"""What is remembered of a session that was refused something, and of a host: records of `report.trail`."""

from typing import Final

import attrs

from twistedmx.model.envelope import Refused
from twistedmx.model.event import CommandRefused, NobodyAccepted, PolicyRefused, SessionEnded, TransactionEnded
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict

# What a record takes beside its texts: measured with tracemalloc (benchmarks/trail.py).
_RECORD: Final = 1000
_REFUSAL: Final = 300
_ADDRESS: Final = 60
_HELO: Final = 255  # octets of a name (RFC 5321 4.5.3.1.2)

Told = NobodyAccepted | TransactionEnded | SessionEnded | CommandRefused | PolicyRefused


@attrs.frozen(kw_only=True)
class Refusal:
    """One thing that was refused. `stage`: where; RCPT of recipients, MESSAGE of content. `verdict`: what the peer heard, but for
    the session's name behind it, and why. `recipients`: whom it was about, as in `Path`: of the content all who were accepted
    before it, else those refused. `count`: how many they are, of which not all may be named; of a command how often it was.

    `sender`: the reverse-path, b"" also where there were several, or none yet.
    """

    at: float
    queue_id: str
    stage: Stage
    verdict: Verdict
    sender: bytes
    recipients: tuple[bytes, ...]
    count: int

    @property
    def weight(self) -> int:
        """Octets, about."""
        return _REFUSAL + len(self.verdict.detail) + sum(map(len, self.recipients)) + _ADDRESS * len(self.recipients)


@attrs.define(kw_only=True)
class SessionTrail:
    """`id`: of the session. `host`: of `peer`. `first`, `last`: of what was told of it, seconds since the epoch. `ended`: why, or
    None while it is open. `words`: our last ones, "" where there were none, or no refusal. `beyond`: what was refused that
    `refusals` has no room for, by reason.

    `is_good`: somebody was accepted in it, or its host has a good record.
    """

    id: str
    host: str
    peer: Peer
    helo: str
    tls: str
    first: float
    last: float
    is_good: bool
    ended: Reason | None = None
    words: str = ""
    refusals: list[Refusal] = attrs.Factory(list)
    beyond: dict[Reason, int] = attrs.Factory(dict)
    named: int = 0
    weight: int = _RECORD

    def heard(self, event: Told) -> None:
        """Who is there, as far as it is known by now."""
        self.helo = event.helo[:_HELO]
        self.tls = event.tls.protocol if event.tls is not None else ""
        self.last = event.at

    def end(self, event: SessionEnded) -> None:
        """The connection is gone."""
        self.ended = event.reason
        if event.words is not None and event.words.code >= 400:
            self.words = str(event.words)
            self.weight += _ADDRESS + len(self.words)  # a string, as an address is

    def recipients(self, event: NobodyAccepted | TransactionEnded, refused: Refused, most: int) -> None:
        """Recipients were. `most`: that are named in all."""
        if type(event) is TransactionEnded:
            queue_id, sender = event.queue_id, event.envelope.reverse_path.address
        else:
            paths = event.reverse_paths  # type: ignore[union-attr]  # by its kind
            queue_id, sender = "", paths[0].address if len(paths) == 1 else b""
        for verdict, addresses in refused.runs:
            named = addresses[: max(most - self.named, 0)]
            if named:
                refusal = Refusal(
                    at=event.at,
                    queue_id=queue_id,
                    stage=Stage.RCPT,
                    verdict=verdict,
                    sender=sender,
                    recipients=named,
                    count=len(addresses),
                )
                self._add(refusal)
            else:
                self._count(verdict.reason, len(addresses))
        for _, reason, count in refused.others:
            self._count(reason, count)

    def content(self, event: TransactionEnded, verdict: Verdict, most: int) -> None:
        """A message was. `most`: as above."""
        if self.named >= most:
            self._count(verdict.reason, 1)
            return
        recipients = event.envelope.recipients
        refusal = Refusal(
            at=event.at,
            queue_id=event.queue_id,
            stage=Stage.MESSAGE,
            verdict=verdict,
            sender=event.envelope.reverse_path.address,
            recipients=tuple(each.path.address for each in recipients[: most - self.named]),
            count=len(recipients),
        )
        self._add(refusal)

    def command(self, event: CommandRefused | PolicyRefused, most: int) -> None:
        """A command was, or a recipient in a policy's words. `most`: as above."""
        if self.named >= most:
            self._count(event.verdict.reason, event.count)
            return
        recipient = event.recipient if type(event) is PolicyRefused else None
        refusal = Refusal(
            at=event.at,
            queue_id="",
            stage=event.stage,
            verdict=event.verdict,
            sender=event.reverse_path.address if event.reverse_path is not None else b"",
            recipients=(recipient.address,) if recipient is not None else (),
            count=event.count,
        )
        self._add(refusal)

    def _add(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self.named += max(len(refusal.recipients), 1)
        self.weight += refusal.weight

    def _count(self, reason: Reason, count: int) -> None:
        self.beyond[reason] = self.beyond.get(reason, 0) + count


@attrs.define(kw_only=True)
class HostTrail:
    """Counts of a host, whatever became of its sessions. `sessions`: in which something was refused. `reasons`: of recipients,
    messages and ends. `kept`: its sessions that are remembered whole, the oldest first.
    """

    host: str
    first: float
    last: float
    sessions: int = 0
    reasons: dict[Reason, int] = attrs.Factory(dict)
    kept: list[str] = attrs.Factory(list)

    def count(self, reason: Reason, number: int) -> None:
        """So many more."""
        self.reasons[reason] = self.reasons.get(reason, 0) + number

"""Samples of what was refused, for whoever wants to look: a subscriber of events, in memory, bounded, never delivered.

Of each reason the latest are kept, so that a flood of one pushes out none of another; of what comes without end one a second. Of
a message that was refused there is the envelope and the beginning of its content, of anything else what was said before it.

BUGS: a restart forgets them. Recipients beyond the first hundred that a transaction was refused are not in `count`. Of what a
policy refused at DATA the recipients are missing; of a message in BDAT, whose first chunk has come by then, there are two
samples. Of MAIL and DATA that a fixed step refused there is none, nor of a message that was hung up on (`[conduct]
empty_messages`): see `report.trail`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from twistedmx.model.envelope import Refused
from twistedmx.model.event import Event, NobodyAccepted, PolicyRefused, TransactionEnded
from twistedmx.model.peer import Peer
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict
from twistedmx.setting import setting
from twistedmx.smtp.path import Path

_NAMED: Final = 20  # recipients, and reverse-paths, of a sample
_ADDRESS: Final = 320  # octets of each: a local part and a domain (RFC 5321 4.5.3.1)
_HELO: Final = 255
# A policy of somebody else's may say as much as it likes.
_DETAIL: Final = 512  # characters
_LINES: Final = 4  # of a reply, each of 512 octets at most (RFC 5321 4.5.3.1.5)


def _up_to(most: int) -> Callable[[Any, "attrs.Attribute[int]", int], None]:
    def check(instance: Any, attribute: "attrs.Attribute[int]", value: int) -> None:
        if not 0 <= value <= most:
            raise ValueError(f"must be 0 to {most}, is {value}")

    return check


@attrs.frozen(kw_only=True)
class SampleSettings:
    """Settings `[samples]`."""

    keep: int = setting(
        20,
        unit="samples of each reason",
        why="The last refusals of each reason, whole, for `twistedmx samples`; in memory alone. 0: none.",
        precedent="Exim rejectlog, which has headers",
        validator=_up_to(10_000),
    )
    octets: int = setting(
        16_384,
        unit="octets",
        why="Of content that was refused, the beginning, up to 65536; 0: envelopes alone.",
        precedent="Postfix bounce_size_limit 50000",
        validator=_up_to(65_536),
    )

    @property
    def sampled(self) -> int:
        """Octets of content that anybody will ask for."""
        return self.octets if self.keep else 0


@attrs.frozen(kw_only=True)
class Sample:
    """One refusal. `id`: of the transaction, else of the `session`. `stage`: where. `verdict`: why, and what the peer
    heard, but for the session's name in it.

    `reverse_paths`, `recipients`: addresses as in `Path`, the first of them; several reverse-paths where transactions are told
    together. `count`: recipients that it was about. `octets`: of content as it came, with CRLF. `content`: its beginning
    (`model.beginning`), None where the peer did not come to content; `is_whole`: that is all of it.
    """

    id: str
    session: str
    at: float
    peer: Peer
    helo: str
    stage: Stage
    verdict: Verdict
    reverse_paths: tuple[bytes, ...]
    recipients: tuple[bytes, ...]
    count: int
    octets: int = 0
    content: bytes | None = attrs.field(default=None, repr=False)
    is_whole: bool = True


class Samples:
    """`since`: from when on, seconds since the epoch. `ration`: makes, for each reason, what says whether one more becomes a sample
    at a time (`policy.ration`)."""

    def __init__(
        self,
        settings: SampleSettings,
        since: float,
        ration: Callable[[], Callable[[float], bool]] = lambda: lambda at: True,
    ) -> None:
        self.since = since
        self._ration = ration
        self._rations: dict[Reason, Callable[[float], bool]] = {}
        self._samples: dict[Reason, deque[Sample]] = {}
        self.configure(settings)

    def configure(self, settings: SampleSettings) -> None:
        """From now on these hold; what is too much goes."""
        self.settings = settings
        self._samples = {
            reason: deque((_cut(sample, settings.octets) for sample in samples), settings.keep)
            for reason, samples in self._samples.items()
            if settings.keep
        }

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if not self.settings.keep:
            return
        if kind is NobodyAccepted:
            self._recipients(event, event.session, event.reverse_paths, event.refused)  # type: ignore[union-attr, arg-type]
        elif kind is TransactionEnded:
            self._transaction(event)  # type: ignore[arg-type]  # by its kind
        elif kind is PolicyRefused:
            self._policy_refused(event)  # type: ignore[arg-type]

    # -- what is kept --------------------------------------------------------------------------------------------------

    def _recipients(
        self, event: NobodyAccepted | TransactionEnded, id_: str, reverse_paths: tuple[Path, ...], refused: Refused
    ) -> None:
        for verdict, addresses in refused.runs:
            if self._takes(verdict.reason, event.at):
                self._keep(
                    event,
                    id=id_,
                    stage=Stage.RCPT,
                    verdict=verdict,
                    reverse_paths=_addresses(reverse_paths),
                    recipients=_short(addresses),
                    count=len(addresses),
                )

    def _transaction(self, event: TransactionEnded) -> None:
        envelope, verdict = event.envelope, event.verdict
        if event.refused.count:
            self._recipients(event, event.queue_id, (envelope.reverse_path,), event.refused)
        if verdict is not None and verdict.refuses and self._takes(verdict.reason, event.at):
            self._keep(
                event,
                id=event.queue_id,
                stage=Stage.MESSAGE,
                verdict=verdict,
                reverse_paths=_addresses((envelope.reverse_path,)),
                recipients=_addresses(tuple(each.path for each in envelope.recipients[:_NAMED])),
                count=len(envelope.recipients),
                octets=event.octets,
                content=event.beginning.octets,
                is_whole=event.beginning.is_whole,
            )

    def _policy_refused(self, event: PolicyRefused) -> None:
        """What no transaction tells: before RCPT, at DATA, and in the place of a recipient step's words."""
        if event.is_told_by_transaction or not self._takes(event.verdict.reason, event.at):
            return
        self._keep(
            event,
            id=event.session,
            stage=event.stage,
            verdict=event.verdict,
            reverse_paths=_addresses(() if event.reverse_path is None else (event.reverse_path,)),
            recipients=_addresses(() if event.recipient is None else (event.recipient,)),
            count=int(event.recipient is not None),
        )

    def _takes(self, reason: Reason, at: float) -> bool:
        """Whether one more of `reason` becomes a sample; a flood asks for each run of guesses, and mostly hears no."""
        ration = self._rations.get(reason)
        if ration is None:
            ration = self._rations[reason] = self._ration()
        return ration(at)

    def _keep(
        self, event: NobodyAccepted | TransactionEnded | PolicyRefused, *, verdict: Verdict, **known: Any
    ) -> None:
        sample = Sample(
            session=event.session,
            at=event.at,
            peer=event.peer,
            helo=event.helo[:_HELO],
            verdict=_terse(verdict),
            **known,
        )
        samples = self._samples.get(verdict.reason)
        if samples is None:
            samples = self._samples[verdict.reason] = deque(maxlen=self.settings.keep)
        samples.append(_cut(sample, self.settings.octets))

    # -- what is found again -------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Sample]:
        """All, in no order."""
        return (sample for samples in self._samples.values() for sample in samples)

    def latest(self) -> list[Sample]:
        """All, the newest last."""
        return sorted(self, key=lambda sample: sample.at)

    def of(self, id_: str) -> list[Sample]:
        """Those with this id, of a transaction or a session; where a transaction has none, those of its session. The newest
        last."""
        own = [sample for sample in self.latest() if id_ in (sample.id, sample.session)]
        session = id_.partition(".")[0]
        return own or [sample for sample in self.latest() if sample.session == session]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Of which there are any."""
        return tuple(self._samples)


def _cut(sample: Sample, octets: int) -> Sample:
    content = sample.content
    if content is None or len(content) <= octets:
        return sample
    return attrs.evolve(sample, content=content[:octets], is_whole=False)


def _terse(verdict: Verdict) -> Verdict:
    lines = verdict.reply.lines
    if len(verdict.detail) <= _DETAIL and len(lines) <= _LINES:
        return verdict
    return attrs.evolve(
        verdict, detail=verdict.detail[:_DETAIL], reply=attrs.evolve(verdict.reply, lines=lines[:_LINES])
    )


def _short(addresses: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(address[:_ADDRESS] for address in addresses[:_NAMED])


def _addresses(paths: tuple[Path, ...]) -> tuple[bytes, ...]:
    return _short(tuple(path.address for path in paths[:_NAMED]))

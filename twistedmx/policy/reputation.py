"""What is remembered of clients across sessions and restarts, from events alone: of hosts, networks, HELO shapes and campaigns.

    hosts       standing            IPv4 /32, IPv6 /64: proven by their mail, or strangers
    networks    network_standing    /24, /48, and the prefix as it is announced, where that is known
    helos       tally               shapes of the names that clients give
    campaigns   tally               fingerprints of sessions

It answers no peer. Whom his conduct condemns it proposes to the blocklist (`condemnation`); what is counted by recipient, by sender
or by fingerprint condemns nobody. All four are bounded (`segments`) and saved (`store.standings`), and their counts fade (`decay`).

A flood of sessions that only guess is looked at in part: what is known of hosts that are hung up on, and of those that send mail,
is whole (benchmarks, churn).

BUGS: an address that is refused is counted once as far as it was told together, so in a long session more than once. In a session
that goes on, mail counts within ten seconds, the rest at its end. Bounces of innocent servers to many
different names are a campaign, as a posse is. Whoever has many IPv6 /32s can fill the table of strangers.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from twistedmx.model.envelope import Refused
from twistedmx.model.event import Event, NobodyAccepted, SessionEnded, TransactionEnded
from twistedmx.model.verdict import Action, Reason
from twistedmx.policy import hyperloglog, standing, tally
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.condemnation import Condemnation
from twistedmx.policy.decay import SteadyTime
from twistedmx.policy.fingerprint import Sketch, fingerprint
from twistedmx.policy.helo_shape import helo_shape
from twistedmx.policy.host_key import allocation_of, host_key, network_at, network_key
from twistedmx.policy.hyperloglog import spot_of
from twistedmx.policy.network_conduct import NetworkConduct, NetworkEvidence
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.record import (
    FAILED,
    FAMILIAR,
    HUNG_UP,
    MAIL_FOR_TRUST,
    MOST_TRUST,
    NOTHING_KNOWN,
    PROVEN,
    STRANGERS,
    Known,
)
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.segments import Segments
from twistedmx.policy.standing import Standing
from twistedmx.policy.tally import Tally
from twistedmx.ports import PrefixOf, no_prefix
from twistedmx.smtp.path import NULL

_CONDUCT: Final = frozenset((Reason.BAD_RECIPIENTS, Reason.RSET_ABUSE, Reason.UNKNOWN_COMMANDS))
_BAD: Final = frozenset((Reason.UNKNOWN_MAILBOX, Reason.NOT_OURS))
_HELOS: Final = 4096
_CAMPAIGNS: Final = 10_000
_SESSIONS: Final = 200_000  # open ones that are sketched: more than there are descriptors
_BOUNCED: Final = 1000  # unknown names that <> asked for, the latest
_SOON: Final = 10  # seconds until what a session sent counts, as long as it goes on
_NEW: Final = Standing()


class Reputation:
    """A subscriber of events. `tell`: where facts are told. `now`: seconds since the epoch, at the start. `ration`: whether one
    more session of mere guesses is looked at (`policy.ration`); who is hung up on always is.

    `hosts` by key, packed (`standing.unpacked`); `helos`, `campaigns`: for reading. `time`: by which counts fade. `evidence`: where
    what hosts did is told for their networks; its own sum, and other workers' as well if that is kept elsewhere.
    `prefix_of`: the announced prefix of an address; a source of routing data puts itself there.
    """

    def __init__(
        self,
        settings: ReputationSettings,
        blocklist: Blocklist,
        tell: Callable[[Event], None],
        now: float,
        ration: Callable[[float], bool] = lambda at: True,
    ) -> None:
        self.settings = settings
        self._ration = ration
        self.time = SteadyTime(now)
        self.condemnation = Condemnation(settings, blocklist, tell)
        self.prefix_of: PrefixOf = no_prefix
        self.hosts: Segments[bytes, bytes] = Segments(
            most_proven=settings.proven,
            most_strangers=settings.strangers,
            allocation=settings.allocation,
            group_of=allocation_of,
        )
        self._networks = NetworkConduct(settings, self.condemnation)
        self.evidence: NetworkEvidence = self._networks
        self.helos: Segments[str, Tally] = Segments(most_proven=_HELOS, most_strangers=_HELOS)
        self.campaigns: Segments[str, Tally] = Segments(most_proven=_CAMPAIGNS, most_strangers=_CAMPAIGNS)
        self._sketches: dict[str, Sketch] = {}  # of open sessions
        self._bounced: OrderedDict[int, None] = OrderedDict()  # hashes of names
        self._proven = self.hosts.proven
        self._hear: dict[type, Callable[[Any], None]] = {
            SessionEnded: self._session,
            TransactionEnded: self._transaction,
            NobodyAccepted: self._nobody,
        }

    def configure(self, settings: ReputationSettings) -> None:
        """From now on these hold. What was proven by others stays so until it is heard of again."""
        self.settings = self.condemnation.settings = settings
        self.hosts.configure(
            most_proven=settings.proven, most_strangers=settings.strangers, allocation=settings.allocation
        )
        self._networks.configure(settings)

    @property
    def networks(self) -> Segments[bytes, NetworkStanding]:
        """What is known of networks, by key."""
        return self._networks.table

    def __call__(self, event: Event) -> None:
        hear = self._hear.get(type(event))
        if hear is not None:
            hear(event)

    # What others ask

    def proven(self, address: str) -> bool:
        """Whether the host at an address is of good record: one look-up in memory, for a peer at the door."""
        record = self._proven.get(host_key(address))
        return record is not None and not standing.is_over(record, self.time.seconds, self.settings)

    def hung_up_on(self, address: str) -> bool:
        """Whether the host at an address may be condemned, is not proven, and was hung up on for its conduct within `within`. As
        quick, for whoever was not."""
        settings, host = self.settings, host_key(address)
        record = self.hosts.strangers.get(host)
        at = standing.hung_up_at(record) if record is not None else None
        if at is None or self.time.seconds - at >= settings.within or settings.shadow or not settings.condemned_after:
            return False
        return self.condemnation.may_be(network_at(host))

    def known(self, address: str) -> Known:
        """What is known of the host at an address, at the door: as `proven` and `hung_up_on`, in as few look-ups."""
        settings, host, now = self.settings, host_key(address), self.time.seconds
        record = self._proven.get(host)
        if record is not None and not standing.is_over(record, now, settings):
            return PROVEN
        record = record or self.hosts.strangers.get(host)
        if record is None:
            return NOTHING_KNOWN
        if self.hung_up_on(address):
            return HUNG_UP
        good, bad, guesses = standing.counts(record)
        if not good:
            failed = (bad or guesses) and now - standing.heard_at(record) < settings.within
            return FAILED if failed else NOTHING_KNOWN
        is_familiar = standing.is_good_share(good, bad, settings) and not standing.is_over(record, now, settings)
        those = FAMILIAR if is_familiar else STRANGERS
        return those[min(int(good) // MAIL_FOR_TRUST, MOST_TRUST - 1)]

    def standing_of(self, address: str) -> Standing | None:
        """Of the host at an address, as its counts are now; None: nothing is known."""
        record = self.hosts.get(host_key(address))
        return None if record is None else standing.unpacked(record).faded(self.time.seconds, self.settings.half_life)

    def campaigns_of(self, hosts: int = 10, share: float = 0.9) -> list[tuple[str, Tally]]:
        """Fingerprints seen of so many hosts, with such a share of bad sessions at least; the worst first. Nobody is condemned
        for one: a program that is used by many may be an innocent one."""
        now, half_life = self.time.seconds, self.settings.half_life
        found = [(name, one.faded(now, half_life)) for name, one in self.campaigns.proven.items()]
        found = [
            (name, one)
            for name, one in found
            if one.bad >= share * (one.good + one.bad) and hyperloglog.number(one.hosts) >= hosts
        ]
        return sorted(found, key=lambda item: -item[1].bad)

    def tick(self, now: float) -> None:
        """Time goes on, also when nothing happens; to be called every few seconds. Who was not heard of for long is forgotten."""
        before = self.time.tell(now) - self.settings.forget
        self.hosts.forget(lambda record: standing.heard_at(record) < before, 1000)
        for table in (self.networks, self.helos, self.campaigns):
            table.forget(lambda one: one.at < before, 1000)

    # Events

    def _nobody(self, event: NobodyAccepted) -> None:
        if event.session not in self._sketches and not self._ration(event.at):
            return
        guessed = _guessed(event.refused)
        if guessed:
            sketch = self._sketch(event)
            sketch.guesses += guessed
            if not sketch.sender:
                addresses = (address for _, run in event.refused.runs for address in run)
                sketch.draw(event.reverse_paths[0] if event.reverse_paths else NULL, addresses, event.helo)
            sketch.null = sketch.null and not any(path.address for path in event.reverse_paths)

    def _transaction(self, event: TransactionEnded) -> None:
        sketch = self._sketch(event)
        sketch.heard = True
        envelope = event.envelope
        if not sketch.sender:
            addresses = (recipient.path.address for recipient in envelope.recipients)
            sketch.draw(envelope.reverse_path, addresses, event.helo)
        if event.refused.count:
            sketch.guesses += _guessed(event.refused)
        if event.verdict is not None and event.verdict.action is Action.ACCEPT:
            sketch.messages += 1
            now = self.time.tell(event.at)
            if now - sketch.since >= _SOON:
                self._count(sketch, now)

    def _count(self, sketch: Sketch, now: int) -> None:
        """Of a session that goes on, or goes on for another client: its messages and guesses by now."""
        host = host_key(sketch.address)
        sketch.since = now
        if not host or not (sketch.messages or sketch.guesses):
            return
        settings, known = self.settings, self._known(host)
        if sketch.messages:
            known = self._with_mail(host, known, sketch, now)
        known = known.faded(now, settings.half_life)
        known = known._replace(guesses=known.guesses + sketch.guesses, at=now)
        sketch.guesses = 0
        self.hosts.put(host, standing.packed(known), proven=not standing.lacks(known, now, settings))

    def _known(self, host: bytes) -> Standing:
        record = self.hosts.get(host)
        return standing.unpacked(record) if record is not None else _NEW

    def _with_mail(self, host: bytes, known: Standing, sketch: Sketch, now: int) -> Standing:
        """With the messages of a session, of which its networks hear as well."""
        settings, messages = self.settings, sketch.messages
        sketch.messages = 0
        known = standing.with_mail(known, now, settings, messages)
        good = standing.has_good_share(known, settings)
        prefix = self.prefix_of(sketch.address)
        self.evidence.mail(host, prefix, messages=messages, good_share=good, now=now)
        return known

    def _session(self, event: SessionEnded) -> None:
        sketch = self._sketches.pop(event.session, None)
        hung_up = event.reason in _CONDUCT
        if sketch is None and not hung_up:
            return
        address = event.peer.address
        if sketch is None or sketch.address != address:
            sketch = self._other(sketch, address)
        host = host_key(address)
        if host:
            self._judge(host, event, sketch, hung_up)

    def _judge(self, host: bytes, event: SessionEnded, sketch: Sketch, hung_up: bool) -> None:
        """A session has ended of which there is something to say."""
        settings, now = self.settings, self.time.tell(event.at)
        # Its messages first: they weigh against what it was hung up on for.
        known = self._known(host)
        if sketch.messages:
            known = self._with_mail(host, known, sketch, now)
        guessed_only = bool(sketch.guesses) and not (sketch.heard or event.messages)
        helo = helo_shape(event.helo, event.peer.address)
        bad = int(hung_up or (guessed_only and not (sketch.null or event.flooded)))
        known = standing.with_session(
            known,
            now,
            settings,
            bad=bad,
            guesses=sketch.guesses,
            hung_up=hung_up,
            helo=helo,
        )
        proven = not standing.lacks(known, now, settings)
        if hung_up and not proven:
            known = self._perhaps_condemned(host, known, event, now)
        self.hosts.put(host, standing.packed(known), proven=proven)
        if bad:
            offends = hung_up and not (proven or standing.has_good_share(known, settings))
            prefix = self.prefix_of(event.peer.address)
            self.evidence.session(host, prefix, offends=offends, at=event.at, now=now)
        if bad or event.messages:
            self._tally(self.helos, helo, host, now, good=not bad)
            self._tally(
                self.campaigns, fingerprint(helo, event.verbs, event.pipelined, sketch), host, now, good=not bad
            )
        elif guessed_only and not event.flooded and self._is_first_bounce_to(sketch.first):
            # Siege 2: a posse hides behind <>, and is known again by its program; its HELO it has of who was hijacked.
            self._tally(self.campaigns, fingerprint(helo, event.verbs, event.pipelined, sketch), host, now, good=False)

    def _tally(self, table: Segments[str, Tally], key: str, host: bytes, now: int, *, good: bool) -> None:
        """One more session of who has the HELO shape, or the fingerprint, `key`."""
        spot, part = spot_of(host), spot_of(network_key(host))
        one = tally.with_session(table.get(key), spot, part, now, self.settings.half_life, good=good)
        table.put(key, one, proven=hyperloglog.are_several(one.hosts))

    def _is_first_bounce_to(self, name: int) -> bool:
        """Siege 3: mail servers bounce to one forged name long before it counts as flooded, and random names do not come twice."""
        bounced = self._bounced
        is_first = name not in bounced
        bounced[name] = None
        bounced.move_to_end(name)
        if len(bounced) > _BOUNCED:
            bounced.popitem(last=False)
        return is_first

    def _perhaps_condemned(self, host: bytes, known: Standing, event: SessionEnded, now: int) -> Standing:
        """A host was hung up on that is not proven. Its standing then."""
        settings = self.settings
        sessions = standing.sessions_lately(known, now, settings)
        if not settings.condemned_after or sessions < standing.sessions_allowed(known, settings):
            return known
        mail = f", {known.good:.0f} messages accepted lately" if known.good >= 0.5 else ""
        evidence = f"{sessions} sessions hung up on for their conduct, the last one {event.session}{mail}"
        if self.condemnation.host(host, reason=event.reason.value, evidence=evidence, at=event.at, now=now):
            return known._replace(hung_up=())  # and it begins anew
        return known

    def _sketch(self, event: NobodyAccepted | TransactionEnded) -> Sketch:
        """Of the session that an event is of, and of its client: a proxy may speak for one after the other."""
        sketch = self._sketches.get(event.session)
        address = event.peer.address
        if sketch is None or sketch.address != address:
            sketch = self._sketches[event.session] = self._other(sketch, address)
            if len(self._sketches) > _SESSIONS:
                del self._sketches[next(iter(self._sketches))]
        return sketch

    def _other(self, sketch: Sketch | None, address: str) -> Sketch:
        """A new one, of the client at `address`. `sketch`: of who was there before it in the session."""
        if sketch is not None:
            self._count(sketch, self.time.seconds)
        return Sketch(address, self.time.seconds)


def _guessed(refused: Refused) -> int:
    """Recipients that are not here or not ours; of those that are named, each once."""
    named: set[bytes] = set()
    for verdict, addresses in refused.runs:
        if verdict.reason in _BAD:
            named.update(addresses)
    return len(named) + sum(count for _, reason, count in refused.others if reason in _BAD)

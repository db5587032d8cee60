"""What happened: the closed list of facts. The log, and later counters, reputation and reports, are made from these alone.

`at` is seconds since the epoch. `session` names a session; a transaction's `queue_id` is that name, a dot and its number.
"""

import attrs

from twistedmx.model.attack import Attack, Flood, Pressure
from twistedmx.model.auth_event import AuthEvent
from twistedmx.model.beginning import NOTHING, Beginning
from twistedmx.model.envelope import Envelope, Refused
from twistedmx.model.governor_event import GovernorEvent
from twistedmx.model.network_event import NetworkEvent
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.remark import Remark
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Reason, Verdict
from twistedmx.smtp.path import Path
from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class SessionOpened:
    """A connection was greeted."""

    at: float
    session: str
    peer: Peer


@attrs.frozen(kw_only=True)
class TlsEstablished:
    """A handshake was completed, after STARTTLS or at once."""

    at: float
    session: str
    peer: Peer
    tls: Tls


@attrs.frozen(kw_only=True)
class TransactionEnded:
    """A transaction in which somebody was accepted came to its end, whatever that was.

    `verdict`: what was said to the content, or None when it was given up before (`reason` says how). `octets`: the content as
    received, with CRLF. `seconds`: from MAIL to the end. `detail`: where the copies are, or what went wrong. `beginning`: of
    content that was refused, `[samples] octets` at most; for the samples alone, and in no log. With a fault in it, how much that is
    depends on how the octets were cut (`smtp.content`): no difference between two events.
    """

    at: float
    session: str
    queue_id: str
    peer: Peer
    helo: str
    tls: Tls | None
    envelope: Envelope
    refused: Refused
    verdict: Verdict | None
    reason: Reason
    octets: int
    seconds: float
    detail: str
    beginning: Beginning = attrs.field(default=NOTHING, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class NobodyAccepted:
    """Transactions of one session in which nobody was accepted came to their ends.

    Guessers make thousands: some hundreds (`transactions`) are told together, three seconds after they ended at most.
    `reverse_paths`: theirs, each once, in the order of their first use. `flooded`: nothing but flooded addresses was asked for; the
    log is silent then, and one line a minute (`FloodGoesOn`) stands for all of them.
    """

    at: float
    session: str
    peer: Peer
    helo: str
    tls: Tls | None
    transactions: int
    reverse_paths: tuple[Path, ...]
    refused: Refused
    flooded: bool = False


@attrs.frozen(kw_only=True)
class SessionEnded:
    """A connection is gone. `reason`: who ended it, and why. `messages`: accepted. `errors`: commands refused. `flooded`: all its
    transactions were so, and there was one; as in `NobodyAccepted`. `words`: our last ones, if any; in no log.

    `verbs`: one letter for each verb in order, runs as one, the first sixteen: EHLO E, HELO H, MAIL M, RCPT R, DATA D, BDAT B, RSET
    S, NOOP N, VRFY V, STARTTLS T, AUTH A, QUIT Q, others X; "" when not noted. `pipelined`: it did not always wait for replies.
    """

    at: float
    session: str
    peer: Peer
    helo: str
    tls: Tls | None
    reason: Reason
    seconds: float
    commands: int
    transactions: int
    messages: int
    refused_recipients: int
    errors: int
    flooded: bool = False
    verbs: str = ""
    pipelined: bool = False
    words: Reply | None = None


@attrs.frozen(kw_only=True)
class _Refusals:
    """The first refusal of a kind (by stage, verdict, reason and policy) in a session is told at once; those that follow are told
    together when it ends, `count` of them, with what the last was about. `reverse_path`: None if not known."""

    at: float
    session: str
    peer: Peer
    helo: str
    tls: Tls | None = None
    stage: Stage
    verdict: Verdict
    reverse_path: Path | None
    count: int


@attrs.frozen(kw_only=True)
class CommandRefused(_Refusals):
    """MAIL or DATA was refused by a fixed step: the message is too large, or there is no room for it now."""


@attrs.frozen(kw_only=True)
class PolicyRefused(_Refusals):
    """A policy has refused something, and the peer heard it. `policy`: its name in the settings. `recipient`: None without one."""

    policy: str
    recipient: Path | None

    @property
    def is_told_by_transaction(self) -> bool:
        """Whether a transaction's end tells it as well: a recipient that has a mailbox, or a message."""
        return self.stage is Stage.MESSAGE or (self.recipient is not None and self.stage is not Stage.REFUSED)


@attrs.frozen(kw_only=True)
class VerdictInShadow(_Refusals):
    """A policy in shadow would have refused something, and the session went on. Fields and times as of PolicyRefused."""

    policy: str
    recipient: Path | None


@attrs.frozen(kw_only=True)
class PolicyFailed:
    """A policy could not decide: it raised, or took longer than it may (`reason` says which). `fault`: how it failed last.
    The first failure is told at once; those of the next minute are told with the first one after it. `count`: failures."""

    at: float
    policy: str
    stage: Stage
    reason: Reason
    fault: str
    count: int


@attrs.frozen(kw_only=True)
class MailboxesLoaded:
    """A table of mailboxes was read, and holds from now on. `addresses`: entries in it. `seconds`: reading took."""

    at: float
    source: str
    addresses: int
    seconds: float


@attrs.frozen(kw_only=True)
class MailboxesKept:
    """A table of mailboxes was changed and cannot be used: the last good version stays. `fault`: where and what."""

    at: float
    source: str
    fault: str


@attrs.frozen(kw_only=True)
class SettingsReloaded:
    """A running server took up its settings, tables and certificates anew. `changed`: keys that differ from before."""

    at: float
    source: str
    changed: tuple[str, ...]


@attrs.frozen(kw_only=True)
class SettingsKept:
    """A reload found what cannot be used: everything stays as it was. `faults`: each with its place and its remedy."""

    at: float
    source: str
    faults: tuple[str, ...]


@attrs.frozen(kw_only=True)
class BackendFailed:
    """A source of mailboxes is down: what is remembered serves, all else is deferred. `fault`: what it said last."""

    at: float
    source: str
    fault: str


@attrs.frozen(kw_only=True)
class BackendRecovered:
    """It answers again. `seconds`: it was down."""

    at: float
    source: str
    seconds: float


@attrs.frozen(kw_only=True)
class AttackBegan:
    """A domain is under attack from now on. `domain`: in A-labels, or "": all that are not ours. `pressure`: in the last minute."""

    at: float
    domain: str
    pressure: Pressure


@attrs.frozen(kw_only=True)
class AttackEnded:
    """It is under attack no more, and was not since `attack.end`."""

    at: float
    attack: Attack


@attrs.frozen(kw_only=True)
class FloodBegan:
    """An address is flooded from now on. `tries`: in the minute before, over all peers."""

    at: float
    address: str
    tries: int


@attrs.frozen(kw_only=True)
class FloodGoesOn:
    """It still is; told once a minute. `tries`: since it was told last, of so many different `hosts`."""

    at: float
    address: str
    tries: int
    hosts: int


@attrs.frozen(kw_only=True)
class FloodEnded:
    """It is flooded no more, and was not since `flood.end`."""

    at: float
    flood: Flood


@attrs.frozen(kw_only=True)
class SubscriberDropped:
    """A subscriber of events failed, and hears no more. `at`: of the event that it failed at."""

    at: float
    subscriber: str
    fault: str


Event = (
    SessionOpened
    | TlsEstablished
    | TransactionEnded
    | NobodyAccepted
    | SessionEnded
    | CommandRefused
    | PolicyRefused
    | VerdictInShadow
    | PolicyFailed
    | MailboxesLoaded
    | MailboxesKept
    | SettingsReloaded
    | SettingsKept
    | BackendFailed
    | BackendRecovered
    | NetworkEvent
    | AttackBegan
    | AttackEnded
    | FloodBegan
    | FloodGoesOn
    | FloodEnded
    | GovernorEvent
    | Remark
    | AuthEvent
    | SubscriberDropped
)

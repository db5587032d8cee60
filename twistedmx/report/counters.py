"""Counters: a subscriber of events that does as little as it can at each, in plain numbers.

What they are called for Prometheus, and the price of saying it, is `report.prometheus`. Labels are words of closed lists and
names from the settings, never what a peer said. What alerts look at begins at zero, so that its first step is seen.

BUGS: recipients are counted when their transaction is told, not while it goes on.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection
from typing import Any, Final

from twistedmx.model.auth_event import Authenticated, AuthenticationFailed
from twistedmx.model.envelope import Refused
from twistedmx.model.event import (
    AttackBegan,
    AttackEnded,
    BackendFailed,
    BackendRecovered,
    CommandRefused,
    Event,
    FloodBegan,
    FloodEnded,
    FloodGoesOn,
    MailboxesKept,
    MailboxesLoaded,
    NobodyAccepted,
    PolicyFailed,
    PolicyRefused,
    SessionEnded,
    SessionOpened,
    SettingsKept,
    SettingsReloaded,
    SubscriberDropped,
    TlsEstablished,
    TransactionEnded,
    VerdictInShadow,
)
from twistedmx.model.governor_event import LimitMoved, NewcomersRefused
from twistedmx.model.network_event import (
    NetworkAllowed,
    NetworkBlocked,
    NetworkNoLongerAllowed,
    NetworkUnblocked,
    NetworkWouldBeBlocked,
)
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.rates import LastMinute, Rates

Decided = tuple[Action, Reason | None]

_PROTOCOLS: Final = ("TLSv1.2", "TLSv1.3")
# Sources of mailboxes that are told apart; the settings name fewer.
_SOURCES: Final = 256
# Policies that are told apart; the settings name fewer.
_POLICIES: Final = 256
_ACCEPTED: Final = (Action.ACCEPT, Reason.ACCEPTED)


def word_of(reason: Reason | None) -> str:
    """Why a recipient was refused, as a label. None: beyond the limit of recipients, without being looked up."""
    return reason.value if reason is not None else "too-many-recipients"


class Histogram:
    """`counts`: one for each bound in `bounds`, of values up to it and above the one before; the last one is for the rest."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Counters:
    """Since the start. All attributes are for reading."""

    def __init__(self) -> None:
        self.sessions_opened = 0
        self.sessions: dict[Reason, int] = dict.fromkeys((Reason.QUIT, Reason.LOST, Reason.TLS_FAILED, Reason.FAULT), 0)
        self.session_seconds = Histogram(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
        # Reason None: refused without being remembered one by one.
        self.recipients: dict[Decided, int] = {
            _ACCEPTED: 0,
            (Action.REJECT, Reason.UNKNOWN_MAILBOX): 0,
            (Action.REJECT, Reason.NOT_OURS): 0,
            (Action.DEFER, Reason.LOOKUP_FAILED): 0,
            (Action.DEFER, Reason.LOOKUP_LATE): 0,
        }
        self.messages: dict[Decided, int] = {
            _ACCEPTED: 0,
            (Action.DEFER, Reason.DISK_FULL): 0,
            (Action.DEFER, Reason.DISK_FAILED): 0,
        }
        self.without_message: dict[Reason, int] = dict.fromkeys(
            (Reason.NOBODY_ACCEPTED, Reason.ABANDONED, Reason.LOST, Reason.QUIT), 0
        )
        self.message_octets: dict[Action, int] = dict.fromkeys((Action.ACCEPT, Action.DEFER, Action.REJECT), 0)
        self.transaction_seconds = Histogram(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
        self.handshakes: dict[str, int] = dict.fromkeys((*_PROTOCOLS, "other"), 0)
        self.authentications = {"authenticated": 0, Reason.BAD_PASSWORD.value: 0, Reason.PASSWORDS_FAILED.value: 0}
        self.addresses: dict[str, int] = {}
        self.loaded_at: dict[str, float] = {}
        self.usable: dict[str, bool] = {}
        self.backends: dict[str, bool] = {}
        self.backend_failures = 0
        self.reloads = {"taken": 0, "kept": 0}
        self.reloaded_at = 0.0
        self.subscribers_dropped = 0
        self.blocks = {"blocked": 0, "unblocked": 0, "would-be-blocked": 0, "allowed": 0, "no-longer-allowed": 0}
        self.attacks = 0  # that began
        self.floods = 0
        # By policy, action and reason; by policy and reason.
        self.policy_refusals: dict[tuple[str, Action, Reason], int] = {}
        self.shadow_refusals: dict[tuple[str, Action, Reason], int] = {}
        self.policy_failures: dict[tuple[str, Reason], int] = {}
        self._policies: set[str] = set()
        self._last_sessions = LastMinute()
        self._last_messages = LastMinute()
        self._last_refused = LastMinute()
        self._count: dict[type, Callable[[Any], None]] = {
            SessionOpened: self._opened,
            SessionEnded: self._ended,
            TlsEstablished: self._secured,
            Authenticated: self._authenticated,
            AuthenticationFailed: self._not_authenticated,
            TransactionEnded: self._transaction,
            NobodyAccepted: self._nobody,
            CommandRefused: _nothing,  # rare: the log has it
            PolicyRefused: self._policy_refused,
            VerdictInShadow: self._in_shadow,
            PolicyFailed: self._policy_failed,
            MailboxesLoaded: self._loaded,
            MailboxesKept: self._kept,
            BackendFailed: self._failed,
            BackendRecovered: self._recovered,
            SettingsReloaded: self._reloaded,
            SettingsKept: self._settings_kept,
            NetworkBlocked: self._blocked,
            NetworkUnblocked: self._unblocked,
            NetworkWouldBeBlocked: self._would_be_blocked,
            NetworkAllowed: self._allowed,
            NetworkNoLongerAllowed: self._no_longer_allowed,
            AttackBegan: self._attack_began,
            AttackEnded: _nothing,
            FloodBegan: self._flood_began,
            FloodGoesOn: _nothing,  # its tries are counted where they are seen
            FloodEnded: _nothing,
            LimitMoved: _nothing,  # these two are gauges
            NewcomersRefused: _nothing,
            SubscriberDropped: self._dropped,
        }

    def __call__(self, event: Event) -> None:
        count = self._count.get(type(event))
        if count is not None:
            count(event)

    def rates(self, now: float) -> Rates:
        """Of the minute before `now`, seconds since the epoch."""
        return Rates(
            sessions=self._last_sessions.total(now),
            messages=self._last_messages.total(now),
            refused_recipients=self._last_refused.total(now),
        )

    def keep_sources(self, names: Collection[str]) -> None:
        """A reload: tables of mailboxes that are not among `names` are no more. Backends begin anew, whatever their names, and
        tell when they are down; what the old ones told last holds no longer."""
        self.backends.clear()
        for known in (self.addresses, self.loaded_at, self.usable):
            for name in [name for name in known if name not in names]:
                del known[name]

    def _opened(self, event: SessionOpened) -> None:
        self.sessions_opened += 1
        self._last_sessions.add(event.at)

    def _ended(self, event: SessionEnded) -> None:
        _add(self.sessions, event.reason)
        self.session_seconds.observe(event.seconds)

    def _secured(self, event: TlsEstablished) -> None:
        protocol = event.tls.protocol
        self.handshakes[protocol if protocol in _PROTOCOLS else "other"] += 1

    def _authenticated(self, event: Authenticated) -> None:
        self.authentications["authenticated"] += 1

    def _not_authenticated(self, event: AuthenticationFailed) -> None:
        self.authentications[event.reason.value] += 1

    def _transaction(self, event: TransactionEnded) -> None:
        decided = event.verdict
        if decided is None:
            _add(self.without_message, event.reason)
        else:
            _add(self.messages, (decided.action, decided.reason))
            self.message_octets[decided.action] += event.octets
            if decided.action is Action.ACCEPT:
                self._last_messages.add(event.at)
        self.transaction_seconds.observe(event.seconds)
        self.recipients[_ACCEPTED] += len(event.envelope.recipients)
        self._refused(event.at, event.refused)

    def _nobody(self, event: NobodyAccepted) -> None:
        _add(self.without_message, Reason.NOBODY_ACCEPTED, event.transactions)
        self._refused(event.at, event.refused)

    def _refused(self, at: float, refused: Refused) -> None:
        if not refused.count:
            return
        left = refused.count
        for decided, addresses in refused.runs:
            _add(self.recipients, (decided.action, decided.reason), len(addresses))
            left -= len(addresses)
        for action, reason, count in refused.others:
            _add(self.recipients, (action, reason), count)
            left -= count
        if left > 0:  # beyond the limit of recipients (RFC 5321 4.5.3.1.10): 452, without being looked up
            _add(self.recipients, (Action.DEFER, None), left)
        self._last_refused.add(at, refused.count)

    def _policy_refused(self, event: PolicyRefused) -> None:
        if self._is_told_apart(event.policy):
            _add(self.policy_refusals, (event.policy, event.verdict.action, event.verdict.reason), event.count)

    def _in_shadow(self, event: VerdictInShadow) -> None:
        if self._is_told_apart(event.policy):
            _add(self.shadow_refusals, (event.policy, event.verdict.action, event.verdict.reason), event.count)

    def _policy_failed(self, event: PolicyFailed) -> None:
        if self._is_told_apart(event.policy):
            _add(self.policy_failures, (event.policy, event.reason), event.count)

    def _is_told_apart(self, policy: str) -> bool:
        if len(self._policies) < _POLICIES:
            self._policies.add(policy)
        return policy in self._policies

    def _loaded(self, event: MailboxesLoaded) -> None:
        _put(self.addresses, event.source, event.addresses)
        _put(self.loaded_at, event.source, event.at)
        _put(self.usable, event.source, True)

    def _kept(self, event: MailboxesKept) -> None:
        _put(self.usable, event.source, False)

    def _failed(self, event: BackendFailed) -> None:
        self.backend_failures += 1
        _put(self.backends, event.source, False)

    def _recovered(self, event: BackendRecovered) -> None:
        _put(self.backends, event.source, True)

    def _reloaded(self, event: SettingsReloaded) -> None:
        self.reloads["taken"] += 1
        self.reloaded_at = event.at

    def _settings_kept(self, event: SettingsKept) -> None:
        self.reloads["kept"] += 1

    def _blocked(self, event: NetworkBlocked) -> None:
        self.blocks["blocked"] += 1

    def _unblocked(self, event: NetworkUnblocked) -> None:
        self.blocks["unblocked"] += 1

    def _would_be_blocked(self, event: NetworkWouldBeBlocked) -> None:
        self.blocks["would-be-blocked"] += 1

    def _allowed(self, event: NetworkAllowed) -> None:
        self.blocks["allowed"] += 1

    def _no_longer_allowed(self, event: NetworkNoLongerAllowed) -> None:
        self.blocks["no-longer-allowed"] += 1

    def _attack_began(self, event: AttackBegan) -> None:
        self.attacks += 1

    def _flood_began(self, event: FloodBegan) -> None:
        self.floods += 1

    def _dropped(self, event: SubscriberDropped) -> None:
        self.subscribers_dropped += 1


def _nothing(event: Event) -> None: ...


def _add(counts: dict[Any, int], key: Any, count: int = 1) -> None:
    counts[key] = counts.get(key, 0) + count


def _put(known: dict[str, Any], source: str, value: Any) -> None:
    if source in known or len(known) < _SOURCES:
        known[source] = value

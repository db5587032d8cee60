"""What was refused lately, so that `twistedmx why` can tell it: a subscriber of events, in memory, bounded.

A session is remembered from its first refusal on: what was refused, what the peer heard, how it ended. Of a host the last
sessions are kept whole, and counts of all. No flood can push out all else: its sessions share room with their like alone (the
same reason, and nobody accepted), see `report.shares`; and of one host there are never more than `per_host`.

It is found again by going through all of it, which an operator's question may cost (benchmarks/trail.py); what comes in costs
next to nothing, and of a flood of strangers a part is left out.

BUGS: a restart forgets it; the log does not. What a blocked host heard instead of a session is not here, nor a STARTTLS that was
put off. Of a message in BDAT that a policy refused at DATA, whose first chunk has come by then, there are two refusals. Of
a session in which XCLIENT named one client after the other, only that of the last one is told to have ended.
"""

from collections.abc import Callable, Iterable, Iterator
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

import attrs

from twistedmx.model.event import CommandRefused, Event, NobodyAccepted, PolicyRefused, SessionEnded, TransactionEnded
from twistedmx.model.peer import Network, host_of
from twistedmx.model.verdict import Action, Reason
from twistedmx.report.shares import Shares
from twistedmx.report.trail_record import HostTrail, SessionTrail, Told
from twistedmx.setting import at_least, setting

# Ends of a session that are no refusal of anything.
_INNOCENT: Final = frozenset(
    (Reason.QUIT, Reason.LOST, Reason.ABANDONED, Reason.SHUTDOWN, Reason.NOBODY_ACCEPTED, Reason.ACCEPTED)
)
_HOST_BITS: Final = {4: 32, 6: 64}
_HOST: Final = 500  # octets of a host's counts


@attrs.frozen(kw_only=True)
class TrailSettings:
    """Settings `[trail]`."""

    most: int = setting(
        10_000,
        unit="sessions",
        why="Sessions in which something was refused that `twistedmx why` can tell of, whole; the log has them all.",
        precedent="rspamd history_redis nrows 200",
        validator=at_least(0),
    )
    per_host: int = setting(
        5,
        unit="sessions",
        why="The last so many of one host (IPv4 address, IPv6 /64) are kept whole; one that comes without end has counts.",
        validator=at_least(1),
    )
    refusals: int = setting(
        20,
        unit="recipients",
        why="So many recipients and messages of a session are named; what is more is counted by reason.",
        validator=at_least(1),
    )
    hosts: int = setting(
        50_000,
        unit="hosts",
        why="Hosts of which it is counted what was refused, some 500 octets each.",
        validator=at_least(1),
    )
    octets: int = setting(
        33_554_432,
        unit="octets",
        why="Of memory for the sessions, about: 32 MiB. When it is full, the oldest of the reason that takes most of it go.",
        validator=at_least(0),
    )


class Trail:
    """`known`: whether the host at an address has a good record; asked once for a session. `since`: seconds since the epoch.
    `ration`: whether one more session of a stranger is remembered (`policy.ration`): a flood of them is in part."""

    def __init__(
        self,
        settings: TrailSettings,
        known: Callable[[str], bool],
        since: float,
        ration: Callable[[float], bool] = lambda at: True,
    ) -> None:
        self.since = since
        self._ration = ration
        self._known = known
        self._sessions: Shares[tuple[str, str], SessionTrail] = Shares(0, 0)  # by id and host: XCLIENT brings others
        self._hosts: Shares[str, HostTrail] = Shares(0, 0)
        self.configure(settings)

    def configure(self, settings: TrailSettings) -> None:
        """From now on these hold; what is too much goes."""
        self._settings = settings
        self._sessions.most, self._sessions.octets = settings.most, settings.octets
        self._hosts.most, self._hosts.octets = settings.hosts, settings.hosts * _HOST
        self._keep_bounds()

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is NobodyAccepted:
            if event.refused.count and not self._is_left_out(event):  # type: ignore[union-attr, arg-type]  # by its kind
                self._recipients(event)  # type: ignore[arg-type]
        elif kind is TransactionEnded:
            self._transaction(event)  # type: ignore[arg-type]
        elif kind is SessionEnded:
            self._ended(event)  # type: ignore[arg-type]
        elif kind is CommandRefused or (kind is PolicyRefused and not event.is_told_by_transaction):  # type: ignore[union-attr]
            self._command(event)  # type: ignore[arg-type]

    # -- what is remembered --------------------------------------------------------------------------------------------

    def _transaction(self, event: TransactionEnded) -> None:
        verdict = event.verdict
        if event.refused.count:
            self._recipients(event)
        if verdict is not None and verdict.action is not Action.ACCEPT:
            session, host = self._records(event)
            session.content(event, verdict, self._settings.refusals)
            self._remember(session, host, verdict.reason, 1)

    def _recipients(self, event: NobodyAccepted | TransactionEnded) -> None:
        refused = event.refused
        counts = [(verdict.reason, len(addresses)) for verdict, addresses in refused.runs]
        counts += [(reason, count) for _, reason, count in refused.others]
        if not counts:
            return  # beyond the limit of recipients alone, which is no refusal of any of them
        session, host = self._records(event)
        session.recipients(event, refused, self._settings.refusals)
        for reason, count in counts[1:]:
            host.count(reason, count)
        self._remember(session, host, *counts[0])

    def _command(self, event: CommandRefused | PolicyRefused) -> None:
        """What no transaction tells: before RCPT, at DATA, and in the place of a recipient step's words."""
        if not self._is_left_out(event):
            session, host = self._records(event)
            session.command(event, self._settings.refusals)
            self._remember(session, host, event.verdict.reason, event.count)

    def _ended(self, event: SessionEnded) -> None:
        if event.reason in _INNOCENT:
            session = self._sessions.get((event.session, host_of(event.peer.address)))
            if session is not None:
                session.heard(event)
                session.end(event)
            return
        if self._is_left_out(event):
            return
        session, host = self._records(event)
        session.end(event)
        self._remember(session, host, event.reason, 1)

    def _is_left_out(self, event: Told) -> bool:
        """Whether it is of one more stranger in a flood of them."""
        address = event.peer.address
        known = self._sessions.get((event.session, host_of(address)))
        return known is None and not self._ration(event.at) and not self._known(address)

    def _records(self, event: Told) -> tuple[SessionTrail, HostTrail]:
        address = event.peer.address
        name = host_of(address)
        host = self._hosts.get(name) or HostTrail(host=name, first=event.at, last=event.at)
        session = self._sessions.get((event.session, name))
        if session is None:
            host.sessions += event.session not in host.kept
            session = SessionTrail(
                id=event.session,
                host=name,
                peer=event.peer,
                helo="",
                tls="",
                first=event.at,
                last=event.at,
                is_good=self._known(address),
            )
        session.is_good = session.is_good or type(event) is TransactionEnded
        session.heard(event)
        host.last = event.at
        return session, host

    def _remember(self, session: SessionTrail, host: HostTrail, reason: Reason, count: int) -> None:
        """Put both in, as the newest among their like: of `reason`."""
        host.count(reason, count)
        group = (session.is_good, reason)
        if session.id not in host.kept:
            host.kept.append(session.id)
            while len(host.kept) > self._settings.per_host:
                self._sessions.pop((host.kept.pop(0), host.host))
        self._sessions.put((session.id, host.host), session, group, session.weight)
        self._hosts.put(host.host, host, group, _HOST)
        self._keep_bounds()

    def _keep_bounds(self) -> None:
        while (session := self._sessions.evict()) is not None:
            host = self._hosts.get(session.host)
            if host is not None:
                host.kept.remove(session.id)
        while (gone := self._hosts.evict()) is not None:
            for id_ in gone.kept:
                self._sessions.pop((id_, gone.host))

    # -- what is found again -------------------------------------------------------------------------------------------

    def session(self, id_: str) -> list[SessionTrail]:
        """The session with this name, in any case of its letters; several where a filter spoke for several clients in it."""
        id_ = id_.upper()
        return _in_order(session for session in self._sessions if session.id == id_)

    def of_hosts(self, network: Network) -> tuple[list[HostTrail], list[SessionTrail]]:
        """What is known of the hosts in `network`, or that it is in; the newest last."""
        if network.prefixlen >= _HOST_BITS[network.version]:
            one = self._hosts.get(host_of(str(network.network_address)))
            hosts = [] if one is None else [one]
        else:
            hosts = sorted(_within(self._hosts, network), key=lambda host: host.last)
        kept = (self._sessions.get((id_, host.host)) for host in hosts for id_ in host.kept)
        return hosts, _in_order(session for session in kept if session is not None)

    def of_recipient(self, address: bytes) -> list[SessionTrail]:
        """Sessions in which something was refused for this address, in any case of its letters; the newest last."""
        wanted = address.lower()
        return _in_order(
            session
            for session in self._sessions
            if any(wanted == each.lower() for refusal in session.refusals for each in refusal.recipients)
        )

    @property
    def size(self) -> tuple[int, int, int]:
        """Sessions, hosts, and octets that the sessions take, about."""
        return len(self._sessions), len(self._hosts), self._sessions.weight


def _in_order(sessions: Iterable[SessionTrail]) -> list[SessionTrail]:
    return sorted(sessions, key=lambda session: session.last)


def _within(hosts: Iterable[HostTrail], network: Network) -> Iterator[HostTrail]:
    """Those in a network that is wider than a host. By octets: `ipaddress` would take twenty times as long for fifty thousand."""
    family, sign = (AF_INET, ".") if network.version == 4 else (AF_INET6, ":")
    shift = network.max_prefixlen - network.prefixlen
    prefix = int(network.network_address) >> shift
    for host in hosts:
        if sign in host.host:
            address = inet_pton(family, host.host.removesuffix("/64"))
            if int.from_bytes(address, "big") >> shift == prefix:
                yield host

"""What policies in shadow would have refused since the start: how often, to how many hosts, and to whom of good record.

A subscriber of events. Bounded: so many rows, and of each so many hosts that are told apart, and so many of good record
that are named.
"""

from collections.abc import Callable, Collection
from typing import Final

import attrs

from twistedmx.model.event import Event, VerdictInShadow
from twistedmx.model.peer import host_of
from twistedmx.model.verdict import Action, Reason

_ROWS: Final = 256
_HOSTS: Final = 1000
_NAMED: Final = 10


@attrs.frozen(kw_only=True)
class ShadowRow:
    """`count`: refusals that were not made. `hosts`: distinct ones that they would have hit (an IPv4 address, or an IPv6 /64);
    `proven`: those of them of good record, `named`: the first addresses of these; `more`: there were more hosts than are told
    apart. `since`: of the first, `last`: of the last, seconds since the epoch."""

    policy: str
    action: Action
    reason: Reason
    count: int
    hosts: int
    proven: int
    named: tuple[str, ...]
    more: bool
    since: float
    last: float


class _Row:
    __slots__ = ("count", "hosts", "last", "more", "named", "proven", "since")

    def __init__(self, since: float) -> None:
        self.count = 0
        self.hosts: set[str] = set()
        self.proven = 0
        self.named: list[str] = []
        self.more = False
        self.since = self.last = since


class ShadowTally:
    """`proven`: has the host of this address (text) a good record? Asked once for each host of a row."""

    def __init__(self, proven: Callable[[str], bool] = lambda address: False) -> None:
        self._proven = proven
        self._rows: dict[tuple[str, Action, Reason], _Row] = {}

    def __call__(self, event: Event) -> None:
        if type(event) is not VerdictInShadow:
            return
        key = event.policy, event.verdict.action, event.verdict.reason
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= _ROWS:
                return
            row = self._rows[key] = _Row(event.at)
        row.count += event.count
        row.last = event.at
        host = host_of(event.peer.address)
        if host in row.hosts:
            return
        if len(row.hosts) >= _HOSTS:
            row.more = True
            return
        row.hosts.add(host)
        if self._proven(event.peer.address):
            row.proven += 1
            if len(row.named) < _NAMED:
                row.named.append(event.peer.address)

    def keep(self, policies: Collection[str]) -> None:
        """A reload: what policies that are in shadow no more would have refused is forgotten."""
        self._rows = {key: row for key, row in self._rows.items() if key[0] in policies}

    def told(self) -> list[ShadowRow]:
        """All rows, the most frequent first."""
        rows = [
            ShadowRow(
                policy=policy,
                action=action,
                reason=reason,
                count=row.count,
                hosts=len(row.hosts),
                proven=row.proven,
                named=tuple(row.named),
                more=row.more,
                since=row.since,
                last=row.last,
            )
            for (policy, action, reason), row in self._rows.items()
        ]
        return sorted(rows, key=lambda row: (-row.count, row.policy, row.reason.value))

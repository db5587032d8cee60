"""What is remembered of hosts across sessions, from events alone: who was hung up on for its conduct, and who has sent mail.

A host (one IPv4 address, or one IPv6 /64) whose sessions were hung up on so many times, and of which no message was accepted, is
put into the blocklist. Guesses alone condemn nobody: conduct has let them pass. Nor do counts keyed by recipient or sender.

Bounded: of the hosts in each of the two memories the one heard of longest ago goes first; a flood of strangers pushes out strangers
only. BUGS: single hosts alone are known, no networks and no campaigns; a restart forgets all of it, the blocklist excepted.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import attrs
from twisted.logger import Logger

from twistedmx.model.block import Block
from twistedmx.model.event import Event, SessionEnded, TransactionEnded
from twistedmx.model.peer import NOWHERE, Network
from twistedmx.model.verdict import Action, Reason
from twistedmx.policy.networks import host_or_wider, network_of
from twistedmx.setting import at_least, setting

_CONDUCT: Final = frozenset((Reason.BAD_RECIPIENTS, Reason.RSET_ABUSE, Reason.UNKNOWN_COMMANDS))


@attrs.frozen(kw_only=True)
class ReputationSettings:
    """Settings `[reputation]`."""

    condemned_after: int = setting(
        0,
        unit="sessions",
        why="So many sessions of a host hung up on for their conduct within `within`, and no mail: it is blocked (3). 0: never.",
        precedent="fail2ban maxretry 5; Stalwart bans after 35 bad recipients a day",
        validator=at_least(0),
    )
    within: float = setting(
        3600.0,
        unit="seconds",
        why="What was longer ago counts no more.",
        precedent="fail2ban findtime 10 minutes",
        validator=at_least(1),
    )
    private: bool = setting(
        False,
        unit="",
        why="Whether hosts of private addresses are condemned as well: behind one a network, or a proxy of containers, may hide.",
    )
    remember_mail: float = setting(
        2_592_000.0,
        unit="seconds",
        why="So long a host of which a message was accepted is not condemned for its conduct (30 days).",
        precedent="Postfix postscreen_cache_retention_time 7 days",
        validator=at_least(0),
    )
    most: int = setting(
        100_000,
        unit="hosts",
        why="So many of each kind are remembered, some 300 octets each.",
        validator=at_least(1),
    )


class Reputation:
    """A subscriber of events. `block`: `Blocklist.block`."""

    _log = Logger()

    def __init__(self, settings: ReputationSettings, block: Callable[..., Block]) -> None:
        self.settings = settings
        self._block = block
        self._hung_up: OrderedDict[str, list[float]] = OrderedDict()  # when, by host
        self._sent_mail: OrderedDict[str, float] = OrderedDict()  # when last, by host

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is SessionEnded:
            if event.reason in _CONDUCT:  # type: ignore[union-attr]  # by its kind
                self._was_hung_up(event)  # type: ignore[arg-type]
        elif kind is TransactionEnded:
            self._has_sent(event)  # type: ignore[arg-type]

    def has_sent_mail(self, address: str, now: float) -> bool:
        """Whether a message from the host was accepted within `remember_mail`. `now`: seconds since the epoch."""
        last = self._sent_mail.get(_host_of(address))
        return last is not None and now - last < self.settings.remember_mail

    def _has_sent(self, event: TransactionEnded) -> None:
        if event.verdict is not None and event.verdict.action is Action.ACCEPT and event.peer.address != NOWHERE:
            host = _host_of(event.peer.address)
            self._sent_mail[host] = event.at
            self._sent_mail.move_to_end(host)
            self._hung_up.pop(host, None)
            self._forget(self._sent_mail)

    def _was_hung_up(self, event: SessionEnded) -> None:
        settings = self.settings
        address = event.peer.address
        if not settings.condemned_after or address == NOWHERE or self.has_sent_mail(address, event.at):
            return
        network = _network_of(address)
        if not (settings.private or network.network_address.is_global):
            return
        host = str(network)
        # A clock that was put back makes no time negative: what seems to come later counts as now.
        times = [at for at in self._hung_up.get(host, ()) if event.at - at < settings.within]
        times.append(event.at)
        self._hung_up[host] = times
        self._hung_up.move_to_end(host)
        self._forget(self._hung_up)
        if len(times) >= settings.condemned_after:
            del self._hung_up[host]
            self._condemn(network, event, len(times))

    def _condemn(self, network: Network, event: SessionEnded, sessions: int) -> None:
        evidence = f"{sessions} sessions hung up on for their conduct, the last one {event.session}"
        try:
            self._block(network, reason=event.reason.value, evidence=evidence, origin="conduct")
        except ValueError as error:
            self._log.info("not blocked: {error}", error=error)

    def _forget(self, known: "OrderedDict[str, list[float]] | OrderedDict[str, float]") -> None:
        while len(known) > self.settings.most:
            known.popitem(last=False)


def _network_of(address: str) -> Network:
    return host_or_wider(network_of(address))


@lru_cache(maxsize=4096)
def _host_of(address: str) -> str:
    """Remembered, for who has sent one message sends more: it would be a tenth of what a message costs (benchmarks/message.py)."""
    return str(_network_of(address))

"""Who is put into the blocklist for its conduct, and who never is. In shadow it is told, and nobody is put there.

A host is condemned for its own sessions, a network for several of its hosts; what is counted by recipient, by sender or by campaign
is no ground here. The blocklist has its own word on it: who is never blocked, and who is proven.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from twisted.logger import Logger

from twistedmx.model.event import Event
from twistedmx.model.network_event import NetworkWouldBeBlocked
from twistedmx.model.peer import Network
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.host_key import network_at
from twistedmx.policy.reputation_settings import ReputationSettings

ORIGIN: Final = "conduct"
NETWORK_REASON: Final = "bad-hosts"
_NAMED: Final = 8  # hosts, in the evidence
_TOLD: Final = 10_000  # networks that were told in shadow, remembered
_DAY: Final = 86_400


class Condemnation:
    """`ready`: all that is remembered is there; before that nobody is condemned, for his good record may be what is missing."""

    _log = Logger()

    def __init__(self, settings: ReputationSettings, blocklist: Blocklist, tell: Callable[[Event], None]) -> None:
        self.settings = settings
        self.ready = True
        self._blocklist = blocklist
        self._tell = tell
        self._told: OrderedDict[Network, int] = OrderedDict()  # in shadow: when, steady seconds

    def may_be(self, network: Network) -> bool:
        """Whether it is one that can be condemned at all."""
        return self.settings.private or network.network_address.is_global

    def host(self, key: bytes, *, reason: str, evidence: str, at: float, now: int) -> bool:
        """Whether it was condemned, or would have been. `at`: of the event; `now`: steady."""
        return self._condemn(network_at(key), reason, evidence, at, now)

    def network(self, key: bytes, offenders: Sequence[bytes], *, at: float, now: int) -> bool:
        """As `host`. `offenders`: its hosts, or its networks, that were counted."""
        named = ", ".join(str(network_at(one)).removesuffix("/32") for one in offenders[-_NAMED:])
        more = f" and {len(offenders) - _NAMED} more" if len(offenders) > _NAMED else ""
        kind = "networks with hosts" if len(key) in (5, 9) else "hosts"
        days = self.settings.networks_within / _DAY
        seen = f"{len(offenders)} {kind} hung up on for their conduct within {days:g} days"
        evidence = f"{seen}, and no mail from others: {named}{more}"
        return self._condemn(network_at(key), NETWORK_REASON, evidence, at, now)

    def _condemn(self, network: Network, reason: str, evidence: str, at: float, now: int) -> bool:
        if not (self.ready and self.may_be(network)):
            return False
        try:
            if self.settings.shadow:
                self._blocklist.check(network)
                self._tell_of(network, reason, evidence, at, now)
            else:
                self._blocklist.block(network, reason=reason, evidence=evidence, origin=ORIGIN)
        except ValueError as error:
            self._log.info("not blocked: {error}", error=error)
        return True

    def _tell_of(self, network: Network, reason: str, evidence: str, at: float, now: int) -> None:
        """Once within `within`: it would be gone by then, and comes again instead."""
        before = self._told.get(network)
        if before is not None and now - before < self.settings.within:
            return
        self._told[network] = now
        self._told.move_to_end(network)
        if len(self._told) > _TOLD:
            self._told.popitem(last=False)
        self._tell(NetworkWouldBeBlocked(at=at, network=network, reason=reason, evidence=evidence, origin=ORIGIN))

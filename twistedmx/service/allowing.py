"""Whom the operator of a running server allows: what he says is kept on disk, and is told."""

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from twistedmx.model.allowance import Allowance
from twistedmx.model.network_event import NetworkAllowed, NetworkNoLongerAllowed
from twistedmx.model.peer import Network
from twistedmx.policy.allowed import Allowed
from twistedmx.ports import Events
from twistedmx.store.allowed import AllowedNetworks


class Allowing:
    """`kept`: where they are remembered. `ended`: told of a network that may be blocked again. `now`: seconds since the epoch.
    `changed`: told each network of which something else is said than before, and what; None: nothing any more."""

    _log = Logger()

    def __init__(
        self,
        allowed: Allowed,
        kept: AllowedNetworks,
        events: Events,
        *,
        ended: Callable[[Network], None],
        now: Callable[[], float],
    ) -> None:
        self.allowed = allowed
        self.changed: Callable[[Network, Allowance | None], None] = lambda network, allowance: None
        self._kept = kept
        self._events = events
        self._ended = ended
        self._now = now

    def load(self) -> None:
        """Read what is kept; before the database starts."""
        self._kept.load(self._take, now=self._now())

    def allow(self, network: Network, *, evidence: str, seconds: float | None, force: bool) -> Allowance:
        """As `Allowed.allow`."""
        allowance = self.allowed.allow(network, evidence=evidence, seconds=seconds, force=force)
        self._kept.put(allowance)
        self.changed(allowance.network, allowance)
        self._events.tell(NetworkAllowed(at=self._now(), allowance=allowance))
        return allowance

    def take_back(self, network: Network) -> Allowance | None:
        """Exactly this network may be blocked again. What was said of it."""
        allowance = self.allowed.remove(network)
        if allowance is not None:
            self._over(allowance, expired=False)
        return allowance

    def sweep(self) -> None:
        """Take those back that have expired. To be called every second or so."""
        for allowance in self.allowed.sweep():
            self._over(allowance, expired=True)

    def keep_all(self) -> None:
        """The file is another one: write down what we know."""
        self._kept.put(*self.allowed)

    def _over(self, allowance: Allowance, *, expired: bool) -> None:
        self._kept.remove([allowance.network])
        self.changed(allowance.network, None)
        self._events.tell(NetworkNoLongerAllowed(at=self._now(), allowance=allowance, expired=expired))
        self._ended(allowance.network)

    def _take(self, allowances: Sequence[Allowance]) -> None:
        for allowance in allowances:
            if self.allowed.at(allowance.network) is not None:
                continue  # what was said since is newer
            try:
                self.allowed.add(allowance)
                self.changed(allowance.network, allowance)
            except ValueError as error:
                self._log.warn("a network that was allowed is left out: {error}", error=error)

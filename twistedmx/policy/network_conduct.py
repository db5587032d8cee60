"""What hosts did, summed for their networks; and whose several hosts condemn it.

    /24, /48             its hosts are counted
    announced prefix     wider than these, where it is known: the /24s and /48s in it are

Where several processes serve, each tells what its hosts did to one that sums it (`NetworkEvidence` is what it is told).
"""

from typing import Final, Protocol

from twistedmx.model.peer import Network
from twistedmx.policy import network_standing
from twistedmx.policy.condemnation import Condemnation
from twistedmx.policy.host_key import allocation_of, network_key, prefix_key
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.reputation_settings import ReputationSettings
from twistedmx.policy.segments import Segments

_NEW: Final = NetworkStanding()


class NetworkEvidence(Protocol):
    """Where it is told what a host did. `host`: its key. `prefix`: the announced one, where that is known. `now`: steady
    seconds (`decay.SteadyTime`)."""

    def mail(self, host: bytes, prefix: Network | None, *, messages: int, good_share: bool, now: int) -> None:
        """Messages of it were accepted. `good_share`: what it did before is outweighed."""

    def session(self, host: bytes, prefix: Network | None, *, offends: bool, at: float, now: int) -> None:
        """A bad session of it ended. `offends`: it was hung up on, and nothing makes up for that. `at`: of the event, seconds since
        the epoch."""


class NetworkConduct:
    """A NetworkEvidence that sums, and condemns. `table`: what is known, by the key of the network or prefix; for reading."""

    def __init__(self, settings: ReputationSettings, condemnation: Condemnation) -> None:
        self._settings = settings
        self._condemnation = condemnation
        self.table: Segments[bytes, NetworkStanding] = Segments(
            most_proven=settings.networks,
            most_strangers=settings.networks,
            allocation=settings.allocation,
            group_of=allocation_of,
        )

    def configure(self, settings: ReputationSettings) -> None:
        """From now on these hold."""
        self._settings = settings
        self.table.configure(
            most_proven=settings.networks, most_strangers=settings.networks, allocation=settings.allocation
        )

    def mail(self, host: bytes, prefix: Network | None, *, messages: int, good_share: bool, now: int) -> None:
        """As `NetworkEvidence.mail`."""
        settings = self._settings
        for key, part in _networks_of(host, prefix):
            known = self.table.get(key) or _NEW
            known = network_standing.with_mail(known, part, now, settings, good_share=good_share, messages=messages)
            self.table.put(key, known, proven=True)

    def session(self, host: bytes, prefix: Network | None, *, offends: bool, at: float, now: int) -> None:
        """As `NetworkEvidence.session`."""
        settings = self._settings
        for key, part in _networks_of(host, prefix):
            before = self.table.get(key) or _NEW
            known = network_standing.with_session(before, part, now, settings, bad=1, offends=offends)
            settled = network_standing.has_good_mail(known, now, settings)
            most = settings.networks_after if part == host else settings.prefixes_after
            if offends and most and not settled:
                offenders = network_standing.offenders_lately(known, now, settings)
                if len(offenders) >= most and self._condemnation.network(key, offenders, at=at, now=now):
                    known = known._replace(offenders=())
            self.table.put(key, known, proven=settled)


def _networks_of(host: bytes, prefix: Network | None) -> list[tuple[bytes, bytes]]:
    """Each network that a host is in, with the part of it that is counted there: the host, or its network."""
    network = network_key(host)
    if prefix is None or prefix.prefixlen >= (24 if prefix.version == 4 else 48):
        return [(network, host)]
    return [(network, host), (prefix_key(prefix), network)]

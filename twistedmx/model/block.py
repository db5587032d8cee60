"""An entry of the blocklist: whom we do not talk to, why, and how long."""

import attrs

from twistedmx.model.peer import Network


@attrs.frozen(kw_only=True)
class Block:
    """`id`: what a peer hears, and `twistedmx why` takes: letters and digits. `network`: one host is a /32, or a /64 of IPv6.

    `reason`: a word, as `bad-recipients`. `evidence`: what was seen, for the operator; the peer never hears it. `origin`: who made
    it, as `operator`, `conduct`, `import drop.txt`. `since`, `expiry`: seconds since the epoch; None: until it is removed.
    `relapse`: how often the network was blocked before.
    """

    id: str
    network: Network
    reason: str
    evidence: str = ""
    origin: str
    since: float
    expiry: float | None
    relapse: int = 0

    def holds(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expiry is None or now < self.expiry

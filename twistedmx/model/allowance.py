"""A network that the operator keeps out of the blocklist while the server runs."""

import attrs

from twistedmx.model.peer import Network


@attrs.frozen(kw_only=True)
class Allowance:
    """`network`: one host is a /32, or a /64 of IPv6. `evidence`: why, in the operator's words. `since`, `expiry`: seconds since
    the epoch; None: until it is taken back.
    """

    network: Network
    evidence: str = ""
    since: float
    expiry: float | None

    def holds(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expiry is None or now < self.expiry

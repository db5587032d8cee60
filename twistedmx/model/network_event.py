"""What is told of networks that are blocked, or may not be: part of the closed list of facts (`model.event`)."""

import attrs

from twistedmx.model.allowance import Allowance
from twistedmx.model.block import Block
from twistedmx.model.peer import Network


@attrs.frozen(kw_only=True)
class NetworkBlocked:
    """An entry of the blocklist is new, or was lengthened."""

    at: float
    block: Block


@attrs.frozen(kw_only=True)
class NetworkUnblocked:
    """An entry was removed before its expiry."""

    at: float
    block: Block


@attrs.frozen(kw_only=True)
class NetworkWouldBeBlocked:
    """In shadow: what would be an entry of the blocklist. `reason`, `evidence`, `origin`: as it would have them."""

    at: float
    network: Network
    reason: str
    evidence: str
    origin: str


@attrs.frozen(kw_only=True)
class NetworkAllowed:
    """The operator keeps a network out of the blocklist, from now on or differently than before."""

    at: float
    allowance: Allowance


@attrs.frozen(kw_only=True)
class NetworkNoLongerAllowed:
    """It may be blocked again: the operator said so, or its time was over (`expired`)."""

    at: float
    allowance: Allowance
    expired: bool


NetworkEvent = NetworkBlocked | NetworkUnblocked | NetworkWouldBeBlocked | NetworkAllowed | NetworkNoLongerAllowed

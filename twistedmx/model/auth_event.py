"""What is told of authentication: part of the closed list of facts (`model.event`). No password is ever in it."""

import attrs

from twistedmx.model.peer import Peer, Tls
from twistedmx.model.verdict import Reason


@attrs.frozen(kw_only=True)
class _Authentication:
    """`user`: as the client has it, in text; what is no UTF-8 of it is escaped. `mechanism`: "PLAIN"."""

    at: float
    session: str
    peer: Peer
    helo: str
    tls: Tls | None
    mechanism: str
    user: str


@attrs.frozen(kw_only=True)
class Authenticated(_Authentication):
    """A client has shown who he is."""


@attrs.frozen(kw_only=True)
class AuthenticationFailed(_Authentication):
    """He has not. `reason`: BAD_PASSWORD, or PASSWORDS_FAILED, which is no fault of his. `detail`: more of it, for us."""

    reason: Reason
    detail: str


AuthEvent = Authenticated | AuthenticationFailed

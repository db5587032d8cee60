"""What one connection is served with, where that is not the same for all: in another dialect, by files that are read anew."""

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from twistedmx.model.peer import Peer
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import ServerTls
from twistedmx.policy.receiver import Receiver
from twistedmx.smtp.session import Session


class NewSession(Protocol):
    """Makes the session. `secure`: under TLS from the beginning."""

    def __call__(self, *, secure: bool) -> Session: ...


@attrs.frozen(kw_only=True)
class Visit:
    """`receiver`: makes who answers in the session; one that is not to be served is told so by its greeting. `tls`: as in
    `ServerFactory`."""

    session: NewSession
    receiver: Callable[[Session, Peer], Receiver]
    tls: ServerTls | None
    timeouts: Timeouts


# Of a transport, and who is at its other end: called when the connection is there. Never waits. A transport that somebody handed
# over has what came with it as `came_with` (`handed_over.HandedOver`); others have None, or no such attribute.
Visits = Callable[[Any, Peer], Visit]

"""How a connection is closed: so that the peer can read our last words, and so that it cannot keep us for ever."""

from typing import Any

from twisted.internet.interfaces import ISSLTransport, ITCPTransport

from twistedmx.net.patience import Patience
from twistedmx.net.readers import Connection


def close(transport: Any, *, linger: bool, all_sent: bool, patience: Patience) -> None:
    """Close `transport` once the peer has read what was written; `patience` ends when it takes too long.

    `all_sent`: nothing of that waits in the transport. `linger`: the peer may still be sending. Closing a socket with unread
    octets in it makes the kernel take our last words back, so only our side is shut, and what comes is thrown away until the
    peer is done. Under TLS the peer has to say that it ends as well, which a silent one never does.
    """
    plain = ITCPTransport.providedBy(transport) and not ISSLTransport.providedBy(transport)
    timeouts = patience.timeouts
    if linger and plain and timeouts.linger:
        patience.wait(timeouts.linger)
        transport.loseWriteConnection()
    elif all_sent and isinstance(transport, Connection):
        transport.close()
    else:
        patience.wait(timeouts.closing)
        transport.loseConnection()

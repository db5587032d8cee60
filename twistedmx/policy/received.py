"""The Received field that a message gets from us (RFC 5321 4.4)."""

from twistedmx.model.peer import Peer, Tls
from twistedmx.policy.site import Site
from twistedmx.policy.transaction import Transaction
from twistedmx.smtp import trace


def received(
    site: Site,
    transaction: Transaction,
    peer: Peer,
    tls: Tls | None,
    *,
    helo: str,
    esmtp: bool,
    authenticated: bool = False,
) -> bytes:
    """Of `transaction`, as it stands. A name of the peer is a balancer's word; we look none up."""
    accepted, smtputf8 = transaction.accepted, transaction.parameters.smtputf8
    return trace.received(
        helo=helo,
        peer_literal=f"{peer.name} {peer.literal}" if peer.name else peer.literal,
        host=site.host,
        protocol=trace.with_protocol(esmtp=esmtp, tls=tls is not None, smtputf8=smtputf8, authenticated=authenticated),
        tls=_agreed(tls) if tls is not None else "",
        queue_id=transaction.queue_id,
        recipient=accepted[0].path if len(accepted) == 1 else None,
        at=site.ports.now(),
    )


def _agreed(tls: Tls) -> str:
    """Without the name that the peer asked for: that is its choice, and in the log."""
    verified = f" client {tls.client} verified" if tls.client else ""
    return f"{tls.protocol} cipher {tls.cipher}{verified}"

"""Who the client is when a host that we trust speaks for it."""

import attrs

from twistedmx.model.peer import NOWHERE, Peer, canonical_address
from twistedmx.smtp.xclient import XClient


def client_of(peer: Peer, told: XClient) -> Peer:
    """Who `peer` says that it speaks for. Of another address nothing is known but what is told with it."""
    client = attrs.evolve(peer, via=peer.via or peer.address)
    if told.address is not None:
        address = canonical_address(told.address) if told.address else NOWHERE
        client = attrs.evolve(client, address=address, port=0, name="")
    return attrs.evolve(
        client,
        port=client.port if told.port is None else told.port,
        name=client.name if told.name is None else told.name,
    )

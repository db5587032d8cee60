"""Who is at an address of Twisted's."""

from typing import Any, Final

from twistedmx.model.peer import NOWHERE, Peer

_MAPPED: Final = "::ffff:"  # RFC 4291 2.5.5.2


def peer_at(address: Any) -> Peer:
    """The peer at an IAddress. An IPv4 client of an IPv6 socket is an IPv4 client; a zone names no host."""
    host = str(getattr(address, "host", NOWHERE))  # a Unix socket has no address
    host = host.partition("%")[0]
    if host.startswith(_MAPPED) and "." in host:
        host = host[len(_MAPPED) :]
    return Peer(address=host, port=getattr(address, "port", 0))

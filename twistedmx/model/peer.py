"""Who is at the other end of a session."""

import attrs


@attrs.frozen(kw_only=True)
class Peer:
    """The client as the network shows it. `address`: IPv4 or IPv6 in text, without port."""

    address: str
    port: int

    @property
    def literal(self) -> str:
        """As in a Received field: RFC 5321 4.1.3."""
        return f"[IPv6:{self.address}]" if ":" in self.address else f"[{self.address}]"


@attrs.frozen(kw_only=True)
class Tls:
    """What a handshake agreed on. `protocol`: "TLSv1.3". `cipher`: OpenSSL's name of it.

    `server_name`: the name that the peer asked for (SNI, RFC 6066 3), or "". `client`: the name that its certificate was
    verified for, or "".
    """

    protocol: str
    cipher: str
    server_name: str = ""
    client: str = ""

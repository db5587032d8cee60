"""What makes a shell for each connection, and tells all of them when the server stops."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory

from twistedmx.model.peer import Peer
from twistedmx.net.shell import Shell
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.turns import Turns
from twistedmx.net.wheel import Wheel
from twistedmx.policy.site import Site
from twistedmx.smtp.session import Session

Network = IPv4Network | IPv6Network


class ServerFactory(Factory):
    """Makes the sessions of one server.

    `tls`: for STARTTLS, or None. `tolerant`: networks whose bare CR and LF in content are taken.
    """

    noisy = False

    def __init__(
        self,
        *,
        site: Site,
        timeouts: Timeouts,
        wheel: Wheel,
        tls: IOpenSSLServerConnectionCreator | None = None,
        tolerant: Sequence[Network] = (),
    ) -> None:
        self.site = site
        self.timeouts = timeouts
        self.wheel = wheel
        self.tls = tls
        self._tolerant = tuple(tolerant)
        self.turns = Turns(site.ports.clock)
        self.connections: set[Shell] = set()

    def buildProtocol(self, address: IAddress | None) -> Shell:
        return Shell(self)

    def session(self, peer: Peer, *, secure: bool) -> Session:
        """A new session with `peer`. `secure`: under TLS from the beginning."""
        site = self.site
        tolerant = self.tolerates(peer.address)
        return Session(limits=site.limits, starttls=site.starttls, secure=secure, tolerant=tolerant)

    def tolerates(self, host: str) -> bool:
        """Whether bare CR and LF are taken from this address."""
        return bool(self._tolerant) and any(ip_address(host) in network for network in self._tolerant)

    def shut_down(self) -> Deferred[Any]:
        """Say 421 to all. Fires when every session has ended."""
        return DeferredList([connection.shut_down() for connection in list(self.connections)])

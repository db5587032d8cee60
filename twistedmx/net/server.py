"""What makes a shell for each connection, and tells all of them when the server stops."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from twistedmx.model.peer import Network, Peer
from twistedmx.net.connections import Connections
from twistedmx.net.door import Door, Met
from twistedmx.net.entrance import Entrance
from twistedmx.net.litter import Litter
from twistedmx.net.peers import peer_at
from twistedmx.net.shell import Shell
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import ServerTls
from twistedmx.net.turns import Turns
from twistedmx.net.visit import Visits
from twistedmx.net.wheel import Deadline, Wheel
from twistedmx.policy.admission import Place
from twistedmx.policy.attending import Attending
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.host_key import host_key
from twistedmx.policy.posture import Posture
from twistedmx.policy.record import Terms
from twistedmx.policy.site import Site
from twistedmx.smtp.auth import AuthSession
from twistedmx.smtp.session import Session

# Seconds that a stop waits for peers to read why: who does not end his side would keep us for `[timeouts] closing`.
_PARTING: Final = 2.0
_GOVERNOR: Final = GovernorSettings()


class ServerFactory(Factory):
    """Makes the sessions of one server; listens where they begin in plain text.

    `tls`: for STARTTLS and for ImplicitTls, or None. `site`, `timeouts` and `tls` may be replaced at any time: sessions that
    are there go on under those that they began with. `connections`: those that are there, also before and after a session.
    `door`: who is let in. `descriptors`: that the process may have. `visits`: what each connection is served with, where that is
    not the same for all.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        *,
        site: Site,
        timeouts: Timeouts,
        wheel: Wheel,
        tls: ServerTls | None = None,
        governor: GovernorSettings = _GOVERNOR,
        descriptors: int = 1024,
    ) -> None:
        self.site = site
        self.timeouts = timeouts
        self.wheel = wheel
        self.tls = tls
        self.visits: Visits | None = None
        self.turns = Turns(site.ports.clock)
        self.litter = Litter()
        self.connections = Connections()
        self.door = Door(self, governor, descriptors)
        self._stopping = False
        self._grace = Deadline(self._hurry)
        self._parting = Deadline(self._parted)
        self._gone: list[Deferred[None]] = []

    def adopt(self, *, site: Site, timeouts: Timeouts, tls: ServerTls | None, governor: GovernorSettings) -> None:
        """For sessions that begin from now on."""
        self.site, self.timeouts, self.tls = site, timeouts, tls
        self.door.configure(governor)

    @property
    def under_tls(self) -> int:
        """How many of the connections are."""
        return sum(connection.under_tls for connection in self.connections)

    def buildProtocol(self, address: IAddress | None) -> Entrance | Met | None:
        return self.meet(address, secure=False)

    def meet(self, address: IAddress | None, *, secure: bool) -> Entrance | Met | None:
        """What meets a connection from there: a balancer is asked for whom it speaks. `secure`: TLS comes first."""
        if self._stopping:
            return None
        proxies = self.site.proxy_from
        if proxies and peer_at(address).among(proxies):
            return Entrance(self, secure=secure)
        return self.door.meet(peer_at(address), secure=secure) if address is not None else Shell(self, secure=secure)

    def hang_up(self, network: Network | None = None) -> None:
        """Close the sessions of those who are blocked now: of those in `network`, or of all."""
        blocklist = self.site.blocklist
        if blocklist is None:
            return
        for connection in list(self.connections) if network is None else self.connections.in_network(network):
            block = blocklist.find(connection.address) if connection.address else None
            if block is not None:
                try:
                    connection.turn_away(blocklist.parting(block, connection.address))
                except Exception:
                    self._log.failure("a session failed when it was blocked")

    def met(self, connection: Shell, peer: Peer, terms: Terms) -> Place:
        """A session begins with `peer`, who is its client unless he may speak for others (XCLIENT). The place that it has."""
        self.connections.add(connection, "" if peer.among(self.site.xclient_from) else peer.address)
        return self.door.admission.enter(host_key(peer.address), terms.known, shared=terms.shared)

    def left(self, connection: Shell, peer: Peer, place: Place) -> None:
        """Its session has ended, which had this place."""
        admission = self.door.admission
        admission.leave(host_key(peer.address), place)
        if connection.may_go:
            admission.stays(connection)

    def sessions(self) -> Iterator[Shell]:
        """Those that are open, or just over."""
        return (connection for connection in self.connections if isinstance(connection, Shell))

    def attending(self, session: str) -> Attending | None:
        """Who knows of the open session with this name. Found by asking them all."""
        all_ = (connection.attending for connection in self.connections)
        return next((each for each in all_ if each is not None and each.id == session), None)

    def session(self, peer: Peer, *, secure: bool) -> Session:
        """A new session with `peer`. `secure`: under TLS from the beginning."""
        site = self.site
        kind: Callable[..., Session] = Session
        if site.auth is not None:
            kind = partial(AuthSession, mechanisms=site.auth.mechanisms, plain_text=site.auth.plain_text)
        return kind(
            limits=site.session_limits[Posture.CALM],
            starttls=site.starttls,
            secure=secure,
            tolerant=peer.among(site.tolerant),
            xclient=peer.among(site.xclient_from),
            sampled=site.sampled,
        )

    def shut_down(self, grace: float = 0.0) -> Deferred[Any]:
        """Let sessions finish what they are at for `grace` seconds, then say 421 to all that are left. Nobody new is served.
        Called again, it takes the new time. Fires when every session has ended."""
        self._stopping = True
        self.site.tarpit.let_all_go()
        self.door.close()
        gone = DeferredList([connection.finish() for connection in list(self.connections)])
        if grace > 0:
            self.wheel.set(self._grace, grace)
        else:
            self._hurry()
        return gone.addCallback(self._stopped)

    def gone(self) -> Deferred[None]:
        """After `shut_down`: the last words of sessions are still to be read, and under TLS to be written. Fires, in a turn of its
        own, when the last connection is gone, some seconds later at most."""
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        self.connections.emptied = self._parted
        if self.connections:
            self.wheel.set(self._parting, _PARTING)
        else:
            self._parted()
        return gone

    def _parted(self) -> None:
        self.wheel.clear(self._parting)
        self.connections.emptied = None
        waiting, self._gone = self._gone, []
        for gone in waiting:
            self.site.ports.clock.callLater(0, gone.callback, None)

    def _hurry(self) -> None:
        for connection in list(self.connections):
            connection.hurry()

    def _stopped(self, result: object) -> None:
        self.wheel.clear(self._grace)


class ImplicitTls(Factory):
    """Listens where TLS comes first (RFC 8314 3.3): the sessions are those of `server`."""

    noisy = False

    def __init__(self, server: ServerFactory) -> None:
        self._server = server

    def buildProtocol(self, address: IAddress | None) -> Entrance | Met | None:
        return self._server.meet(address, secure=True)

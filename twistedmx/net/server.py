"""What makes a shell for each connection, and tells all of them when the server stops."""

from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from twistedmx.model.block import Block
from twistedmx.model.peer import Network, Peer
from twistedmx.net.anteroom import Anteroom, Waiting
from twistedmx.net.connections import Connections
from twistedmx.net.doorstep import Doorstep
from twistedmx.net.entrance import Entrance
from twistedmx.net.litter import Litter
from twistedmx.net.peers import peer_at
from twistedmx.net.shell import Shell
from twistedmx.net.timeouts import Timeouts
from twistedmx.net.tls import ServerTls
from twistedmx.net.turned_away import TurnedAway
from twistedmx.net.turns import Turns
from twistedmx.net.wheel import Deadline, Wheel
from twistedmx.policy.attending import Attending
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.posture import Posture
from twistedmx.policy.site import Site
from twistedmx.smtp.session import Session

Door = Shell | Entrance | Waiting | TurnedAway
# Seconds that a stop waits for peers to read why: who does not end his side would keep us for `[timeouts] closing`.
_PARTING: Final = 2.0


class ServerFactory(Factory):
    """Makes the sessions of one server; listens where they begin in plain text.

    `tls`: for STARTTLS and for ImplicitTls, or None. `site`, `timeouts` and `tls` may be replaced at any time: sessions that
    are there go on under those that they began with. `connections`: those that are there, also before and after a session.
    `turned_away`: connections of blocked hosts, of which some wait at the `doorstep`, in a fourth of the
    `descriptors` at most. `anteroom`: where those wait who were hung up on lately, as many.
    """

    noisy = False
    _log = Logger()

    def __init__(
        self, *, site: Site, timeouts: Timeouts, wheel: Wheel, tls: ServerTls | None = None, descriptors: int = 1024
    ) -> None:
        self.site = site
        self.timeouts = timeouts
        self.wheel = wheel
        self.tls = tls
        self.turns = Turns(site.ports.clock)
        self.litter = Litter()
        self.connections = Connections()
        self.turned_away = 0
        self.doorstep = Doorstep(site.ports.clock, descriptors // 4)
        self.anteroom = Anteroom(site.ports.clock, descriptors // 4)
        self._stopping = False
        self._grace = Deadline(self._hurry)
        self._parting = Deadline(self._parted)
        self._gone: list[Deferred[None]] = []

    def adopt(self, *, site: Site, timeouts: Timeouts, tls: ServerTls | None) -> None:
        """For sessions that begin from now on."""
        self.site, self.timeouts, self.tls = site, timeouts, tls

    @property
    def under_tls(self) -> int:
        """How many of the connections are."""
        return sum(connection.under_tls for connection in self.connections)

    def buildProtocol(self, address: IAddress | None) -> Door | None:
        return self.door(address, secure=False)

    def door(self, address: IAddress | None, *, secure: bool) -> Door | None:
        """What meets a connection from there: a balancer is asked for whom it speaks. `secure`: TLS comes first."""
        if self._stopping:
            return None
        proxies = self.site.proxy_from
        if proxies and peer_at(address).among(proxies):
            return Entrance(self, secure=secure)
        return self.meet(peer_at(address), secure=secure) if address is not None else Shell(self, secure=secure)

    def meet(self, peer: Peer, *, secure: bool, has_waited: bool = False) -> Shell | TurnedAway | Waiting:
        """What meets `peer`, of whom it is known that it is the client. `has_waited`: it has been in the anteroom."""
        site = self.site
        blocklist = site.blocklist
        block = blocklist.find(peer.address) if blocklist is not None else None
        if blocklist is not None and block is not None:
            return self._turn_away(blocklist, block, peer, secure=secure)
        behind = has_waited or self._comes_back(peer)
        if behind and not has_waited and self.anteroom.has_room:
            return Waiting(self, peer, secure=secure)
        return Shell(self, secure=secure, peer=peer, behind=behind)

    def _comes_back(self, peer: Peer) -> bool:
        """Whether it was hung up on lately; not if it speaks for many, or is never blocked."""
        site = self.site
        if not site.alertness.hung_up_on(peer.address) or peer.among(site.xclient_from):
            return False
        return site.blocklist is None or site.blocklist.never.find(peer.address) is None

    def _turn_away(self, blocklist: Blocklist, block: Block, peer: Peer, *, secure: bool) -> TurnedAway:
        """`block` is about `peer`. Where TLS comes first, words in plain text would be none."""
        self.turned_away += 1
        words = None if secure else blocklist.refusal(block, peer.address)
        return TurnedAway(words, self.doorstep, blocklist.hold, blocklist.held)

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

    def met(self, connection: Shell, peer: Peer) -> None:
        """A session begins with `peer`, who is its client unless he may speak for others (XCLIENT)."""
        self.connections.add(connection, "" if peer.among(self.site.xclient_from) else peer.address)

    def attending(self, session: str) -> Attending | None:
        """Who knows of the open session with this name. Found by asking them all."""
        all_ = (connection.attending for connection in self.connections)
        return next((each for each in all_ if each is not None and each.id == session), None)

    def session(self, peer: Peer, *, secure: bool) -> Session:
        """A new session with `peer`. `secure`: under TLS from the beginning."""
        site = self.site
        return Session(
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
        self.doorstep.let_all_go()
        self.anteroom.close()
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

    def buildProtocol(self, address: IAddress | None) -> Door | None:
        return self._server.door(address, secure=True)

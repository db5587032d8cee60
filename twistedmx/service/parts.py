"""From settings to all that they describe, or to every fault in them: for the start, for a reload and for `check-config`.

Two lifetimes. What *lasts* as long as the server holds what sessions share and what must not be begun anew: the wheel, the
stream of events, the writer. *Parts* are made from one version of the settings; a reload makes others and puts them in
place of the old ones. Making parts binds no port and starts nothing, so that it can be done to see whether it can be done.
"""

from collections.abc import Callable, Sequence
from functools import partial
from socket import getfqdn
from typing import Final

import attrs
from twisted.application.service import IServiceCollection, Service
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import Logger

from twistedmx.delivery.acceptance import MaildirAcceptance
from twistedmx.delivery.owner_disks import OwnerDisks
from twistedmx.mailbox.by_domain import MailboxesByDomain
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.peer import Network
from twistedmx.net.readers import Readers
from twistedmx.net.server import ServerFactory
from twistedmx.net.tls import BadTls, ServerTls, read_tls
from twistedmx.net.wheel import Wheel
from twistedmx.policy.handshakes import Handshakes
from twistedmx.policy.ration import flood_ration, sample_ration
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.site import Site
from twistedmx.policy.tarpit import Tarpit
from twistedmx.ports import Ports
from twistedmx.report.counters import Counters
from twistedmx.report.destination import Destination, log_of
from twistedmx.report.losses import Losses
from twistedmx.report.samples import Samples
from twistedmx.report.stream import Stream, Subscriber
from twistedmx.report.trail import Trail
from twistedmx.service.backends import Backends, backends_of
from twistedmx.service.blocking import Blocking
from twistedmx.service.faults import Faults
from twistedmx.service.governing import Governing
from twistedmx.service.held import Held
from twistedmx.service.listening import fault_of_metrics, listening_of
from twistedmx.service.places import Place
from twistedmx.service.policies import Policies
from twistedmx.service.privileges import for_one_process_alone, no_such_user
from twistedmx.service.qmail import Qmail
from twistedmx.service.qmail_found import faults_of, has_certificate
from twistedmx.service.recording import Recording
from twistedmx.service.shared import Alone, AnyWatching, Shared
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.settings.networks import read_networks
from twistedmx.smtp.path import BadPath, check_domain

_log = Logger(namespace="twistedmx")

# Seconds in which lines of the log are gathered: nobody reads sooner, and a write for each turn of the reactor was a fiftieth of
# what a message costs (benchmarks, accept-4k-1).
_LINES_AFTER: Final = 0.05


@attrs.frozen(kw_only=True)
class Lasting:
    """What a server has from its start to its stop, whatever its settings become."""

    world: World
    wheel: Wheel
    readers: Readers
    events: Stream
    counters: Counters
    losses: Losses
    mailboxes: MailboxesByDomain
    handshakes: Handshakes
    owners: OwnerDisks
    acceptance: MaildirAcceptance
    blocking: Blocking
    watching: AnyWatching
    governing: Governing
    trail: Trail
    samples: Samples
    policies: Policies
    tarpit: Tarpit
    recording: Recording
    beside: tuple[Service, ...] = ()
    qmail: Qmail | None = None

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """Of events, beside the log."""
        blocking, watching = self.blocking, self.watching
        return self.counters, self.trail, self.samples, blocking.reputation, watching.attacks, self.policies.shadow

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.handshakes.settings = settings.handshakes
        self.blocking.configure(settings)
        self.watching.configure(settings)
        self.governing.configure(settings)
        self.trail.configure(settings.trail)
        self.samples.configure(settings.samples)

    def serve_beside(self, factory: ServerFactory, server: IServiceCollection) -> None:
        """What runs in `server` while it does, and knows who is connected."""
        self.blocking.hang_up = factory.hang_up
        self.recording.most_open = factory.connections.take_highest
        self.recording.turned_away = lambda: factory.door.turned_away
        self.governing.door = factory.door
        self.governing.sessions = factory.sessions
        for service in (self.watching, self.recording, self.governing, *self.beside):
            service.setServiceParent(server)


@attrs.frozen(kw_only=True)
class Parts:
    """What one version of the settings describes. `source`: their file, or "". `listening`: by place, not yet begun.

    `settings`: those that hold; `written`: as the file has them, which may differ in what was set since (`adjusting`).
    `events`: what was told while they were made, and what they tell later; to be released to the server's.
    """

    source: str
    settings: Settings
    written: Settings
    site: Site
    tls: ServerTls | None
    backends: Backends
    log: Destination
    events: Held
    listening: dict[Place, IStreamServerEndpoint]

    def close(self) -> None:
        """They come to nothing."""
        self.backends.close()
        self.log.close()


def host_of(settings: Settings) -> str:
    """Our name: what the settings say, or what the machine does."""
    return settings.host or getfqdn()


def log_for(settings: Settings, world: World, losses: Losses) -> Destination:
    """Where events are written down. Nothing is opened yet."""
    return log_of(
        settings.log,
        losses,
        host=host_of(settings),
        pid=world.pid,
        twistd=lambda line: _log.info("{line}", line=line),
        later=lambda flush: world.reactor.callLater(_LINES_AFTER, flush),
    )


def lasting(settings: Settings, world: World, shared: Shared | None = None) -> Lasting:
    """All of it, not yet started; nobody has a mailbox before there are parts. `shared`: what it has together with others."""
    shared = shared or Alone()
    owners = OwnerDisks(own=world.disk, euid=world.uid)
    counters, events = Counters(), Stream([])
    blocking = shared.blocking(settings, world, events)
    proven = blocking.reputation.proven
    watching = shared.watching(settings, world, events, proven, blocking.reputation.known)
    tarpit, wheel = Tarpit(world.reactor), Wheel(world.reactor)
    readers = Readers(world.reactor, begin=events.hold, end=events.release)
    acceptance = MaildirAcceptance(
        writing=settings.writing,
        disk=world.disk,
        disk_of=owners.disk_of,
        clock=world.reactor,
        now=world.now,
        chance=world.chance(),
        host=host_of(settings),
        pid=world.pid,
        directory=settings.data,
        # A batch of outcomes has as many sessions go on.
        call_in_reactor=partial(world.reactor.callFromThread, readers.together),
    )
    readers.is_awaited = lambda: acceptance.is_busy
    return Lasting(
        world=world,
        wheel=wheel,
        readers=readers,
        events=events,
        blocking=blocking,
        watching=watching,
        governing=shared.governing(settings, world, events, watching.alertness, tarpit),
        trail=Trail(settings.trail, known=proven, since=world.now(), ration=flood_ration()),
        samples=Samples(settings.samples, since=world.now(), ration=sample_ration),
        policies=Policies(world, proven),
        tarpit=tarpit,
        counters=counters,
        recording=Recording(world, counters),
        losses=Losses(world.reactor.seconds),
        mailboxes=MailboxesByDomain((), template=MaildirTemplate(text="/{domain}/{local}")),
        handshakes=shared.handshakes(settings, world),
        beside=shared.services,
        owners=owners,
        qmail=Qmail(settings, world, wheel=wheel, readers=readers, events=events) if settings.qmail.home else None,
        acceptance=acceptance,
    )


def parts_of(
    settings: Settings,
    source: str,
    lasting: Lasting,
    *,
    serves: bool = True,
    unread: Callable[[str], bool] = lambda key: False,
) -> Parts:
    """What `settings` describe. Reads files and may wait for them. Raises Faults.

    `serves`: they are for a server; else it is no fault that systemd has passed no sockets, as it does to servers alone.
    `unread`: is there a fault at or below this key, so that what is here says nothing of what was meant?
    """
    faults = [*settings.log.faults(), *no_such_user(settings.user, lasting.world.account)]
    faults += faults_of(settings, lasting.world)
    if settings.workers != 1:
        faults += for_one_process_alone(settings)
    events = Held()
    host = host_of(settings)
    try:
        if not host.isascii():
            raise BadPath("domain is not in A-labels (xn--...)")
        check_domain(host.encode("ascii"))
    except BadPath as error:
        faults.append(f"host: {error}: {host!r}; write the name by which others reach this server")
    tolerant = _networks("bare_newline_from", settings.bare_newline_from, faults)
    proxies = _networks("balancer.proxy_from", settings.balancer.proxy_from, faults)
    filters = _networks("balancer.xclient_from", settings.balancer.xclient_from, faults)
    tls = _tls(settings, faults, unread=unread("tls"))
    world = lasting.world
    backends = backends_of(settings, world, events, faults, unread)
    listening = listening_of(settings, world, faults, serves=serves)
    if not (settings.listen or settings.listen_tls or (settings.qmail.home and settings.qmail.socket)):
        faults.append('listen: names no place, so that no mail could come; write listen = ["tcp:25"]')
    ports = Ports(
        clock=world.reactor,
        now=world.now,
        chance=world.chance(),
        mailboxes=lasting.mailboxes,
        acceptance=lasting.acceptance,
        events=lasting.events,
    )
    faults += fault_of_metrics(settings.metrics.listen, world)
    chain = lasting.policies.chain_of(settings.policies, host, ports, faults)
    if faults or backends is None:
        if backends is not None:
            backends.close()
        raise Faults(faults)
    site = Site(
        host=host,
        limits=settings.limits,
        conduct=settings.conduct,
        blocklist=lasting.blocking.blocklist,
        alertness=lasting.watching.alertness,
        tarpit=lasting.tarpit,
        starttls=tls is not None,
        reserve=settings.disk_reserve,
        recipients=RecipientStep(lasting.mailboxes, world.reactor, settings.recipients),
        handshakes=lasting.handshakes,
        chain=chain,
        tolerant=tolerant,
        sampled=settings.samples.sampled,
        proxy_from=proxies,
        xclient_from=filters,
        ports=ports,
    )
    return Parts(
        source=source,
        settings=settings,
        written=settings,
        site=site,
        tls=tls,
        backends=backends,
        log=log_for(settings, world, lasting.losses),
        events=events,
        listening=listening,
    )


def _networks(key: str, words: Sequence[str], faults: list[str]) -> tuple[Network, ...]:
    good, bad = read_networks(words)
    faults.extend(f"{key}: {fault}" for fault in bad)
    return tuple(good)


def _tls(settings: Settings, faults: list[str], *, unread: bool) -> ServerTls | None:
    if settings.tls.certificate:
        try:
            return read_tls(settings.tls)
        except BadTls as error:
            faults.extend(error.faults)
    elif settings.listen_tls and not unread and not has_certificate(settings):
        faults.append("listen_tls: needs a certificate; set [tls] certificate")
    return None

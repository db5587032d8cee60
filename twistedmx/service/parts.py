"""From settings to all that they describe, or to every fault in them: for the start, for a reload and for `check-config`.

Two lifetimes. What *lasts* as long as the server holds what sessions share and what must not be begun anew: the wheel, the
stream of events, the writer. *Parts* are made from one version of the settings; a reload makes others and puts them in
place of the old ones. Making parts binds no port and starts nothing, so that it can be done to see whether it can be done.
"""

import os
import time
from collections.abc import Callable, Sequence
from random import Random
from socket import getfqdn
from typing import Any, Final

import attrs
from twisted.internet import endpoints, threads
from twisted.internet.interfaces import IStreamServerEndpoint

from twistedmx.delivery.acceptance import MaildirAcceptance
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.net.server import Network
from twistedmx.net.tls import BadCertificate, read_certificate
from twistedmx.net.wheel import Wheel
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.site import Site
from twistedmx.ports import Disk, Events, Ports
from twistedmx.report.stream import Stream, Subscriber
from twistedmx.service.log import log_of
from twistedmx.settings import Settings
from twistedmx.settings.networks import networks
from twistedmx.smtp.path import BadPath, check_domain

# Endpoints of Twisted that say how many connections may wait to be accepted; its own default is 50.
_WITH_BACKLOG: Final = ("tcp", "tcp6", "ssl", "unix")


class CannotStart(Exception, SystemExit):
    """The text is for the operator's terminal; the status of the program is 1.

    Both an Exception, so that twistd cleans up after it, and a SystemExit, so that nobody is shown a traceback.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        self.text = "\n".join(f"twistedmx: {fault}" for fault in faults)
        super().__init__(self.text)
        self.code = self.text

    def __str__(self) -> str:
        return self.text


class Faults(ValueError):
    """Settings that describe nothing that could run. `faults`: "key: what is wrong; what to do", all of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@attrs.frozen(kw_only=True)
class World:
    """What the program has of the machine: given, so that a test can give another.

    `reactor`: time, threads and sockets. `uid`: the effective one. `environment`: of the process.
    """

    reactor: Any
    disk: Disk
    now: Callable[[], float] = time.time
    pid: Callable[[], int] = os.getpid
    chance: Callable[[], Random] = Random
    uid: Callable[[], int] = os.geteuid
    environment: dict[str, str] = attrs.field(factory=lambda: dict(os.environ))


@attrs.frozen(kw_only=True)
class Place:
    """Where to listen. `text`: an endpoint of Twisted's. `secure`: TLS comes first."""

    text: str
    secure: bool


@attrs.frozen(kw_only=True)
class Lasting:
    """What a server has from its start to its stop, whatever its settings become."""

    world: World
    wheel: Wheel
    events: Stream
    acceptance: MaildirAcceptance


@attrs.frozen(kw_only=True)
class Parts:
    """What one version of the settings describes. `source`: their file, or "". `listening`: by place, not yet begun."""

    source: str
    settings: Settings
    site: Site
    tls: Any
    tolerant: Sequence[Network]
    mailboxes: TableMailboxes
    log: Subscriber
    listening: dict[Place, IStreamServerEndpoint]

    def close(self) -> None:
        """They are not in use, or no longer."""


def host_of(settings: Settings) -> str:
    """Our name: what the settings say, or what the machine does."""
    return settings.host or getfqdn()


def lasting(settings: Settings, world: World) -> Lasting:
    """All of it, not yet started."""
    return Lasting(
        world=world,
        wheel=Wheel(world.reactor),
        events=Stream([]),
        acceptance=MaildirAcceptance(
            writing=settings.writing,
            disk=world.disk,
            clock=world.reactor,
            now=world.now,
            chance=world.chance(),
            host=host_of(settings),
            pid=world.pid,
            directory=settings.data,
            call_in_reactor=world.reactor.callFromThread,
        ),
    )


def parts_of(settings: Settings, source: str, lasting: Lasting, events: Events) -> Parts:
    """What `settings` describe. Reads files and may wait for them. Raises Faults.

    `events`: told of what was read; it may be another stream than that of the server while nobody knows whether the parts
    will be used.
    """
    faults: list[str] = []
    host = host_of(settings)
    try:
        if not host.isascii():
            raise BadPath("domain is not in A-labels (xn--...)")
        check_domain(host.encode("ascii"))
    except BadPath as error:
        faults.append(f"host: {error}: {host!r}; write the name by which others reach this server")
    tolerant: list[Network] = []
    try:
        tolerant = networks(settings.bare_newline_from)
    except ValueError as error:
        faults.append(f"bare_newline_from: {error}")
    tls = None
    if settings.tls.certificate:
        try:
            tls = read_certificate(settings.tls.certificate)
        except BadCertificate as error:
            faults.append(f"tls.certificate: {error}")
    elif settings.listen_tls:
        faults.append("listen_tls: needs a certificate; set [tls] certificate")
    world = lasting.world
    mailboxes = _mailboxes(settings, world, events, faults)
    listening = _listening(settings, world, faults)
    if faults or mailboxes is None:
        raise Faults(faults)
    ports = Ports(
        clock=world.reactor,
        now=world.now,
        chance=world.chance(),
        mailboxes=mailboxes,
        acceptance=lasting.acceptance,
        events=lasting.events,
    )
    site = Site(
        host=host,
        limits=settings.limits,
        starttls=tls is not None,
        reserve=settings.disk_reserve,
        recipients=RecipientStep(mailboxes, world.reactor, settings.recipients),
        ports=ports,
    )
    return Parts(
        source=source,
        settings=settings,
        site=site,
        tls=tls,
        tolerant=tolerant,
        mailboxes=mailboxes,
        log=log_of(settings),
        listening=listening,
    )


def _mailboxes(settings: Settings, world: World, events: Events, faults: list[str]) -> TableMailboxes | None:
    if not settings.mailboxes.table:
        faults.append('mailboxes.table: name the file of your addresses, as table = "mailboxes" (docs/mailboxes.md)')
        return None
    try:
        mailboxes = TableMailboxes(
            path=settings.mailboxes.table,
            maildirs=os.path.join(settings.data, settings.mailboxes.maildir),
            run_in_thread=lambda reading: threads.deferToThreadPool(
                world.reactor, world.reactor.getThreadPool(), reading
            ),
            now=world.now,
            events=events,
        )
    except ValueError as error:
        faults.append(f"mailboxes.maildir: {error}")
        return None
    try:
        mailboxes.load()
    except OSError as error:
        faults.append(f"mailboxes.table: {settings.mailboxes.table}: cannot be read: {error.strerror}")
    except ValueError as error:
        faults.extend(str(error).splitlines())
    return mailboxes


def _listening(settings: Settings, world: World, faults: list[str]) -> dict[Place, IStreamServerEndpoint]:
    places = [Place(text=text, secure=False) for text in settings.listen]
    places += [Place(text=text, secure=True) for text in settings.listen_tls]
    listening: dict[Place, IStreamServerEndpoint] = {}
    for place in places:
        words = place.text.split(":")
        queued = words[0] in _WITH_BACKLOG and not any(word.startswith("backlog=") for word in words)
        text = f"{place.text}:backlog={settings.backlog}" if queued else place.text
        try:
            listening[place] = endpoints.serverFromString(world.reactor, text)
        except Exception as error:  # each kind of endpoint has its own way to refuse its words
            key = "listen_tls" if place.secure else "listen"
            faults.append(f"{key}: {_refusal(place.text, error)}")
    return listening


def _refusal(text: str, error: Exception) -> str:
    if text.startswith("systemd:") and isinstance(error, LookupError):
        return f"{text!r}: systemd passed no such socket; start it by its .socket unit (contrib/systemd), or write tcp:25"
    return f"{text!r} is no Twisted endpoint: {error}; write for example tcp:25"

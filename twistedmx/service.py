"""What `twistd twistedmx` runs: the only place that builds things, and the only one that imports the reactor.

Order of a start: settings and tables are read and judged (a fault ends the program with all of them on the terminal), ports
are bound (before privileges are dropped), then the writer thread begins (after daemonising). Order of a stop: no new
connections, 421 to the sessions, what is being written is finished.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from random import Random
from socket import getfqdn
from typing import Any

import attrs
import twisted
from twisted.application.service import MultiService
from twisted.internet import defer, endpoints, threads
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python import usage
from twisted.python.failure import Failure

from twistedmx import __version__, demo
from twistedmx.delivery.acceptance import MaildirAcceptance
from twistedmx.delivery.disk import PosixDisk
from twistedmx.mailbox.tables import TableMailboxes
from twistedmx.net.server import Network, ServerFactory
from twistedmx.net.tls import BadCertificate, read_certificate
from twistedmx.net.wheel import Wheel
from twistedmx.policy.recipient import RecipientStep
from twistedmx.policy.site import Site
from twistedmx.ports import Disk, Ports
from twistedmx.report.lines import Lines
from twistedmx.report.log import Log
from twistedmx.report.stream import Stream
from twistedmx.settings import BadSettings, Settings, read_settings
from twistedmx.settings.networks import networks
from twistedmx.smtp.path import BadPath, check_domain

_log = Logger(namespace="twistedmx")

_NOTHING_TO_RELOAD = (
    "SIGHUP: the table of mailboxes needs none, an edit is live at once; "
    "settings and certificate are read at the start: restart to change them"
)
# Endpoints of Twisted that say how many connections may wait to be accepted; its own default is 50.
_WITH_BACKLOG = ("tcp", "tcp6", "ssl", "unix")

# What else is said when the server listens: of its settings and its first port, lines.
FirstWords = Callable[[Settings, IListeningPort], list[str]]


class Options(usage.Options):
    """The command line."""

    synopsis = "[--config FILE] [--data DIR] [--port ENDPOINT]..."
    longdesc = (
        "A receiving mail server. Without --config it serves a demo: 127.0.0.1:2525, mailboxes demo@localhost and "
        "postmaster@localhost, everything in ./twistedmx-data.\n\n"
        "Example: twistd -n twistedmx --config /etc/twistedmx/twistedmx.toml"
    )
    optParameters = [
        ["config", "c", None, "Settings file (TOML); see README.md and docs/settings.md."],
        ["data", "d", None, "Folder of all that the server writes; says otherwise than the settings."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["ports"] = []

    def opt_port(self, endpoint: str) -> None:
        """Listen here instead: a Twisted endpoint string, as tcp:2525:interface=127.0.0.1. May be given several times."""
        self["ports"].append(endpoint)

    opt_p = opt_port

    def opt_version(self) -> None:
        """Display the versions of twistedmx and of Twisted, and exit."""
        print(f"twistedmx {__version__}, Twisted {twisted.__version__}")
        raise SystemExit(0)


class CannotStart(Exception, SystemExit):
    """The text is for the operator's terminal; the status of the program is 1.

    Both an Exception, so that twistd cleans up after it, and a SystemExit, so that nobody is shown a traceback.
    """

    def __init__(self, *faults: str) -> None:
        self.text = "\n".join(f"twistedmx: {fault}" for fault in faults)
        super().__init__(self.text)
        self.code = self.text

    def __str__(self) -> str:
        return self.text


@attrs.frozen(kw_only=True)
class World:
    """What the program has of the machine: given, so that a test can give another. `reactor`: time, threads and sockets."""

    reactor: Any
    disk: Disk
    now: Callable[[], float] = time.time
    pid: Callable[[], int] = os.getpid
    chance: Callable[[], Random] = Random


def makeService(options: Options) -> MultiService:
    """What twistd calls. Raises CannotStart."""
    from twisted.internet import reactor

    world = World(reactor=reactor, disk=PosixDisk(now=time.time))
    if options["config"] is None:
        try:
            settings = demo.settings(options["data"] or Settings().data, now=world.now())
        except OSError as error:
            raise CannotStart(
                f"--data: {error.filename or options['data']}: {error.strerror}; name another folder"
            ) from None
        words: FirstWords | None = demo.words
    else:
        try:
            settings = read_settings(options["config"])
        except BadSettings as error:
            raise CannotStart(*error.faults) from None
        settings = in_folder(settings, os.path.dirname(os.path.abspath(options["config"])))
        if options["data"] is not None:
            settings = attrs.evolve(settings, data=os.path.abspath(options["data"]))
        words = None
    if options["ports"]:
        settings = attrs.evolve(settings, listen=tuple(options["ports"]), listen_tls=())
    # A session is a descriptor, and so is each copy that is being written. epoll does not mind how many there are.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Who sends a hangup wants settings to be read again, not the server to die as the signal's default has it.
    signal.signal(
        signal.SIGHUP, lambda *_: world.reactor.callFromThread(_log.info, "{words}", words=_NOTHING_TO_RELOAD)
    )
    return build(settings, world, source=options["config"] or "", first_words=words)


def in_folder(settings: Settings, folder: str) -> Settings:
    """The settings with every path absolute: relative ones start in `folder`, where the settings file is."""

    def absolute(path: str) -> str:
        return os.path.join(folder, path) if path not in ("", "-") else path

    return attrs.evolve(
        settings,
        data=absolute(settings.data),
        mailboxes=attrs.evolve(settings.mailboxes, table=absolute(settings.mailboxes.table)),
        tls=attrs.evolve(settings.tls, certificate=absolute(settings.tls.certificate)),
        log=attrs.evolve(settings.log, file=absolute(settings.log.file)),
    )


def build(settings: Settings, world: World, *, source: str = "", first_words: FirstWords | None = None) -> "Server":
    """The whole server, not yet started. Raises CannotStart with all faults.

    `source`: the file of the settings, named in each fault. `first_words`: what to say when it listens.
    """
    faults: list[str] = []
    host = settings.host or getfqdn()
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

    wheel = Wheel(world.reactor)
    events = Stream([_log_of(settings)])
    mailboxes = _mailboxes(settings, world, events, faults)
    acceptance = MaildirAcceptance(
        writing=settings.writing,
        disk=world.disk,
        clock=world.reactor,
        now=world.now,
        chance=world.chance(),
        host=host,
        pid=world.pid,
        directory=settings.data,
        call_in_reactor=world.reactor.callFromThread,
    )
    plain = [(text, _endpoint(world.reactor, text, settings.backlog, faults)) for text in settings.listen]
    secure = [(text, _endpoint(world.reactor, text, settings.backlog, faults)) for text in settings.listen_tls]
    if faults or mailboxes is None:
        raise CannotStart(*_named(source, faults))
    site = Site(
        host=host,
        limits=settings.limits,
        starttls=tls is not None,
        reserve=settings.disk_reserve,
        recipients=RecipientStep(mailboxes, world.reactor, settings.recipients),
        ports=Ports(
            clock=world.reactor,
            now=world.now,
            chance=world.chance(),
            mailboxes=mailboxes,
            acceptance=acceptance,
            events=events,
        ),
    )
    factory = ServerFactory(site=site, timeouts=settings.timeouts, wheel=wheel, tls=tls, tolerant=tolerant)
    listening: list[tuple[str, Any, Any]] = [(text, endpoint, factory) for text, endpoint in plain]
    if tls is not None:
        secured = TLSMemoryBIOFactory(tls, False, factory)
        listening += [(text, endpoint, secured) for text, endpoint in secure]
    return Server(settings, factory, acceptance, listening, first_words)


def _named(source: str, faults: list[str]) -> list[str]:
    return [f"{source}: {fault}" if source else fault for fault in faults]


def _mailboxes(settings: Settings, world: World, events: Stream, faults: list[str]) -> TableMailboxes | None:
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


def _endpoint(reactor: Any, text: str, backlog: int, faults: list[str]) -> IStreamServerEndpoint | None:
    words = text.split(":")
    queued = words[0] in _WITH_BACKLOG and not any(word.startswith("backlog=") for word in words)
    try:
        endpoint: IStreamServerEndpoint = endpoints.serverFromString(
            reactor, f"{text}:backlog={backlog}" if queued else text
        )
    except Exception as error:  # each kind of endpoint has its own way to refuse its words
        faults.append(f"listen: {text!r} is no Twisted endpoint: {error}; write for example tcp:25")
        return None
    return endpoint


def _log_of(settings: Settings) -> Log:
    """The log as a subscriber. A file is opened at the first line: after privileges were dropped."""
    if settings.log.file:
        return Log(settings.log, Lines(settings.log.file), stamped=True)
    return Log(settings.log, lambda line: _log.info("{line}", line=line), stamped=False)


class Server(MultiService):
    """The running server."""

    def __init__(
        self,
        settings: Settings,
        factory: ServerFactory,
        acceptance: MaildirAcceptance,
        listening: list[tuple[str, IStreamServerEndpoint, Any]],
        first_words: FirstWords | None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._factory = factory
        self._acceptance = acceptance
        self._listening = listening
        self._first_words = first_words
        self.ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Bind, while we still may. Raises CannotStart."""
        super().privilegedStartService()
        for text, endpoint, factory in self._listening:
            results: list[Any] = []
            endpoint.listen(factory).addBoth(results.append)
            for result in results:  # at once, for every endpoint that Twisted has
                if isinstance(result, Failure):
                    for port in self.ports:
                        port.stopListening()
                    self.ports.clear()
                    raise CannotStart(f"cannot listen on {text}: {result.getErrorMessage()}")
                self.ports.append(result)

    def startService(self) -> None:
        """Begin to write and to serve: after daemonising, and without privileges."""
        super().startService()
        if not self.ports:  # started by something that does not know privileges
            self.privilegedStartService()
        self._acceptance.start()
        for line in self._first_lines():
            _log.info("{line}", line=line)

    def _first_lines(self) -> list[str]:
        places = ", ".join(_place(port) for port in self.ports)
        lines = [f"twistedmx {__version__} listens on {places}"]
        if self._first_words is not None:
            lines += self._first_words(self._settings, self.ports[0])
        return lines

    @defer.inlineCallbacks
    def stopService(self) -> Any:
        """Fires when nothing is under way any more."""
        yield defer.DeferredList([defer.maybeDeferred(port.stopListening) for port in self.ports])
        self.ports.clear()
        yield self._factory.shut_down()
        yield self._acceptance.stop()
        self._factory.wheel.stop()
        yield super().stopService()


def _place(port: IListeningPort) -> str:
    """Where a port listens, as people write it."""
    address: Any = port.getHost()
    if not hasattr(address, "host"):
        return str(address)
    return f"[{address.host}]:{address.port}" if ":" in address.host else f"{address.host}:{address.port}"

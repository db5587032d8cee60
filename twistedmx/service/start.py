"""From the command line to a server that is ready to be started."""

import codecs
import os
import pwd
import signal
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

from twistedmx import demo
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.interpreter import advice, lacks
from twistedmx.service.options import Options
from twistedmx.service.parts import Lasting, lasting, parts_of
from twistedmx.service.qmail_start import of_host
from twistedmx.service.reloading import Read
from twistedmx.service.room import Collecting, take_room
from twistedmx.service.server import FirstWords, Server
from twistedmx.service.source import Source, overruled
from twistedmx.service.succession.handover import Handover
from twistedmx.service.succession.heir import Heir, Succeeding, heir_of
from twistedmx.service.succession.launching import Launching as Upgrading
from twistedmx.service.succession.of_server import ServerBequest
from twistedmx.service.succession.start_words import start_words
from twistedmx.service.workers.attack_sides import hash_environment
from twistedmx.service.workers.launching import Launching
from twistedmx.service.workers.succession import SupervisorBequest
from twistedmx.service.workers.supervisor import Supervisor
from twistedmx.service.workers.supervisor_side import SupervisorSide
from twistedmx.service.world import World, this_world
from twistedmx.settings import BadSettings, Settings, read_settings
from twistedmx.settings.dangers import python_is_out_of_reach
from twistedmx.settings.machine import this_machine
from twistedmx.settings.paths import in_folder

_log = Logger(namespace="twistedmx")

# Python speaks these by itself, but who opens a file asks for their modules; and a server that has given up root may not be able
# to read where Python is (python_is_out_of_reach).
_CODECS: Final = ("ascii", "idna", "latin-1", "punycode", "unicode_escape", "utf-8")


def makeService(options: Options) -> Server | Supervisor | Succeeding:
    """What twistd calls. Raises CannotStart."""
    world = this_world()
    heir = heir_of(world)
    if heir is None:
        return _made(options, world, None)
    twistd = options.parent if options.parent is not None else {}
    with heir.telling():
        if world.uid() != 0:
            twistd["uid"] = twistd["gid"] = None  # the process before has become him, and so have we
        return Succeeding(_made(options, heir.world(world), heir), heir, twistd, partial(_stop, world.reactor))


def _made(options: Options, world: World, heir: Heir | None) -> Server | Supervisor:
    """`heir`: of a server that is followed. Raises CannotStart."""
    start = start_words(options.parent, world.environment)
    read, words, source = _reading(options, world)
    try:
        octets = source.octets() if source is not None else b""
        settings = source.settings(octets) if source is not None else read()
    except BadSettings as error:
        raise CannotStart(*error.faults) from None
    if missing := list(lacks(qmail=bool(settings.qmail.home))):
        raise CannotStart(*missing)
    becomes = _becomes(settings, options.parent if options.parent is not None else {})
    workers = world.may_use() if settings.workers == "auto" else int(settings.workers)
    if heir is not None:
        heir.judge(settings, workers)
    server: Server | Supervisor
    bequest: ServerBequest | SupervisorBequest
    if source is not None and workers > 1:
        dangers = list(python_is_out_of_reach(becomes, this_machine()))
        if dangers:  # they are started as who we become
            raise CannotStart(*dangers)
        launch = Launching(world.reactor, {**world.environment, **hash_environment(world.chance())})
        server = Supervisor(
            source,
            octets,
            settings,
            world,
            workers=workers,
            launch=launch,
            becomes=becomes,
            share=SupervisorSide,
            left=heir.groups() if heir is not None else {},
        )
        bequest = SupervisorBequest(server)
    else:
        server = build(settings, world, source=options["config"] or "", first_words=words, read=read, becomes=becomes)
        Collecting(world.reactor, server.factory.connections.__len__).setServiceParent(server)
        bequest = ServerBequest(server)
        if becomes:
            for danger in python_is_out_of_reach(becomes, this_machine()):
                _log.warn("{danger}", danger=danger)
    for line in advice(world.environment):
        _log.info("{line}", line=line)
    if becomes:
        _load_codecs()
    server.upgrade = Handover(
        bequest,
        start=start,
        launch=Upgrading(world.reactor),
        clock=world.reactor,
        twistd=options.parent if options.parent is not None else {},
        pid=world.pid,
        stop=partial(_stop, world.reactor),
    )
    take_room()
    # Who sends a hangup wants settings to be read again, not the server to die as the signal's default has it.
    signal.signal(signal.SIGHUP, lambda *_: world.reactor.callFromThread(server.reload_by_signal))
    return server


def _stop(reactor: Any) -> None:
    """End the program. It may be about to."""
    with suppress(ReactorNotRunning):
        reactor.stop()


def _reading(options: Options, world: World) -> tuple[Read, FirstWords | None, Source | None]:
    """How the settings are read, now and at each reload; what else is said when it listens; and the file, if there is one."""
    config, data = options["config"], options["data"]
    ports, tls_ports = tuple(options["ports"]), tuple(options["tls-ports"])
    qmail, open_relay = options["qmail"], bool(options["allow-open-relay"])

    if config is None and qmail is not None:
        of_qmail = of_host(qmail, data, open_relay=open_relay)
        return lambda: overruled(of_qmail, ports, tls_ports), None, None
    if config is None:
        try:
            settings = demo.settings(data or Settings().data, now=world.now())
        except OSError as error:
            raise CannotStart(f"--data: {error.filename or data}: {error.strerror}; name another folder") from None
        return lambda: overruled(settings, ports, tls_ports), demo.words, None
    source = Source(
        path=os.path.abspath(config),  # twistd may change its folder after the start
        data=os.path.abspath(data) if data is not None else None,
        ports=ports,
        tls_ports=tls_ports,
        qmail=os.path.abspath(qmail) if qmail is not None else None,
        open_relay=open_relay,
    )
    return source.read, None, source


def _load_codecs() -> None:
    for name in _CODECS:
        codecs.lookup(name)


def _becomes(settings: Settings, twistd: MutableMapping[str, Any]) -> str:
    """The user that the server becomes once its ports are bound, "" for none. `twistd`: its options, which do it."""
    uid = twistd.get("uid")
    if uid is None and settings.user:
        if os.geteuid() != 0:
            return ""  # we are nobody who could become another
        try:
            entry = pwd.getpwnam(settings.user)
        except KeyError:
            return ""  # a fault, told with all others
        uid = twistd["uid"] = entry.pw_uid
        if twistd.get("gid") is None:
            twistd["gid"] = entry.pw_gid
    if not uid:
        return ""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read_file(path: str) -> Settings:
    """The settings of a file, with every path absolute: relative ones start in the folder of the file. Raises BadSettings."""
    return in_folder(read_settings(path), os.path.dirname(os.path.abspath(path)))


def build(
    settings: Settings,
    world: World,
    *,
    source: str = "",
    first_words: FirstWords | None = None,
    read: Read | None = None,
    becomes: str = "",
    announces: bool = True,
    make: Callable[[Settings, World], Lasting] = lasting,
) -> Server:
    """The whole server, not yet started. Raises CannotStart with all faults.

    `source`: the file of the settings, named in each fault. `first_words`: what to say when it listens. `read`: how a
    reload gets the settings. `becomes`: the user that it becomes once its ports are bound, "" for none. `announces`: it says where
    it listens. `make`: what lasts.
    """
    core = make(settings, world)
    try:
        parts = parts_of(settings, source, core)
    except Faults as error:
        raise CannotStart(*(f"{source}: {fault}" if source else fault for fault in error.faults)) from None
    return Server(
        core,
        parts,
        first_words=first_words,
        read=read or (lambda: settings),
        becomes=becomes,
        announces=announces,
    )

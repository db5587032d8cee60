"""From the command line to a server that is ready to be started."""

import codecs
import gc
import os
import pwd
import resource
import signal
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import attrs
from twisted.logger import Logger

from twistedmx import demo
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.options import Options
from twistedmx.service.parts import lasting, parts_of
from twistedmx.service.server import FirstWords, Server
from twistedmx.service.world import World, this_world
from twistedmx.settings import BadSettings, Settings, read_settings
from twistedmx.settings.dangers import python_is_out_of_reach
from twistedmx.settings.machine import this_machine
from twistedmx.settings.paths import in_folder

_log = Logger(namespace="twistedmx")

# Python speaks these by itself, but who opens a file asks for their modules; and a server that has given up root may not be able
# to read where Python is (python_is_out_of_reach).
_CODECS: Final = ("ascii", "idna", "latin-1", "punycode", "unicode_escape", "utf-8")

# Gives the settings as they are written now. Raises BadSettings.
Read = Callable[[], Settings]


def makeService(options: Options) -> Server:
    """What twistd calls. Raises CannotStart."""
    world = this_world()
    read, words = _reading(options, world)
    try:
        settings = read()
    except BadSettings as error:
        raise CannotStart(*error.faults) from None
    becomes = _becomes(settings, options.parent if options.parent is not None else {})
    server = build(settings, world, source=options["config"] or "", first_words=words, read=read, becomes=becomes)
    if becomes:
        _load_codecs()
        for danger in python_is_out_of_reach(becomes, this_machine()):
            _log.warn("{danger}", danger=danger)
    # A session is a descriptor, and so is each copy that is being written. epoll does not mind how many there are.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # A session in plain text is part of no cycle once it has ended: a collection for each seven hundred objects of a flood finds
    # nothing, and costs a fourteenth of a refused RCPT (benchmarks, reject-580-pipelined). Each is a pause for everybody, so there
    # are few, and what is there by now takes no part in them. Sessions under TLS: net.litter.
    gc.set_threshold(50_000, 10, 10)
    gc.collect()
    gc.freeze()
    # Who sends a hangup wants settings to be read again, not the server to die as the signal's default has it.
    signal.signal(signal.SIGHUP, lambda *_: world.reactor.callFromThread(server.reload_by_signal))
    return server


def _reading(options: Options, world: World) -> tuple[Read, FirstWords | None]:
    """How the settings are read, now and at each reload, and what else is said when the server listens."""
    config, data = options["config"], options["data"]
    ports, tls_ports = tuple(options["ports"]), tuple(options["tls-ports"])

    def overruled(settings: Settings) -> Settings:
        return attrs.evolve(settings, listen=ports, listen_tls=tls_ports) if ports or tls_ports else settings

    if config is None:
        try:
            settings = demo.settings(data or Settings().data, now=world.now())
        except OSError as error:
            raise CannotStart(f"--data: {error.filename or data}: {error.strerror}; name another folder") from None
        return lambda: overruled(settings), demo.words
    path = os.path.abspath(config)  # twistd may change its folder after the start
    data = os.path.abspath(data) if data is not None else None

    def read() -> Settings:
        settings = read_file(path)
        return overruled(settings if data is None else attrs.evolve(settings, data=data))

    return read, None


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
) -> Server:
    """The whole server, not yet started. Raises CannotStart with all faults.

    `source`: the file of the settings, named in each fault. `first_words`: what to say when it listens. `read`: how a
    reload gets the settings. `becomes`: the user that it becomes once its ports are bound, "" for none.
    """
    core = lasting(settings, world)
    try:
        parts = parts_of(settings, source, core)
    except Faults as error:
        raise CannotStart(*(f"{source}: {fault}" if source else fault for fault in error.faults)) from None
    return Server(core, parts, first_words=first_words, read=read or (lambda: settings), becomes=becomes)

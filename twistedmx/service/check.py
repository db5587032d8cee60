"""Settings judged without being used: what `twistedmx check-config` tells."""

import os
from collections.abc import Sequence

from twistedmx.net.tls_dangers import dangers as dangers_of_tls
from twistedmx.service.faults import Faults
from twistedmx.service.interpreter import lacks
from twistedmx.service.parts import Parts, host_of, lasting, parts_of
from twistedmx.service.privileges import outside, root_faces_the_world, stays_root
from twistedmx.service.start import read_file
from twistedmx.service.world import World, this_world
from twistedmx.settings import BadSettings, Settings
from twistedmx.settings.dangers import Machine, dangers
from twistedmx.settings.machine import this_machine
from twistedmx.settings.paths import in_folder
from twistedmx.settings.toml_file import Rest


def findings(path: str, world: World | None = None, machine: Machine | None = None) -> tuple[list[str], list[str]]:
    """(faults, dangers) of the settings file `path`, each with its place and its remedy. Binds nothing, changes nothing.

    Where the file has faults, the rest of it is judged with defaults in their place; dangers are told of a file without faults.
    """
    world = this_world() if world is None else world
    machine = this_machine() if machine is None else machine
    faults: list[str] = []
    rest = None
    try:
        settings = read_file(path)
    except BadSettings as error:
        faults += error.faults
        rest = error.rest
        if rest is None:
            return faults, []
        settings = in_folder(rest.settings, os.path.dirname(os.path.abspath(path)))
    parts: Parts | None = None
    try:
        unread = (lambda key: False) if rest is None else rest.has_unread
        parts = parts_of(settings, path, lasting(settings, world), serves=False, unread=unread)
    except Faults as error:
        faults += error.faults if rest is None else _beside(rest, error.faults)
    faults += lacks(qmail=bool(settings.qmail.home))
    as_root = _as_root(settings, machine)
    if machine.uid == 0:
        faults += as_root if rest is None else _beside(rest, as_root)
    if parts is not None:
        parts.close()
    if faults or parts is None:
        return faults, []
    host = host_of(settings)
    return [], [
        *(f"{line}; you are user {machine.uid}, and root would not start" for line in as_root),
        *dangers(settings, path, host, machine),
        *dangers_of_tls(settings.tls, host=host, at=world.now()),
        *settings.log.warnings(),
        *parts.backends.warnings,
    ]


def _beside(rest: Rest, faults: Sequence[str]) -> list[str]:
    """Those that say more than what is known of the file: not what a default is, in the place of what could not be read."""
    numbered = map(rest.numbered, faults)
    return [fault for fault in numbered if not rest.is_unread(fault.partition(": ")[0])]


def _as_root(settings: Settings, machine: Machine) -> list[str]:
    """The fault of a server that would be root before the world, if it were started as root."""
    places = outside(settings)
    if not places or not stays_root(settings, machine.account) or (machine.uid != 0 and not settings.user):
        return []  # who starts it as another than root needs no user
    return [root_faces_the_world(places, settings.user)]

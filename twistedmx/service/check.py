"""Settings judged without being used: what `twistedmx check-config` tells."""

from twistedmx.net.tls_dangers import dangers as dangers_of_tls
from twistedmx.service.faults import Faults
from twistedmx.service.parts import host_of, lasting, parts_of
from twistedmx.service.start import read_file
from twistedmx.service.world import this_world
from twistedmx.settings import BadSettings
from twistedmx.settings.dangers import dangers
from twistedmx.settings.machine import this_machine


def findings(path: str) -> tuple[list[str], list[str]]:
    """(faults, dangers) of the settings file `path`, each with its place and its remedy. Binds nothing, changes nothing."""
    world = this_world()
    try:
        settings = read_file(path)
        parts = parts_of(settings, path, lasting(settings, world), serves=False)
    except (BadSettings, Faults) as error:
        return list(error.faults), []
    parts.close()
    host = host_of(settings)
    return [], [
        *dangers(settings, path, host, this_machine()),
        *dangers_of_tls(settings.tls, host=host, at=world.now()),
        *settings.log.warnings(),
        *parts.backends.warnings,
    ]

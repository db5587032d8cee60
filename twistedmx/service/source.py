"""The settings file of a server, with what its command line says otherwise."""

import os
from collections.abc import Sequence

import attrs

from twistedmx.service.qmail_start import with_home
from twistedmx.settings import Settings
from twistedmx.settings.paths import in_folder
from twistedmx.settings.toml_file import document_of, read_octets, settings_from


def overruled(settings: Settings, ports: Sequence[str], tls_ports: Sequence[str]) -> Settings:
    """With the places of the command line, if it names any."""
    if not ports and not tls_ports:
        return settings
    return attrs.evolve(settings, listen=tuple(ports), listen_tls=tuple(tls_ports))


@attrs.frozen(kw_only=True)
class Source:
    """`path`: of the file, absolute. `data`, `ports`, `tls_ports`, `qmail`: in place of what it says; None, and none. `open_relay`:
    the qmail host may be one."""

    path: str
    data: str | None = None
    ports: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    tls_ports: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    qmail: str | None = None
    open_relay: bool = False

    def octets(self) -> bytes:
        """The file as it is now. Raises BadSettings."""
        return read_octets(self.path)

    def settings(self, octets: bytes) -> Settings:
        """What it comes to, if the file is these. Every path is absolute. Raises BadSettings."""
        settings = settings_from(document_of(octets, self.path), self.path)
        settings = in_folder(settings, os.path.dirname(self.path))
        if self.data is not None:
            settings = attrs.evolve(settings, data=self.data)
        settings = with_home(settings, self.qmail, open_relay=self.open_relay)
        return overruled(settings, self.ports, self.tls_ports)

    def read(self) -> Settings:
        """What it comes to now. Raises BadSettings."""
        return self.settings(self.octets())

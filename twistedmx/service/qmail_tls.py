"""The TLS of a qmail host: certificates and ciphers as control/ has them when a connection comes, read when they change."""

from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import Logger

from twistedmx.net.tls import CIPHERS, BadTls, ServerTls, TlsSettings, are_ciphers, read_tls
from twistedmx.qmail.control import Controls, Pem

_log: Final = Logger(namespace="twistedmx")
_MOST: Final = 16  # lists of ciphers: by rules, and a host has one or two


class QmailTls:
    """`default`: of the settings, for a host without servercert.pem; replaced when these are."""

    def __init__(self, default: ServerTls | None) -> None:
        self.default = default
        self._of: tuple[Pem | None, Any] = (None, ())
        self._made: dict[bytes, ServerTls | None] = {}  # by list of ciphers

    def current(self, controls: Controls, environment: Mapping[bytes, bytes]) -> ServerTls | None:
        """What a connection is served with. None: there is none, or that of control/ cannot be used, with a warning."""
        if controls.servercert is None:
            return self.default
        of = controls.servercert, controls.servercerts
        if of != self._of or len(self._made) >= _MOST:
            self._of = of
            self._made.clear()
        asked = environment.get(b"TLSCIPHERS") or controls.tlsserverciphers
        if asked not in self._made:
            self._made[asked] = _read(controls.servercert, controls.servercerts, asked)
        return self._made[asked]


def _read(default: Pem, by_name: tuple[tuple[str, Pem], ...], asked: bytes) -> ServerTls | None:
    ciphers = asked or CIPHERS
    if not are_ciphers(ciphers):
        # Without TLS passwords and mail would be seen by all; with a better list by nobody.
        _log.warn("control/tlsserverciphers or TLSCIPHERS: names no cipher of this OpenSSL: our own list holds instead")
        ciphers = CIPHERS
    settings = TlsSettings(certificate=default.path, certificates=tuple(pem.path for _, pem in by_name))
    try:
        return read_tls(settings, ciphers=ciphers)
    except BadTls as error:
        _log.warn("no STARTTLS: {faults}", faults="; ".join(error.faults))
        return None

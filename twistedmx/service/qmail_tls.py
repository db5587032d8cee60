"""The TLS of a qmail host: certificates and ciphers as control/ has them when a connection comes, read when they change.

BUGS: a list of ciphers that the key of the certificate cannot do, as ECDHE-ECDSA ones with an RSA key, is obeyed: handshakes of
TLS 1.2 then fail, as they did.
"""

from collections.abc import Mapping
from typing import Any, Final

from twisted.logger import Logger

from twistedmx.net.tls import CIPHERS, BadTls, ServerTls, TlsSettings, are_ciphers, read_tls
from twistedmx.qmail.control import Controls, OfTls
from twistedmx.qmail.lists import Lines
from twistedmx.qmail.status import octets_of

_log: Final = Logger(namespace="twistedmx")
_MOST: Final = 16  # lists of ciphers: by rules, and a host has one or two


class QmailTls:
    """`default`: of the settings, for a host without servercert.pem; replaced when these are."""

    def __init__(self, default: ServerTls | None) -> None:
        self.default = default
        self._of: tuple[OfTls | None, Any] = (None, ())
        self._made: dict[bytes | OfTls | None, ServerTls | None] = {}  # by list of ciphers, or its file

    def current(self, controls: Controls, environment: Mapping[bytes, bytes]) -> ServerTls | None:
        """What a connection is served with. None: there is none, or that of control/ cannot be used, with a warning."""
        if controls.servercert is None:
            return self.default
        asked = environment.get(b"TLSCIPHERS") or controls.tlsserverciphers
        of = controls.servercert, controls.servercerts
        if of != self._of or (asked not in self._made and len(self._made) >= _MOST):
            self._of = of
            self._made.clear()
        if asked not in self._made:
            self._made[asked] = _read(controls.servercert, controls.servercerts, asked)
        return self._made[asked]


def why_not_obeyed(asked: bytes | OfTls) -> str:
    """Of a list of ciphers, or its file; "" when it is."""
    try:
        return (
            ""
            if are_ciphers(_list_of(asked))
            else "names no cipher of this OpenSSL that shows a certificate and encrypts"
        )
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _list_of(asked: bytes | OfTls) -> bytes:
    """As the patch for TLS reads control/: each line is one more. Raises OSError."""
    if isinstance(asked, bytes):
        return asked
    return b":".join(Lines.read(octets_of(asked.path) or b"", asked.path))


def _read(default: OfTls, by_name: tuple[tuple[str, OfTls], ...], asked: bytes | OfTls | None) -> ServerTls | None:
    ciphers = CIPHERS
    if asked is not None:
        why = why_not_obeyed(asked)
        if not why:
            ciphers = _list_of(asked)
        else:
            # Without TLS passwords and mail would be seen by all; with a better list by nobody.
            name = "TLSCIPHERS" if isinstance(asked, bytes) else asked.path
            _log.warn("{name} {why}: our own list holds instead", name=name, why=why)
    settings = TlsSettings(certificate=default.path, certificates=tuple(pem.path for _, pem in by_name))
    try:
        return read_tls(settings, ciphers=ciphers)
    except BadTls as error:
        _log.warn("no STARTTLS: {faults}", faults="; ".join(error.faults))
        return None

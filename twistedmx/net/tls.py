"""TLS as a server: which certificate is shown to whom, what may be agreed on, who must show one to us.

Ciphers and versions are those of Mozilla's Server Side TLS 5.7, *intermediate*
(https://ssl-config.mozilla.org/guidelines/5.7.json), without its three of DHE: no MTA needs them that has no ECDHE, and an
exchange costs us ten times as much as the peer (CVE-2002-20001). The peer chooses among them, as Mozilla says. Sessions are
resumed by tickets (RFC 5077, RFC 8446 4.6.1), nothing of them is kept here; there is no compression, no renegotiation, no 0-RTT.

A `ServerTls` never changes. A reload reads another; connections go on with the one that they began with.

BUGS: groups are those of OpenSSL, for pyOpenSSL can choose one alone: X25519MLKEM768 first, then Mozilla's and three more. The key
of tickets is made by each reading, so a reload or restart makes peers shake hands anew, and without one it grows old. TLS 1.0
and 1.1 (RFC 8996) are not to be had: a peer that has nothing newer goes on in plain text. There is no OCSP stapling.
"""

from collections.abc import Sequence
from typing import Any, Final

import attrs
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from twistedmx.model.peer import Tls
from twistedmx.net.certificates import BadCertificate, Certificate, Credential, read_credential
from twistedmx.net.demo_certificate import make_demo_certificate
from twistedmx.net.server_names import by_name, held_for, of_default, server_name
from twistedmx.net.tls_clients import Demand, ServerConnection, TlsClients
from twistedmx.setting import setting

__all__ = [
    "CIPHERS",
    "BadCertificate",
    "BadTls",
    "Certificate",
    "ServerTls",
    "TlsClients",
    "TlsSettings",
    "agreed",
    "are_ciphers",
    "make_demo_certificate",
    "read_certificate",
    "read_tls",
]

_VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
# Of TLS 1.2; for TLS 1.3 OpenSSL has Mozilla's three from the start.
CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
# Whatever a list says, a peer is shown a certificate, and what follows is encrypted.
_NEVER: Final = b":!aNULL:!eNULL:!PSK"
_SESSIONS: Final = b"twistedmx"  # whose they are: SSL_CTX_set_session_id_context(3) wants it where clients are verified


def _version(instance: Any, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value not in _VERSIONS:
        raise ValueError(f'must be "1.2" or "1.3", is {value!r}; RFC 8996 forbids what is older')


@attrs.frozen(kw_only=True)
class TlsSettings:
    """Settings `[tls]`."""

    certificate: str = setting(
        "",
        unit="",
        why="PEM file with key, certificate and chain; without one STARTTLS is not offered (the demo makes its own).",
        precedent="qmail control/servercert.pem",
        path=True,
    )
    certificates: tuple[str, ...] = setting(
        (),
        unit="PEM files",
        why="More of them, each shown to peers that ask for one of its names (SNI); RSA and ECDSA may share names.",
        precedent="Postfix tls_server_sni_maps, Caddy",
        path=True,
    )
    minimum: str = setting(
        "1.2",
        unit="TLS version",
        why='The oldest version that may be agreed on, "1.2" or "1.3"; a peer that has none goes on in plain text.',
        precedent='Mozilla "intermediate" 1.2; Postfix >=TLSv1.2 since 3.11',
        validator=_version,
    )
    clients: tuple[TlsClients, ...] = setting(
        (),
        unit="",
        why="Peers that are asked for a certificate of their own.",
    )

    def __attrs_post_init__(self) -> None:
        if not self.certificate and (self.certificates or self.clients):
            raise ValueError("certificate: must be set as well: what is shown to peers that ask for no name")


class BadTls(ValueError):
    """The settings cannot be used. `faults`: all of them, "tls.certificate: FILE: what is wrong; what to do"."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@attrs.frozen
class _Allowed:
    """What may be agreed on. `minimum`: a version of OpenSSL's. `ciphers`: of TLS 1.2, as in ciphers(1)."""

    minimum: int = _VERSIONS["1.2"]
    ciphers: bytes = CIPHERS


@implementer(IOpenSSLServerConnectionCreator)
class _Contexts:
    """The contexts of OpenSSL for one group of peers: for each set of certificates one, chosen by server_name."""

    def __init__(self, credentials: Sequence[Credential], allowed: _Allowed, demand: Demand | None) -> None:
        """Raises BadCertificate."""
        made: dict[tuple[Credential, ...], SSL.Context] = {}

        def context_of(served: tuple[Credential, ...]) -> SSL.Context:
            if served not in made:
                made[served] = _context(served, allowed, demand)
            return made[served]

        # Always its own: it alone has the callback, and the key of all tickets.
        self._default = _context(of_default(credentials), allowed, demand)
        self._default.set_tlsext_servername_callback(self._choose)
        self._by_name = {name: context_of(served) for name, served in by_name(credentials).items()}

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return ServerConnection(self._default, self)

    def _choose(self, connection: SSL.Connection) -> None:
        context = held_for(server_name(connection.get_servername()), self._by_name)
        if context is not None:
            connection.set_context(context)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """What a server does in handshakes. It makes connections for peers that are not asked for a certificate;
    `for_peer` says what makes them for one at an address."""

    def __init__(self, credentials: Sequence[Credential], demands: Sequence[Demand], allowed: _Allowed) -> None:
        """`credentials`: the default first. Raises BadCertificate."""
        self._certificates = [credential.certificate for credential in credentials]
        self._strangers = _Contexts(credentials, allowed, None)
        self._chosen = [(demand, _Contexts(credentials, allowed, demand)) for demand in demands]

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        """One connection, of a stranger."""
        return self._strangers.serverConnectionForTLS(protocol)

    def for_peer(self, address: str) -> IOpenSSLServerConnectionCreator:
        """What makes connections with the peer at `address`."""
        for demand, contexts in self._chosen:
            if demand.concerns(address):
                return contexts
        return self

    def certificates(self) -> list[Certificate]:
        """All that are shown, the default first."""
        return list(self._certificates)


def are_ciphers(text: bytes) -> bool:
    """Whether it is a list of ciphers(1) with one of TLS 1.2 that this OpenSSL has."""
    try:
        SSL.Context(SSL.TLS_SERVER_METHOD).set_cipher_list(text + _NEVER)
    except SSL.Error:
        return False
    return True


def read_tls(settings: TlsSettings, *, ciphers: bytes = CIPHERS) -> ServerTls:
    """What the settings describe, with `ciphers` of TLS 1.2 (`are_ciphers`). Reads files, changes nothing. Raises BadTls."""
    faults: list[str] = []
    credentials: list[Credential] = []
    demands: list[Demand] = []
    files = [("tls.certificate", settings.certificate)]
    files += [(f"tls.certificates[{number}]", path) for number, path in enumerate(settings.certificates)]
    for key, path in files:
        try:
            credential = read_credential(path)
        except BadCertificate as error:
            faults.append(f"{key}: {error}")
        else:
            credentials.append(credential)
            if key != "tls.certificate" and not credential.certificate.names:
                faults.append(f"{key}: {path}: names no host in its subjectAltName, so that no peer can ask for it")
    for number, clients in enumerate(settings.clients):
        try:
            demands.append(Demand(clients))
        except BadCertificate as error:
            faults.append(f"tls.clients[{number}].ca: {error}")
    if faults:
        raise BadTls(faults)
    try:
        return ServerTls(credentials, demands, _Allowed(_VERSIONS[settings.minimum], ciphers))
    except BadCertificate as error:
        raise BadTls([f"tls: {error}"]) from None


def read_certificate(path: str) -> ServerTls:
    """One certificate, and all else by default: for the demo and for tests. Raises BadCertificate."""
    return ServerTls([read_credential(path)], [], _Allowed())


def agreed(connection: SSL.Connection) -> Tls:
    """What a completed handshake agreed on. Of a connection that no ServerTls made, names are not told."""
    ours = isinstance(connection, ServerConnection)
    return Tls(
        protocol=connection.get_protocol_version_name(),
        cipher=connection.get_cipher_name() or "?",
        server_name=server_name(connection.get_servername()) if ours else "",
        client=connection.client if ours else "",
    )


def _context(credentials: Sequence[Credential], allowed: _Allowed, demand: Demand | None) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(allowed.minimum)
    context.set_cipher_list(allowed.ciphers + _NEVER)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(_SESSIONS)
    for credential in credentials:
        credential.enter(context)
    if demand is not None:
        # Each time anew: a resumed session would bring the certificate without the verdict on it.
        context.set_options(SSL.OP_NO_TICKET)
        demand.enter(context)
    return context

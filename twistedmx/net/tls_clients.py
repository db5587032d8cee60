"""Client certificates: chosen peers prove who they are (RFC 8446 4.4.2, RFC 9525).

OpenSSL verifies the chain, service-identity the name. Nobody else is asked: a public MX that asks every peer gets certificates
that prove nothing, and breaks with some that have none.

A certificate that its issuer made for servers will do: since 2026 public issuers make no others, and it proves the same name.

BUGS: revocation lists are not read: take the authority out of `ca`, and reload. A peer whose certificate is for another name
hears the alert "internal error", for pyOpenSSL lets us choose none.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

import attrs
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, verify_service_identity

from twistedmx.net.certificates import read_authorities
from twistedmx.setting import setting

_PURPOSE: Final = 26  # X509_V_ERR_INVALID_PURPOSE: its extendedKeyUsage is not that of a client
_MOST_INTERMEDIATES: Final = 5  # a chain that a peer makes up costs us a signature for each


def _networks(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    if not value:
        raise ValueError('must name a network, as "192.0.2.0/24"; peers elsewhere are never asked')
    wrong: list[str] = []
    for word in value:
        try:
            ip_network(word)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError(f"must be networks: {', '.join(wrong)}")


def _names(instance: Any, attribute: "attrs.Attribute[Any]", value: tuple[str, ...]) -> None:
    if not value:
        raise ValueError('must name a host, as "mail.partner.example"; any other certificate of `ca` is refused')
    for name in value:
        try:
            DNS_ID(name)
        except ValueError:
            raise ValueError(f'must be names of hosts, as "mail.partner.example", is {name!r}') from None


def _file(instance: Any, attribute: "attrs.Attribute[Any]", value: str) -> None:
    if not value:
        raise ValueError("must name a PEM file")


@attrs.frozen(kw_only=True)
class TlsClients:
    """Settings `[[tls.clients]]`."""

    networks: tuple[str, ...] = setting(
        attrs.NOTHING,
        unit="networks",
        why="Peers there are asked for a certificate, all others never; of several tables the first that fits counts.",
        precedent="Postfix smtpd_tls_ask_ccert, for all peers",
        validator=_networks,
    )
    names: tuple[str, ...] = setting(
        attrs.NOTHING,
        unit="host names",
        why="One of these must be in the certificate's subjectAltName; it is shown in Received and in the log.",
        precedent="Sendmail VERIFY:, Exim tls_verify_hosts",
        validator=_names,
    )
    ca: str = setting(
        attrs.NOTHING,
        unit="",
        why="PEM file of the authorities that vouch for these peers, or of their own certificates.",
        precedent="Postfix smtpd_tls_CAfile",
        validator=_file,
        path=True,
    )
    required: bool = setting(
        True,
        unit="",
        why="Without such a certificate the handshake fails; false: the session goes on as that of a stranger.",
        precedent="Postfix smtpd_tls_req_ccert no",
    )


class ServerConnection(SSL.Connection):
    """One connection, in memory, and what was found out of its client.

    `client`: the name that it was verified for, or "". `contexts`: what its callbacks belong to. `doubted`: something is
    wrong with its certificate.
    """

    def __init__(self, context: SSL.Context, contexts: object) -> None:
        super().__init__(context, None)
        self.client = ""
        self.doubted = False
        # OpenSSL may call back a context after another took its place (a second ClientHello, RFC 8446 4.1.4), or after a
        # reload, and keeps no Python object alive.
        self.contexts = contexts


class Demand:
    """What is demanded of chosen peers."""

    def __init__(self, settings: TlsClients) -> None:
        """Raises BadCertificate."""
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(word) for word in settings.networks]
        self._names = [(name, DNS_ID(name)) for name in settings.names]
        self._authorities = read_authorities(settings.ca)
        self._required = settings.required

    def concerns(self, address: str) -> bool:
        """Is the peer at this address chosen?"""
        try:
            host = ip_address(address)
        except ValueError:  # of a Unix socket
            return False
        return any(host in network for network in self._networks)

    def enter(self, context: SSL.Context) -> None:
        """Ask for a certificate in handshakes of `context`."""
        store = context.get_cert_store()
        assert store is not None  # noqa: S101  # only a context that was freed has none
        for authority in self._authorities:
            store.add_cert(crypto.X509.from_cryptography(authority))
            context.add_client_ca(authority)
        # Trust ends at what is in `ca`, be it no root: an operator may trust one branch, or one certificate.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        context.set_verify_depth(_MOST_INTERMEDIATES)
        mode = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if self._required else 0)
        context.set_verify(mode, self._judge)  # type: ignore[arg-type]  # our contexts have no other connections

    def _judge(self, connection: ServerConnection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        """OpenSSL asks for each certificate from the authority down to the peer's own, at depth 0, and for each fault."""
        fine = ok or (error == _PURPOSE and _is_for_servers(certificate.to_cryptography()))
        connection.doubted = connection.doubted or not fine
        if depth == 0 and not connection.doubted:
            connection.client = self._name_in(certificate.to_cryptography())
            connection.doubted = not connection.client
        if connection.doubted:
            connection.client = ""  # constraints on names (RFC 5280 4.2.1.10) are judged after all else
        return not (connection.doubted and self._required)

    def _name_in(self, certificate: x509.Certificate) -> str:
        """Which of the names it is for, "" for none."""
        try:
            patterns = extract_patterns(certificate)
        except Exception:  # of a stranger's ASN.1, in three libraries: whatever is wrong with it, it proves nothing
            return ""
        for name, dns_id in self._names:
            try:
                verify_service_identity(patterns, [dns_id], [])
            except (CertificateError, VerificationError):
                continue
            return name
        return ""


def _is_for_servers(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in usage

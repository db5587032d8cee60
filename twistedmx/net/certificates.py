"""A certificate with its key, from one PEM file: the key anywhere in it, our certificate before those of its chain.

Also certificates alone, of those who vouch for others. Nothing is verified here: peers do that, and most do not.

BUGS: the file is read twice, for OpenSSL takes the chain of each of several certificates from a file alone; a file that
changes in between is a fault, and the next reading mends it.
"""

import re
from typing import Final

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from OpenSSL import SSL

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_MOST_OCTETS: Final = 1_048_576  # all authorities that Mozilla trusts are a fifth of that
_ONE_FILE: Final = "put key, certificate and chain into this one PEM file"


class BadCertificate(ValueError):
    """The file cannot be used. The text names it and says what to do."""


@attrs.frozen(kw_only=True)
class Certificate:
    """What an operator is told of one. `names`: its DNS names (subjectAltName), in lower case. `kind`: of its key, "RSA",
    "ECDSA" or "EdDSA". `begins`, `expires`: seconds since the epoch."""

    file: str
    names: tuple[str, ...]
    kind: str
    begins: float
    expires: float


@attrs.frozen(kw_only=True, eq=False)
class Credential:
    """A certificate, and what proves that it is ours. `octets`: of its file."""

    certificate: Certificate
    octets: bytes = attrs.field(repr=False)
    key: PrivateKey = attrs.field(repr=False)

    def enter(self, context: SSL.Context) -> None:
        """Serve it from `context`, beside others whose keys are of another kind. Raises BadCertificate."""
        path = self.certificate.file
        try:
            context.use_certificate_chain_file(path)
            context.use_privatekey(self.key)
            context.check_privatekey()
        except SSL.Error as error:
            raise BadCertificate(f"{path}: OpenSSL does not take it: {_reason(error)}") from None
        if _octets_of(path) != self.octets:
            raise BadCertificate(f"{path}: was changed while it was read: try again")


def read_credential(path: str) -> Credential:
    """What a server shows. Raises BadCertificate."""
    octets = _octets_of(path)
    chain = _certificates_in(octets, path, _ONE_FILE)
    key = _key_in(octets, path)
    try:
        ours = chain[0].public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        ours = False
    if not ours:
        reason = "its private key is not that of its first certificate; our own certificate goes before its chain"
        raise BadCertificate(f"{path}: {reason}")
    certificate = Certificate(
        file=path,
        names=_names_of(chain[0], path),
        kind=_kind_of(key),
        begins=chain[0].not_valid_before_utc.timestamp(),
        expires=chain[0].not_valid_after_utc.timestamp(),
    )
    credential = Credential(certificate=certificate, octets=octets, key=key)
    credential.enter(SSL.Context(SSL.TLS_SERVER_METHOD))
    return credential


def read_authorities(path: str) -> list[x509.Certificate]:
    """Certificates that vouch for others, at least one. Raises BadCertificate."""
    return _certificates_in(_octets_of(path), path, "put the certificates that you trust into it, in PEM")


def _octets_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            octets = file.read(_MOST_OCTETS + 1)
    except OSError as error:
        raise BadCertificate(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in it
        raise BadCertificate(f"{path!r}: is no name of a file") from None
    if len(octets) > _MOST_OCTETS:
        raise BadCertificate(f"{path}: is longer than {_MOST_OCTETS} octets, and no file of certificates")
    return octets


def _certificates_in(octets: bytes, path: str, remedy: str) -> list[x509.Certificate]:
    parts = _CERTIFICATE.findall(octets)
    if not parts:
        raise BadCertificate(f"{path}: has no certificate; {remedy}")
    try:
        return [x509.load_pem_x509_certificate(part) for part in parts]
    except ValueError:
        raise BadCertificate(f"{path}: one of its certificates cannot be read") from None


def _key_in(octets: bytes, path: str) -> PrivateKey:
    part = _KEY.search(octets)
    if part is None:
        if b" PRIVATE KEY-----" in octets:
            raise BadCertificate(f"{path}: its private key cannot be read")
        raise BadCertificate(f"{path}: has no private key; {_ONE_FILE}")
    if b"ENCRYPTED" in part.group():
        raise BadCertificate(f"{path}: its private key is encrypted; a server starts without a pass phrase: decrypt it")
    try:
        key = serialization.load_pem_private_key(part.group(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadCertificate(f"{path}: its private key cannot be read") from None
    if not isinstance(key, PrivateKey):
        raise BadCertificate(f"{path}: its private key is of a kind that TLS does not know; make one for ECDSA P-256")
    return key


def _names_of(certificate: x509.Certificate, path: str) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()  # RFC 9525 2: a common name names no host
    except ValueError:
        raise BadCertificate(f"{path}: the extensions of its first certificate cannot be read") from None
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _kind_of(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words, as "ee key too small"."""
    stack = error.args[0] if error.args else ()
    return stack[-1][-1] if stack else "it does not say why"

"""Our certificate: one PEM file with the private key anywhere in it, and our certificate before those of its chain."""

import contextlib
import datetime
import os
import re
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.ssl import CertificateOptions, TLSVersion

from twistedmx.model.peer import Tls
from twistedmx.setting import setting

_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_DEMO_DAYS: Final = 3650


@attrs.frozen(kw_only=True)
class TlsSettings:
    """Settings `[tls]`."""

    certificate: str = setting(
        "",
        unit="",
        why="PEM file with key, certificate and chain; without one STARTTLS is not offered (the demo makes its own).",
        precedent="qmail control/servercert.pem",
    )


class BadCertificate(ValueError):
    """The file cannot be used. The text names it and says what to do."""


def read_certificate(path: str) -> CertificateOptions:
    """What a handshake needs. TLS 1.2 or newer. Raises BadCertificate."""
    try:
        with open(path, "rb") as file:
            pem = file.read()
    except OSError as error:
        raise BadCertificate(f"{path}: cannot be read: {error.strerror}") from None
    chain = _CERTIFICATE.findall(pem)
    if not chain:
        raise BadCertificate(f"{path}: has no certificate; put key, certificate and chain into this one PEM file")
    if b" PRIVATE KEY-----" not in pem:
        raise BadCertificate(f"{path}: has no private key; put key, certificate and chain into this one PEM file")
    if b"ENCRYPTED" in pem:
        raise BadCertificate(f"{path}: its private key is encrypted; a server starts without a pass phrase: decrypt it")
    try:
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, pem, b"")
    except (crypto.Error, ValueError):
        raise BadCertificate(f"{path}: its private key cannot be read") from None
    try:
        certificates = [crypto.load_certificate(crypto.FILETYPE_PEM, part) for part in chain]
    except (crypto.Error, ValueError):
        raise BadCertificate(f"{path}: one of its certificates cannot be read") from None
    try:
        options = CertificateOptions(
            privateKey=key,
            certificate=certificates[0],
            extraCertChain=certificates[1:],
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        options.getContext().check_privatekey()
    except (crypto.Error, SSL.Error, ValueError):
        reason = "its private key is not that of its first certificate; our own certificate goes before its chain"
        raise BadCertificate(f"{path}: {reason}") from None
    return options


def agreed(connection: SSL.Connection) -> Tls:
    """What a completed handshake agreed on."""
    return Tls(protocol=connection.get_protocol_version_name(), cipher=connection.get_cipher_name() or "?")


def make_demo_certificate(path: str, host: str, at: float) -> None:
    """Write a self-signed P-256 certificate for `host`, readable by us alone. `at`: seconds since the epoch.

    Nobody verifies it; it is for trying STARTTLS out. P-256, because its handshake costs a quarter less than RSA-2048.
    Raises OSError.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    since = datetime.datetime.fromtimestamp(at, datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + datetime.timedelta(days=_DEMO_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    # Written aside and renamed: a start that is killed here leaves no half certificate for the next one.
    unfinished = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(unfinished)  # of an earlier start; who knows who may read it
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    os.rename(unfinished, path)

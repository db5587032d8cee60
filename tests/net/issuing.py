"""Certificates for tests: an authority, and what it issues. Keys of P-256, for they are made in no time; one RSA key for all."""

import datetime
import functools
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

AT = 1_800_000_000.0
_DAY = 86_400


@functools.cache
def rsa_key(bits=2048):
    """The same each time: making one takes longer than a test."""
    return rsa.generate_private_key(65537, bits)


def ecdsa_key():
    return ec.generate_private_key(ec.SECP256R1())


def day(number):
    """`number` days after AT."""
    return datetime.datetime.fromtimestamp(AT + number * _DAY, datetime.UTC)


class Issued:
    """A certificate with its key. `above`: who issued it, None when it did itself. `authority`: it may issue others, for names
    below `under` alone.

    The clock of OpenSSL is the machine's, so what is to be verified holds for a very long time.
    """

    def __init__(self, *names, above=None, key=None, authority=False, usage=None, under=None, days=(-9000, 9000)):
        self.key = key or ecdsa_key()
        self.above = above
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "nobody")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(above.name if above else self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(day(days[0]))
            .not_valid_after(day(days[1]))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names and not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        if under is not None:
            permitted = x509.NameConstraints([x509.DNSName(under)], None)
            builder = builder.add_extension(permitted, critical=True)
        self.certificate = builder.sign(above.key if above else self.key, hashes.SHA256())

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, path, *chain):
        """A file with key, certificate and chain, for its owner alone."""
        return written(path, self.key_pem, self.pem, *(each.pem for each in chain))


def written(path, *parts):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b"".join(parts))
    return path

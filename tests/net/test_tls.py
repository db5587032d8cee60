"""Our certificate: the demo's own, and what an operator is told of one that cannot be used."""

import os
import stat

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.ssl import CertificateOptions
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.tls import BadCertificate, make_demo_certificate, read_certificate

AT = 1_800_000_000.0


class TestDemoCertificate(SynchronousTestCase):
    def setUp(self):
        self.path = self.mktemp()
        make_demo_certificate(self.path, "mx.example.org", AT)
        with open(self.path, "rb") as file:
            self.pem = file.read()

    def test_it_is_p_256_for_the_host_and_holds_from_yesterday_for_years(self):
        """A clock that is a little behind must not make it invalid."""
        certificate = x509.load_pem_x509_certificate(self.pem)
        self.assertIsInstance(certificate.public_key().curve, ec.SECP256R1)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["mx.example.org"])
        self.assertLess(certificate.not_valid_before_utc.timestamp(), AT - 80_000)
        self.assertGreater(certificate.not_valid_after_utc.timestamp(), AT + 300 * 86_400)

    def test_nobody_else_may_read_it(self):
        """The key is in it, whatever the umask."""
        for umask in (0o000, 0o022, 0o077):
            before = os.umask(umask)
            try:
                make_demo_certificate(self.path, "mx.example.org", AT)
            finally:
                os.umask(before)
            self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_what_an_interrupted_start_left_behind_is_no_hindrance_and_no_leak(self):
        """An old unfinished file that others may read must not become the key."""
        with open(f"{self.path}.new", "wb") as file:
            file.write(b"half a certificate, longer than the whole one" * 100)
        os.chmod(f"{self.path}.new", 0o644)
        make_demo_certificate(self.path, "mx.example.org", AT)
        self.assertIsInstance(read_certificate(self.path), CertificateOptions)
        self.assertFalse(os.path.exists(f"{self.path}.new"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_it_can_be_used(self):
        """By what reads an operator's."""
        self.assertIsInstance(read_certificate(self.path), CertificateOptions)


class TestBadCertificate(SynchronousTestCase):
    def setUp(self):
        path = self.mktemp()
        make_demo_certificate(path, "mx.example.org", AT)
        with open(path, "rb") as file:
            pem = file.read()
        at = pem.index(b"-----BEGIN CERTIFICATE")
        self.key, self.certificate = pem[:at], pem[at:]
        self.secret = self.key.splitlines()[1].decode()

    def fault(self, octets):
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(octets)
        bad = self.assertRaises(BadCertificate, read_certificate, path)
        self.assertTrue(str(bad).startswith(f"{path}: "))
        self.assertNotIn(self.secret, str(bad))
        self.assertNotIn("\n", str(bad))
        self.assertIsNone(bad.__cause__)
        self.assertTrue(bad.__suppress_context__ or bad.__context__ is None, "the text of the cause may quote the file")
        return str(bad)[len(path) + 2 :]

    def test_a_file_that_is_not_there(self):
        """The path and the reason are all that helps."""
        bad = self.assertRaises(BadCertificate, read_certificate, "/nowhere/x.pem")
        self.assertEqual(str(bad), "/nowhere/x.pem: cannot be read: No such file or directory")

    def test_a_file_without_a_certificate(self):
        """Key and certificate in two files is the custom elsewhere."""
        for octets in (b"", b"what?", self.key):
            self.assertEqual(
                self.fault(octets), "has no certificate; put key, certificate and chain into this one PEM file"
            )

    def test_a_file_without_a_key(self):
        """The same slip the other way round."""
        self.assertIn("has no private key", self.fault(self.certificate))

    def test_the_key_of_another(self):
        """A renewed certificate beside the old key."""
        other = self.mktemp()
        make_demo_certificate(other, "mx.example.org", AT)
        with open(other, "rb") as file:
            self.assertIn(
                "not that of its first certificate", self.fault(self.key + file.read().split(b"KEY-----\n")[2])
            )

    def test_an_encrypted_key(self):
        """Nobody is there to type its passphrase."""
        key = serialization.load_pem_private_key(self.key, None)
        encrypted = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
        self.assertIn("private key is encrypted", self.fault(encrypted + self.certificate))

    def test_broken_base64(self):
        """A file that was cut or edited."""
        broken = self.certificate.replace(b"M", b"!", 1)
        self.fault(self.key + broken)
        self.fault(self.key[:80] + b"\n" + self.certificate)

    def test_any_order_will_do(self):
        """Tools write key and certificate in either."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(self.certificate + b"\n# a comment\n" + self.key)
        self.assertIsInstance(read_certificate(path), CertificateOptions)

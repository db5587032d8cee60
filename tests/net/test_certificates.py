"""A certificate with its key: the demo's own, an operator's, and what he is told of one that cannot be used."""

import os
import stat

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.net.issuing import AT, Issued, rsa_key, written
from twistedmx.net.certificates import BadCertificate, read_authorities, read_credential
from twistedmx.net.demo_certificate import make_demo_certificate

_DAY = 86_400


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
        self.assertGreater(certificate.not_valid_after_utc.timestamp(), AT + 300 * _DAY)

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
        read_credential(self.path)
        self.assertFalse(os.path.exists(f"{self.path}.new"))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_it_can_be_used(self):
        """By what reads an operator's."""
        certificate = read_credential(self.path).certificate
        self.assertEqual((certificate.names, certificate.kind), (("mx.example.org",), "ECDSA"))


class TestCredential(SynchronousTestCase):
    def test_what_is_told_of_it(self):
        """`twistedmx status` shows it: which file, for whom, until when."""
        path = Issued("MX.Example.org", "*.example.org", days=(-1, 90)).write(self.mktemp())
        certificate = read_credential(path).certificate
        self.assertEqual(certificate.file, path)
        self.assertEqual(certificate.names, ("mx.example.org", "*.example.org"))
        self.assertEqual((certificate.begins, certificate.expires), (AT - _DAY, AT + 90 * _DAY))

    def test_any_order_of_the_blocks_will_do(self):
        """Tools write key and certificate in either, with words in between."""
        issued = Issued("mx.example.org")
        read_credential(written(self.mktemp(), issued.pem, b"\n# a comment\n", issued.key_pem))

    def test_each_kind_of_key(self):
        """RSA and ECDSA are served side by side, so the kind must be known."""
        for key, kind in ((rsa_key(), "RSA"), (None, "ECDSA"), (ec.generate_private_key(ec.SECP384R1()), "ECDSA")):
            path = Issued("mx.example.org", key=key).write(self.mktemp())
            self.assertEqual(read_credential(path).certificate.kind, kind)

    def test_keys_as_openssl_writes_them(self):
        """`openssl ecparam -genkey` puts parameters above its key, and older versions write other headers."""
        issued = Issued("mx.example.org")
        traditional = issued.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        read_credential(written(self.mktemp(), parameters, traditional, issued.pem))

    def test_a_common_name_names_no_host(self):
        """RFC 9525 2: no peer would take it for one."""
        path = Issued().write(self.mktemp())
        self.assertEqual(read_credential(path).certificate.names, ())

    def test_neither_key_nor_file_are_shown(self):
        """A credential may end up in a traceback or a log."""
        issued = Issued("mx.example.org")
        shown = repr(read_credential(issued.write(self.mktemp())))
        self.assertNotIn("PRIVATE", shown)
        self.assertNotIn("key=", shown)

    def test_a_file_that_changes_while_it_is_read_is_a_fault(self):
        """An ACME client at work: a new chain below an old name would be served without anybody knowing."""
        issued = Issued("mx.example.org")
        credential = read_credential(issued.write(self.mktemp()))
        Issued("other.example.org", key=issued.key).write(credential.certificate.file)
        bad = self.assertRaises(BadCertificate, credential.enter, SSL.Context(SSL.TLS_SERVER_METHOD))
        self.assertEqual(str(bad), f"{credential.certificate.file}: was changed while it was read: try again")


class TestBadCertificate(SynchronousTestCase):
    def setUp(self):
        issued = Issued("mx.example.org")
        self.key, self.certificate = issued.key_pem, issued.pem
        self.secret = self.key.splitlines()[1].decode()

    def fault(self, *parts):
        path = written(self.mktemp(), *parts)
        bad = self.assertRaises(BadCertificate, read_credential, path)
        self.assertTrue(str(bad).startswith(f"{path}: "))
        self.assertNotIn(self.secret, str(bad))
        self.assertNotIn("\n", str(bad))
        self.assertIsNone(bad.__cause__)
        self.assertTrue(bad.__suppress_context__ or bad.__context__ is None, "the text of the cause may quote the file")
        return str(bad)[len(path) + 2 :]

    def test_a_file_that_is_not_there(self):
        """The path and the reason are all that helps."""
        bad = self.assertRaises(BadCertificate, read_credential, "/nowhere/x.pem")
        self.assertEqual(str(bad), "/nowhere/x.pem: cannot be read: No such file or directory")
        bad = self.assertRaises(BadCertificate, read_credential, "x\0.pem")
        self.assertEqual(str(bad), "'x\\x00.pem': is no name of a file")

    def test_a_file_that_never_ends(self):
        """/dev/zero, or the wrong file: memory must not grow with it."""
        self.assertIn("is longer than 1048576 octets", self.fault(self.key, self.certificate, b"#" * 1_048_576))

    def test_a_file_without_a_certificate(self):
        """Key and certificate in two files is the custom elsewhere."""
        for octets in (b"", b"what?", self.key):
            self.assertEqual(
                self.fault(octets), "has no certificate; put key, certificate and chain into this one PEM file"
            )

    def test_a_file_without_a_key(self):
        """The same slip the other way round."""
        self.assertEqual(
            self.fault(self.certificate), "has no private key; put key, certificate and chain into this one PEM file"
        )

    def test_the_key_of_another(self):
        """A renewed certificate beside the old key, or a chain in the wrong order."""
        self.assertEqual(
            self.fault(self.key, Issued("mx.example.org").pem),
            "its private key is not that of its first certificate; our own certificate goes before its chain",
        )

    def test_an_encrypted_key(self):
        """Nobody is there to type its passphrase."""
        key = serialization.load_pem_private_key(self.key, None)
        for kind in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL):
            encrypted = key.private_bytes(serialization.Encoding.PEM, kind, serialization.BestAvailableEncryption(b"x"))
            self.assertEqual(
                self.fault(encrypted, self.certificate),
                "its private key is encrypted; a server starts without a pass phrase: decrypt it",
            )

    def test_broken_blocks(self):
        """A file that was cut or edited."""
        unread = "one of its certificates cannot be read"
        self.assertEqual(self.fault(self.key, self.certificate.replace(b"M", b"!", 1)), unread)
        self.assertEqual(self.fault(self.key, self.certificate, self.certificate.replace(b"M", b"N", 1)), unread)
        self.assertEqual(self.fault(self.key[:80], b"\n", self.certificate), "its private key cannot be read")
        self.assertEqual(
            self.fault(self.key.replace(b"M", b"!", 1), self.certificate), "its private key cannot be read"
        )

    def test_keys_that_openssl_does_not_take(self):
        """Told at the start and not to each peer."""
        weak = Issued("mx.example.org", key=rsa_key(1024))
        self.assertEqual(self.fault(weak.key_pem, weak.pem), "OpenSSL does not take it: ee key too small")

    def test_keys_that_tls_does_not_know(self):
        """DSA went with TLS 1.3."""
        odd = dsa.generate_private_key(1024).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.assertIn("of a kind that TLS does not know; make one for ECDSA P-256", self.fault(odd, self.certificate))
        ed = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.assertIn("is not that of", self.fault(ed, self.certificate))


class TestAnyFile(SynchronousTestCase):
    @given(some.data())
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])  # keys are made
    def test_it_is_a_credential_or_a_fault_of_one_line(self, data):
        """The invariant: whatever a file holds, nothing but BadCertificate comes of it, in words for one line of a terminal."""
        issued = Issued("mx.example.org", key=rsa_key())
        octets = bytearray(issued.key_pem + issued.pem)
        for _ in range(data.draw(some.integers(1, 4))):
            at = data.draw(some.integers(0, len(octets) - 1))
            octets[at : at + data.draw(some.integers(0, 40))] = data.draw(some.binary(max_size=40))
        path = written(self.mktemp(), bytes(octets))
        try:
            read_credential(path)
        except BadCertificate as bad:
            self.assertTrue(str(bad).isprintable(), str(bad))


class TestAuthorities(SynchronousTestCase):
    def test_all_of_the_file(self):
        """And no key is needed."""
        path = written(self.mktemp(), Issued("one", authority=True).pem, Issued("two", authority=True).pem)
        self.assertEqual(len(read_authorities(path)), 2)

    def test_a_file_without_any(self):
        """Nobody would ever be trusted."""
        path = written(self.mktemp(), b"nothing")
        bad = self.assertRaises(BadCertificate, read_authorities, path)
        self.assertIn("has no certificate; put the certificates that you trust into it, in PEM", str(bad))

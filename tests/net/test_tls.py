"""Handshakes as a server: which certificate is shown, what may be agreed on, what is resumed, and what an operator is told."""

import gc
import os

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.net.handshake import Handshake, client_context
from tests.net.issuing import Issued, rsa_key, written
from twistedmx.model.peer import Tls
from twistedmx.net.certificates import BadCertificate
from twistedmx.net.tls import BadTls, TlsClients, TlsSettings, agreed, read_certificate, read_tls

_OLD = b"ALL:@SECLEVEL=0"  # without it OpenSSL does not even try TLS 1.1


class Files(SynchronousTestCase):
    def file(self, *names, **how):
        return Issued(*names, **how).write(self.mktemp())

    def tls(self, first, *others, **settings):
        return read_tls(TlsSettings(certificate=first, certificates=others, **settings))


def shown(handshake):
    """The key of the server's certificate."""
    return handshake.certificate.public_key()


class TestServerName(Files):
    def setUp(self):
        self.issued = [
            Issued(*names) for names in (("mx.example.org",), ("mx.example.com", "*.example.net"), ("a.example.net",))
        ]
        self.server = self.tls(*(each.write(self.mktemp()) for each in self.issued))

    def which(self, name):
        handshake = Handshake(self.server, name=name)
        self.assertIsNone(handshake.failure)
        return [each.certificate for each in self.issued].index(handshake.certificate)

    def test_who_asks_for_a_name_is_shown_the_certificate_for_it(self):
        """Several domains, each with an MX name of its own, on one address."""
        self.assertEqual(self.which(b"mx.example.org"), 0)
        self.assertEqual(self.which(b"mx.example.com"), 1)
        self.assertEqual(self.which(b"MX.EXAMPLE.COM"), 1)

    def test_a_wildcard_is_one_label_and_goes_behind_a_name(self):
        """RFC 9525 6.3."""
        self.assertEqual(self.which(b"mail.example.net"), 1)
        self.assertEqual(self.which(b"a.example.net"), 2)
        self.assertEqual(self.which(b"b.a.example.net"), 0)

    def test_who_asks_for_no_name_or_an_unknown_one_is_shown_the_default(self):
        """RFC 6066 3 lets a server go on; most MTAs verify nothing and want TLS all the same."""
        for name in (None, b"unknown.example", b"example.net", b"not a name", b"\xff\xfe"):
            self.assertEqual(self.which(name), 0, name)

    def test_the_name_that_was_asked_for_is_told(self):
        """In the log; a resumed session has it as well."""
        context = client_context()
        first = Handshake(self.server, context, name=b"Mail.Example.net")
        self.assertEqual(agreed(first.server).server_name, "mail.example.net")
        again = Handshake(self.server, context, name=b"mail.example.net", session=first.client.get_session())
        self.assertEqual((again.resumed, agreed(again.server).server_name), (True, "mail.example.net"))
        self.assertEqual(agreed(Handshake(self.server, name=b"\x1b[31m").server).server_name, "")
        self.assertEqual(agreed(Handshake(self.server).server).server_name, "")


class TestKinds(Files):
    def test_rsa_and_ecdsa_for_one_name_are_served_by_what_the_peer_can_verify(self):
        """ECDSA is cheaper for us, and some old peers know RSA alone."""
        authority = Issued("authority", authority=True)
        first = Issued("mx.example.org", above=authority).write(self.mktemp(), authority)
        second = Issued("mx.example.org", key=rsa_key()).write(self.mktemp())
        for files in ((first, second), (second, first)):
            server = self.tls(*files)
            for name in (None, b"mx.example.org"):
                of_rsa = Handshake(server, client_context(SSL.TLS1_2_VERSION, b"ECDHE+aRSA"), name=name)
                of_ecdsa = Handshake(server, client_context(SSL.TLS1_2_VERSION, b"ECDHE+aECDSA"), name=name)
                self.assertIsInstance(shown(of_rsa), rsa.RSAPublicKey)
                self.assertIsInstance(shown(of_ecdsa), ec.EllipticCurvePublicKey)
                chain = of_ecdsa.client.get_peer_cert_chain(as_cryptography=True)
                self.assertEqual(chain[1:], [authority.certificate], "each with the chain of its own file")
                self.assertEqual(len(of_rsa.client.get_peer_cert_chain()), 1)


class TestWhatIsAgreed(Files):
    def setUp(self):
        self.path = self.file("mx.example.org")

    def test_versions_from_the_minimum_on(self):
        """Mozilla's intermediate: TLS 1.2 and 1.3."""
        for minimum, maximum, protocol in (
            ("1.2", SSL.TLS1_3_VERSION, "TLSv1.3"),
            ("1.2", SSL.TLS1_2_VERSION, "TLSv1.2"),
            ("1.3", SSL.TLS1_3_VERSION, "TLSv1.3"),
        ):
            handshake = Handshake(self.tls(self.path, minimum=minimum), client_context(maximum))
            self.assertEqual(agreed(handshake.server).protocol, protocol)

    def test_older_ones_are_refused(self):
        """RFC 8996."""
        for minimum, maximum in (("1.2", SSL.TLS1_1_VERSION), ("1.2", SSL.TLS1_VERSION), ("1.3", SSL.TLS1_2_VERSION)):
            handshake = Handshake(self.tls(self.path, minimum=minimum), client_context(maximum, _OLD))
            self.assertEqual(
                (handshake.failure, handshake.alert), ("unsupported protocol", "tlsv1 alert protocol version")
            )

    def test_ciphers_are_those_of_mozilla_and_no_others(self):
        """Server Side TLS 5.7, intermediate, without DHE."""
        server = self.tls(self.path)
        for creator in (server, server.for_peer("192.0.2.1")):
            self.assertEqual(
                set(creator.serverConnectionForTLS(None).get_cipher_list()),
                {
                    "TLS_AES_128_GCM_SHA256",
                    "TLS_AES_256_GCM_SHA384",
                    "TLS_CHACHA20_POLY1305_SHA256",
                    "ECDHE-ECDSA-AES128-GCM-SHA256",
                    "ECDHE-RSA-AES128-GCM-SHA256",
                    "ECDHE-ECDSA-AES256-GCM-SHA384",
                    "ECDHE-RSA-AES256-GCM-SHA384",
                    "ECDHE-ECDSA-CHACHA20-POLY1305",
                    "ECDHE-RSA-CHACHA20-POLY1305",
                },
            )

    def test_the_peer_chooses_the_cipher(self):
        """It knows whether its machine has AES."""
        one, other = b"ECDHE-ECDSA-AES128-GCM-SHA256", b"ECDHE-ECDSA-CHACHA20-POLY1305"
        for first, second in ((one, other), (other, one)):
            context = client_context(SSL.TLS1_2_VERSION, first + b":" + second)
            handshake = Handshake(self.tls(self.path), context)
            self.assertEqual(agreed(handshake.server).cipher, first.decode())

    def test_a_peer_with_none_of_them_is_refused(self):
        """CBC, RSA key exchange, and DHE even where nothing else is left."""
        for ciphers in (b"AES128-GCM-SHA256", b"ECDHE-ECDSA-AES128-SHA", b"DHE-RSA-AES128-GCM-SHA256"):
            handshake = Handshake(self.tls(self.path), client_context(SSL.TLS1_2_VERSION, ciphers))
            self.assertEqual(handshake.failure, "no shared cipher", ciphers)

    def test_renegotiation_is_refused(self):
        """One packet of the peer would cost us a handshake, time and again."""
        handshake = Handshake(self.tls(self.path), client_context(SSL.TLS1_2_VERSION))
        self.assertTrue(handshake.client.renegotiate())
        handshake.exchange()
        self.assertEqual(handshake.alert, "no renegotiation")

    def test_a_connection_of_somebody_else_is_told_of_as_well(self):
        """Who hands his own CertificateOptions to a server hears what was agreed, without names."""
        connection = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
        self.assertEqual(agreed(connection), Tls(protocol="TLSv1.3", cipher="?"))


class TestTickets(Files):
    def setUp(self):
        self.path = self.file("mx.example.org")
        self.server = self.tls(self.path, self.file("other.example.org"))

    def test_a_session_is_resumed(self):
        """A peer that comes again a minute later costs a third (TLS 1.2); nothing of it is kept here."""
        for maximum in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            context = client_context(maximum)
            for name in (None, b"mx.example.org", b"other.example.org"):
                first = Handshake(self.server, context, name=name)
                again = Handshake(self.server, context, name=name, session=first.client.get_session())
                self.assertEqual((first.resumed, again.resumed, again.failure), (False, True, None))

    def test_after_a_reload_the_handshake_is_whole_and_succeeds(self):
        """The key of tickets is new: a peer must not notice, and what was written down before is safe from the new key."""
        for maximum in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            context = client_context(maximum)
            session = Handshake(self.server, context).client.get_session()
            again = Handshake(self.tls(self.path), context, session=session)
            self.assertEqual((again.resumed, again.failure), (False, None))


class TestReload(Files):
    def test_connections_go_on_with_what_they_began_with(self):
        """Even when nothing but the connection knows of it any more, and its server_name comes only now."""
        path, other = self.file("mx.example.org"), self.file("mx.example.com")
        server = self.tls(path, other)

        class Late:
            connection = server.serverConnectionForTLS(None)

            def serverConnectionForTLS(self, protocol):
                return self.connection

        del server
        gc.collect()
        self.file("mx.example.net")
        handshake = Handshake(Late(), name=b"mx.example.com")
        self.assertIsNone(handshake.failure)
        self.assertEqual(agreed(handshake.server).server_name, "mx.example.com")

    def test_reading_changes_nothing_and_takes_all_or_nothing(self):
        """A renewed certificate beside one that is broken: the old ones stay."""
        path, other = self.file("mx.example.org"), self.file("mx.example.com")
        server = self.tls(path, other)
        before = Handshake(server).certificate
        Issued("mx.example.org").write(path)
        written(other, b"broken")
        self.assertRaises(BadTls, self.tls, path, other)
        self.assertEqual(Handshake(server).certificate, before)
        self.assertNotEqual(Handshake(self.tls(path)).certificate, before)


class TestServerTls(Files):
    def test_it_is_what_twisted_asks_for(self):
        """startTLS takes it, and so does TLSMemoryBIOFactory."""
        server = self.tls(self.file("mx.example.org"))
        self.assertTrue(verifyObject(IOpenSSLServerConnectionCreator, server))
        self.assertTrue(verifyObject(IOpenSSLServerConnectionCreator, server.for_peer("192.0.2.1")))

    def test_all_certificates_are_listed_the_default_first(self):
        """For `twistedmx status`."""
        one, two = self.file("mx.example.org"), self.file("mx.example.com")
        listed = self.tls(one, two).certificates()
        self.assertEqual(
            [(each.file, each.names) for each in listed], [(one, ("mx.example.org",)), (two, ("mx.example.com",))]
        )
        listed.clear()
        self.assertEqual(len(self.tls(one, two).certificates()), 2)

    def test_one_certificate_is_enough(self):
        """The demo has no settings."""
        self.assertIsNone(Handshake(read_certificate(self.file("mx.example.org"))).failure)
        self.assertRaises(BadCertificate, read_certificate, "/nowhere")


class TestBadTls(Files):
    def test_all_faults_are_told_with_key_and_file(self):
        """One start for all of them, and not one for each."""
        broken = written(self.mktemp(), b"broken")
        nameless = self.file()
        clients = TlsClients(networks=("192.0.2.0/24",), names=("mail.partner.example",), ca="/nowhere/ca.pem")
        bad = self.assertRaises(BadTls, self.tls, "/nowhere/a.pem", broken, nameless, clients=(clients,))
        self.assertEqual(
            bad.faults,
            (
                "tls.certificate: /nowhere/a.pem: cannot be read: No such file or directory",
                f"tls.certificates[0]: {broken}: has no certificate; put key, certificate and chain into this one PEM file",
                f"tls.certificates[1]: {nameless}: names no host in its subjectAltName, so that no peer can ask for it",
                "tls.clients[0].ca: /nowhere/ca.pem: cannot be read: No such file or directory",
            ),
        )

    def test_a_default_may_name_no_host(self):
        """It is shown to whoever asks for no name; that peers that verify do not like it is a danger, not a fault."""
        self.assertIsNone(Handshake(self.tls(self.file()), name=b"mx.example.org").failure)

    def test_settings_that_say_too_little(self):
        """The default is what is shown when no name fits."""
        for settings in ({"certificates": ("a.pem",)}, {"certificates": ("a.pem", "b.pem")}):
            bad = self.assertRaises(ValueError, TlsSettings, **settings)
            self.assertIn("certificate: must be set", str(bad))
        self.assertIn('"1.2" or "1.3", is \'1.1\'', str(self.assertRaises(ValueError, TlsSettings, minimum="1.1")))

    def test_a_file_that_may_not_be_read(self):
        """Started by root, reloaded by its own user: the key must be readable by that one."""
        if os.geteuid() == 0:
            self.skipTest("root may read all")
        path = self.file("mx.example.org")
        os.chmod(path, 0)
        self.assertIn("cannot be read: Permission denied", str(self.assertRaises(BadTls, self.tls, path)))

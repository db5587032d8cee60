"""`openssl s_client`, which is an OpenSSL of another version than ours, over a real connection.

The server is a port of Twisted's with nothing but TLS on it: it says what was agreed, and hangs up.
"""

import os
import re
import shutil

from twisted.internet import defer, reactor, utils
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface import implementer

from tests.net.issuing import Issued, rsa_key, written
from twistedmx.net.tls import TlsClients, TlsSettings, agreed, read_tls


@implementer(IHandshakeListener)
class Telling(Protocol):
    """Says what was agreed."""

    def handshakeCompleted(self):
        tls = agreed(self.transport.getHandle())
        self.transport.write(f"220 {tls.protocol} {tls.cipher} [{tls.server_name}] [{tls.client}]\r\n".encode())
        self.transport.loseConnection()


@implementer(IOpenSSLServerConnectionCreator)
class Once:
    """Makes one connection, and forgets how."""

    def __init__(self, server):
        self.server = server

    def serverConnectionForTLS(self, protocol):
        server, self.server = self.server, None
        return server.serverConnectionForTLS(protocol)


class TestOpenssl(TestCase):
    def setUp(self):
        if shutil.which("openssl") is None:
            raise SkipTest("openssl is not installed: apt-get install openssl")
        self.authority = Issued("authority", authority=True)
        self.names = {
            Issued("mx.example.org"): "default",
            Issued("mx.example.com"): "other",
            Issued("mx.example.org", key=rsa_key()): "rsa",
        }
        default, *others = (issued.write(self.mktemp()) for issued in self.names)
        ca = written(self.mktemp(), self.authority.pem)
        chosen = TlsClients(networks=("127.0.0.1",), names=("mail.partner.example",), ca=ca)
        settings = TlsSettings(certificate=default, certificates=tuple(others), clients=(chosen,))
        server = read_tls(settings)
        self.replaced = self.listen(Once(read_tls(settings)))
        self.stranger = self.listen(server)
        self.chosen = self.listen(server.for_peer("127.0.0.1"))

    def listen(self, creator):
        factory = TLSMemoryBIOFactory(creator, False, Factory.forProtocol(Telling))
        factory.noisy = False
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port.getHost().port

    @defer.inlineCallbacks
    def ask(self, port, *words):
        """What it prints, whatever becomes of it."""
        words = ["s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *words]
        out, _, _ = yield utils.getProcessOutputAndValue("openssl", words, os.environ)
        return out.decode("utf-8", "replace")

    def shown(self, printed):
        """Which certificate."""
        for issued, name in self.names.items():
            if issued.pem.decode().strip() in printed:
                return name
        return None

    @defer.inlineCallbacks
    def test_the_certificate_is_that_of_the_name(self):
        """As the world sees it."""
        for name, certificate in (
            ("mx.example.com", "other"),
            ("MX.example.org", "default"),
            ("no.example", "default"),
        ):
            printed = yield self.ask(self.stranger, "-servername", name)
            self.assertEqual(self.shown(printed), certificate)
            self.assertRegex(printed, rf"(?m)^220 TLSv1\.3 TLS_AES_\S+ \[{re.escape(name.lower())}\] \[\]")
        printed = yield self.ask(self.stranger, "-noservername", "-tls1_2", "-cipher", "aRSA")
        self.assertEqual(self.shown(printed), "rsa")
        self.assertIn("220 TLSv1.2 ECDHE-RSA-", printed)

    @defer.inlineCallbacks
    def test_a_second_client_hello_after_a_reload_is_answered_as_the_first(self):
        """RFC 8446 4.1.4: OpenSSL calls back a context of which nobody else knows any more, and must not find it gone."""
        words = ("-servername", "mx.example.com", "-groups", "P-384:X25519", "-msg")
        printed = yield self.ask(self.replaced, *words)
        if printed.count("ClientHello") < 2:
            raise SkipTest("this OpenSSL takes P-384 at once")
        self.assertEqual(self.shown(printed), "other")
        self.assertIn("[mx.example.com]", printed)

    @defer.inlineCallbacks
    def test_tls_1_1_is_refused(self):
        """RFC 8996."""
        printed = yield self.ask(self.stranger, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        self.assertNotIn("220 ", printed)
        self.assertIn("no peer certificate available", printed)

    @defer.inlineCallbacks
    def test_a_session_is_resumed_by_its_ticket(self):
        """By a client that keeps it in a file."""
        for version in ("-tls1_2", "-tls1_3"):
            kept = self.mktemp()
            first = yield self.ask(self.stranger, version, "-sess_out", kept)
            again = yield self.ask(self.stranger, version, "-sess_in", kept)
            self.assertRegex(first, r"(?m)^New, ")
            self.assertRegex(again, r"(?m)^Reused, ")
            self.assertIn("220 ", again)

    @defer.inlineCallbacks
    def test_a_chosen_peer_proves_who_it_is(self):
        """And is not served when it does not."""
        own = Issued("mail.partner.example", above=self.authority).write(self.mktemp())
        printed = yield self.ask(self.chosen, "-cert", own, "-key", own)
        self.assertIn("[mail.partner.example]", printed)
        self.assertIn("CN = authority", printed)
        printed = yield self.ask(self.chosen)
        self.assertNotIn("220 ", printed)

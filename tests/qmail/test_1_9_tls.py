"""1.9: servercert.pem, servercerts/, tlsserverciphers and TLSCIPHERS, as they are when a connection comes."""

from OpenSSL import SSL
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.net.handshake import Handshake, client_context
from tests.net.issuing import Issued
from twistedmx.net.tls import CIPHERS, are_ciphers, read_certificate
from twistedmx.qmail.control import Controls, OfTls
from twistedmx.service.qmail_tls import QmailTls, why_not_obeyed

STRONG, OLD = b"ECDHE-ECDSA-AES256-GCM-SHA384", b"ECDHE-ECDSA-AES128-SHA"


class Served(SynchronousTestCase):
    def setUp(self) -> None:
        self.pem = OfTls(path=Issued("mx.example.org").write(self.mktemp()), identity=(1,))
        self.tls = QmailTls(None)

    def file(self, octets: bytes) -> OfTls:
        """control/tlsserverciphers, as it is after an edit."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(octets)
        return OfTls(path=path, identity=(1,))

    def controls(self, ciphers: bytes | OfTls | None = None, **changed: object) -> Controls:
        if isinstance(ciphers, bytes):
            ciphers = self.file(ciphers)
        values = {"servercert": self.pem, "tlsserverciphers": ciphers, **changed}
        return Controls(smtpgreeting=b"x", **values)  # type: ignore[arg-type]

    def ciphers(self, controls: Controls, **environment: bytes) -> list[str]:
        """Of TLS 1.2, that a connection would agree on."""
        named = {name.encode(): value for name, value in environment.items()}
        tls = self.tls.current(controls, named)
        assert tls is not None
        return [name for name in tls.serverConnectionForTLS(None).get_cipher_list() if not name.startswith("TLS_")]


class TestCertificate(Served):
    def test_without_one_that_of_the_settings_serves(self):
        self.assertIsNone(self.tls.current(self.controls(servercert=None), {}))
        default = read_certificate(self.pem.path)
        self.tls.default = default
        self.assertIs(self.tls.current(self.controls(servercert=None), {}), default)

    def test_it_is_read_once_and_again_when_it_is_another(self):
        first = self.tls.current(self.controls(), {})
        self.assertIs(self.tls.current(self.controls(), {}), first)
        other = OfTls(path=self.pem.path, identity=(2,))
        second = self.tls.current(self.controls(servercert=other), {})
        self.assertIsNot(second, first)
        third = self.tls.current(self.controls(servercert=other, servercerts=(("a.example", self.pem),)), {})
        self.assertIsNot(third, second)

    def test_one_that_cannot_be_used_offers_none_and_is_told_once(self):
        bad = self.file(b"none")
        heard: list[dict[str, object]] = []
        globalLogPublisher.addObserver(heard.append)
        self.addCleanup(globalLogPublisher.removeObserver, heard.append)
        for _ in range(3):
            self.assertIsNone(self.tls.current(self.controls(servercert=bad), {}))
        told = [str(event["faults"]) for event in heard if "faults" in event]
        self.assertEqual(len(told), 1)
        self.assertIn(bad.path, told[0])


class TestCiphers(Served):
    def test_without_a_list_they_are_our_own(self):
        self.assertEqual(self.ciphers(self.controls()), CIPHERS.decode().split(":"))
        self.assertEqual(self.ciphers(self.controls(), TLSCIPHERS=b""), CIPHERS.decode().split(":"))

    def test_the_file_says_which_and_the_variable_goes_before_it(self):
        self.assertEqual(self.ciphers(self.controls(STRONG)), [STRONG.decode()])
        self.assertEqual(self.ciphers(self.controls(STRONG), TLSCIPHERS=OLD), [OLD.decode()])
        self.assertEqual(self.ciphers(self.controls(), TLSCIPHERS=OLD), [OLD.decode()])

    def test_a_peer_gets_one_of_them_or_none(self):
        tls = self.tls.current(self.controls(STRONG), {})
        assert tls is not None
        agreed = Handshake(tls, client_context(SSL.TLS1_2_VERSION))
        self.assertEqual((agreed.failure, agreed.client.get_cipher_name()), (None, STRONG.decode()))
        self.assertEqual(Handshake(tls, client_context(SSL.TLS1_2_VERSION, OLD)).failure, "no shared cipher")

    def test_each_line_of_the_file_is_one_more(self):
        """As in the patch for TLS; comments are none."""
        both = self.controls(b"# ours\n" + STRONG + b"\n" + OLD + b" \n")
        self.assertEqual(self.ciphers(both), [STRONG.decode(), OLD.decode()])

    def test_a_file_that_cannot_be_read_takes_nobody_his_tls(self):
        missing = OfTls(path=self.mktemp(), identity=(13,))
        self.assertEqual(self.ciphers(self.controls(missing)), CIPHERS.decode().split(":"))
        self.assertIn("cannot be read: No such file", why_not_obeyed(missing))

    def test_no_list_leaves_a_peer_without_certificate_or_encryption(self):
        everything = self.ciphers(self.controls(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0"))
        self.assertIn("ECDHE-ECDSA-AES128-SHA", everything)
        for wrong in ("NULL", "ADH", "AECDH", "PSK"):
            self.assertEqual([name for name in everything if wrong in name], [])

    def test_an_edit_holds_for_the_next_connection(self):
        self.assertEqual(self.ciphers(self.controls(STRONG)), [STRONG.decode()])
        self.assertEqual(self.ciphers(self.controls(OLD)), [OLD.decode()])

    def test_a_list_that_names_none_takes_nobody_his_tls(self):
        for wrong in (b"NO-SUCH-CIPHER", b"!ALL", b"a\xff", b"", b"NULL", b"aNULL:PSK"):
            self.assertFalse(are_ciphers(wrong), wrong)
            self.assertEqual(self.ciphers(self.controls(wrong)), CIPHERS.decode().split(":"))

    def test_rules_with_many_lists_fill_no_memory(self):
        controls = self.controls()
        first = self.tls.current(controls, {})
        for number in range(15):
            self.ciphers(controls, TLSCIPHERS=STRONG + b":X" * number)
        self.assertIs(self.tls.current(controls, {}), first)
        self.ciphers(controls, TLSCIPHERS=OLD)
        self.assertIsNot(self.tls.current(controls, {}), first)

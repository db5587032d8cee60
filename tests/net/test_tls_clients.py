"""Client certificates of chosen peers: accepted, refused, absent; and nobody else is asked."""

from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.net.handshake import Handshake, client_context
from tests.net.issuing import Issued, written
from twistedmx.net.tls import TlsClients, TlsSettings, agreed, read_tls

NAME = "mail.partner.example"
CHOSEN = ("192.0.2.7", "2001:db8::7")
OTHERS = ("192.0.3.7", "2001:db9::7", "/run/socket", "")
VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)


class Chosen(SynchronousTestCase):
    required = True

    def setUp(self):
        self.authority = Issued("authority", authority=True)
        self.ours = Issued("mx.example.org").write(self.mktemp())
        self.server = self.tls(self.authority)

    def tls(self, *trusted, names=(NAME, "mail2.partner.example"), **settings):
        ca = written(self.mktemp(), *(each.pem for each in trusted))
        table = TlsClients(
            networks=("192.0.2.0/24", "2001:db8::/32"), names=names, ca=ca, required=self.required, **settings
        )
        return read_tls(TlsSettings(certificate=self.ours, clients=(table,)))

    def come(self, issued, *chain, server=None, address=CHOSEN[0], version=None):
        """A peer with this certificate, or with none."""
        own = {} if issued is None else {"certificate": issued.certificate, "key": issued.key}
        context = client_context(version, chain=[each.certificate for each in chain], **own)
        return Handshake((server or self.server).for_peer(address), context)

    def issued(self, *names, **how):
        return Issued(*(names or (NAME,)), above=how.pop("above", self.authority), **how)


class TestRequired(Chosen):
    def accepted(self, *issued, name=NAME, **how):
        handshake = self.come(*issued, **how)
        self.assertEqual((handshake.failure, handshake.alert), (None, None))
        self.assertEqual(agreed(handshake.server).client, name)

    def refused(self, *issued, why="certificate verify failed", **how):
        for version in VERSIONS:
            handshake = self.come(*issued, version=version, **how)
            self.assertEqual(handshake.failure, why)
            self.assertIsNotNone(handshake.alert)

    def test_a_certificate_of_the_authority_for_one_of_the_names_is_accepted(self):
        """And the name is told: it goes into Received and the log."""
        for address in CHOSEN:
            for version in VERSIONS:
                self.accepted(self.issued(), address=address, version=version)
        self.accepted(self.issued("mail2.partner.example"), name="mail2.partner.example")
        self.accepted(self.issued("other.example", "MAIL.partner.example"))
        self.accepted(self.issued("*.partner.example"))

    def test_none_is_refused(self):
        """That is what `required` means."""
        self.refused(None, why="peer did not return a certificate")

    def test_another_name_is_refused(self):
        """The authority issues to others as well."""
        for names in (("mail.other.example",), ("partner.example",), (f"a.{NAME}",), ("*.example",)):
            self.refused(self.issued(*names))

    def test_a_name_in_the_subject_alone_is_refused(self):
        """RFC 9525 2: it is no longer looked at."""
        nameless = self.issued(NAME, authority=True)  # an authority has no subjectAltName here
        self.refused(nameless)

    def test_another_authority_is_refused(self):
        """One of the same name, and the peer itself."""
        self.refused(self.issued(above=Issued("authority", authority=True)))
        self.refused(self.issued(above=None))

    def test_an_expired_one_is_refused(self):
        """The clock is OpenSSL's own."""
        self.refused(self.issued(days=(-9000, -8000)))
        self.refused(self.issued(days=(8000, 9000)))

    def test_what_was_made_for_servers_will_do_and_what_for_programs_will_not(self):
        """Public issuers make no certificates for clients any more; one for the host proves the same name."""
        for usage in (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH):
            self.accepted(self.issued(usage=usage))
        self.refused(self.issued(usage=ExtendedKeyUsageOID.CODE_SIGNING))
        self.refused(self.issued(usage=ExtendedKeyUsageOID.CODE_SIGNING, days=(-9000, -8000)))
        self.refused(self.issued(usage=ExtendedKeyUsageOID.SERVER_AUTH, days=(-9000, -8000)))

    def test_a_chain_is_followed(self):
        """The peer sends what is between its own and the authority."""
        branch = self.issued("branch", authority=True)
        for usage in (None, ExtendedKeyUsageOID.SERVER_AUTH):
            self.accepted(self.issued(above=branch, usage=usage), branch)
        self.refused(self.issued(above=branch))
        no_authority = self.issued("leaf")
        self.refused(self.issued(above=no_authority), no_authority)

    def test_trust_may_end_at_a_branch_or_at_one_certificate(self):
        """Who knows one partner need not trust all that his authority issues to."""
        branch = self.issued("branch", authority=True)
        self.accepted(self.issued(above=branch), server=self.tls(branch))
        self.refused(self.issued(), server=self.tls(branch))
        own = Issued(NAME)
        self.accepted(own, server=self.tls(own))
        self.refused(Issued(NAME), server=self.tls(own))

    def test_an_authority_keeps_to_the_names_that_it_may_issue_for(self):
        """RFC 5280 4.2.1.10: a partner's authority for his names must not make certificates for another's."""
        for under, judge in (("partner.example", self.accepted), ("other.example", self.refused)):
            branch = self.issued("branch", authority=True, under=under)
            judge(self.issued(above=branch), branch)

    def test_a_chain_without_end_is_refused(self):
        """Each of its signatures would cost us CPU."""
        chain = [self.authority]
        for number in range(8):
            chain.append(Issued(f"branch {number}", above=chain[-1], authority=True))
        self.refused(self.issued(above=chain[-1]), *reversed(chain))

    def test_peers_elsewhere_are_never_asked(self):
        """Their certificates would prove nothing, and some break when they are asked."""
        for address in OTHERS:
            self.assertIs(self.server.for_peer(address), self.server)
            for issued in (self.issued(), None):
                self.accepted(issued, address=address, name="")
        self.assertEqual(self.server.serverConnectionForTLS(None).get_verify_mode(), SSL.VERIFY_NONE)

    def test_it_is_told_which_authorities_are_trusted(self):
        """A peer with several certificates chooses by them (RFC 8446 4.2.4)."""
        handshake = self.come(self.issued(), version=SSL.TLS1_2_VERSION)
        self.assertEqual([name.CN for name in handshake.client.get_client_ca_list()], ["authority"])

    def test_what_was_verified_once_is_verified_again(self):
        """An authority that was taken out of the file must not live on in tickets, nor a name without its proof."""
        for version in VERSIONS:
            issued = self.issued()
            context = client_context(version, certificate=issued.certificate, key=issued.key)
            creator = self.server.for_peer(CHOSEN[0])
            session = Handshake(creator, context).client.get_session()
            again = Handshake(creator, context, session=session)
            self.assertEqual((again.resumed, agreed(again.server).client), (False, NAME))

    def test_a_session_of_a_stranger_opens_nothing(self):
        """A ticket from before the peer was chosen, or from another address, is no proof."""
        for version in VERSIONS:
            context = client_context(version)
            session = Handshake(self.server, context).client.get_session()
            again = Handshake(self.server.for_peer(CHOSEN[0]), context, session=session)
            self.assertEqual(again.failure, "peer did not return a certificate")

    def test_the_name_that_it_asks_for_changes_nothing(self):
        """Each certificate of ours is shown with the same demand."""
        ca = written(self.mktemp(), self.authority.pem)
        table = TlsClients(networks=("192.0.2.0/24",), names=(NAME,), ca=ca)
        other = Issued("mx.example.com")
        tls = TlsSettings(certificate=self.ours, certificates=(other.write(self.mktemp()),), clients=(table,))
        creator = read_tls(tls).for_peer(CHOSEN[0])
        issued = self.issued()
        context = client_context(certificate=issued.certificate, key=issued.key)
        handshake = Handshake(creator, context, name=b"mx.example.com")
        self.assertEqual(handshake.certificate, other.certificate)
        self.assertEqual(agreed(handshake.server).client, NAME)
        self.assertEqual(Handshake(creator, name=b"mx.example.com").failure, "peer did not return a certificate")

    def test_the_first_table_that_fits_counts(self):
        """A host of its own within a network of others."""
        ca = written(self.mktemp(), self.authority.pem)
        tables = tuple(
            TlsClients(networks=(network,), names=(name,), ca=ca)
            for network, name in (("192.0.2.7", "mail.partner.example"), ("192.0.2.0/24", "relay.partner.example"))
        )
        server = read_tls(TlsSettings(certificate=self.ours, clients=tables))
        self.accepted(self.issued(), server=server)
        self.refused(self.issued(), server=server, address="192.0.2.8")
        self.accepted(
            self.issued("relay.partner.example"), server=server, address="192.0.2.8", name="relay.partner.example"
        )


class TestAsked(Chosen):
    """`required = false`."""

    required = False

    def test_whatever_is_wrong_the_session_goes_on_as_that_of_a_stranger(self):
        """Mail is not lost because a partner forgot to renew; but nothing is proved by it."""
        branch = self.issued("branch", authority=True)
        elsewhere = Issued("elsewhere", authority=True, under="other.example")
        server = self.tls(self.authority, elsewhere)
        for issued in (
            None,
            self.issued(above=elsewhere),
            self.issued("mail.other.example"),
            self.issued(above=None),
            self.issued(above=Issued("authority", authority=True)),
            self.issued(days=(-9000, -8000)),
            self.issued(above=branch),
            self.issued(usage=ExtendedKeyUsageOID.CODE_SIGNING),
        ):
            for version in VERSIONS:
                handshake = self.come(issued, version=version, server=server)
                self.assertEqual((handshake.failure, handshake.alert), (None, None))
                self.assertEqual(agreed(handshake.server).client, "")

    def test_a_good_one_is_told(self):
        """As where it is required."""
        for version in VERSIONS:
            self.assertEqual(agreed(self.come(self.issued(), version=version).server).client, NAME)


class TestSettings(SynchronousTestCase):
    def fault(self, **wrong):
        right = {"networks": ("192.0.2.0/24",), "names": (NAME,), "ca": "ca.pem"}
        return str(self.assertRaises(ValueError, TlsClients, **{**right, **wrong}))

    def test_what_cannot_be_meant_is_said_at_once(self):
        """Each with what to write instead."""
        self.assertIn("must name a network", self.fault(networks=()))
        told = self.fault(networks=("192.0.2.1/24", "192.0.2.0/24", "x"))
        self.assertIn("192.0.2.1/24 has host bits set, 'x' does not appear to be", told)
        self.assertIn("must name a host", self.fault(names=()))
        for name in ("", "192.0.2.1", "a b", "*.partner.example"):
            self.assertEqual(
                self.fault(names=(name,)), f'must be names of hosts, as "mail.partner.example", is {name!r}'
            )
        self.assertIn("must name a PEM file", self.fault(ca=""))

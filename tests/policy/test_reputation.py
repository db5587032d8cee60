"""Who is condemned for its conduct, and who never is."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.report.facts import AT, SESSION, TRANSACTION
from twistedmx.model.peer import NOWHERE, Peer
from twistedmx.model.verdict import Reason
from twistedmx.policy.reputation import Reputation, ReputationSettings


class Base(SynchronousTestCase):
    settings = ReputationSettings(condemned_after=3, within=3600.0, most=2)

    def setUp(self):
        self.blocked = []
        self.reputation = Reputation(self.settings, self.block)

    def block(self, network, *, reason, evidence, origin):
        self.blocked.append((str(network), reason, origin))

    def hung_up(self, address="203.0.114.9", *, at=AT, reason=Reason.BAD_RECIPIENTS):
        self.reputation(attrs.evolve(SESSION, at=at, peer=Peer(address=address, port=1), reason=reason))

    def sent(self, address="203.0.114.9", *, at=AT):
        self.reputation(attrs.evolve(TRANSACTION, at=at, peer=Peer(address=address, port=1)))


class TestConduct(Base):
    def test_three_sessions_that_were_hung_up_on_condemn_a_host(self):
        """Siege 1: the next guess comes in another session."""
        self.hung_up()
        self.hung_up(reason=Reason.RSET_ABUSE)
        self.assertEqual(self.blocked, [])
        self.hung_up(reason=Reason.RSET_ABUSE)
        self.assertEqual(self.blocked, [("203.0.114.9/32", "rset-abuse", "conduct")])
        self.hung_up()
        self.assertEqual(len(self.blocked), 1, "it begins anew")

    def test_an_ipv6_host_is_its_64(self):
        """Whoever has one address there has all of them."""
        for number in range(3):
            self.hung_up(f"2a00:1450::{number}")
        self.assertEqual([network for network, _, _ in self.blocked], ["2a00:1450::/64"])

    def test_other_ends_condemn_nobody(self):
        """To leave, to be slow, or to have no certificate is no attack."""
        for reason in Reason:
            if reason not in (
                Reason.BAD_RECIPIENTS,
                Reason.RSET_ABUSE,
                Reason.UNKNOWN_COMMANDS,
            ):
                for _ in range(3):
                    self.hung_up(reason=reason)
        self.assertEqual(self.blocked, [])

    def test_what_was_long_ago_counts_no_more(self):
        """A mailing list with one bad day a week."""
        for hour in range(20):
            self.hung_up(at=AT + 1800.1 * hour)
        self.assertEqual(self.blocked, [])

    def test_a_clock_that_is_put_back_harms_nobody(self):
        """Times that seem to come later count as now, and are forgotten with the rest."""
        self.hung_up(at=AT + 86_400)
        self.hung_up()
        self.hung_up()
        self.assertEqual(len(self.blocked), 1)

    def test_whose_address_nobody_knows_is_not_blocked(self):
        """It would be everybody behind that balancer."""
        for _ in range(9):
            self.hung_up(NOWHERE)
        self.assertEqual(self.blocked, [])


class TestPrivate(Base):
    def test_private_addresses_are_not_condemned(self):
        """Behind the proxy of a container all the world may be."""
        for address in ("10.0.0.1", "172.17.0.1", "100.64.0.1", "fc00::1", "127.0.0.1"):
            for _ in range(9):
                self.hung_up(address)
        self.assertEqual(self.blocked, [])


class TestMail(Base):
    def test_a_host_of_which_mail_was_accepted_is_not_condemned(self):
        """The newsletter of a real host: its session ended, and it comes again."""
        self.hung_up()
        self.hung_up()
        self.sent()
        for _ in range(9):
            self.hung_up()
        self.assertEqual(self.blocked, [])

    def test_that_is_forgotten_after_a_month(self):
        """Addresses change their owners."""
        self.sent()
        for _ in range(3):
            self.hung_up(at=AT + self.settings.remember_mail)
        self.assertEqual(len(self.blocked), 1)


class TestBounds(Base):
    def test_a_flood_of_strangers_pushes_out_strangers_alone(self):
        """Else an attack would make us forget whom we know."""
        self.sent("198.51.101.1")
        for number in range(50):
            self.hung_up(f"203.0.114.{number}")
        self.assertTrue(self.reputation.has_sent_mail("198.51.101.1", AT))
        self.assertEqual(len(self.reputation._hung_up), 2)


class TestOff(Base):
    settings = ReputationSettings(condemned_after=0)

    def test_it_can_be_switched_off(self):
        """Whoever only watches."""
        for _ in range(9):
            self.hung_up()
        self.assertEqual(self.blocked, [])

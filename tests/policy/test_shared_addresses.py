"""Who is not what his address seems to say: many clients behind one host (CGNAT, a provider), and one client behind many addresses
of mail (forwarders and lists: SRS, VERP, prvs)."""

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.policy.clients import DAY, HOST, Clients
from tests.report.facts import TRANSACTION
from twistedmx.model.peer import Peer
from twistedmx.model.verdict import Reason
from twistedmx.policy.fingerprint import sender_pattern
from twistedmx.policy.networks import network_of
from twistedmx.policy.posture import Alertness, Posture
from twistedmx.smtp.path import parse_path
from twistedmx.testing.stage import StageAttacks

OTHER = "203.0.115.9"


def srs(number):
    """What a forwarder makes of the senders whose mail it sends on."""
    return f"SRS0=H{number:03x}=T{number % 32}=isp{number}.example=user{number}@forwarder.example"


def verp(number):
    """What a list has for its reader `number`, to know whose mail came back."""
    return f"list-bounces+reader{number}=isp{number}.example"


class TestCarrierGradeNat(Clients):
    """Many innocent clients and some bots have one address between them."""

    def days(self, number, *, messages, bots):
        """So many days, with so many messages and sessions that are hung up on, in turns."""
        for _ in range(number):
            for each in range(messages):
                self.sends()
                if each % (messages // bots) == 0:
                    self.hung_up()
            self.wait(DAY)

    def test_a_host_of_good_record_is_spared_whatever_bots_are_behind_it(self):
        """Each bot's session is hung up on, and nobody else's."""
        self.days(2, messages=40, bots=8)
        self.assertTrue(self.is_proven())
        self.hung_up(times=8)
        self.assertEqual(self.blocked, [])
        self.assertTrue(self.is_proven())

    def test_its_customers_notice_nothing_of_an_attack_either(self):
        """The budgets of strangers are not theirs."""
        self.days(2, messages=40, bots=8)
        attacks = StageAttacks()
        attacks.attack(b"example.org")
        alertness = Alertness(attacks=attacks, proven=self.reputation.proven)
        self.assertIs(alertness.posture(b"example.org", HOST), Posture.CALM)
        self.assertIs(alertness.posture(b"example.org", OTHER), Posture.ATTACK)

    def test_it_passes_the_block_of_its_network(self):
        """Its neighbours are other customers of the same provider."""
        self.days(2, messages=40, bots=8)
        self.blocklist.proven = self.reputation.proven
        self.blocklist.block(network_of("203.0.114.0/24"), reason="bad-hosts", evidence="", origin="conduct")
        self.assertIsNone(self.blocklist.find(HOST))
        self.assertIsNotNone(self.blocklist.find(HOST.replace(".9", ".10")))

    def test_when_nearly_all_of_it_is_harm_it_is_condemned(self):
        """A good record is no shelter for a botnet."""
        self.days(2, messages=4, bots=2)
        self.hung_up(times=60)
        self.assertIn(f"{HOST}/32", self.blocked)


class TestForwardersAndLists(Clients):
    """Their addresses change with each message; nothing is counted by sender, and who is accepted is no guess."""

    def forwarded(self, number):
        """A message with a sender that was never seen before."""
        envelope = attrs.evolve(TRANSACTION.envelope, reverse_path=parse_path(srs(number).encode()))
        peer = Peer(address=HOST, port=1)
        self.reputation(
            attrs.evolve(TRANSACTION, at=self.now, session=str(self.sessions), peer=peer, envelope=envelope)
        )
        self.ended(messages=1, verbs="EMRDQ", helo="mail.forwarder.example")

    def test_a_forwarder_is_one_host_of_good_record(self):
        """Two thousand senders are no two thousand strangers."""
        for number in range(2000):
            self.forwarded(number)
            if number == 1000:
                self.wait(DAY)
        self.assertTrue(self.is_proven())
        self.assertEqual(len(self.reputation.hosts), 1)
        self.assertEqual((self.blocked, self.reputation.campaigns_of(hosts=1)), ([], []))

    def test_the_shapes_of_its_senders_are_few(self):
        """Each is a campaign of its own else, and pushes out those of bots."""
        shapes = {sender_pattern(parse_path(srs(number).encode()), b"ann@example.org", "x") for number in range(2000)}
        self.assertLess(len(shapes), 20)

    def test_bounces_to_a_list_that_died_condemn_no_mail_server(self):
        """Its readers' servers answer to addresses that were never seen before, and are not here any more."""
        for number in range(300):
            address = f"198.18.{number % 100}.1"
            self.guesses(address, verp(number), sender="", helo=f"mail.isp{number}.example")
        self.assertEqual((self.blocked, len(self.reputation.helos)), ([], 0))
        self.assertEqual(self.reputation.standing_of("198.18.1.1").bad, 0.0)

    def test_a_list_of_dead_addresses_of_a_forwarder_is_judged_as_any(self):
        """That it says SRS makes nobody innocent: what is not here is a guess, and sessions of guesses alone are bad."""
        self.guesses(
            HOST, *(srs(number).partition("@")[0] for number in range(9)), sender="SRS0=H=T=a.example=b@c.example"
        )
        self.assertEqual(self.reputation.standing_of(HOST).bad, 1.0)
        self.hung_up(times=3, reason=Reason.BAD_RECIPIENTS)
        self.assertEqual(self.blocked, [f"{HOST}/32"])


class TestNames(SynchronousTestCase):
    def test_the_world_of_these_tests_is_as_it_is(self):
        """Addresses that could not be would show nothing."""
        for text in (srs(7), f"{verp(7)}@example.org", "prvs=1234567890=ann@example.net"):
            self.assertEqual(str(parse_path(text.encode())), text)

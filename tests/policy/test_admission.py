"""Who is in: lanes, shares, and who goes for whom."""

from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.admission import Admission, Full
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.host_key import host_key
from twistedmx.policy.record import FAILED, HUNG_UP, NOTHING_KNOWN, PROVEN, STRANGERS, Known, Record

A = host_key("192.0.2.1")
_known = some.sampled_from((PROVEN, *STRANGERS, FAILED, HUNG_UP))
_hosts = some.sampled_from(
    [
        host_key(address)
        for address in ("192.0.2.1", "192.0.2.65", "192.0.9.1", "2001:db8::1", "2001:db8:1::1", "fe80::1")
    ]
)


class TestLanes(SynchronousTestCase):
    def setUp(self):
        self.admission = Admission(GovernorSettings(), limit=2)

    def enter(self, known=NOTHING_KNOWN, host=A):
        return self.admission.enter(host, known, shared=True)

    def test_strangers_have_the_limit_and_hosts_of_good_record_their_own_lane(self):
        """Siege 2: real mail waited outside."""
        places = [self.enter() for _ in range(2)]
        self.assertEqual(self.admission.no_place(NOTHING_KNOWN), Full.STRANGERS)
        self.assertIsNone(self.admission.no_place(PROVEN))
        self.enter(PROVEN)
        self.admission.leave(A, places[0])
        self.assertIsNone(self.admission.no_place(NOTHING_KNOWN))
        self.assertEqual((self.admission.strangers, self.admission.proven), (1, 1))

    def test_a_limit_that_fell_is_passed_by_who_is_in(self):
        """They are counted, and nobody new comes."""
        for _ in range(2):
            self.enter()
        self.admission.limit = 1
        self.assertEqual((self.admission.over, self.admission.no_place(NOTHING_KNOWN)), (1, Full.STRANGERS))

    def test_the_worst_record_goes_first_and_of_these_who_failed_first(self):
        """A stranger goes for nobody as long as he behaves."""
        self.admission.has_failed("guesser", Record.STRANGER)
        self.admission.has_failed("another", Record.FAILED)
        self.admission.has_failed("back again", Record.HUNG_UP)
        told = []
        for session in ("back again", "guesser", "another"):
            told.append(self.admission.worse_than(Record.STRANGER))
            self.admission.stays(session)
        self.assertEqual(told, ["back again", "guesser", "another"])
        self.assertIsNone(self.admission.worse_than(Record.STRANGER))

    def test_nobody_goes_for_his_like(self):
        """Guessers that push each other out are a flood of connections, and nobody is helped."""
        self.admission.has_failed("guesser", Record.STRANGER)
        self.assertIsNone(self.admission.worse_than(Record.FAILED))
        self.admission.has_failed("back again", Record.HUNG_UP)
        self.assertEqual(self.admission.worse_than(Record.FAILED), "back again")
        self.assertIsNone(self.admission.worse_than(Record.HUNG_UP))

    def test_demand_is_of_the_time_since_it_was_asked(self):
        """The governor judges by the most that there were, not by who is left."""
        places = [self.enter() for _ in range(2)]
        self.admission.missed()
        for place in places:
            self.admission.leave(A, place)
        self.assertEqual(self.admission.take_demand(), (2, 1))
        self.assertEqual(self.admission.take_demand(), (0, 0))


class TestShares(SynchronousTestCase):
    def setUp(self):
        self.admission = Admission(GovernorSettings(shares=(0.1, 0.2, 0.4), least=(1, 2, 3)), limit=100)

    def fill(self, addresses, known=NOTHING_KNOWN, count=1):
        for address in addresses:
            for _ in range(count):
                self.admission.enter(host_key(address), known, shared=True)

    def full(self, address, known=NOTHING_KNOWN, of_host=0):
        return self.admission.share_used_up(host_key(address), known, of_host)

    def test_of_a_host(self):
        """Four times as much by its mail."""
        self.assertIsNone(self.full("192.0.2.1", of_host=9))
        self.assertEqual(self.full("192.0.2.1", of_host=10), Full.HOST)
        self.assertIsNone(self.full("192.0.2.1", STRANGERS[3], of_host=39))
        self.assertEqual(self.full("192.0.2.1", PROVEN, of_host=40), Full.HOST)

    def test_of_a_26_and_of_a_21(self):
        """Neighbours of one block, each within its own share."""
        self.fill([f"192.0.2.{number}" for number in range(20)])
        self.assertEqual(self.full("192.0.2.63"), Full.NETWORK)
        self.assertIsNone(self.full("192.0.2.64"))
        self.assertIsNone(self.full("192.0.2.63", PROVEN), "whose lane it is not")
        self.fill([f"192.0.5.{number}" for number in range(0, 200, 10)])
        self.assertEqual(self.full("192.0.7.1"), Full.NETWORK)
        self.assertIsNone(self.full("192.0.8.1"))

    def test_of_a_48_and_of_an_ipv6_32(self):
        """Whoever has one address of a /64 has all of them; who has a /48 has 65,536 of these."""
        self.fill([f"2001:db8:1:{number:x}::1" for number in range(20)])
        self.assertEqual(self.full("2001:db8:1:ffff::1"), Full.NETWORK)
        self.assertIsNone(self.full("2001:db8:2::1"))
        self.fill([f"2001:db8:{number:x}::1" for number in range(2, 22)])
        self.assertEqual(self.full("2001:db8:ffff::1"), Full.NETWORK)
        self.assertIsNone(self.full("2001:db9::1"))

    def test_who_has_sent_mail_counts_less(self):
        """A provider's range with twenty good senders is no botnet."""
        self.fill([f"192.0.2.{number}" for number in range(20)], STRANGERS[3])
        self.assertIsNone(self.full("192.0.2.63"))
        self.fill([f"192.0.2.{number}" for number in range(60)], STRANGERS[3])
        self.assertEqual(self.full("192.0.2.63"), Full.NETWORK)

    def test_however_small_the_limit_some_may_come(self):
        """A share of a floor would be nobody."""
        self.admission.limit = 1
        self.assertIsNone(self.full("192.0.2.1"))
        self.assertEqual(self.full("192.0.2.1", of_host=1), Full.HOST)

    @given(some.lists(some.tuples(_hosts, _known, some.booleans()), max_size=50))
    @EXAMPLES
    def test_who_has_left_leaves_nothing_behind(self, sessions):
        """Tables of networks are as long as there are sessions, and no longer."""
        admission = Admission(GovernorSettings(), limit=10)
        places = [(host, admission.enter(host, known, shared=shared)) for host, known, shared in sessions]
        for host, place in reversed(places):
            admission.leave(host, place)
        self.assertEqual((admission.strangers, admission.proven), (0, 0))
        self.assertFalse(admission._in_networks or admission._in_wide_ones)


class Door(RuleBasedStateMachine):
    """Whoever comes and goes: counts are those of a list of who is there."""

    def __init__(self):
        super().__init__()
        self.admission = Admission(GovernorSettings(), limit=5)
        self.inside = []

    @rule(host=_hosts, known=_known)
    def come(self, host, known):
        if self.admission.no_place(known) is None:
            self.inside.append((host, known, self.admission.enter(host, known, shared=True)))

    @rule(limit=some.integers(1, 10))
    def move(self, limit):
        self.admission.limit = limit

    @precondition(lambda self: self.inside)
    @rule(number=some.integers(0, 1000))
    def go(self, number):
        host, _, place = self.inside.pop(number % len(self.inside))
        self.admission.leave(host, place)

    @invariant()
    def counts_are_true(self):
        proven = sum(known.record is Record.PROVEN for _, known, _ in self.inside)
        assert (self.admission.proven, self.admission.strangers) == (proven, len(self.inside) - proven)


class TestDoor(Door.TestCase):
    settings = EXAMPLES


class TestKnown(SynchronousTestCase):
    def test_each_trust_divides_what_a_session_counts(self):
        """Else what is given back would not be what was taken."""
        self.assertTrue(all(12 % Known(Record.STRANGER, trust).trust == 0 for trust in range(1, 5)))

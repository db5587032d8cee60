"""Who is in: lanes, shares, and who goes for whom."""

from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.policy.admission import Admission, Full
from twistedmx.policy.governor_settings import GovernorSettings
from twistedmx.policy.host_key import host_key
from twistedmx.policy.record import FAILED, FAMILIAR, HUNG_UP, NOTHING_KNOWN, PROVEN, STRANGERS, Known, Record

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


class TestHeardOut(SynchronousTestCase):
    def setUp(self):
        self.admission = Admission(GovernorSettings(), limit=2)
        self.admission.hear_out(3, 100)

    def enter(self, known=NOTHING_KNOWN):
        self.assertIsNone(self.admission.no_place(known))
        return self.admission.enter(A, known, shared=True)

    def counts(self):
        return self.admission.strangers, self.admission.heard_out, self.admission.over

    def test_who_is_new_has_no_need_of_a_place(self):
        """Until he names a recipient: five are there where two may be, and no sixth."""
        for _ in range(5):
            self.enter()
        self.assertEqual(self.counts(), (2, 3, 0))
        self.assertEqual(self.admission.no_place(NOTHING_KNOWN), Full.STRANGERS)
        self.assertEqual(self.admission.take_demand(), (2, 0), "of places")

    def test_who_has_failed_here_before_was_heard(self):
        """He needs a place, and those who are heard out leave it to him."""
        for _ in range(2):
            self.enter()
        self.assertIsNone(self.admission.no_place(FAMILIAR[0]))
        self.assertIsNone(self.admission.no_place(FAILED))
        for _ in range(2):
            self.enter(FAILED)
        self.assertEqual(self.counts(), (2, 2, 0))
        self.assertEqual(self.admission.no_place(HUNG_UP), Full.STRANGERS)
        self.assertIsNone(self.admission.no_place(NOTHING_KNOWN))

    def test_who_was_heard_counts(self):
        """Behind more of them than there are places nobody is heard out; all together are the limit and so many at most."""
        places = [self.enter() for _ in range(5)]
        heard = [self.admission.count(place) for place in places[:2]]
        self.assertEqual((heard[0], self.counts()), (places[0]._replace(unheard=False), (2, 3, 0)))
        self.admission.take_demand()
        heard.append(self.admission.count(places[2]))
        self.assertEqual(self.counts(), (3, 2, 1))
        self.assertEqual(self.admission.take_demand(), (3, 0))
        self.assertEqual(self.admission.no_place(NOTHING_KNOWN), Full.STRANGERS)
        for place in (*heard, *places[3:]):
            self.admission.leave(A, place)
        self.assertEqual((self.counts(), self.admission.unheard), ((0, 0, 0), 0))

    def test_who_counts_for_a_moment_is_no_demand(self):
        """Each who fails is one too many until one of them goes; the governor would wait for that for ever."""
        places = [self.admission.count(self.enter()) for _ in range(2)]
        places.append(self.enter())
        self.admission.take_demand()
        places[2] = self.admission.count(places[2])
        self.admission.leave(A, places.pop(0))
        self.assertEqual(self.admission.take_demand(), (2, 0))
        self.admission.limit = 1
        self.assertEqual(self.admission.take_demand(), (2, 0), "these are still there")

    def test_so_many_begin_at_a_time(self):
        """A flood of new ones comes no faster than that; those who find a place are none of them."""
        self.admission.hear_out(3, 1)
        for _ in range(3):
            self.enter()
        self.assertEqual(self.admission.no_place(NOTHING_KNOWN), Full.STRANGERS)
        self.admission.hear_out(3, 1)
        self.assertIsNone(self.admission.no_place(NOTHING_KNOWN))

    def test_nobody_is_where_there_is_too_much_to_do(self):
        """Who is in by then stays."""
        for _ in range(4):
            self.enter()
        self.admission.hear_out(0, 100)
        self.assertEqual(self.counts(), (2, 2, 0))
        self.assertEqual(self.admission.no_place(NOTHING_KNOWN), Full.STRANGERS)

    def test_a_limit_that_fell_makes_none_of_them(self):
        """Whoever had a place is beyond the limit until he goes: the governor waits for that. One that rose gives them places."""
        places = [self.enter() for _ in range(3)]
        self.admission.limit = 1
        self.assertEqual(self.counts(), (2, 1, 1))
        self.enter()
        self.assertEqual(self.counts(), (2, 2, 1))
        self.admission.leave(A, places[0])
        self.assertEqual(self.counts(), (1, 2, 0))
        self.admission.limit = 5
        self.assertEqual(self.counts(), (3, 0, 0))


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
    """Whoever comes, is heard and goes: counts are those of a list of who is there, and never more than the limit and those who may
    be heard out, as long as neither falls."""

    def __init__(self):
        super().__init__()
        self.admission = Admission(GovernorSettings(), limit=5)
        self.inside = []
        self.most_heard_out = 0
        self.most = 5  # that there may be

    @rule(host=_hosts, known=_known)
    def come(self, host, known):
        if self.admission.no_place(known) is None:
            self.inside.append([host, known, self.admission.enter(host, known, shared=True)])

    @precondition(lambda self: self.inside)
    @rule(number=some.integers(0, 1000))
    def hear(self, number):
        session = self.inside[number % len(self.inside)]
        if session[2].unheard:
            session[2] = self.admission.count(session[2])

    @rule(most=some.integers(0, 5), more=some.integers(0, 5))
    def hear_out(self, most, more):
        self.admission.hear_out(most, more)
        self.most_heard_out = most
        self.see_the_most()

    @rule(limit=some.integers(1, 10))
    def move(self, limit):
        self.admission.limit = limit
        self.see_the_most()

    def see_the_most(self):
        """Whoever is in stays in."""
        self.most = max(self.strangers, self.admission.limit + self.most_heard_out)

    @precondition(lambda self: self.inside)
    @rule(number=some.integers(0, 1000))
    def go(self, number):
        host, _, place = self.inside.pop(number % len(self.inside))
        self.admission.leave(host, place)

    @property
    def strangers(self):
        return sum(known.record is not Record.PROVEN for _, known, _ in self.inside)

    @invariant()
    def counts_are_true(self):
        admission, strangers = self.admission, self.strangers
        unheard = sum(place.unheard for _, _, place in self.inside)
        assert (admission.proven, admission.present) == (len(self.inside) - strangers, strangers)
        assert 0 <= admission.heard_out <= admission.unheard == unheard
        assert not admission.heard_out or admission.strangers >= admission.limit, "there is a place"

    @invariant()
    def so_many_at_most(self):
        assert self.strangers <= self.most


class TestDoor(SynchronousTestCase):
    def test_whoever_comes_and_goes(self):
        """In any order, at any limit."""
        run_state_machine_as_test(Door, settings=EXAMPLES)


class TestKnown(SynchronousTestCase):
    def test_each_trust_divides_what_a_session_counts(self):
        """Else what is given back would not be what was taken."""
        self.assertTrue(all(12 % Known(Record.STRANGER, trust).trust == 0 for trust in range(1, 5)))

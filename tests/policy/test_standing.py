"""A standing is kept packed, and comes back as it was; remembered twice, it is one."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.network_standing import NetworkStanding, has_good_mail, with_mail, with_session
from twistedmx.policy.reputation_settings import MOST_HOSTS, ReputationSettings
from twistedmx.policy.standing import Standing, checked, hung_up_at, is_over, packed, unpacked

SETTINGS = ReputationSettings()
_counts = st.floats(0, 1e9, width=32)
_times = st.integers(0, 2**32 - 1)
STANDINGS = st.builds(
    Standing,
    _counts,
    _counts,
    _counts,
    _times,
    _times,
    _times,
    _times,
    st.integers(0, 255),
    st.lists(_times, max_size=250).map(tuple),
    st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64), max_size=2).map(
        tuple
    ),
)


class TestPacked(SynchronousTestCase):
    @given(STANDINGS)
    def test_it_comes_back_as_it_was(self, standing):
        """Any counts, any times, any names."""
        self.assertEqual(unpacked(packed(standing)), standing)
        self.assertEqual(checked(standing), standing)
        self.assertEqual(is_over(packed(standing), standing.last, SETTINGS), False)
        self.assertEqual(hung_up_at(packed(standing)), standing.hung_up[-1] if standing.hung_up else None)

    def test_a_stranger_takes_few_octets(self):
        """There are hundreds of thousands of them."""
        self.assertLess(len(packed(Standing(1, 1, 10, 1, 0, 0, 0, 0, (1,), ("a9-own.pool.a.a",)))), 60)


class TestJoined(SynchronousTestCase):
    @given(STANDINGS, STANDINGS)
    def test_what_comes_a_second_time_changes_nothing(self, one, two):
        """The store gives everything again after a failure in the middle."""
        both = one.joined(two, SETTINGS.half_life)
        self.assertEqual(both.joined(two, SETTINGS.half_life), both)

    def test_neither_good_nor_bad_is_lost(self):
        """What was kept, and what came before it was read."""
        kept = Standing(good=20, bad=1, at=100, first=10, last=90, day=90, days=4, helos=("mail.a.a",))
        since = Standing(bad=1, guesses=3, at=200, hung_up=(200,), helos=("a.a",))
        both = since.joined(kept, 1e9)
        self.assertEqual((round(both.good, 3), both.days, both.first, both.last), (20, 4, 10, 90))
        self.assertEqual((both.hung_up, both.helos, both.guesses), ((200,), ("a.a", "mail.a.a"), 3))


class TestNetworks(SynchronousTestCase):
    def test_who_is_named_is_bounded_and_the_latest(self):
        """A /48 has 65,536 hosts, a prefix has more networks than that."""
        network = NetworkStanding()
        for number in range(100):
            host = number.to_bytes(4, "big")
            network = with_session(network, host, number, SETTINGS, bad=1, offends=True)
            network = with_mail(network, host, number, SETTINGS, good_share=False)
        self.assertEqual(len(network.offenders), MOST_HOSTS)
        self.assertEqual(len(network.senders), 8)
        self.assertEqual(network.offenders[-1], ((99).to_bytes(4, "big"), 99))

    def test_those_who_offend_push_out_no_sender_of_good_mail(self):
        """Or eight bots with a message each would make a network of good mail one without."""
        network = with_mail(NetworkStanding(), b"good", 0, SETTINGS, good_share=True)
        for number in range(100):
            host = number.to_bytes(4, "big")
            network = with_session(network, host, number, SETTINGS, bad=1, offends=True)
            network = with_mail(network, host, number, SETTINGS, good_share=False)
        self.assertTrue(has_good_mail(network, 100, SETTINGS))

    def test_who_makes_up_for_it_offends_no_more(self):
        """A list was cleaned."""
        network = with_session(NetworkStanding(), b"host", 0, SETTINGS, bad=1, offends=True)
        network = with_mail(network, b"host", 1, SETTINGS, good_share=True)
        self.assertEqual(network.offenders, ())

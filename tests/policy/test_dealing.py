"""One limit dealt out to several processes."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy.dealing import Need, deal

NEEDS = st.lists(st.builds(Need, st.integers(0, 5000), st.integers(0, 100_000)), min_size=1, max_size=64)


class TestDealing(SynchronousTestCase):
    def test_as_a_table(self):
        """Held, then a little for each, then what is asked for, then evenly."""
        for limit, needs, parts in (
            (140, [(0, 0)] * 4, [35, 35, 35, 35]),
            (140, [(140, 0), (0, 0)], [123, 17]),  # the second has a little
            (200, [(150, 0), (0, 1000)], [150, 50]),  # and nobody of the first has to go
            (200, [(50, 300), (50, 100)], [125, 75]),
            (50, [(100, 0), (60, 0), (0, 500)], [28, 18, 4]),
            (3, [(0, 0)] * 4, [1, 1, 1, 0]),
            (0, [(9, 9), (0, 0)], [0, 0]),
            (7, [(0, 0)], [7]),
        ):
            self.assertEqual(deal(limit, [Need(*need) for need in needs]), parts, (limit, needs))
        self.assertEqual(deal(140, []), [])

    @given(st.integers(0, 10_000), NEEDS)
    def test_the_parts_are_the_limit(self, limit, needs):
        """Exactly, and none is below nothing; where there is enough for all, each has at least one."""
        parts = deal(limit, needs)
        self.assertEqual((sum(parts), len(parts)), (limit, len(needs)))
        self.assertGreaterEqual(min(parts), min(limit // len(needs), 1))

    @given(st.integers(1, 10_000), NEEDS)
    def test_nobody_goes_for_another_process(self, limit, needs):
        """As long as what is held, and a little for each, is within the limit."""
        little = max(limit // (4 * len(needs)), 1)
        if sum(max(need.held, little) for need in needs) <= limit:
            for part, need in zip(deal(limit, needs), needs, strict=True):
                self.assertGreaterEqual(part, need.held)

    @given(st.integers(1, 10_000), NEEDS)
    def test_what_there_is_is_not_idle_while_somebody_waits(self, limit, needs):
        """Beyond a little, nobody has more than he asks for while another has less."""
        parts, little = deal(limit, needs), max(limit // (4 * len(needs)), 1)
        asked = [max(need.held + need.wanted, little) for need in needs]
        if sum(asked) >= limit:
            self.assertTrue(all(part <= one for part, one in zip(parts, asked, strict=True)), (parts, asked))

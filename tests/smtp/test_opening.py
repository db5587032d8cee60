"""The beginning of a message within bounds, however its blocks are cut."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.opening import BODY_OCTETS, HEADER_OCTETS, Opening


def opening_of(*blocks):
    opening = Opening()
    for block in blocks:
        opening.feed(block)
    return opening


def seen(opening):
    return opening.header, opening.is_whole, opening.body, opening.is_blank


class TestOpening(SynchronousTestCase):
    def test_the_empty_line_parts_header_and_body(self):
        """The first one alone."""
        self.assertEqual(seen(opening_of(b"A: b\nC: d\n\nx\n\ny\n")), (b"A: b\nC: d\n", True, b"x\n\ny\n", False))

    def test_a_message_without_a_header_or_without_a_body(self):
        """Both are sent, and a policy may mind."""
        self.assertEqual(seen(opening_of()), (b"", True, b"", True))
        self.assertEqual(seen(opening_of(b"\n")), (b"", True, b"", True))
        self.assertEqual(seen(opening_of(b"\nbody\n")), (b"", True, b"body\n", False))
        self.assertEqual(seen(opening_of(b"A: b\n")), (b"A: b\n", True, b"", True))

    def test_a_body_of_white_space_is_blank_to_its_last_octet(self):
        """Not only as far as it is kept."""
        blank = b"A: b\n\n" + b" \t\n" * BODY_OCTETS
        self.assertTrue(opening_of(blank).is_blank)
        self.assertFalse(opening_of(blank, b"x").is_blank)

    def test_no_more_is_held_than_the_bounds(self):
        """Whatever comes, from whoever is connected."""
        long = opening_of(*[b"A: " + b"x" * 60_000 + b"\n"] * 5, b"\n", *[b"y" * 60_000] * 5)
        self.assertEqual((len(long.header), long.is_whole, len(long.body)), (HEADER_OCTETS, False, BODY_OCTETS))

    @given(
        st.lists(
            st.sampled_from([b"\n", b"\n\n", b"A: b\n", b" ", b"x", b"\t\n", b"y" * 5000, b"Z: " + b"z" * 40_000])
        ),
        st.integers(1, 7),
    )
    def test_how_the_blocks_are_cut_makes_no_difference(self, pieces, size):
        """Invariant: whole = piece by piece = a few octets at a time."""
        content = b"".join(pieces)
        expected = seen(opening_of(content))
        self.assertEqual(seen(opening_of(*pieces)), expected)
        if len(content) < 20_000:
            self.assertEqual(seen(opening_of(*(content[i : i + size] for i in range(0, len(content), size)))), expected)

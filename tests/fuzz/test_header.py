"""Headers of any shape."""

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from twistedmx.smtp.header import TraceScan

_pieces = [b"\n", b"\n\n", b"Received:", b"rEceived: x\n", b"Delivered-To: ann@example.org\n", b"delivered-to:B@c \n"]
_pieces += [b"X-Received: no\n", b" Received: folded\n", b"Delivered-To:", b"x", b"\r", b": ", b"x" * 300]
_texts = st.lists(st.sampled_from(_pieces), max_size=12).map(b"".join)


def told(pieces: list[bytes]) -> tuple[int, list[bytes]]:
    scan = TraceScan()
    for piece in pieces:
        scan.feed(piece)
    scan.end()
    return scan.received, scan.delivered_to


def read_slowly(octets: bytes) -> tuple[int, list[bytes]]:
    """Line by line, as one would with all of it in memory."""
    received, delivered = 0, []
    for line in octets.split(b"\n"):
        if not line:
            break
        name, _, value = line.partition(b":")
        if name.lower() == b"received":
            received += line.count(b":") > 0
        elif name.lower() == b"delivered-to" and line.count(b":") > 0:
            delivered.append(value.lower().strip())
    return received, delivered


class TestTraceScan(SynchronousTestCase):
    @EXAMPLES
    @given(
        _texts.filter(lambda text: max(map(len, text.split(b"\n"))) < 900) | st.binary(max_size=60), st.integers(0, 99)
    )
    def test_the_cut_makes_no_difference(self, octets: bytes, seed: int) -> None:
        """A header tells the same of its way whether it comes whole, octet by octet or in pieces: what it says line by line."""
        expected = read_slowly(octets)
        for pieces in (whole(octets), one_by_one(octets), at_random(octets, seed)):
            self.assertEqual(told(pieces), expected)

    @EXAMPLES
    @example(b"Delivered-To: demo@example.org" + b" " * 1200 + b"not me\n\n", 1)
    @given(st.lists(_texts | st.just(b"y" * 1500), max_size=4).map(b"".join), st.integers(0, 99))
    def test_the_cut_makes_no_difference_to_long_lines_either(self, octets: bytes, seed: int) -> None:
        """A line beyond what is kept of it tells the same in every cut: a loop must not be found only in small packets."""
        self.assertEqual(told(whole(octets)), told(one_by_one(octets)))
        self.assertEqual(told(whole(octets)), told(at_random(octets, seed)))

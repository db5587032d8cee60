"""Any lines, to every mechanism of AUTH."""

from base64 import b64encode

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.smtp.sasl import CRAM_MD5, MECHANISMS, Cancelled, Challenge, Credentials, Malformed, begin

_texts = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from([b"", b"ann", b"\0", b"secret", b" ", b"0f" * 16, b"\xff", b"x" * 256]), max_size=6).map(
        b"".join
    ),
)
_lines = (
    _texts.map(b64encode)
    | st.binary(max_size=40)
    | st.sampled_from([b"*", b"=", b"", b"QQ==", b"QR==", b"QQ", b"QQ==QQ=="])
)
CHALLENGE = b"<1.2@mx.example.org>"


class TestExchange(SynchronousTestCase):
    @EXAMPLES
    @given(st.sampled_from(MECHANISMS), st.none() | _lines, st.lists(_lines, min_size=3, max_size=3))
    def test_any_lines(self, mechanism: bytes, initial: bytes | None, lines: list[bytes]) -> None:
        """Never an exception, never more than two challenges, and credentials that can be given to a check program: nothing is
        empty, and nothing has a NUL."""
        outcome = begin(mechanism, initial, CHALLENGE)
        challenges = 0
        for line in lines:
            if not isinstance(outcome, Challenge):
                break
            challenges += 1
            self.assertLess(len(outcome.octets), 300)
            outcome = outcome.exchange.step(line)
        self.assertLessEqual(challenges, 2)
        self.assertIsInstance(outcome, Credentials | Cancelled | Malformed)
        if isinstance(outcome, Credentials):
            self.assertEqual(outcome.mechanism, mechanism)
            self.assertTrue(outcome.user and outcome.password)
            self.assertLessEqual(len(outcome.user), 255)
            self.assertNotIn(b"\0", outcome.user + outcome.password)
            self.assertEqual(outcome.challenge, CHALLENGE if mechanism == CRAM_MD5 else b"")
            hidden = attrs.evolve(outcome, password=b"another")
            self.assertEqual(repr(outcome), repr(hidden))

    @EXAMPLES
    @given(st.sampled_from(MECHANISMS[:2]), st.binary(min_size=1, max_size=60), st.binary(min_size=1, max_size=60))
    def test_what_a_client_says_arrives(self, mechanism: bytes, user: bytes, password: bytes) -> None:
        """User and password come out as they went in, with an initial response as without."""
        user, password = user.replace(b"\0", b"0"), password.replace(b"\0", b"0")
        said = [b"\0".join((b"", user, password))] if mechanism == b"PLAIN" else [user, password]
        wanted = Credentials(mechanism=mechanism, user=user, password=password)
        for initial, lines in ((None, said), (b64encode(said[0]), said[1:])):
            outcome = begin(mechanism, initial, CHALLENGE)
            for line in lines:
                outcome = outcome.exchange.step(b64encode(line))
            self.assertEqual(outcome, wanted)

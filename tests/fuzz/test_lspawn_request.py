"""Any packet between the server and the process that keeps root."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.endings import LONGEST, Bounced, Deferred, Delivered, parse_ending, render
from twistedmx.qmail.lspawn_request import (
    ANSWER,
    BadRequest,
    Request,
    parse_answer,
    parse_request,
    render_answer,
)
from twistedmx.qmail.lspawn_request import LONGEST as LONGEST_REQUEST

_words = st.binary(max_size=12) | st.binary(min_size=1000, max_size=1006)
_endings = st.one_of(
    st.builds(Delivered, text=st.text(max_size=50)),
    st.builds(Bounced, text=st.text(max_size=50), said=st.text(max_size=400)),
    st.builds(Deferred, text=st.text(min_size=2900, max_size=3100), said=st.text(max_size=50)),
)


class TestAnyPacket(SynchronousTestCase):
    @EXAMPLES
    @given(st.binary(max_size=60) | st.lists(_words, max_size=6).map(b"\0".join))
    def test_any_packet_is_a_request_or_a_fault(self, packet: bytes) -> None:
        """Parsing gives a Request that renders to the same packet, or BadRequest, and what it names is bounded."""
        try:
            request = parse_request(packet)
        except BadRequest as bad:
            self.assertLessEqual(len(bad.number), 32)
            return
        self.assertEqual(request.render(), packet)
        self.assertLessEqual(len(packet), LONGEST_REQUEST)

    @EXAMPLES
    @given(_words, _words, _words)
    def test_what_can_be_asked_is_understood(self, local: bytes, host: bytes, sender: bytes) -> None:
        """A Request that can be built comes back as it was."""
        try:
            request = Request(number=b"1f", local=local, host=host, sender=sender)
        except BadRequest:
            return
        self.assertEqual(parse_request(request.render()), request)

    @EXAMPLES
    @given(_endings)
    def test_any_ending_goes_through_a_pipe_and_a_packet(self, ending: Delivered | Bounced | Deferred) -> None:
        """It is of bounded length, keeps its kind, and what is said is printable."""
        octets = render(ending)
        self.assertLessEqual(len(octets), LONGEST)
        self.assertIs(type(parse_ending(octets)), type(ending))
        packet = render_answer(b"2a", ending)
        self.assertLessEqual(len(packet), ANSWER)
        number, again = parse_answer(packet)
        self.assertEqual((number, again), (b"2a", parse_ending(octets)))
        if not isinstance(again, Delivered):
            self.assertTrue(again.said.isprintable() and again.said.isascii())

    @EXAMPLES
    @given(st.binary(max_size=60))
    def test_any_answer_is_an_ending(self, octets: bytes) -> None:
        """What is none is Deferred, and nothing is raised; only the letter K is success."""
        _, ending = parse_answer(octets)
        if isinstance(ending, Delivered):
            self.assertEqual(octets.partition(b"\0")[2][:1], b"K")

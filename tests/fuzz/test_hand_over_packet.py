"""What comes on the socket where connections are handed over, from whoever may write there."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.qmail.hand_over import compose
from twistedmx.net.hand_over_packet import MOST_OCTETS, BadPacket, Request, parse_packet

_word = st.binary(max_size=12).map(lambda octets: octets.replace(b"\0", b""))
_name = _word.map(lambda octets: octets.replace(b"=", b"") or b"X")
_environment = st.dictionaries(_name, _word, max_size=6)
_arguments = st.lists(_word, max_size=4)
_beginning = st.sampled_from(
    [b"", b"twistedmx-smtpd 1\0", b"twistedmx-smtpd 1\0go\0", b"twistedmx-smtpd 2\0go\0" + b"0\0"]
)
_number = st.sampled_from([b"", b"0\0", b"1\0", b"01\0", b"-1\0", b"99\0", b"100\0", b"\xd9\xa1\0", b"1 \0"])
_damage = st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3))


def damaged(packet: bytes, damage: tuple[int, int, bytes]) -> bytes:
    """Some octets replaced by others."""
    at, gone, come = damage
    return packet[:at] + come + packet[at + gone :]


_octets = (
    st.builds(lambda *parts: b"".join(parts), _beginning, _number, st.binary(max_size=40))
    | st.builds(lambda e, a, d: damaged(compose(e, a), d), _environment, _arguments, _damage)
    | st.just(compose({b"X": bytes(1).replace(b"\0", b"x") * MOST_OCTETS}))
)


class TestAnyPacket(SynchronousTestCase):
    @EXAMPLES
    @given(_octets)
    def test_any_octets(self, packet: bytes) -> None:
        """Whatever comes is a request without NUL in any word and with a name for each variable, or BadPacket; nothing else is
        raised, and never is more told than came."""
        try:
            request = parse_packet(packet)
        except BadPacket as bad:
            self.assertTrue(str(bad))
            return
        words = [*request.arguments, *request.environment, *request.environment.values()]
        self.assertFalse(any(b"\0" in word for word in words))
        self.assertTrue(all(name and b"=" not in name for name in request.environment))
        self.assertLessEqual(len(compose(request.environment, request.arguments)), len(packet) + 2)

    @EXAMPLES
    @given(_environment, _arguments, st.booleans())
    def test_what_is_said_is_heard(self, environment: dict[bytes, bytes], arguments: list[bytes], waits: bool) -> None:
        """Each variable and each argument arrives as it was, the empty ones too."""
        expected = Request(environment=environment, arguments=tuple(arguments), waits=waits)
        self.assertEqual(parse_packet(compose(environment, arguments, waits=waits)), expected)

    @EXAMPLES
    @given(_environment, _arguments, st.data())
    def test_a_packet_that_was_cut_is_none(
        self, environment: dict[bytes, bytes], arguments: list[bytes], data: st.DataObject
    ) -> None:
        """Never is half a word taken for a whole one: `deny` must not become another rule."""
        packet = compose(environment, arguments)
        cut = packet[: data.draw(st.integers(0, len(packet) - 1))]
        if not cut.endswith(b"\0"):
            self.assertRaises(BadPacket, parse_packet, cut)

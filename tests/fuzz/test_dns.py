"""Answers of name servers of any octets, resolv.conf of any lines, domains of any octets."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.net.mx import a_labels
from twistedmx.net.resolver import is_whole, servers_in
from twistedmx.smtp.path import check_domain

_names = st.sampled_from([b"", b"mx.example", b"a.example", b"b.a.example"])
_payloads = st.one_of(
    st.builds(dns.Record_MX, st.integers(0, 99), _names),
    st.builds(dns.Record_CNAME, _names),
    st.builds(dns.Record_TXT, st.binary(max_size=9)),
    st.just(dns.Record_A("192.0.2.1")),
)
_records = st.lists(st.tuples(_names, _payloads), max_size=4)
_changes = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4)


def message_of(*sections: list[tuple[bytes, object]]) -> dns.Message:
    message = dns.Message(id=7, answer=1)
    message.queries = [dns.Query(b"a.example", dns.MX)]
    message.answers, message.authority, message.additional = (
        [dns.RRHeader(name, payload.TYPE, dns.IN, 60, payload) for name, payload in section] for section in sections
    )
    return message


class TestAnswers(SynchronousTestCase):
    @EXAMPLES
    @given(_records, _records, _records, st.data())
    def test_an_answer_is_whole_and_none_that_was_cut_off_is(self, answers, authority, additional, data):
        """What was sent is taken, and no beginning of it: not all of a section that was lost can be read as none."""
        octets = message_of(answers, authority, additional).toStr()
        self.assertTrue(is_whole(octets))
        self.assertFalse(is_whole(octets[: data.draw(st.integers(0, len(octets) - 1))]))

    @EXAMPLES
    @given(_records, _records, _changes, st.integers(0, 120) | st.none())
    def test_any_octets_are_whole_or_not(self, answers, authority, changes, cut):
        """Whatever was changed: no exception, and what is whole can be read."""
        octets = bytearray(message_of(answers, authority, []).toStr())
        for at, octet in changes:
            octets[at : at + 1] = bytes([octet])
        octets = bytes(octets)[:cut]
        if is_whole(octets):
            dns.Message().fromStr(octets)

    @EXAMPLES
    @given(st.binary(max_size=80))
    def test_noise_is_whole_or_not(self, octets):
        """No exception."""
        self.assertIn(is_whole(octets), (True, False))


class TestLines(SynchronousTestCase):
    @EXAMPLES
    @given(
        st.lists(st.binary(max_size=30) | st.binary(max_size=20).map(lambda words: b"nameserver " + words), max_size=9)
    )
    def test_any_lines_name_one_to_three_servers(self, lines):
        """No exception, and never nobody to ask."""
        self.assertIn(len(servers_in(lines)), (1, 2, 3))


class TestDomains(SynchronousTestCase):
    @EXAMPLES
    @given(st.binary(max_size=70) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_octets_are_a_name_or_none(self, octets):
        """No exception; a name is a domain in ASCII and lower case, and the name of itself."""
        name = a_labels(octets)
        if name is not None:
            self.assertEqual((check_domain(name), name.lower(), a_labels(name)), (name, name, name))
            self.assertTrue(name.isascii() and len(name) <= 253)

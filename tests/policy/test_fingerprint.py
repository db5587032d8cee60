"""What sessions of one kind have in common, whatever they say."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.policy import hyperloglog
from twistedmx.policy.fingerprint import Sketch, fingerprint, recipients_pattern, sender_pattern, verbs_pattern
from twistedmx.policy.helo_shape import helo_shape
from twistedmx.policy.host_key import allocation_of, host_key, network_at, network_key, prefix_key
from twistedmx.policy.networks import network_of
from twistedmx.smtp.path import NULL, parse_path

ADDRESS = "203.0.113.7"
_ADDRESSES = st.ip_addresses().map(str)


class TestHelo(SynchronousTestCase):
    def test_names_of_one_kind_have_one_shape(self):
        """A botnet has a thousand names, and its program makes them in one way."""
        for helo, shape in (
            ("mail.example.org", "mail.a.a"),
            ("MX2.Example.ORG.", "mail9.a.a"),
            ("smtp-out-12.mail.example.com", "mail-9.mail.a.a"),
            ("p5-203-0-113-7.dyn.example.net", "a9-own.pool.a.a"),
            ("7.113.0.203.dsl.example.net", "own.pool.a.a"),
            ("cb007107.example.net", "own.a.a"),
            ("host203000113007.example.net", "poolown.a.a"),
            ("client-113-7.example.net", "pool-own.a.a"),
            ("hcm-ms-185.vnn.vn", "a-9.a.a"),
            ("win-3f4g5h", "a-9a9a9a"),
            ("ylmf-pc", "ylmf-pc"),
            ("User", "user"),
            ("localhost", "localhost"),
            ("qzxwvt", "a"),
            ("203.0.113.7", "own"),
            ("198.51.100.1", "9.9.9.9"),
            ("[203.0.113.7]", "[own]"),
            ("[198.51.100.1]", "[literal]"),
            ("[", "[literal]"),
            ("", "none"),
            ("m\xfcller.example", "aua.a"),
        ):
            self.assertEqual(helo_shape(helo, ADDRESS), shape, helo)
        self.assertEqual(helo_shape("[IPv6:2001:db8::1]", "2001:db8:0::1"), "[own]")

    @given(st.text(max_size=300), _ADDRESSES | st.text(max_size=20))
    def test_any_name_has_a_short_shape_without_spaces_of_ours(self, helo, address):
        """It is a word of the fingerprint, and a key of a table: a peer must not make it long."""
        shape = helo_shape(helo, address)
        self.assertTrue(0 < len(shape) <= 64, shape)
        self.assertNotIn("\n", shape)
        self.assertNotIn(" ", shape)


class TestPatterns(SynchronousTestCase):
    def test_local_parts_are_seen_by_what_they_are_made_of(self):
        """`,,,@`, short words, name and digits: the guesses of siege 1."""
        for names, pattern in (
            ([b"bob", b"alice"], "a"),
            ([b"bob12", b"alice7"], "a9"),
            ([b",,,", b",,"], ","),
            ([b"bob", b"b12", b"j.doe"], "a,a.a,a9"),
            ([b"bob", b"b12", b"j.doe", b"9"], "*"),
            ([b"a-b-c-d-e-f-g-h-i-j"], "a-a-a-a-a-a-"),
            ([], ""),
        ):
            self.assertEqual(recipients_pattern([name + b"@x.example" for name in names]), pattern)

    def test_a_sender_is_seen_by_its_name_and_whose_domain_it_has(self):
        """Nobody, the victim himself, the name that it gave, or any."""
        for sender, pattern in (
            ("", "<>"),
            ("bob3@example.org", "a9@to"),
            ("bob@client.example", "a@helo"),
            ("bob@example", "a@helo"),
            ("bob@elsewhere.example", "a@other"),
        ):
            path = parse_path(sender.encode())
            self.assertEqual(sender_pattern(path, b"ann@Example.org", "mail.client.example"), pattern, sender)
        self.assertEqual(sender_pattern(parse_path(b"bob@client.example"), b"ann@x", "client.example"), "a@helo")

    def test_rounds_are_said_once(self):
        """Two rounds of guesses are as good as ten, wherever the session was cut off."""
        for verbs in ("EMRSMRSMRSMRSMRS", "EMRSMRS", "EMRSMRSM", "EMRSMRSMR"):
            self.assertEqual(verbs_pattern(verbs), "E(MRS)+")
        for verbs, pattern in (("EMRSQ", "EMRSQ"), ("EMRMRMRQ", "E(MR)+Q"), ("", ""), ("EMRDMRDQ", "E(MRD)+Q")):
            self.assertEqual(verbs_pattern(verbs), pattern)

    def test_a_fingerprint_can_be_read(self):
        """By whoever has to decide what to do about it."""
        sketch = Sketch(ADDRESS, 0)
        self.assertEqual(fingerprint("none", "", False, sketch), "none - lock-step - -")
        sketch.draw(NULL, [b"bob@x", b"b12@x"], "pc")
        self.assertEqual(fingerprint("a", "HMRMRQ", True, sketch), "a H(MR)+Q pipelined <> a,a9")

    @given(st.lists(st.binary(max_size=50)), st.binary(max_size=50), st.text(max_size=20))
    def test_any_recipients_have_a_short_pattern(self, recipients, sender, helo):
        """A fingerprint is a key of a table, and a line on a terminal."""
        pattern = recipients_pattern(recipients)
        self.assertLessEqual(len(pattern), 38)
        self.assertTrue(pattern.isascii())
        self.assertTrue(sender_pattern(NULL._replace(address=sender), b"", helo).isascii())


class TestDistinct(SynchronousTestCase):
    def test_a_few_are_counted_and_many_are_estimated(self):
        """In 128 octets, however many there are."""
        for many in (0, 1, 2, 5, 10, 20, 100, 1000, 100_000):
            seen = hyperloglog.NONE
            for number in range(many):
                seen = hyperloglog.with_spot(seen, hyperloglog.spot_of((0xCB007100 + number).to_bytes(4, "big")))
            self.assertEqual(len(seen), 128)
            self.assertLessEqual(abs(hyperloglog.number(seen) - many), 0.25 * many, many)
            self.assertEqual(hyperloglog.are_several(seen), many > 1)

    def test_who_is_seen_twice_is_one(self):
        """Also when it was remembered twice."""
        one = hyperloglog.with_spot(hyperloglog.NONE, hyperloglog.spot_of(b"host"))
        self.assertEqual(hyperloglog.with_spot(one, hyperloglog.spot_of(b"host")), one)
        self.assertEqual(hyperloglog.joined(one, one), one)


class TestKeys(SynchronousTestCase):
    def test_a_key_is_of_what_it_was_made_of(self):
        """A host is an IPv4 address, or a /64."""
        for address, host, network in (
            ("192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("::ffff:192.0.2.7", "192.0.2.7/32", "192.0.2.0/24"),
        ):
            key = host_key(address)
            self.assertEqual((str(network_at(key)), str(network_at(network_key(key)))), (host, network))
        for prefix in ("192.0.2.0/23", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "2001:db8:1:2::/64"):
            self.assertEqual(str(network_at(prefix_key(network_of(prefix)))), prefix)

    def test_only_ipv6_is_counted_by_its_allocation(self):
        """And each length is of one thing."""
        self.assertEqual(allocation_of(host_key("2001:db8:1:2::3")), b"\x20\x01\x0d\xb8")
        self.assertEqual(allocation_of(network_key(host_key("2001:db8:1:2::3"))), b"\x20\x01\x0d\xb8")
        self.assertEqual(allocation_of(host_key("192.0.2.7")), b"")

    @given(st.text())
    def test_any_text_has_a_key_or_none(self, text):
        """It comes from a socket, a proxy, an operator."""
        self.assertIn(len(host_key(text)), (0, 4, 8))

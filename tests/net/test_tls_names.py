"""Which certificates are for a name."""

import attrs
from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.net.certificates import Certificate
from twistedmx.net.server_names import by_name, covers, held_for, of_default, server_name, wildcard_of

_labels = some.text("abcxyz019-_", min_size=1, max_size=5)
_hosts = some.lists(_labels, min_size=1, max_size=4).map(".".join)


@attrs.frozen(eq=False)
class Shown:
    """As much of a Credential as is looked at."""

    certificate: Certificate

    @classmethod
    def of(cls, kind, *names):
        return cls(Certificate(file="", names=names, kind=kind, begins=0, expires=0))


class TestServerName(SynchronousTestCase):
    def test_it_is_told_in_lower_case_without_a_last_dot(self):
        """Names are compared octet by octet from here on."""
        self.assertEqual(server_name(b"MX.Example.ORG"), "mx.example.org")
        self.assertEqual(server_name(b"mx.example.org."), "mx.example.org")
        self.assertEqual(server_name(b"xn--bcher-kva.example"), "xn--bcher-kva.example")

    def test_what_is_no_name_is_none(self):
        """It goes into logs: a peer could write lines there, or fill them."""
        for octets in (
            None,
            b"",
            b".",
            b"a..b",
            b"a b",
            b"a\nb",
            b"*.example.org",
            b"\xff",
            b"a" * 64,
            b"a." * 127 + b"aa",
        ):
            self.assertEqual(server_name(octets), "", octets)

    @given(some.binary(max_size=300))
    def test_whatever_octets_come_it_is_printable_and_short(self, octets):
        """The invariant: lower-case letters, digits, hyphens, underscores and dots, at most 253 of them."""
        name = server_name(octets)
        self.assertLessEqual(len(name), 253)
        self.assertLessEqual(set(name), set("abcdefghijklmnopqrstuvwxyz0123456789-_."))
        self.assertEqual(server_name(name.encode()), name)


class TestWildcards(SynchronousTestCase):
    def test_one_label_and_the_first(self):
        """RFC 9525 6.3."""
        names = ("*.example.org",)
        self.assertTrue(covers(names, "mx.example.org"))
        for other in ("example.org", "a.mx.example.org", "mx.example.com", "*", "org", ""):
            self.assertFalse(covers(names, other), other)

    def test_part_of_a_label_is_no_wildcard(self):
        """RFC 9525 6.3 takes whole labels alone."""
        self.assertFalse(covers(("m*.example.org",), "mx.example.org"))

    @given(_labels, _hosts)
    def test_a_wildcard_covers_each_label_before_its_rest_and_nothing_deeper(self, label, rest):
        """The invariant: `*.rest` is for label.rest, not for rest, nor for label.label.rest."""
        self.assertEqual(wildcard_of(f"{label}.{rest}"), f"*.{rest}")
        self.assertTrue(covers((f"*.{rest}",), f"{label}.{rest}"))
        self.assertFalse(covers((f"*.{rest}",), rest))
        self.assertFalse(covers((f"*.{rest}",), f"{label}.{label}.{rest}"))

    @given(some.lists(some.one_of(_hosts, _hosts.map("*.{}".format)), max_size=5), _hosts)
    def test_what_is_found_for_a_name_is_for_that_name(self, names, asked):
        """The invariant: something is found exactly when a certificate covers the name, and then it is one that does."""
        shown = [Shown.of("ECDSA", name) for name in names]
        found = held_for(asked, by_name(shown))
        self.assertEqual(found is not None, covers(names, asked))
        for each in found or ():
            self.assertTrue(covers(each.certificate.names, asked))


class TestByName(SynchronousTestCase):
    def test_one_of_each_kind_of_key(self):
        """OpenSSL then serves whichever the peer can verify."""
        rsa, ecdsa, later = Shown.of("RSA", "a.example"), Shown.of("ECDSA", "a.example"), Shown.of("RSA", "a.example")
        self.assertEqual(by_name([rsa, ecdsa, later]), {"a.example": (rsa, ecdsa)})

    def test_a_name_goes_before_a_wildcard(self):
        """A host of its own certificate among others of a wildcard."""
        wild, exact = Shown.of("RSA", "*.example.org"), Shown.of("RSA", "mx.example.org")
        held = by_name([wild, exact])
        self.assertEqual(held_for("mx.example.org", held), (exact,))
        self.assertEqual(held_for("other.example.org", held), (wild,))
        self.assertIsNone(held_for("example.org", held))

    def test_a_wildcard_fills_in_for_another_kind(self):
        """The name's own is ECDSA; who knows RSA alone gets the wildcard's, which is for the name as well."""
        wild, exact = Shown.of("RSA", "*.example.org"), Shown.of("ECDSA", "mx.example.org")
        self.assertEqual(held_for("mx.example.org", by_name([wild, exact])), (exact, wild))

    def test_the_default_has_beside_it_what_is_for_all_of_its_names(self):
        """And nothing else: who names no host is shown one host."""
        default = Shown.of("ECDSA", "mx.example.org", "example.org")
        alike, half = Shown.of("RSA", "example.org", "*.example.org"), Shown.of("RSA", "mx.example.org")
        self.assertEqual(of_default([default, half, alike]), (default, alike))
        self.assertEqual(of_default([default, half]), (default,))
        nameless = Shown.of("ECDSA")
        self.assertEqual(of_default([nameless, half]), (nameless,))

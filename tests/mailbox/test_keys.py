"""Which addresses are the same mailbox."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.smtp.path import BadPath, Path, parse_path


class TestKeys(SynchronousTestCase):
    def test_the_key_of_an_ascii_address_is_that_of_its_path(self) -> None:
        """The fast path asks a dict for Path.key and never comes here."""
        path = parse_path(b'"A b"@Example.ORG')
        self.assertEqual(key_of(path), path.key)

    def test_an_emoji_domain_still_compares_without_case(self) -> None:
        """IDNA 2008 has no such label; people have such domains."""
        self.assertEqual(domain_key("☃.Example".encode()), domain_key("☃.example".encode()))

    def test_a_letter_that_becomes_ascii_is_that_letter(self) -> None:
        """The Kelvin sign is a K to Unicode: an entry and a look-up must agree on it."""
        self.assertEqual(key_of(parse_path("\u212aim@example.org".encode())), b"kim@example.org")

    def test_a_quote_that_folding_makes_needless_or_needed_is_put_right(self) -> None:
        """U+037E is ';' to Unicode, which only a Quoted-string may hold."""
        self.assertEqual(key_of(parse_path("a\u037eb@example.org".encode())), b'"a;b"@example.org')

    @given(st.text(min_size=1), st.text(min_size=1))
    def test_a_key_is_its_own_key(self, local: str, domain: str) -> None:
        """Else the fast path could find by luck what the slow path does not, or the other way round."""
        try:
            key = key_of(parse_path(f"{local}@{domain}".encode("utf-8", "replace")))
            again = parse_path(key)
        except BadPath:
            return
        self.assertEqual(key_of(again), key)

    @given(st.binary(), st.binary())
    def test_any_octets_have_a_key(self, local: bytes, domain: bytes) -> None:
        """A look-up never raises."""
        key_of(Path(address=local + b"@" + domain, domain=domain))

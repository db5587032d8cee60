"""Paths of any octets, and paths made by the grammar."""

from socket import AF_INET6, inet_ntop

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.grammar import ADDRESSES
from twistedmx.smtp.path import BadPath, Path, check_domain, parse_path, quoted_if_needed

_atoms = st.text(alphabet="abcXYZ019!#$%&'*+/=?^_`{|}~-ä漢", min_size=1, max_size=8)
_dot_strings = st.lists(_atoms, min_size=1, max_size=3).map(".".join)
_quoted = st.lists(st.sampled_from([*" abc.@<>:;,()[]ä", '\\"', "\\\\", "\\a", "\\ "]), max_size=8).map(
    lambda parts: '"' + "".join(parts) + '"'
)
_labels = st.from_regex(r"[a-zA-Z0-9_ü](?:[a-zA-Z0-9_ü-]{0,10}[a-zA-Z0-9_ü])?", fullmatch=True)
_domains = st.one_of(
    st.lists(_labels, min_size=1, max_size=4).map(".".join),
    st.ip_addresses(v=4).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=6).map(lambda address: f"[IPv6:{inet_ntop(AF_INET6, address.packed)}]"),
)
_mailboxes = st.builds("{}@{}".format, _dot_strings | _quoted, _domains)
_routes = st.sampled_from(["", "", "@relay.example:", "@a.example,@b.example:"])
_nearly = st.lists(
    st.sampled_from(
        [b"@", b".", b'"', b"\\", b"[", b"]", b"IPv6:", b":", b",", b"a", b"-", b"\xc3\xbc", b"\xff", b" "]
    ),
    max_size=12,
).map(b"".join)


class TestAnyPath(SynchronousTestCase):
    @EXAMPLES
    @given(st.binary(max_size=40) | _nearly | st.sampled_from(ADDRESSES))
    def test_any_octets_are_a_path_or_a_bad_path(self, octets: bytes) -> None:
        """Whatever stands between the brackets gives a Path or BadPath, and a Path holds only what may be said again."""
        try:
            path = parse_path(octets)
        except BadPath as bad:
            self.assertTrue(str(bad).isprintable())
            return
        self.assertIsInstance(path, Path)
        self.assertTrue(path.address.endswith(path.domain))
        str(path)
        self.assertFalse(set(path.address) & set(b"\r\n\0"))
        self.assertEqual(parse_path(path.address), path)

    @EXAMPLES
    @given(_routes, _mailboxes)
    def test_what_the_grammar_makes_is_a_path_and_stays_one(self, route: str, mailbox: str) -> None:
        """Every Mailbox of RFC 5321 4.1.2 is taken, and a Path read from the address of a Path is the same Path."""
        path = parse_path((route + mailbox).encode())
        self.assertEqual(parse_path(path.address), path)
        self.assertEqual(path.domain.decode(), mailbox.rpartition("@")[2])
        check_domain(path.domain)

    @EXAMPLES
    @given(
        st.text(st.characters(min_codepoint=32, blacklist_characters="\x7f", blacklist_categories=["Cs"]), max_size=12)
    )
    def test_a_local_part_survives_its_quotes(self, local: str) -> None:
        """Whatever printable name a mailbox has, it can be written as a Path and read back."""
        octets = local.encode()
        path = parse_path(quoted_if_needed(octets) + b"@example.org")
        self.assertEqual(path.local_part, octets)
        self.assertEqual(parse_path(path.address), path)

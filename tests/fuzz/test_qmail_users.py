"""users/assign, vpasswd, quotas, routes and the format of chkuser, of any octets."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.qmail.tree import Controls
from twistedmx.qmail.assign_tables import BadAssign, parse_assign
from twistedmx.qmail.chkuser_format import is_address
from twistedmx.qmail.chkuser_settings import ChkuserSettings, overruled
from twistedmx.qmail.dot_qmail import safe_extension
from twistedmx.qmail.routes import Local, Routes
from twistedmx.qmail.vpasswd import BadEntry, is_user_name, parse_entry, parse_quota, parse_vpasswd

_lines = st.lists(
    st.sampled_from([b"=", b"+", b":", b"joe", b"-", b"1", b"/h", b"\n", b".\n", b"\0", b"A"]), max_size=40
)
_pieces = st.lists(
    st.sampled_from([b"a", b"-", b".", b"@", b"%", b"x.yz", b"'", b"xn--", b"\xc3\xbc", b"\xff"]), max_size=12
)
_octets = st.binary(max_size=60)
_near_assign = _octets | _lines.map(b"".join)
_near_address = _octets | _pieces.map(b"".join)
_near_quota = _octets | st.text(alphabet="0123456789SsCkKmMbB,", max_size=40).map(str.encode)


class TestUsers(SynchronousTestCase):
    """Files that an operator edits."""

    @EXAMPLES
    @given(_near_assign)
    def test_users_assign_is_entries_or_a_fault(self, text: bytes) -> None:
        """Any octets are entries of six fields under keys that qmail-lspawn could ask for, or a fault that can be printed."""
        try:
            entries = parse_assign(text)
        except BadAssign as bad:
            self.assertTrue(str(bad).isprintable())
            return
        for key, entry in entries.items():
            self.assertTrue(key.startswith(b"!"))
            self.assertEqual(key, key.lower())
            self.assertNotIn(b"\0", key[:-1])
            self.assertEqual(entry.count(b"\0"), 5)

    @EXAMPLES
    @given(_octets | _lines.map(b"".join))
    def test_each_entry_of_a_vpasswd_is_a_line_of_it(self, text: bytes) -> None:
        """A name and its rest, put together again, stand in the text; the rest is an entry or a fault that quotes nothing."""
        for name, rest in parse_vpasswd(text).items():
            self.assertIn(name + b":" + rest, text)
            try:
                entry = parse_entry(name, rest)
            except BadEntry as bad:
                self.assertTrue(str(bad).isascii())
            else:
                self.assertTrue(not entry.home or entry.home.startswith(b"/"))
                self.assertNotIn(b"\0", entry.home)

    @EXAMPLES
    @given(_near_quota, st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**6))
    def test_any_quota_is_a_limit_or_none(self, text: bytes, octets: int, messages: int) -> None:
        """Whatever a quota says, how full a mailbox is can be told, and is never below 0."""
        quota = parse_quota(text)
        self.assertGreaterEqual(min(quota.octets, quota.messages), 0)
        self.assertGreaterEqual(quota.percent(octets, messages), 0)

    @EXAMPLES
    @given(_octets)
    def test_an_extension_stays_in_its_home(self, extension: bytes) -> None:
        """The name of a .qmail file has no dot behind its first, so that no part of it is `..`."""
        self.assertNotIn(b".", safe_extension(extension))

    @EXAMPLES
    @given(_octets)
    def test_a_user_name_is_no_line(self, name: bytes) -> None:
        """What may be a name is printable ASCII without colon, blank and at sign."""
        if is_user_name(name):
            self.assertTrue(name.isascii() and name.decode().isprintable())
            self.assertFalse(set(name) & set(b": @"))


class TestAddresses(SynchronousTestCase):
    """What a client sends."""

    @EXAMPLES
    @given(_near_address, _near_address, st.booleans())
    def test_an_address_is_safe_to_look_for(self, local: bytes, domain: bytes, utf8: bool) -> None:
        """What looks like an address has neither a NUL, nor a second @, and a domain with a dot inside."""
        if is_address(local, domain, ChkuserSettings(), utf8=utf8):
            self.assertFalse(set(local + domain) & set(b"\0@"))
            self.assertIn(b".", domain[1:-1])
            (local + domain).decode("utf-8" if utf8 else "ascii")

    @EXAMPLES
    @given(
        _near_address,
        st.lists(_near_address, max_size=4),
        st.lists(st.tuples(_near_address, _near_address), max_size=4),
    )
    def test_every_recipient_has_one_way(
        self, recipient: bytes, percents: list[bytes], virtual: list[tuple[bytes, bytes]]
    ) -> None:
        """Whatever the control files say, a recipient ends up here or elsewhere, and elsewhere it has a domain."""
        routes = Routes(
            Controls(
                percenthack=tuple(percents), virtualdomains=tuple(entry + b":" + value for entry, value in virtual)
            )
        )
        found = routes.find(recipient)
        if not isinstance(found, Local):
            self.assertIn(b"@", found.address)
            self.assertEqual(Routes(Controls()).find(found.address), found)

    @EXAMPLES
    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    b"CHKUSER_START",
                    b"CHKUSER_RCPTLIMIT",
                    b"CHKUSER_MBXQUOTA",
                    b"CHKUSER_IDENTIFY",
                    b"CHKUSER_DISABLE_VARIABLE",
                ]
            ),
            _octets,
        )
    )
    def test_any_environment_makes_settings(self, environment: dict[bytes, bytes]) -> None:
        """A session never fails for what its environment has."""
        self.assertIsInstance(overruled(ChkuserSettings(), environment), ChkuserSettings)

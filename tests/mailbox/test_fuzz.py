"""Whatever stands in a table, reading it gives a Snapshot or BadTable, and nothing of it leads out of the template's root."""

import tomllib

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.mailbox.case import CaseRules
from twistedmx.mailbox.faults import BadTable
from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.mailbox.obligatory import parse_postmaster
from twistedmx.mailbox.rules import Rules
from twistedmx.mailbox.snapshot import Snapshot
from twistedmx.mailbox.subject import parse_subject
from twistedmx.mailbox.table_toml import quicker
from twistedmx.mailbox.tables import read_table
from twistedmx.mailbox.template import MaildirTemplate
from twistedmx.model.mailbox import Lookup, Outcome
from twistedmx.smtp.path import POSTMASTER, BadPath, Path, parse_path

TEMPLATE = MaildirTemplate(text="/srv/mail/{domain}/{local}")
EXPLICIT = "/srv/explicit"

_domains = st.sampled_from(["example.org", "Example.org", "bücher.example", "[192.0.2.1]", "x", "-", "a..b"])
_locals = st.one_of(
    st.sampled_from(
        ["ann", "ANN", "postmaster", "abuse", '"a b"', '".."', '"../x"', '""', '"\\"#, "', "ä", "", "a#b", "%2e"]
    ),
    st.text(alphabet='ab./%"\\ #,ä\0{}', max_size=6),
)
_addresses = st.one_of(st.builds("{}@{}".format, _locals, _domains), st.sampled_from(["postmaster", "ann", ""]))
_values = st.one_of(
    st.lists(_addresses, max_size=3).map(", ".join),
    st.sampled_from([EXPLICIT, "relative", "/srv/../x", "550 5.7.1 No", "250 ok", "9", "no é", '"']),
)
_lines = st.builds(
    "{}{}{} {}{}".format,
    _addresses | _domains,
    st.sampled_from([" ", "\t ", ""]),
    st.sampled_from(["", "domain", "mailbox", "alias", "disabled", "over-quota", "reject", "mailbix"]),
    _values,
    st.sampled_from(["", " # comment", "\r", "#"]),
)
_READERS = ["", "ann@example.org", "POSTMASTER@x", "abuse@x", "ANN@x", "abuse@example.org"]
_plain_pattern = rb"[A-Za-z0-9_+=.-]{1,20}@[A-Za-z0-9.-]{1,70}"
_tables = st.lists(_lines, max_size=8).map("\n".join)

_strings = _addresses | _domains | _values
_toml_strings = _strings.filter(lambda text: text.isprintable()).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
_toml_values = st.one_of(
    _toml_strings, st.lists(_toml_strings, max_size=4).map(lambda items: f"[{', '.join(items)}]"), st.just("1")
)
_keys = st.sampled_from(["domains", "mailboxes", "maildirs", "aliases", "disabled", "over_quota", "reject", "x"])
_toml_lists = st.builds("{} = {}".format, _keys, _toml_values)
_toml_tables = st.builds("[{}]\n{} = {}".format, _keys, _toml_strings, _toml_values)
_toml = st.lists(_toml_lists | _toml_tables, max_size=6, unique_by=lambda part: part.split()[0]).map("\n".join)


class TestAnyTable(SynchronousTestCase):
    def check(self, source: str, octets: bytes, rules: Rules | None = None) -> None:
        try:
            table = read_table(source, octets, TEMPLATE, rules or Rules())
        except BadTable as bad:
            self.assertTrue(bad.faults)
            self.assertTrue(str(bad).replace("\n", "").isprintable())
            return
        self.check_answers(table)

    def check_answers(self, table: Snapshot) -> None:
        self.assertIs(table.find(POSTMASTER), table.find(Path(address=b"POSTMASTER", domain=b"")))
        for lookup in (*table.lookups.values(), *table.domains.values()):
            for destination in lookup.destinations:
                maildir = destination.maildir
                self.assertTrue(maildir == EXPLICIT or maildir.startswith(TEMPLATE.root), maildir)
                self.assertFalse({"", ".", ".."} & set(maildir[1:].split("/")), maildir)
        for key in table.lookups:
            domain = key.rpartition(b"@")[2] if b"@" in key else b""
            self.assertIs(table.find(Path(address=key, domain=domain)), table.lookups[key])

    @given(st.binary())
    def test_any_octets_as_text(self, octets: bytes) -> None:
        """A table may be a picture, by a slip of the hand."""
        self.check("boxes", octets)

    @given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    @example(b"a = " + b"[" * 5000)
    @example(b"a = " + b"{a=" * 5000)
    @example(b"a = 0x" + b"f" * 5000 + b"\nb = " + b"9" * 5000)
    @example(b"a = 9999-99-99T99:99:99+99:99")
    def test_any_octets_as_toml(self, octets: bytes) -> None:
        """tomllib raises more than it says."""
        self.check("boxes.toml", octets)

    @given(_tables)
    def test_any_lines_as_text(self, text: str) -> None:
        """Lines that are nearly right go deeper than noise does."""
        self.check("boxes", text.encode())

    @given(_toml)
    def test_any_keys_as_toml(self, text: str) -> None:
        """So do keys."""
        self.check("boxes.toml", text.encode())

    @given(_tables, st.sets(st.sampled_from([b"example.org", b"x"])), st.sampled_from(_READERS))
    def test_any_lines_beside_other_backends(self, text: str, sensitive: set[bytes], reader: str) -> None:
        """What the table says of others' domains ends in an answer too, whatever the settings say beside it."""
        elsewhere = {b"x": "others", b"xn--bcher-kva.example": "others"}
        rules = Rules(case=CaseRules(sensitive=sensitive), elsewhere=elsewhere, postmaster=parse_postmaster(reader))
        self.check("boxes", text.encode(), rules)

    @given(_toml | st.text(alphabet="ax=[]\"',\n\\ #"))
    @example("x = [\n\"a\", \"b'c\",\n]\ny = '''\n\"a\",\n'''")
    def test_toml_made_quicker_is_the_same_toml(self, text: str) -> None:
        """A table must not mean something else because it is long."""
        try:
            expected = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            self.assertRaises(tomllib.TOMLDecodeError, tomllib.loads, quicker(text))
        else:
            self.assertEqual(tomllib.loads(quicker(text)), expected)

    @given(
        (st.from_regex(_plain_pattern, fullmatch=True) | _addresses.map(str.encode)).filter(lambda it: it[:1] != b"@")
    )
    def test_a_plain_address_is_what_parse_path_says(self, octets: bytes) -> None:
        """The quick way into a table must not let in what the long way refuses, nor give it another key."""
        try:
            path = parse_path(octets)
        except BadPath:
            self.assertRaises(BadPath, parse_subject, octets)
            return
        if path.domain:
            subject = parse_subject(octets)
            self.assertEqual(
                (subject.key, subject.address, subject.domain), (key_of(path), path.address, domain_key(path.domain))
            )

    @given(st.binary(), st.binary())
    def test_any_path_gets_a_lookup(self, local: bytes, domain: bytes) -> None:
        """A session asks for what a stranger wrote."""
        table = read_table("boxes", "ann@example.org\njörg@bücher.example\n@x alias ann@example.org".encode(), TEMPLATE)
        for path in (Path(address=local + b"@" + domain, domain=domain), Path(address=local, domain=b"")):
            found = table.find(path)
            self.assertIsInstance(found, Lookup)
            self.assertIsNot(found.outcome, Outcome.COULD_NOT_TELL)

"""Control files, rules, and patterns of any octets, and what stands behind MAIL and RCPT."""

import ctypes
import ctypes.util
import locale
import os
import tempfile

from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail import ere
from twistedmx.qmail.addresses import esmtp, parse
from twistedmx.qmail.control import BadControls, Controls
from twistedmx.qmail.control_files import ControlFiles
from twistedmx.qmail.ere import BadExpression, translate
from twistedmx.qmail.hosts import is_allowed
from twistedmx.qmail.lists import MOST, Lines, first_line, number
from twistedmx.qmail.own_addresses import own_addresses
from twistedmx.qmail.rules import Allowed, CouldNotTell, Denied, Rules
from twistedmx.testing.cdb import cdb_octets

_pieces = st.sampled_from(
    [b"<", b">", b'"', b"\\", b"@", b":", b",", b" ", b"a", b"[192.0.2.1]", b"\0", b"\xff", b"=", b"SIZE"]
)
_arguments = st.lists(_pieces, max_size=14).map(b"".join) | st.binary(max_size=40)
_texts = st.lists(st.sampled_from([b"\n", b" ", b"\t", b"#", b"a", b"9", b"\r", b"\0", b"\xff"]), max_size=20).map(
    b"".join
)
_hosts = st.lists(st.sampled_from([b".", b"a", b"b", b"A", b"@"]), max_size=8).map(b"".join)
_tokens = (
    rb"a b A . * + ? {2} {1,} {,2} {1,2} { } ( ) | [ab] [^a] [[:alpha:]] []a] [a-] [ ] ^ $ \. \w \W \s \S \< \> \b \B"
    rb" @ - [[:upper:]] [^[:digit:]] \1 \ \` [a-c-e] [\] [%--] {01} 2 [[.a.]] [[=b=]] [[.ab.]] [[:x:]]"
    rb" \<a b\> \<ab\> _ [^A] [a-B] {02,003}"
).split()
# What RE2 has not, or not always.
_NOT_OURS = ("a reference back", "write \\b", "from more to less")
_expressions = st.lists(st.sampled_from([*_tokens, b"\xe0"]), min_size=1, max_size=6).map(b"".join)
_SUBJECTS = b"a b ab ba aa bb a@b.c A a-b a.b ] - aaa abab } a) a{b} \\ a2 2 _a a_ \xc0 \xe0 a\vb".split(b" ")


def straight(argument: bytes) -> bytes | None:
    """The parser, octet by octet, as qmail-smtpd.c has it."""
    argument = argument.split(b"\0")[0]
    terminator = b">"
    if b"<" in argument:
        argument = argument[argument.index(b"<") + 1 :]
    else:
        terminator = b" "
        argument = argument[argument.index(b":") + 1 :] if b":" in argument else b""
        while argument[:1] == b" ":
            argument = argument[1:]
    if argument[:1] == b"@":
        while argument:
            octet, argument = argument[:1], argument[1:]
            if octet == b":":
                break
    address, escaped, quoted = b"", False, False
    for octet in (argument[at : at + 1] for at in range(len(argument))):
        if escaped:
            address, escaped = address + octet, False
        elif not quoted and octet == terminator:
            break
        elif octet == b"\\":
            escaped = True
        elif octet == b'"':
            quoted = not quoted
        else:
            address += octet
    return address if len(address) < 900 else None


class TestAddresses(SynchronousTestCase):
    @EXAMPLES
    @given(_arguments, st.sampled_from([1, 60]))
    def test_any_argument_is_the_address_that_the_original_makes_of_it(self, argument, times):
        """Read by slices or octet by octet, it is the same address, without a NUL and of at most 899 octets."""
        address = parse(argument * times)
        self.assertEqual(address, straight(argument * times))
        if address is not None:
            self.assertNotIn(b"\0", address)
            self.assertLess(len(address), 900)
        self.assertIn(parse(argument, empty_is_wrong=True), (None, parse(argument)))
        parse(argument, localiphost=b"x", is_mine=lambda octets: len(octets) == 4)

    @EXAMPLES
    @given(_arguments)
    def test_any_argument_has_parameters(self, argument):
        """Keywords are in upper case and not empty, and every octet was said."""
        for keyword, value in esmtp(argument).items():
            self.assertTrue(keyword)
            self.assertEqual(keyword, keyword.upper())
            self.assertIn(value or b"", argument)

    @EXAMPLES
    @given(_hosts, st.lists(_hosts, max_size=4))
    def test_a_host_is_ours_exactly_if_it_or_a_suffix_of_it_is_listed(self, host, listed):
        """As rcpthosts.c walks: at the beginning, and at each dot."""
        there = Controls(smtpgreeting=b"", rcpthosts=tuple(listed))
        name = host.rpartition(b"@")[2].lower()
        suffixes = {name[at:] for at in range(len(name)) if not at or name[at : at + 1] == b"."}
        expected = bool(suffixes & {line.lower() for line in listed})
        self.assertEqual(is_allowed(b"u@" + host, there, missing_allows=False), expected)


class TestControl(SynchronousTestCase):
    @EXAMPLES
    @given(_texts | st.binary(max_size=40))
    def test_any_octets_are_a_line_a_number_and_a_list(self, octets):
        """Lines of a list are in the file, in its order, not empty, no comments, and without blanks at their ends."""
        self.assertNotIn(b"\n", first_line(octets))
        self.assertTrue(0 <= number(octets, 7) <= MOST)
        lines = Lines.read(octets, "f")
        split = octets.split(b"\n")
        for place, line in zip(lines.places, lines, strict=True):
            self.assertTrue(split[place - 1].startswith(line))
            self.assertNotIn(line[:1], (b"", b"#"))
            self.assertEqual(line, line.rstrip(b" \t\n"))
        self.assertEqual(len(own_addresses(lines, Lines()).faults), len(lines))

    @EXAMPLES
    @given(
        st.dictionaries(
            st.sampled_from(["me", "rcpthosts", "badrcptto", "databytes", "morercpthosts.cdb", "moreipme", "maxrcpt"]),
            _texts | st.just(cdb_octets([(b"a", b"")])),
        )
    )
    def test_any_files_are_controls_or_bad_controls(self, files):
        """Nothing else is raised, and asked again it is the same."""
        with tempfile.TemporaryDirectory() as home:
            os.mkdir(os.path.join(home, "control"))
            for name, octets in files.items():
                with open(os.path.join(home, "control", name), "wb") as file:
                    file.write(octets)
            clock = Clock()
            control = ControlFiles(home, clock.seconds)
            try:
                first = control.current()
            except BadControls:
                clock.advance(1)
                self.assertRaises(BadControls, control.current)
                return
            clock.advance(1)
            self.assertIs(control.current(), first)
            first.faults(exact=False)
            first.badrcptto.patterns.hit(b"a9")


class TestRules(SynchronousTestCase):
    @EXAMPLES
    @given(
        st.lists(
            st.tuples(st.sampled_from([b"", b"192.", b"=", b"_a", b"^0", b"j@192.0.2.1"]), st.binary(max_size=20))
        ),
        st.sampled_from([b"192.0.2.1", b"::1", b"", b"x", b"...."]) | st.binary(max_size=12),
        st.none() | st.binary(max_size=12),
        st.none() | st.just(b"j"),
        st.integers(0, 3000) | st.none(),
    )
    def test_any_rules_and_any_peer_have_a_ruling(self, pairs, ip, host, info, cut):
        """Allowed, Denied or CouldNotTell, never an exception; names of variables have no NUL and no value one either."""
        handle, path = tempfile.mkstemp()
        try:
            os.write(handle, cdb_octets(pairs)[:cut])
            ruling = Rules(path, allow_missing=False).find(ip, host, info)
        finally:
            os.close(handle)
            os.remove(path)
        self.assertIsInstance(ruling, (Allowed, Denied, CouldNotTell))
        if isinstance(ruling, Allowed):
            for name, value in ruling.environment:
                self.assertNotIn(b"\0", name + (value or b""))


class TestExpressions(SynchronousTestCase):
    @EXAMPLES
    @given(_expressions | st.binary(max_size=30))
    def test_any_octets_are_an_expression_or_a_bad_one(self, expression):
        """Nothing else is raised, and what is compiled can be asked."""
        try:
            compiled = translate(expression)
        except BadExpression as bad:
            self.assertTrue(str(bad))
            return
        compiled.search(b"a@b")

    def test_they_match_what_the_system_s_library_matches(self):
        """The library with which the qregex patch compiles its lines: the same are expressions, the same subjects match."""
        library = ctypes.CDLL(ctypes.util.find_library("c"))
        if not hasattr(library, "gnu_get_libc_version"):
            raise SkipTest("the C library is not glibc, whose reading is the one compared with")
        before = locale.setlocale(locale.LC_CTYPE)
        locale.setlocale(locale.LC_CTYPE, "C")
        self.addCleanup(locale.setlocale, locale.LC_CTYPE, before)

        if ere.re2 is None:
            raise SkipTest("there is no google-re2")

        @EXAMPLES
        @given(_expressions)
        def compare(expression: bytes) -> None:
            # glibc does not fold the case of a letter behind a \\, and takes some ranges from more to less.
            assume(not any(b"\\" + letter in expression for letter in (b"a", b"A")))
            room = ctypes.create_string_buffer(1024)  # regex_t is much smaller
            is_one = library.regcomp(room, expression, 1 | 2) == 0  # REG_EXTENDED | REG_ICASE
            try:
                compiled = translate(expression)
            except BadExpression as bad:
                self.assertTrue(not is_one or any(words in str(bad) for words in _NOT_OURS), (expression, bad))
                return
            self.assertTrue(is_one, expression)
            for subject in _SUBJECTS:
                found = library.regexec(room, subject, 0, None, 0) == 0
                self.assertEqual(compiled.search(subject) is not None, found, (expression, subject))
            library.regfree(room)

        compare()

    def test_groups_without_end_are_a_bad_expression(self):
        """Compiling is a recursion."""
        for expression in (
            b"(" * 10_000 + b")" * 10_000,
            b"[" * 10_000,
            b"a{99999}",
            b"a{" + b"9" * 9_000 + b"}",
            b"((a)",
        ):
            self.assertRaises(BadExpression, translate, expression)

    def test_without_its_library_each_is_a_fault(self):
        """On PyPy, where lists are judged, and no qmail host is served."""
        self.patch(ere, "re2", None)
        self.assertIn("google-re2", str(self.assertRaises(BadExpression, translate, b"x")))

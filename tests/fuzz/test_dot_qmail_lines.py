"""Any octets as a .qmail file, and any file as octets again."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.instructions import BadInstructions, ForwardsOnly, Program, parse, parse_file, render

_pieces = st.lists(
    st.sampled_from(
        [b"#", b"|", b"&", b"./", b"/", b"+list", b"+", b"a", b" ", b"\t", b"\n", b"\r", b"\0", b"Maildir/", b"\xff"]
    ),
    max_size=24,
).map(b"".join)


class TestAnyFile(SynchronousTestCase):
    @EXAMPLES
    @given(st.binary(max_size=60) | _pieces, st.booleans())
    def test_any_octets_are_instructions_or_a_fault_and_instructions_render_back(
        self, octets: bytes, forwards_only: bool
    ) -> None:
        """Parsing gives lines or BadInstructions, what it gives renders to a file that says the same, and no program stands where
        forwards alone are allowed."""
        try:
            lines = parse(octets, forwards_only=forwards_only)
        except BadInstructions as bad:
            self.assertTrue(str(bad).isprintable())
            self.assertRegex(str(bad), r"\(#4\.\d\.\d\)$")
            return
        self.assertEqual(parse(render(lines), forwards_only=forwards_only), lines)
        if forwards_only:
            self.assertFalse(any(isinstance(line, Program) for line in lines))
        elif ForwardsOnly() in lines:
            self.assertFalse(any(isinstance(line, Program) for line in lines[lines.index(ForwardsOnly()) :]))

    @EXAMPLES
    @given(_pieces, st.integers(0, 0o7777), _pieces)
    def test_any_mode_and_default_too(self, octets: bytes, mode: int, default: bytes) -> None:
        """A file gives lines or BadInstructions whatever its mode is, and never lines when others may write it."""
        try:
            parse_file(octets, mode, default)
        except BadInstructions:
            return
        self.assertFalse(mode & 0o002)

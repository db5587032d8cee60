"""What a terminal must not be told."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.cli.calling import Standard
from twistedmx.cli.terminal import Terminal, plain


class TestPlain(SynchronousTestCase):
    def test_control_characters_are_shown_and_not_obeyed(self):
        """A peer's EHLO may clear the screen, or write from right to left."""
        self.assertEqual(plain("a\x1b[2Jb\r\nc\x9bd\u202ee\x7f"), "a\\x1b[2Jb\\r\\nc\\x9bd\\u202ee\\x7f")
        self.assertEqual(plain("Jörg@例え.jp"), "Jörg@例え.jp")

    @given(st.text() | st.integers() | st.none())
    def test_anything_is_one_printable_line(self, value):
        """Lone surrogates of a JSON string as well."""
        text = plain(value)
        self.assertTrue(text.isprintable())
        text.encode()


class TestTerminal(SynchronousTestCase):
    def written(self, encoding, act):
        out = Standard(is_terminal=True, encoding=encoding)
        act(Terminal(stdout=out, stderr=out))
        return out.written.getvalue()

    def test_lines_are_drawn_over_those_that_stand_there(self):
        """None at first; and what a peer says in them is not obeyed either. They are seen at once."""
        self.assertEqual(self.written("utf-8", lambda terminal: terminal.redraw(["a", "b\x1b"], 0)), b"a\nb\\x1b\n")
        self.assertEqual(self.written("utf-8", lambda terminal: terminal.redraw(["c"], 2)), b"\x1b[2A\x1b[Jc\n")

    def test_a_record_is_a_line_at_once(self):
        """Whatever is in it."""
        self.assertEqual(self.written("ascii", lambda terminal: terminal.record({"ü": "\n"})), b'{"\\u00fc": "\\n"}\n')

    def test_what_an_encoding_has_is_known(self):
        """Blocks are in one of DOS and in Unicode."""
        for encoding, can in (("utf-8", True), ("cp437", True), ("latin-1", False), ("ascii", False)):
            self.written(encoding, lambda terminal, can=can: self.assertEqual(terminal.can_write("█─"), can))

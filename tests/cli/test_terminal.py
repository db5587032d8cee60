"""What a terminal must not be told."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.cli.terminal import plain


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

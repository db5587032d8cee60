"""Values and keys as TOML has them."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from twistedmx.settings.written import written, written_key

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


class TestWritten(SynchronousTestCase):
    @given(TEXT | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(TEXT))
    def test_what_is_written_is_read_back(self, value):
        """And it is one line of printable characters."""
        text = written(value)
        self.assertEqual(tomllib.loads(f"value = {text}"), {"value": value})
        self.assertTrue(text.isprintable())

    @given(TEXT)
    def test_a_key_is_read_back(self, name):
        """Quoted where TOML wants it."""
        self.assertEqual(tomllib.loads(f"{written_key(name)} = 1"), {name: 1})

    def test_numbers_can_be_counted(self):
        """26_214_400 is read at a glance, 26214400 is not."""
        self.assertEqual(
            [written(number) for number in (9_999, 10_000, -26_214_400)], ["9999", "10_000", "-26_214_400"]
        )

"""`twistedmx set` as an operator calls it; what the server makes of it is in tests/service/test_adjusting.py."""

import contextlib
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.calling import Calling
from twistedmx.cli.control import Refused
from twistedmx.cli.set import value_of
from twistedmx.net.control import Refused as RefusedByServer
from twistedmx.settings.written import written

FLOOR = {
    "key": "governor.floor",
    "value": 80,
    "written": 50,
    "default": 50,
    "unit": "sessions of strangers",
    "why": ".",
}
WORDS = {"key": "governor.words", "value": "No\x1b", "written": "No\x1b", "default": "", "unit": "", "why": "."}


class TestSet(Calling):
    def test_a_value_is_sent_as_toml_has_it_and_a_bare_word_as_a_string(self):
        """Nobody wants to quote quotes for his shell."""
        asked = []
        self.serve(set=lambda arguments: asked.append(dict(arguments)) or {**arguments, "before": 1, "written": 1})
        for text, value in (
            ("80", 80),
            ("-5", -5),
            ("0.5", 0.5),
            ("true", True),
            ("queue", "queue"),
            ('"queue"', "queue"),
            ("Too many sessions", "Too many sessions"),
            ("[0.2, 0.4, 0.6]", [0.2, 0.4, 0.6]),
        ):
            self.assertEqual(self.ask("set", "a.b", text).status, 0)
            self.assertEqual(asked.pop(), {"key": "a.b", "value": value})

    def test_what_looks_like_toml_and_is_none_is_refused_before_anybody_is_asked(self):
        """A list with a missing bracket is not a word."""
        for text in ("[0.2, 0.4", '"queue', "", " ", "1\nx = 2", "1979-05-27", "{", "[1979-05-27]"):
            said = self.call("set", "governor.shares", text)
            self.assertEqual((said.status, said.out), (1, ""), text)
            self.assertTrue(said.beside.startswith("twistedmx set: governor.shares: "), said.beside)
            self.assertIn("write 80, 0.25", said.beside)

    def test_what_was_and_what_is_written_is_told(self):
        """Who comes back tomorrow must know how it will be after a restart."""
        answers = []
        self.serve(set=lambda arguments: {"key": "load.high", "unit": "x", **answers.pop()})
        for value, before, is_written, line in (
            (7.0, 4.0, 4.0, "load.high = 7.0, was 4.0; until the next reload or restart, for 4.0 is written"),
            (4.0, 7.0, 4.0, "load.high = 4.0, was 7.0; as written"),
            (4.0, 4.0, 4.0, "load.high = 4.0, as before; as written"),
        ):
            answers.append({"value": value, "before": before, "written": is_written})
            self.assertEqual(self.ask("set", "load.high", "7").out, f"{line}\n")

    def test_without_a_value_it_is_a_list(self):
        """All of them, or one."""
        asked = []
        self.serve(set=lambda arguments: asked.append(dict(arguments)) or {"settings": [FLOOR, WORDS]})
        self.assertEqual(
            self.ask("set").out,
            'governor.floor = 80  # written: 50; sessions of strangers\ngovernor.words = "No\\u001b"  # as written\n',
        )
        self.ask("set", "governor.floor")
        self.assertEqual(asked, [{}, {"key": "governor.floor"}])
        self.assertEqual(self.ask("set", "--json").json, {"settings": [FLOOR, WORDS]})

    def test_a_refusal_is_in_the_servers_words(self):
        """Status 1: it was asked, and says no."""

        def refuse(arguments):
            raise RefusedByServer("governor.flor: no such setting that can be set; did you mean governor.floor?")

        self.serve(set=refuse)
        said = self.ask("set", "governor.flor", "1")
        self.assertEqual((said.status, said.out), (1, ""))
        self.assertIn("did you mean governor.floor?", said.beside)

    @settings(deadline=None)
    @given(st.text())
    def test_any_text_is_a_value_or_refused(self, text):
        """What goes out can be said in JSON."""
        with contextlib.suppress(Refused):
            json.dumps(value_of(text, "a.b"))

    @settings(deadline=None)
    @given(st.integers() | st.booleans() | st.text() | st.lists(st.integers()) | st.floats(allow_nan=False))
    def test_what_is_written_in_a_file_is_read_as_from_there(self, value):
        """`twistedmx settings` prints it; it can be copied from there."""
        self.assertEqual(value_of(written(value), "a.b"), value)

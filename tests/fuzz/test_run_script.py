"""Run scripts of any octets, and exports that sh(1) reads as well."""

import os
import shlex
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from twistedmx.qmail.run_script import parse_run_script

_pieces = st.sampled_from(
    [
        *(b"export ", b"A=", b"B=1", b"$A", b"${A}", b"${A:-x}", b"`id -u x`", b"$(cat y)", b"$(", b"`", b"${", b"$"),
        *(
            b"'",
            b'"',
            b"\\",
            b"\n",
            b"\\\n",
            b";",
            b"&&",
            b"|",
            b"(",
            b")",
            b"#",
            b" ",
            b"<<E\n",
            b"E\n",
            b"2>&1",
            b">f",
        ),
        *(
            b"if ",
            b"fi",
            b"case ",
            b"esac",
            b"exec ",
            b"tcpserver ",
            b"-x",
            b" -vRl0 ",
            b"qmail-smtpd",
            b"env ",
            b"\xff",
            b"\0",
        ),
    ]
)
_scripts = st.lists(_pieces, max_size=30).map(b"".join) | st.binary(max_size=100)
_values = st.text(st.sampled_from(list("ab \t$`\"'\\#;&|<>(){}*~!=\n")), max_size=12)
_ways = st.sampled_from(["export A={}\n", "A={}; export A\n", "B={}\nexport A=$B\n", 'B={}\nexport A="${{B}}" # x\n'])


class TestRunScripts(SynchronousTestCase):
    @EXAMPLES
    @given(_scripts)
    def test_any_octets_are_read(self, octets):
        """Any octets give exports and steps, each with a line that the script has."""
        script = parse_run_script(octets, "run")
        lines = octets.count(b"\n") + 1
        for each in (*script.exports, *script.steps):
            self.assertTrue(1 <= each.line <= lines, each)

    @settings(EXAMPLES, max_examples=50)
    @given(_values, _ways)
    def test_a_value_is_what_sh_exports(self, value, way):
        """What is read of an export is what a program gets that sh starts behind it."""
        text = way.format(shlex.quote(value))
        (export,) = (each for each in parse_run_script(text.encode(), "run").exports if each.name == "A")
        told = subprocess.run(
            ["/bin/sh", "-c", f"{text}exec printenv A"], capture_output=True, check=True, env={"PATH": os.defpath}
        )
        self.assertEqual(export.value.encode() + b"\n", told.stdout)

    @settings(EXAMPLES, max_examples=50)
    @given(_values)
    def test_what_is_in_double_quotes_is_what_sh_makes_of_it(self, value):
        """Of all words in double quotes without a dollar, a backquote or a quote, sh makes what we read."""
        inner = "".join(character for character in value if character not in '$`"').rstrip("\\")
        text = f'export A="{inner}"\n'
        (export,) = parse_run_script(text.encode(), "run").exports
        told = subprocess.run(
            ["/bin/sh", "-c", f"{text}exec printenv A"], capture_output=True, check=True, env={"PATH": os.defpath}
        )
        self.assertEqual(export.value.encode() + b"\n", told.stdout)

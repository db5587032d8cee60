"""Command lines of any octets."""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.grammar import ADDRESSES, PARAMETERS
from twistedmx.smtp import command
from twistedmx.smtp.command import Bdat, Ehlo, Helo, Mail, Rcpt, Refusal, parse_command

_COMMANDS = (
    Ehlo | Helo | Mail | Rcpt | Bdat | command.Data | command.Rset | command.Vrfy | command.Help | command.Noop
    | command.Quit | command.StartTls | command.Auth | command.XClient
)  # fmt: skip
_verbs = st.sampled_from(
    b"EHLO|helo|MAIL FROM:|RCPT TO:|rCpT tO: |DATA|BDAT|RSET|VRFY|NOOP|QUIT|STARTTLS|AUTH PLAIN|XCLIENT|HELP|GET|MAIL|RCPT".split(
        b"|"
    )
)
_addresses = st.sampled_from(ADDRESSES).map(lambda address: b"<" + address + b">") | st.binary(max_size=12)
_lines = st.builds(
    lambda verb, space, address, more: verb + space + address + more,
    _verbs,
    st.sampled_from([b"", b" ", b"\t", b"  "]),
    _addresses,
    st.sampled_from(PARAMETERS) | st.binary(max_size=12),
)


class TestAnyCommand(SynchronousTestCase):
    @EXAMPLES
    @given(st.binary(max_size=60) | _lines)
    def test_any_line_is_a_command_or_a_refusal(self, line: bytes) -> None:
        """A line of any octets without LF gives a Command, or a Refusal that refuses."""
        parsed = parse_command(line.replace(b"\n", b""))
        if isinstance(parsed, Refusal):
            self.assertGreaterEqual(parsed.reply.code, 500)
        else:
            self.assertIsInstance(parsed, _COMMANDS)

    @EXAMPLES
    @given(_lines)
    def test_the_quick_way_and_the_long_way_agree(self, line: bytes) -> None:
        """White space after the verb takes a line from the quick way to the long one, and changes nothing else."""
        line = line.replace(b"\n", b"")
        if line[:5].upper() in (b"MAIL ", b"RCPT "):
            self.assertEqual(parse_command(line), parse_command(line[:5] + b" " + line[5:]))

    @EXAMPLES
    @given(_lines.filter(bytes.isascii))
    def test_case_and_trailing_white_space_make_no_difference_to_a_verb(self, line: bytes) -> None:
        """RFC 5321 2.4 and 4.1.1: verbs are read in any case, white space before CRLF is tolerated."""
        line = line.replace(b"\n", b"")
        verb = len(re.split(rb"[ \t:]", line)[0])
        self.assertEqual(parse_command(line), parse_command(line[:verb].swapcase() + line[verb:] + b" \t"))

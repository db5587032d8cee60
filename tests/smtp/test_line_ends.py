"""Line ends: both ways of turning them say the same, and what neither lets through."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.line_ends import has_short_lines, with_lf


class TestLineEnds(SynchronousTestCase):
    def both(self, block):
        """What both ways make of it."""
        by_lines, by_octets = (with_lf(block, short_lines=short) for short in (False, True))
        self.assertEqual(by_lines, by_octets, block)
        return by_lines

    def test_crlf_becomes_lf_and_all_else_stays(self):
        """Every octet may be in a message, and none of them but CRLF ends a line: not FF, not NEL."""
        others = bytes(octet for octet in range(256) if octet not in b"\r\n")
        for block in (b"", b"a", b"\r\n", b"\r\n\r\n", b"a\r\nb", others, others + b"\r\n" + others):
            self.assertEqual(self.both(block), block.replace(b"\r\n", b"\n"))

    def test_every_bare_cr_and_bare_lf_is_found(self):
        """SMTP smuggling begins with an end of line that one server takes for one and another does not."""
        for bare in (b"\r", b"\n", b"\r\r\n", b"\n\r", b"\r\n\r", b"\r\n\n", b"\n\r\n", b"\r\r\n\n", b"\r\n\n\r"):
            for before in (b"", b"a", b"\r\n", b"a\r\n" * 50):
                for after in (b"", b"a", b"a\r\n"):
                    self.assertIsNone(self.both(before + bare + after), (before, bare, after))

    def test_short_lines_are_told_by_their_average(self):
        """The way that is slow for them must not be taken for megabytes of empty lines."""
        for line, short in ((b"\r\n", True), (b"x" * 18 + b"\r\n", True), (b"x" * 70 + b"\r\n", False), (b"x", False)):
            block = line * 10
            self.assertIs(has_short_lines(block, with_lf(block, short_lines=False)), short)

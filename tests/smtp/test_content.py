"""Content: what the fuzz tests compare with a reference, in cases a reader can follow, and how little is held."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp import codes
from twistedmx.smtp.content import Content, Newlines


def content(*, limit=10_000, text_line=0, tolerant=False, sampled=1000):
    return Content(
        limit=limit, text_line=text_line, newlines=Newlines.TOLERATED if tolerant else Newlines.REFUSED, sampled=sampled
    )


class TestData(SynchronousTestCase):
    def test_lines_lose_cr_and_added_dots_and_count_as_sent(self):
        """RFC 5321 4.5.2, RFC 1870 5: the size has CRLF in it and no added dots."""
        data = content()
        self.assertEqual(data.feed_data(b"a\r\n..b\r\n.c\r\n.\r\nNOOP\r\n"), (b"a\n.b\nc\n", b"NOOP\r\n"))
        self.assertEqual((data.octets, data.fault), (len(b"a\r\n.b\r\nc\r\n"), None))

    def test_a_dot_alone_at_the_beginning_is_an_empty_message(self):
        """RFC 5321 4.1.1.4: the CRLF of the DATA command counts."""
        self.assertEqual(content().feed_data(b".\r\nQUIT\r\n"), (b"", b"QUIT\r\n"))

    def test_only_crlf_dot_crlf_ends(self):
        """SMTP smuggling (2023) lives on every other end that a server takes; what follows it must stay content."""
        for tolerant in (False, True):
            for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r\n\0.\r\n"):
                data = content(tolerant=tolerant)
                _, rest = data.feed_data(b"a" + end + b"MAIL FROM:<x@y>")
                self.assertIsNone(rest, end)
                _, rest = data.feed_data(b"\r\n.\r\n")
                self.assertEqual(rest, b"", end)
                self.assertIs(data.fault, None if tolerant or end == b"\r\n\0.\r\n" else codes.BARE_NEWLINE, end)

    def test_a_tolerated_peer_has_its_line_feeds_and_keeps_its_carriage_returns(self):
        """For devices that cannot be mended; a bare CR is content to a Maildir."""
        data = content(tolerant=True)
        self.assertEqual(data.feed_data(b"a\nb\rc\r\r\n.\r\n")[0], b"a\nb\rc\r\n")

    def test_after_a_fault_nothing_comes_out(self):
        """What will be refused need not be written."""
        data = content()
        self.assertEqual(data.feed_data(b"a\nb\r\n" + b"c\r\n" * 10), (b"", None))
        self.assertEqual(data.feed_data(b"good\r\n.\r\n"), (b"", b""))
        self.assertIs(data.fault, codes.BARE_NEWLINE)

    def test_the_block_that_had_the_fault_is_kept_apart(self):
        """Whoever wants to see what was refused sees the bare newline itself; and no more than one block is held."""
        data = content()
        data.feed_data(b"good\r\nx")
        self.assertIsNone(data.spoilt)
        data.feed_data(b"a\nb\r\nx")
        self.assertEqual(data.spoilt, (b"a\nb\r\nx", True))
        data.feed_data(b"more\r\n")
        self.assertEqual(data.spoilt, (b"a\nb\r\nx", False))
        for limits in ({"limit": 5}, {"text_line": 5}):
            data = content(**limits)
            data.feed_data(b"too long\r\nx")
            data.feed_data(b"bare\n")
            self.assertEqual(data.spoilt, (b"too long\nx", False))

    def test_no_more_of_it_is_held_than_somebody_will_ask_for(self):
        """A read has 256 KiB, a slow peer keeps its transaction open for minutes, and there are thousands of peers."""
        for sampled, held in ((0, (b"", False)), (3, (b"a\nb", False)), (5, (b"a\nb\r\n", True))):
            data, chunk = content(sampled=sampled), content(sampled=sampled)
            data.feed_data(b"a\nb\r\n.\r\n")
            chunk.feed_chunk(b"a\nb\r\n", last=True)
            for each in (data, chunk):
                self.assertEqual((each.spoilt, each.fault), (held, codes.BARE_NEWLINE))

    def test_of_one_without_end_it_is_never_all(self):
        """Nobody has waited for the end."""
        data = content(limit=5)
        data.feed_data(b"twice as much")
        self.assertEqual((data.endless, data.spoilt), (True, (b"twice as much", False)))

    def test_a_line_as_long_as_allowed_passes_and_one_octet_more_does_not(self):
        """RFC 5321 4.5.3.1.6 counts CRLF."""
        for text, fault in ((b"x" * 8, None), (b"x" * 9, codes.TEXT_LINE_TOO_LONG)):
            for lines in ((text,), (b"a", text), (text, b"a"), (b"", b"", text)):
                data = content(text_line=10)
                data.feed_data(b"".join(line + b"\r\n" for line in lines) + b".\r\n")
                self.assertIs(data.fault, fault, lines)

    def test_the_limit_is_the_size_announced(self):
        """A message of exactly SIZE octets is taken; twice as much ends the patience."""
        for size, fault, endless in ((20, None, False), (21, codes.TOO_LARGE, False), (41, codes.TOO_LARGE, True)):
            data = content(limit=20)
            data.feed_data(b"x" * (size - 2) + b"\r\n.\r\n")
            self.assertEqual((data.octets, data.fault, data.endless), (size, fault, endless))

    def test_dots_are_undone_in_a_large_block_be_they_few_or_many(self):
        """Few are leapt to, many are searched for together; the end is found in either way."""
        for dotted in (0, 1, 10, 5000):
            for line in (b"", b".", b"..", b"a.b", b".\n.", b"\n."):
                lines = [b"x"] * 5000 + [b".begins"] * dotted + [line, b"y"]
                wire = b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines)
                for end, rest in ((b"", None), (b".\r\nQUIT\r\n.\r\n", b"QUIT\r\n.\r\n")):
                    data = content(limit=10**6, tolerant=True)
                    body = b"".join(line + b"\n" for line in lines)
                    # Without an end, the last CRLF may yet be the beginning of one.
                    self.assertEqual(data.feed_data(wire + end), (body if end else body[:-1], rest))

    def test_never_more_than_four_octets_are_held(self):
        """A hundred thousand sessions in DATA must cost nothing."""
        stream = b"a\r\n.b\r\n..\r\n\r\r\n.\r\r\n" * 3
        for length in range(1, len(stream)):
            for before in range(0, length, 7):
                data = content(tolerant=True)
                out = data.feed_data(stream[:before])[0] + data.feed_data(stream[before:length])[0]
                fed = stream[:length]
                added_dots = fed.count(b"\r\n.")
                line_ends = fed.count(b"\r\n")
                self.assertLessEqual(len(fed) - added_dots - line_ends - len(out), 4)


class TestChunks(SynchronousTestCase):
    def test_dots_are_content(self):
        """RFC 3030 2: a chunk has no transparency and no end but its size."""
        data = content()
        self.assertEqual(data.feed_chunk(b".\r\n..\r\n.\r\n", last=True), b".\n..\n.\n")

    def test_crlf_may_be_cut_by_a_chunk(self):
        """The chunks are one message."""
        data = content()
        self.assertEqual(data.feed_chunk(b"a\r", last=False), b"a")
        self.assertEqual(data.feed_chunk(b"\nb", last=True), b"\nb")
        self.assertIsNone(data.fault)

    def test_a_cr_at_the_very_end_is_bare(self):
        """Nothing can follow it any more."""
        data = content()
        data.feed_chunk(b"a\r", last=False)
        data.feed_chunk(b"", last=True)
        self.assertIs(data.fault, codes.BARE_NEWLINE)

    def test_no_line_end_is_needed_at_the_end(self):
        """BDAT carries any octets."""
        data = content()
        self.assertEqual(data.feed_chunk(b"a", last=True), b"a")
        self.assertEqual((data.octets, data.fault), (1, None))

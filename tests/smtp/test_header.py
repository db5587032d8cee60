"""The scan for loops: RFC 5321 6.3."""

from twisted.trial.unittest import SynchronousTestCase

from twistedmx.smtp.header import TraceScan


def scanned(*blocks):
    scan = TraceScan()
    for block in blocks:
        scan.feed(block)
    scan.end()
    return scan


class TestTraceScan(SynchronousTestCase):
    def test_fields_count_in_any_case_and_only_at_the_start_of_a_line(self):
        """A field that is quoted in another is no hop."""
        scan = scanned(b"Received: a\nRECEIVED:b\n\tReceived: folded\nX-Received: c\nSubject: Received: d\n\n")
        self.assertEqual(scan.received, 2)

    def test_the_body_does_not_count(self):
        """A bounce carries the header of what it returns: counting it would make loops of all bounces."""
        scan = scanned(b"Received: a\n\nReceived: b\nDelivered-To: c\n", b"\nReceived: d\n")
        self.assertEqual((scan.received, scan.delivered_to), (1, []))

    def test_a_body_without_a_header_does_not_count(self):
        """The empty line may be the first."""
        self.assertEqual(scanned(b"\nReceived: x\n").received, 0)

    def test_a_header_may_end_with_the_message(self):
        """RFC 5322 2.1: the body is optional, and so may be the last line end."""
        self.assertEqual(scanned(b"Received: a\nReceived: b").received, 2)
        self.assertEqual(scanned(b"Delivered-To: Ann@Example.ORG").delivered_to, [b"ann@example.org"])

    def test_a_hundred_mailboxes_are_remembered(self):
        """A header of a million fields must not be a million objects."""
        self.assertEqual(len(scanned(b"Delivered-To: x\n" * 300).delivered_to), 100)
        self.assertEqual(len(scanned(*[b"Delivered-To: x\n"] * 300).delivered_to), 100)

    def test_the_end_may_be_told_twice_and_changes_nothing_more(self):
        """A refusal asks after the end too."""
        scan = scanned(b"Received: a")
        scan.end()
        self.assertEqual(scan.received, 1)

    def test_an_overlong_line_tells_the_same_however_it_is_cut(self):
        """Else a message that is no loop is refused as one when it comes in small packets, and delivered in large ones."""
        line = b"Delivered-To: demo@example.org" + b" " * 2000 + b"not me\n"
        whole = scanned(line + b"\n")
        cut = scanned(line[:1200], line[1200:2020], line[2020:] + b"\n")
        by_pieces = scanned(*[line[at : at + 100] for at in range(0, len(line), 100)], b"\n")
        self.assertEqual(whole.delivered_to, cut.delivered_to)
        self.assertEqual(whole.delivered_to, by_pieces.delivered_to)

    def test_an_endless_line_is_not_kept(self):
        """The header of a message may be one line of any length; a scan that kept it would keep the message."""
        scan = TraceScan()
        for _ in range(100):
            scan.feed(b"x" * 10_000)
        self.assertLess(sum(len(value) for value in (scan._line, *scan.delivered_to)), 20_000)

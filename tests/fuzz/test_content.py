"""Content, against a reference that goes octet by octet and knows no trick."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz import EXAMPLES
from tests.fuzz.cuts import at_random, one_by_one, whole
from tests.fuzz.grammar import text
from twistedmx.smtp import codes
from twistedmx.smtp.content import Content, Newlines
from twistedmx.smtp.line_ends import with_lf
from twistedmx.smtp.reply import Reply

CR, LF, DOT = 13, 10, 46


@attrs.frozen(kw_only=True)
class Told:
    """What a message is. `body`: with LF ends; b"" with a fault. `rest`: behind the end, None when it has not come."""

    body: bytes
    size: int
    fault: Reply | None
    rest: bytes | None = None


def without_transparency(octets: bytes) -> tuple[bytes, bytes | None]:
    """RFC 5321 4.5.2, read aloud: the content with CRLF ends, and what follows the end of data, None while it is missing.

    What may yet become the end of data is left out.
    """
    content = bytearray()
    at = 0
    begins_line = True
    while at < len(octets):
        if begins_line and octets[at] == DOT:
            behind = octets[at + 1 : at + 3]
            if behind == b"\r\n":
                return bytes(content), octets[at + 3 :]
            if behind in (b"", b"\r"):
                return bytes(content), None
            begins_line = False  # the dot that the client added
        else:
            content.append(octets[at])
            begins_line = octets[at] == LF and at > 0 and octets[at - 1] == CR
        at += 1
    return bytes(content), None


def judge(content: bytes, *, limit: int, text_line: int, tolerant: bool) -> tuple[bytes, Reply | None]:
    """RFC 5321 2.3.8: the content with LF ends, and its fault."""
    body = bytearray()
    bare = False
    line, long = 0, False
    for at, octet in enumerate(content):
        after_cr = at > 0 and content[at - 1] == CR
        before_lf = at + 1 < len(content) and content[at + 1] == LF
        if octet == CR and before_lf:
            continue
        if octet == LF:
            bare = bare or not after_cr
            long = long or line + 2 > text_line
            line = 0
        else:
            bare = bare or octet == CR
            line += 1
            long = long or line >= text_line  # at least one more octet would be needed to end it
        body.append(octet)
    if bare and not tolerant:
        return b"", codes.BARE_NEWLINE
    if long and text_line:
        return b"", codes.TEXT_LINE_TOO_LONG
    if len(content) > limit:
        return b"", codes.TOO_LARGE
    return bytes(body), None


def content_of(*, tolerant: bool, **how: int) -> Content:
    return Content(newlines=Newlines.TOLERATED if tolerant else Newlines.REFUSED, **how)


_limits = st.fixed_dictionaries(
    {
        "limit": st.sampled_from([0, 5, 20, 1000]),
        "text_line": st.sampled_from([0, 3, 10, 40]),
        "tolerant": st.booleans(),
    }
)
_seeds = st.integers(0, 1000)
# What makes a block large, with few dots and with many, in lines short and long.
_filling = st.sampled_from(
    [b"x" * 9000, (b"y" * 70 + b"\r\n") * 130, b"\r\n" * 4500, b"z. " * 3000, b"..\r\n" * 2300, b"w\r\n..\r\n" * 1200]
)


class TestData(SynchronousTestCase):
    def fed(self, pieces: list[bytes], how: dict) -> Told:
        content = content_of(**how)
        given_out = b""
        for number, piece in enumerate(pieces):
            block, rest = content.feed_data(piece)
            given_out += block
            if rest is not None:
                rest += b"".join(pieces[number + 1 :])
                body = given_out if content.fault is None else b""
                return Told(body=body, size=content.octets, fault=content.fault, rest=rest)
        return Told(body=given_out, size=content.octets, fault=content.fault)

    @EXAMPLES
    @given(text | st.binary(max_size=40), _limits, _seeds)
    def test_data_is_what_rfc_5321_says_in_every_cut(self, octets: bytes, how: dict, seed: int) -> None:
        """The message, its size, its fault and what is a command behind it are those of the reference, however it is cut."""
        octets += b"\r\n.\r\nNOOP\r\n"
        content, rest = without_transparency(octets)
        body, fault = judge(content, **how)
        expected = Told(body=body, size=len(content), fault=fault, rest=rest)
        for pieces in (whole(octets), one_by_one(octets), at_random(octets, seed)):
            self.assertEqual(self.fed(pieces, how), expected)

    @EXAMPLES
    @given(text | st.binary(max_size=40), _seeds)
    def test_what_is_not_given_out_yet_is_at_most_a_line_end(self, octets: bytes, seed: int) -> None:
        """Without an end of data, all but the octets that may begin one has come out, whatever the cut: nothing is held."""
        content, rest = without_transparency(octets)
        if rest is not None:
            return
        how = {"limit": 1000, "text_line": 0, "tolerant": True}
        body, _ = judge(content, **how)
        for pieces in (whole(octets), one_by_one(octets), at_random(octets, seed)):
            told = self.fed(pieces, how)
            self.assertTrue(body.startswith(told.body) or content.endswith(b"\r"), (body, told))
            self.assertLessEqual(len(content) - told.size, 2)

    @EXAMPLES
    @given(st.lists(text | _filling, max_size=6).map(b"".join), _limits, st.integers(50, 5000))
    def test_a_large_block_is_taken_as_the_small_ones_that_it_is_made_of(
        self, octets: bytes, how: dict, size: int
    ) -> None:
        """What is faster in a large block gives the message, size, fault and rest that small blocks give."""
        octets += b"\r\n.\r\nNOOP\r\n"
        how = {**how, "limit": how["limit"] * 1000}
        small = [octets[at : at + size] for at in range(0, len(octets), size)]
        expected = self.fed(small, how)
        for cut in (0, len(octets) // 2, *range(len(octets) - 11, len(octets) - 5)):  # within the end, too
            self.assertEqual(self.fed([octets[:cut], octets[cut:]], how), expected)


class TestLineEnds(SynchronousTestCase):
    @EXAMPLES
    @given(text | st.binary(max_size=40), _filling | st.just(b""))
    def test_both_ways_turn_crlf_and_find_what_is_bare(self, octets: bytes, filling: bytes) -> None:
        """What comes out is that of the reference, None where it finds a bare CR or LF, whichever way is gone."""
        body, fault = judge(octets, limit=10**6, text_line=0, tolerant=False)
        for before, plain in ((b"", b""), (filling, filling.replace(b"\r\n", b"\n"))):
            for short_lines in (False, True):
                told = with_lf(before + octets, short_lines=short_lines)
                self.assertEqual(told, None if fault else plain + body)


class TestChunks(SynchronousTestCase):
    @EXAMPLES
    @given(text | st.binary(max_size=40), _limits, _seeds)
    def test_chunks_are_taken_as_they_are_in_every_cut(self, octets: bytes, how: dict, seed: int) -> None:
        """RFC 3030 2: no transparency; line ends, size and fault are those of the reference, however it is cut."""
        body, fault = judge(octets, **how)
        for pieces in (whole(octets), one_by_one(octets), at_random(octets, seed)):
            content = content_of(**how)
            given_out = b"".join(content.feed_chunk(piece, last=False) for piece in pieces)
            given_out += content.feed_chunk(b"", last=True)
            told = given_out if content.fault is None else b""
            self.assertEqual((told, content.octets, content.fault), (body, len(octets), fault))

    @EXAMPLES
    @given(text, _limits)
    def test_the_last_octets_may_come_with_last_or_before_it(self, octets: bytes, how: dict) -> None:
        """`BDAT 0 LAST` and a LAST chunk that has it all make the same message."""
        body, fault = judge(octets, **how)
        content = content_of(**how)
        given_out = content.feed_chunk(octets, last=True)
        told = given_out if content.fault is None else b""
        self.assertEqual((told, content.octets, content.fault), (body, len(octets), fault))

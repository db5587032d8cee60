"""Line ends of content (RFC 5321 2.3.8): CRLF as the wire has it becomes LF as Maildirs have it, and what is bare is found.

There are two ways to the same result, each a few passes in C over a whole block. One leaps from line end to line end, and
is the faster the longer the lines are; the other costs the same for every octet, so that a block of nothing but line ends
takes no longer than a letter. benchmarks/session.py has a row for each.
"""

from io import IncrementalNewlineDecoder
from typing import Final

_CR: Final = b"\r"
_LF: Final = b"\n"
_CRLF: Final = b"\r\n"
_SHORT: Final = 40  # octets of a line at which both ways cost the same: benchmarks/session.py


def with_lf(block: bytes, *, short_lines: bool) -> bytes | None:
    """`block`, not cut within CRLF, with LF ends; None when a bare CR or a bare LF is in it.

    `short_lines`: which way to go; the result is the same.
    """
    return _octet_by_octet(block) if short_lines else _line_by_line(block)


def has_short_lines(block: bytes, body: bytes) -> bool:
    """Whether they are short on average in `block`, of which `with_lf` made `body`: those to come will be like them."""
    return (len(block) - len(body)) * _SHORT > len(block)


def _line_by_line(block: bytes) -> bytes | None:
    body = block.replace(_CR, b"")
    # Each CR was before an LF, and each LF behind one CR, if and only if this gives back what there was.
    return body if body.replace(_LF, _CRLF) == block else None


def _octet_by_octet(block: bytes) -> bytes | None:
    ends = IncrementalNewlineDecoder(None, translate=True)  # of characters; in latin-1 each is an octet
    text = ends.decode(block.decode("latin-1"), final=True)
    return text.encode("latin-1") if ends.newlines in (None, "\r\n") else None

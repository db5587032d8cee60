"""The beginning of a message, for whoever judges it: its header and some of its body, within bounds.

Sees the content go by in blocks with LF ends, as `header.TraceScan` does. It is not a parser of RFC 5322: what stands above the
first empty line is the header, whatever it is.
"""

from typing import Final

# Postfix keeps 102400 octets of a header (header_size_limit); a longer one says nothing that a shorter one could not.
HEADER_OCTETS: Final = 65_536
BODY_OCTETS: Final = 4096


class Opening:
    """`header`: without the empty line; `is_whole`: it was not cut. `body`: its beginning. `is_blank`: all of the body so far is
    white space."""

    __slots__ = ("_body", "_header", "_in_body", "_last", "is_blank", "is_whole")

    def __init__(self) -> None:
        self._header = bytearray()
        self._body = bytearray()
        self._in_body = False
        self._last = b"\n"  # the octet before what comes: an empty line may be the first
        self.is_whole = True
        self.is_blank = True

    @property
    def header(self) -> bytes:
        return bytes(self._header)

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def feed(self, block: bytes) -> None:
        """Take the next block of content. Of a long body it costs next to nothing."""
        if not self._in_body:
            text = self._last + block
            end = text.find(b"\n\n")
            if end < 0:
                self._last = text[-1:]
                self._add_to_header(block)
                return
            self._in_body = True
            self._add_to_header(block[:end])
            block = block[end + 1 :]
        if len(self._body) < BODY_OCTETS:
            self._body += block[: BODY_OCTETS - len(self._body)]
        if self.is_blank and block and not block.isspace():
            self.is_blank = False

    def _add_to_header(self, block: bytes) -> None:
        room = HEADER_OCTETS - len(self._header)
        if len(block) > room:
            self.is_whole = False
        self._header += block[:room]

"""What the header of a message tells of its way: how often it was received, and for whom (loops, RFC 5321 6.3).

Sees the header go by in blocks with LF ends; keeps at most the beginning of one line. It is not a parser of RFC 5322.
"""

from typing import Final

# No address that we compare with is longer, and the rest of a longer line tells nothing.
_LINE_OCTETS: Final = 1000
_DELIVERED_TO: Final = b"\ndelivered-to:"


class TraceScan:
    """`received`: Received fields so far. `delivered_to`: values of Delivered-To in lower case, the first hundred.
    Of a line the first thousand octets count.

    `nothing_seen`: no content has come yet.
    """

    __slots__ = ("_done", "_line", "delivered_to", "nothing_seen", "received")

    def __init__(self) -> None:
        self.nothing_seen = True
        self.received = 0
        self.delivered_to: list[bytes] = []
        self._line = b"\n"  # the unfinished line, with the line end before it; its rest is dropped when it is full
        self._done = False

    def feed(self, block: bytes) -> None:
        """Take the next block of content. Costs nothing once the header is over."""
        if self._done:
            return
        self.nothing_seen = False
        if len(self._line) == _LINE_OCTETS:
            end = block.find(b"\n")
            block = block[end:] if end >= 0 else b""
        text = self._line + block
        end = text.find(b"\n\n")
        if end >= 0:
            self._done = True
            text = text[: end + 1]
        else:
            cut = text.rfind(b"\n")
            self._line = text[cut : cut + _LINE_OCTETS]
            text = text[: cut + 1]
        if len(text) > 1:
            self._count(text.lower())

    def end(self) -> None:
        """The content is over, maybe without an empty line."""
        if not self._done:
            self._done = True
            self._count(self._line.lower() + b"\n")

    def _count(self, text: bytes) -> None:
        self.received += text.count(b"\nreceived:")
        at = text.find(_DELIVERED_TO)
        while at >= 0 and len(self.delivered_to) < 100:
            start = at + len(_DELIVERED_TO)
            end = text.find(b"\n", start)
            self.delivered_to.append(text[start : min(end, at + _LINE_OCTETS)].strip())
            at = text.find(_DELIVERED_TO, end)

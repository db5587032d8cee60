"""What comes behind MAIL: room for recipients, and the content of one transaction (RFC 5321 4.1.1.4 DATA, RFC 3030 BDAT)."""

from twistedmx.smtp import codes
from twistedmx.smtp.command import Bdat, Refusal
from twistedmx.smtp.content import Content, Newlines
from twistedmx.smtp.heard import Heard
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.phase import Block, EndOfChunk, EndOfData, Phase
from twistedmx.smtp.reply import Reply


class Transfer:
    """One transaction, as the wire knows it: replaced by the next, never cleared.

    `room`: recipients that it may still have. `smtputf8`: their addresses may be other than ASCII. `newlines`, `sampled`: as in
    `Content`.
    """

    __slots__ = ("_content", "_limits", "_newlines", "_over", "_sampled", "room", "smtputf8")

    def __init__(self, limits: Limits, room: int, smtputf8: bool, newlines: Newlines, sampled: int) -> None:
        self._limits = limits
        self._newlines = newlines
        self._sampled = sampled
        self._content: Content | None = None
        self._over = False  # the end of its data was seen
        self.room = room
        self.smtputf8 = smtputf8

    @property
    def content(self) -> Content:
        """Made when it is asked for: most transactions of an attack never come so far."""
        if self._content is None:
            limits = self._limits
            self._content = Content(
                limit=limits.size, text_line=limits.text_line, newlines=self._newlines, sampled=self._sampled
            )
        return self._content

    def next(self, heard: Heard) -> Block | EndOfData | None:
        """What comes next behind DATA; None while octets are missing."""
        content = self.content
        if not self._over:
            if not heard:
                return None
            block, rest = content.feed_data(heard.take_all())
            if rest is not None:
                self._over = True
                heard.add(rest)
            if content.endless:
                # The size is that of the first octet too many, however many came with it.
                return EndOfData(size=2 * self._limits.size + 1, fault=codes.ENDLESS, spoilt=content.spoilt)
            if content.ends_now:  # not before: cut otherwise, so many octets would not have come to it
                return EndOfData(size=content.octets, fault=codes.BARE_LF, spoilt=content.spoilt)
            if block:
                return Block(block)
            if rest is None:
                return None
        return EndOfData(size=content.octets, fault=content.fault, spoilt=content.spoilt)

    def fits(self, bdat: Bdat) -> bool:
        """Whether it makes sense to listen to so much more."""
        return self.content.octets + bdat.octets <= 2 * self._limits.size


class Chunk:
    """The chunk of BDAT that is coming in. `refusal`: its octets are thrown away, and it is answered so."""

    __slots__ = ("_bdat", "_content", "_left", "_refusal", "phase_before")

    def __init__(self, bdat: Bdat, content: Content | None, phase_before: Phase, refusal: Reply | None) -> None:
        self._bdat = bdat
        self._content = content
        self._left = bdat.octets
        self._refusal = refusal
        self.phase_before = phase_before

    def next(self, heard: Heard) -> Block | EndOfChunk | EndOfData | Refusal | None:
        """What comes next of it; None while octets are missing."""
        octets = heard.take(self._left)
        if self._left and not octets:
            return None
        self._left -= len(octets)
        content = self._content
        if self._refusal is not None or content is None:
            return None if self._left or self._refusal is None else Refusal(self._refusal)
        last = self._bdat.last and not self._left
        block = content.feed_chunk(octets, last=last)
        if block:
            return Block(block)
        if self._left:
            return None
        if last:
            return EndOfData(size=content.octets, fault=content.fault, spoilt=content.spoilt)
        return EndOfChunk(octets=self._bdat.octets, size=content.octets, fault=content.fault, spoilt=content.spoilt)

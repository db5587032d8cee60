"""The part of a session that is about content: what begins a transfer, and what comes next of it."""

from typing import Final

from twistedmx.smtp import codes
from twistedmx.smtp.command import Bdat, Refusal
from twistedmx.smtp.content import Newlines
from twistedmx.smtp.dialect import RFC_5321, Dialect
from twistedmx.smtp.heard import Heard
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.need import Need
from twistedmx.smtp.parameters import MailParameters
from twistedmx.smtp.path import Path
from twistedmx.smtp.phase import Block, Input, Phase
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.transfer import Chunk, Transfer

_NEED_OCTETS: Final = Need.OCTETS


class Transferring:
    """What `session.Session` is of it. `tolerant`, `_sampled`: as there."""

    dialect: Dialect = RFC_5321

    __slots__ = ("_chunk", "_sampled", "heard", "limits", "owed", "phase", "tolerant", "transfer")

    heard: Heard
    limits: Limits
    owed: Input | None
    phase: Phase
    tolerant: bool
    transfer: Transfer  # from the first MAIL on
    _chunk: Chunk  # from the first BDAT on
    _sampled: int

    def begin(self, reverse_path: Path, parameters: MailParameters) -> None:
        """MAIL was accepted: there is room for recipients."""
        limits = self.limits
        room = limits.recipients if reverse_path.address else limits.null_sender_recipients
        newlines = Newlines.TOLERATED if self.tolerant else self.dialect.newlines
        self.transfer = Transfer(limits, room, parameters.smtputf8, newlines, self._sampled)

    def _owe(self, owed: Input) -> Input:
        self.owed = owed
        return owed

    def _next_of_data(self) -> Input | Need:
        input_ = self.transfer.next(self.heard)
        if input_ is None:
            return _NEED_OCTETS
        return input_ if type(input_) is Block else self._owe(input_)

    def _begin_chunk(self, bdat: Bdat, refusal: Reply | None) -> Input | Need:
        """A chunk follows its command whatever the answer will be (RFC 3030 2), unless the session ends here."""
        content = None
        if refusal is None:
            if self.transfer.fits(bdat):
                content = self.transfer.content
            else:
                refusal = codes.ENDLESS
        elif not refusal.closes and bdat.octets > 2 * self.limits.size:
            refusal = codes.ENDLESS
        if refusal is not None and refusal.closes:
            return self._owe(Refusal(refusal))
        self._chunk = Chunk(bdat, content, self.phase, refusal)
        self.phase = Phase.CHUNK
        return self._next_of_chunk()

    def _next_of_chunk(self) -> Input | Need:
        input_ = self._chunk.next(self.heard)
        if input_ is None:
            return _NEED_OCTETS
        if type(input_) is Block:
            return input_
        if type(input_) is Refusal:
            self.phase = self._chunk.phase_before
        return self._owe(input_)

"""A session of RFC 5321 as a value: octets in, inputs out, one reply to each input that is owed one.

    session.receive(octets)
    while (input := session.next_input()) is not Need.OCTETS and input is not Need.REPLY:
        ...  # a Block is owed nothing; for all others: session.reply(...), now or later

The state is the table below: phase -> kind of input -> the phase after a positive reply; what is not in the table is
answered 503. While a reply is owed there is no next input, so that replies never change their order and a command is never
obeyed in the state of an earlier one: PIPELINING (RFC 2920) needs no other rule. What the session does is the same whether
octets arrive whole or one by one.

It holds no envelope and decides nothing that asks anybody: what the grammar, the order of commands or a limit demands comes
out as a Refusal, which the caller replies as it is. No Twisted, no clock.
"""

import enum
from typing import Final

import attrs

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    Bdat,
    Command,
    Data,
    Ehlo,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Refusal,
    Rset,
    StartTls,
    Vrfy,
    parse_command,
)
from twistedmx.smtp.content import Content
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.reply import Reply


class Need(enum.Enum):
    """Why there is no next input."""

    OCTETS = "octets"
    REPLY = "reply"


# Members by a global name, and hashed by identity: Python 3.11 takes 100 ns to reach one through its class and 90 ns more
# to hash it, several times a command (benchmarks/session.py).
_NEED_OCTETS: Final = Need.OCTETS
_NEED_REPLY: Final = Need.REPLY


@attrs.frozen
class Block:
    """Content: octets with LF line ends, transparency removed. No reply is owed."""

    octets: bytes


@attrs.frozen(kw_only=True)
class EndOfData:
    """The message is over: CRLF.CRLF, or the last octet of BDAT LAST.

    `size`: its octets by RFC 1870. `fault`: the reply that the content has earned, or None; with a fault, blocks are missing.
    """

    size: int
    fault: Reply | None


@attrs.frozen(kw_only=True)
class EndOfChunk:
    """A BDAT chunk that is not the last is over. `octets`: of this chunk. `size`, `fault`: as in EndOfData, so far."""

    octets: int
    size: int
    fault: Reply | None


class Phase(enum.Enum):
    """Where a session is."""

    __hash__ = object.__hash__

    CONNECTED = "the greeting is owed"
    GREETED = "no EHLO yet"
    READY = "EHLO done, no transaction"
    MAIL = "a reverse-path, no recipient"
    RCPT = "at least one recipient"
    DATA = "content comes, until CRLF.CRLF"
    CHUNKS = "between two chunks of BDAT"
    CHUNK = "octets of a chunk come"
    SECURING = "octets are dropped until TLS is there"
    ENDED = "everything is dropped"


_ANYTIME: Final = (Rset, Noop, Help, Vrfy)
_TRANSACTION: Final = (Phase.MAIL, Phase.RCPT, Phase.CHUNKS)


@attrs.frozen
class Connection:
    """That the peer is there: the greeting is the reply owed to it."""


Input = Connection | Command | Refusal | Block | EndOfData | EndOfChunk
_CONNECTION: Final = Connection()

# phase -> kind of input -> phase after a positive reply. After a negative one the phase stays, but for `_FAILED`.
TABLE: Final[dict[Phase, dict[type, Phase]]] = {
    Phase.CONNECTED: {Connection: Phase.GREETED},
    Phase.GREETED: {Ehlo: Phase.READY, Helo: Phase.READY, Quit: Phase.ENDED, **dict.fromkeys(_ANYTIME, Phase.GREETED)},
    Phase.READY: {
        Ehlo: Phase.READY,
        Helo: Phase.READY,
        StartTls: Phase.SECURING,
        Mail: Phase.MAIL,
        Quit: Phase.ENDED,
        **dict.fromkeys(_ANYTIME, Phase.READY),
    },
    Phase.MAIL: {
        Ehlo: Phase.READY,
        Helo: Phase.READY,
        Rcpt: Phase.RCPT,
        Quit: Phase.ENDED,
        **dict.fromkeys(_ANYTIME, Phase.MAIL),
        Rset: Phase.READY,
    },
    Phase.RCPT: {
        Ehlo: Phase.READY,
        Helo: Phase.READY,
        Rcpt: Phase.RCPT,
        Data: Phase.DATA,
        Bdat: Phase.CHUNK,
        Quit: Phase.ENDED,
        **dict.fromkeys(_ANYTIME, Phase.RCPT),
        Rset: Phase.READY,
    },
    Phase.DATA: {EndOfData: Phase.READY},
    Phase.CHUNK: {EndOfData: Phase.READY, EndOfChunk: Phase.CHUNKS},
    Phase.CHUNKS: {
        Ehlo: Phase.READY,
        Helo: Phase.READY,
        Bdat: Phase.CHUNK,
        Quit: Phase.ENDED,
        **dict.fromkeys(_ANYTIME, Phase.CHUNKS),
        Rset: Phase.READY,
    },
}
# A transaction whose content was refused is over (RFC 5321 4.1.1.4; RFC 3030 2: a failed BDAT needs a RSET or a MAIL).
_FAILED: Final[dict[type, Phase]] = {EndOfData: Phase.READY, EndOfChunk: Phase.READY, Connection: Phase.ENDED}

# What is said to an input that the table does not have; the first row that fits.
_OUT_OF_ORDER: Final[tuple[tuple[tuple[Phase, ...], tuple[type, ...], Reply], ...]] = (
    ((Phase.GREETED,), (Mail, Rcpt, Data, Bdat, StartTls), codes.HELO_FIRST),
    (_TRANSACTION, (Mail,), codes.NESTED_MAIL),
    ((Phase.READY,), (Rcpt, Data, Bdat), codes.MAIL_FIRST),
    ((Phase.MAIL,), (Data, Bdat), codes.RCPT_FIRST),
    ((Phase.CHUNKS,), (Data,), codes.NO_DATA_AFTER_BDAT),
)
_CONTENT: Final = frozenset((Phase.DATA, Phase.CHUNK))
_DEAF: Final = frozenset((Phase.SECURING, Phase.ENDED))
_IDLE_COMMANDS: Final = frozenset((*_ANYTIME, Ehlo, Helo))
# ContentType handshake of TLSPlaintext (RFC 8446 5.1): the peer took a port that begins in plain text for another.
_TLS_HANDSHAKE: Final = b"\x16"


def _out_of_order(phase: Phase, kind: type) -> Reply:
    return next(
        (reply for phases, kinds, reply in _OUT_OF_ORDER if phase in phases and kind in kinds), codes.OUT_OF_ORDER
    )


class _Transaction:
    """What belongs to one MAIL: replaced by the next, never cleared."""

    __slots__ = ("content", "over", "room")

    def __init__(self, content: Content, room: int) -> None:
        self.content = content
        self.room = room  # recipients that it may still have
        self.over = False  # the end of its data was seen


class _Chunk:
    """The BDAT chunk that is coming in."""

    __slots__ = ("bdat", "left", "phase_before", "refusal")

    def __init__(self, bdat: Bdat, phase_before: Phase, refusal: Reply | None) -> None:
        self.bdat = bdat
        self.left = bdat.octets
        self.phase_before = phase_before
        self.refusal = refusal  # its octets are thrown away, and it is answered so


class Session:
    """One peer's session.

    `limits`: of this session. `starttls`: it is offered. `secure`: TLS is there from the first octet. `tolerant`: bare CR
    and LF are taken in content from this peer. `commands`, `messages` (accepted), `errors` (5yz replies): counts that
    nothing clears.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_chunk",
        "_esmtp",
        "_idle_commands",
        "_limits",
        "_overlong",
        "_owed",
        "_secure",
        "_starttls",
        "_tolerant",
        "_transaction",
        "commands",
        "errors",
        "messages",
        "phase",
    )

    def __init__(self, *, limits: Limits, starttls: bool, secure: bool, tolerant: bool = False) -> None:
        self._limits = limits
        self._starttls = starttls
        self._secure = secure
        self._tolerant = tolerant
        self.phase = Phase.CONNECTED
        self._owed: Input | None = _CONNECTION
        self._buffer = b""
        self._at = 0  # octets of the buffer that are consumed
        self._overlong = False  # the beginning of the present command line was thrown away
        self._esmtp = False
        self._transaction = self._new_transaction(0)
        self._chunk = _Chunk(Bdat(octets=0, last=True), Phase.CONNECTED, None)
        self._idle_commands = 0
        self.commands = 0
        self.messages = 0
        self.errors = 0

    def receive(self, octets: bytes) -> None:
        """Store what the peer sent; drop it where nothing may be heard."""
        if self.phase in _DEAF:
            return
        if self._at < len(self._buffer):
            self._buffer = self._buffer[self._at :] + octets
        else:
            self._buffer = octets
        self._at = 0

    def next_input(self) -> Input | Need:
        """The next thing that the peer said, unless a reply is owed or octets are missing."""
        if self._owed is not None:
            return _NEED_REPLY
        if self._at >= len(self._buffer) and self.phase not in _CONTENT:
            return _NEED_OCTETS
        if self.phase in _CONTENT:
            return self._next_of_chunk() if self.phase is Phase.CHUNK else self._next_of_data()
        line = self._next_line()
        if line is None:
            return _NEED_OCTETS
        self.commands += 1
        command = Refusal(line) if isinstance(line, Reply) else parse_command(line)
        refusal = self._refusal_of(command)
        if type(command) is Bdat:
            return self._begin_chunk(command, refusal)
        return self._owe(command if refusal is None else Refusal(refusal))

    def reply(self, reply: Reply) -> bytes:
        """Answer the input that is owed a reply, and move on. Returns the octets to send.

        Raises RuntimeError when nothing is owed.
        """
        owed = self._owed
        if owed is None:
            raise RuntimeError("a reply to nothing")
        self._owed = None
        if reply.code >= 400:
            if reply.code >= 500:
                self.errors += 1
            self.phase = _FAILED.get(type(owed), self.phase)
        else:
            self.phase = TABLE[self.phase][type(owed)]
            self._succeeded(owed)
        if reply.closes:
            self.phase = Phase.ENDED
        if self.phase in _DEAF:
            self._drop()
        return reply.octets

    def secured(self) -> None:
        """TLS is there: all that the peer said is forgotten (RFC 3207 4.2); what it has done is not."""
        self._secure = True
        self.phase = Phase.GREETED

    def close(self) -> None:
        """Nothing more is heard, and no reply is owed."""
        self._owed = None
        self.phase = Phase.ENDED
        self._drop()

    def _owe(self, owed: Input) -> Input:
        self._owed = owed
        return owed

    def _drop(self) -> None:
        self._buffer = b""
        self._at = 0

    def _new_transaction(self, room: int) -> _Transaction:
        limits = self._limits
        return _Transaction(Content(limit=limits.size, text_line=limits.text_line, tolerant=self._tolerant), room)

    def _succeeded(self, owed: Input) -> None:
        kind = type(owed)
        if kind is Rcpt:
            self._transaction.room -= 1
        elif kind is Mail:
            limits = self._limits
            bounce = not owed.reverse_path.address  # type: ignore[union-attr]  # kind is Mail
            self._transaction = self._new_transaction(limits.null_sender_recipients if bounce else limits.recipients)
        elif kind is EndOfData:
            self.messages += 1
            self._idle_commands = 0
        elif kind is Ehlo or kind is Helo:
            self._esmtp = kind is Ehlo

    def _next_line(self) -> bytes | Reply | None:
        """The next command line without its CRLF; the reply to what is no line; None while it is unfinished."""
        buffer, at = self._buffer, self._at
        if buffer[at : at + 1] == _TLS_HANDSHAKE and not self._overlong:
            self._drop()
            return codes.NOT_SMTP
        end = buffer.find(b"\n", at)
        if end < 0:
            if len(buffer) - at >= self._limits.command_line:
                self._drop()
                self._overlong = True
            return None
        self._at = end + 1
        if self._overlong or end + 1 - at > self._limits.command_line:
            self._overlong = False
            return codes.LINE_TOO_LONG
        if end == at or buffer[end - 1] != 13:
            return codes.BARE_NEWLINE_IN_COMMAND
        return buffer[at : end - 1]

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        """What the order of commands or a limit says to it, or None."""
        kind = type(command)
        limits = self._limits
        if self.errors >= limits.errors and kind is not Quit:
            return codes.TOO_MANY_ERRORS
        if kind is Refusal:
            return command.reply  # type: ignore[union-attr]  # kind is Refusal
        if kind not in TABLE[self.phase]:
            return _out_of_order(self.phase, kind)
        if kind is Rcpt:
            if self._transaction.room <= 0:
                return codes.TOO_MANY_RECIPIENTS
            if not self._esmtp and command.parameters is not NO_RCPT_PARAMETERS:  # type: ignore[union-attr]
                return codes.UNKNOWN_PARAMETER
        elif kind in _IDLE_COMMANDS:
            self._idle_commands += 1
            if self._idle_commands > limits.idle_commands:
                return codes.TOO_MANY_IDLE_COMMANDS
        elif type(command) is Mail:
            if self.messages >= limits.messages:
                return codes.TOO_MANY_MESSAGES
            if not self._esmtp and command.parameters is not NO_MAIL_PARAMETERS:
                return codes.UNKNOWN_PARAMETER
            if command.parameters.size > limits.size:
                return codes.TOO_LARGE
        elif kind is StartTls:
            if self._secure:
                return codes.TLS_TWICE
            if not self._starttls:
                return codes.NOT_IMPLEMENTED
        return None

    def _next_of_data(self) -> Input | Need:
        transaction = self._transaction
        content = transaction.content
        if not transaction.over:
            if self._at >= len(self._buffer):
                return _NEED_OCTETS
            block, rest = content.feed_data(self._buffer[self._at :])
            self._drop()
            if rest is not None:
                transaction.over = True
                self._buffer = rest
            if content.endless:
                return self._owe(EndOfData(size=content.octets, fault=codes.ENDLESS))
            if block:
                return Block(block)
            if rest is None:
                return _NEED_OCTETS
        return self._owe(EndOfData(size=content.octets, fault=content.fault))

    def _begin_chunk(self, bdat: Bdat, refusal: Reply | None) -> Input | Need:
        """A chunk follows its command whatever the answer will be (RFC 3030 2), unless the session ends here."""
        if refusal is None or not refusal.closes:
            so_far = self._transaction.content.octets if refusal is None else 0
            if so_far + bdat.octets > 2 * self._limits.size:
                refusal = codes.ENDLESS
        if refusal is not None and refusal.closes:
            return self._owe(Refusal(refusal))
        self._chunk = _Chunk(bdat, self.phase, refusal)
        self.phase = Phase.CHUNK
        return self._next_of_chunk()

    def _next_of_chunk(self) -> Input | Need:
        chunk = self._chunk
        octets = self._buffer[self._at : self._at + chunk.left]
        if chunk.left and not octets:
            return _NEED_OCTETS
        self._at += len(octets)
        chunk.left -= len(octets)
        if chunk.refusal is not None:
            if chunk.left:
                return _NEED_OCTETS
            self.phase = chunk.phase_before
            return self._owe(Refusal(chunk.refusal))
        content = self._transaction.content
        last = chunk.bdat.last and not chunk.left
        block = content.feed_chunk(octets, last=last)
        if block:
            return Block(block)
        if chunk.left:
            return _NEED_OCTETS
        if last:
            return self._owe(EndOfData(size=content.octets, fault=content.fault))
        return self._owe(EndOfChunk(octets=chunk.bdat.octets, size=content.octets, fault=content.fault))

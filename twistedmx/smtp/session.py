"""A session of RFC 5321 as a value: octets in, inputs out, one reply to each input that is owed one.

    session.receive(octets)
    while not isinstance(input_ := session.next_input(), Need):
        ...  # a Block is owed nothing; for all others: session.reply(...), now or later

The state is the table in `phase`: what is not in it is answered 503. While a reply is owed there is no next input, so that
replies never change their order and a command is never obeyed in the state of an earlier one: PIPELINING (RFC 2920) needs
no other rule. What the session does is the same whether octets arrive whole or one by one.

It holds no envelope and decides nothing that asks anybody: what the grammar, the order of commands or a limit demands comes
out as a Refusal, which the caller replies as it is. No Twisted, no clock.
"""

import enum
from collections.abc import Callable
from typing import Any, Final

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    Bdat,
    Command,
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
from twistedmx.smtp.heard import Heard
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.parameters import NO_MAIL_PARAMETERS, NO_RCPT_PARAMETERS
from twistedmx.smtp.phase import (
    CONTENT,
    DEAF,
    FAILED,
    TABLE,
    Block,
    Connection,
    EndOfChunk,
    EndOfData,
    Input,
    Phase,
    out_of_order,
)
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.xclient import XClient

__all__ = ["Block", "EndOfChunk", "EndOfData", "Input", "Need", "Phase", "Session"]


class Need(enum.Enum):
    """Why there is no next input."""

    OCTETS = "octets"
    REPLY = "reply"


# By a global name: Python 3.11 takes 100 ns to reach a member through its class (benchmarks/session.py).
_NEED_OCTETS: Final = Need.OCTETS
_NEED_REPLY: Final = Need.REPLY
_CONNECTION: Final = Connection()
_SMALL_CHUNK: Final = 512
_IDLE_COMMANDS: Final = frozenset((Noop, Rset, Vrfy, Help, Ehlo, Helo, XClient))
_OF_XCLIENT: Final = (codes.BAD_XCLIENT, codes.XCLIENT_IN_TRANSACTION)


class _Transaction:
    """What belongs to one MAIL: replaced by the next, never cleared."""

    __slots__ = ("_content", "_limits", "_tolerant", "over", "room", "smtputf8")

    def __init__(self, limits: Limits, room: int, *, smtputf8: bool, tolerant: bool) -> None:
        self._limits = limits
        self._tolerant = tolerant
        self._content: Content | None = None
        self.room = room  # recipients that it may still have
        self.smtputf8 = smtputf8
        self.over = False  # the end of its data was seen

    @property
    def content(self) -> Content:
        """Made when it is asked for: most transactions of an attack never come so far."""
        if self._content is None:
            limits = self._limits
            self._content = Content(limit=limits.size, text_line=limits.text_line, tolerant=self._tolerant)
        return self._content


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

    `limits`: of this session. `starttls`, `xclient`: it is offered. `secure`: TLS is there from the first octet. `tolerant`:
    bare CR and LF are taken in content from this client; another client that XCLIENT names may be another matter. `commands`,
    `messages` (accepted), `errors` (5yz replies): counts that nothing clears.
    """

    __slots__ = (
        "_chunk",
        "_esmtp",
        "_heard",
        "_idle_commands",
        "_limits",
        "_owed",
        "_secure",
        "_starttls",
        "_transaction",
        "commands",
        "errors",
        "messages",
        "phase",
        "tolerant",
        "xclient",
    )

    _transaction: _Transaction  # from the first MAIL on
    _chunk: _Chunk  # from the first BDAT on

    def __init__(
        self, *, limits: Limits, starttls: bool, secure: bool, tolerant: bool = False, xclient: bool = False
    ) -> None:
        self._limits = limits
        self._starttls = starttls
        self._secure = secure
        self.tolerant = tolerant
        self.xclient = xclient
        self.phase = Phase.CONNECTED
        self._owed: Input | None = _CONNECTION
        self._heard = Heard(limits.command_line)
        self._esmtp = False
        self._idle_commands = 0
        self.commands = 0
        self.messages = 0
        self.errors = 0

    def receive(self, octets: bytes) -> None:
        """Store what the peer sent; drop it where nothing may be heard."""
        if self.phase in DEAF:
            return
        self._heard.add(octets)

    def next_input(self) -> Input | Need:
        """The next thing that the peer said, unless a reply is owed or octets are missing."""
        if self._owed is not None:
            return _NEED_REPLY
        if self.phase in CONTENT:
            return self._next_of_chunk() if self.phase is Phase.CHUNK else self._next_of_data()
        line = self._heard.take_line()
        if line is None:
            return _NEED_OCTETS
        self.commands += 1
        command = Refusal(line) if isinstance(line, Reply) else parse_command(line)
        refusal = self._refusal_of(command)
        if type(command) is Bdat:
            return self._begin_chunk(command, refusal)
        return self._owe(command if refusal is None else Refusal(refusal))

    def is_done(self) -> bool:
        """Whether all that was heard is answered, so that there is no next input before octets come."""
        return self.phase not in CONTENT and self._heard.is_done()

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
            elif reply is not codes.TOO_MANY_RECIPIENTS:  # has a limit of its own; those accepted are to be served
                self._idle_commands += 1
            self.phase = FAILED.get(type(owed), self.phase)
        else:
            self.phase = TABLE[self.phase][type(owed)]
            self._succeeded(owed)
        if reply.closes:
            self.phase = Phase.ENDED
        if self.phase in DEAF:
            self._heard.drop()
        return reply.octets

    def secured(self) -> None:
        """TLS is there: all that the peer said is forgotten (RFC 3207 4.2); what it has done is not."""
        self._secure = True
        self.phase = Phase.GREETED

    def close(self) -> None:
        """Nothing more is heard, and no reply is owed."""
        self._owed = None
        self.phase = Phase.ENDED
        self._heard.drop()

    def _owe(self, owed: Input) -> Input:
        self._owed = owed
        return owed

    def _succeeded(self, owed: Input) -> None:
        kind = type(owed)
        if kind is Rcpt:
            self._transaction.room -= 1
        elif isinstance(owed, Mail):
            limits = self._limits
            room = limits.recipients if owed.reverse_path.address else limits.null_sender_recipients
            smtputf8 = owed.parameters.smtputf8
            self._transaction = _Transaction(limits, room, smtputf8=smtputf8, tolerant=self.tolerant)
        elif kind is EndOfData:
            self.messages += 1
            self._idle_commands = 0
        elif kind is Ehlo or kind is Helo:
            self._esmtp = kind is Ehlo

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        """What the order of commands or a limit says to it, or None."""
        kind = type(command)
        limits = self._limits
        if kind in _IDLE_COMMANDS or (type(command) is Bdat and command.octets < _SMALL_CHUNK and not command.last):
            self._idle_commands += 1
        if kind is not Quit:
            if self.errors >= limits.errors:
                return codes.TOO_MANY_ERRORS
            if self._idle_commands > limits.idle_commands:
                return codes.TOO_MANY_IDLE_COMMANDS
        if type(command) is Refusal:
            return self._known(command.reply)
        if kind not in TABLE[self.phase]:
            return self._known(out_of_order(self.phase, kind))
        check = _CHECKS.get(kind)
        return check(self, command) if check is not None else None

    def _known(self, refusal: Reply) -> Reply:
        """To whom XCLIENT is not offered, it is a word like any other."""
        return codes.UNKNOWN_COMMAND if refusal in _OF_XCLIENT and not self.xclient else refusal

    def _check_x_client(self, command: XClient) -> Reply | None:
        return None if self.xclient else codes.UNKNOWN_COMMAND

    def _check_mail(self, mail: Mail) -> Reply | None:
        limits = self._limits
        if self.messages >= limits.messages:
            return codes.TOO_MANY_MESSAGES
        if not self._esmtp and mail.parameters is not NO_MAIL_PARAMETERS:
            return codes.UNKNOWN_PARAMETER
        return codes.TOO_LARGE if mail.parameters.size > limits.size else None

    def _check_rcpt(self, rcpt: Rcpt) -> Reply | None:
        transaction = self._transaction
        if transaction.room <= 0:
            transaction.room -= 1
            return (
                codes.TOO_MANY_RECIPIENTS
                if -transaction.room <= self._limits.recipients_overshoot
                else codes.TOO_MANY_ERRORS
            )
        if not self._esmtp and rcpt.parameters is not NO_RCPT_PARAMETERS:
            return codes.UNKNOWN_PARAMETER
        if not transaction.smtputf8 and not rcpt.forward_path.address.isascii():
            return codes.SMTPUTF8_NEEDED
        return None

    def _check_start_tls(self, command: StartTls) -> Reply | None:
        if self._secure:
            return codes.TLS_TWICE
        return None if self._starttls else codes.NOT_IMPLEMENTED

    def _next_of_data(self) -> Input | Need:
        transaction = self._transaction
        content = transaction.content
        if not transaction.over:
            if not self._heard:
                return _NEED_OCTETS
            block, rest = content.feed_data(self._heard.take_all())
            if rest is not None:
                transaction.over = True
                self._heard.add(rest)
            if content.endless:
                # The size is that of the first octet too many, however many came with it.
                return self._owe(EndOfData(size=2 * self._limits.size + 1, fault=codes.ENDLESS))
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
        octets = self._heard.take(chunk.left)
        if chunk.left and not octets:
            return _NEED_OCTETS
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


# What must hold beyond the order of commands, for those of which more is asked.
_CHECKS: Final[dict[type, Callable[[Session, Any], Reply | None]]] = {
    Mail: Session._check_mail,
    Rcpt: Session._check_rcpt,
    StartTls: Session._check_start_tls,
    XClient: Session._check_x_client,
}

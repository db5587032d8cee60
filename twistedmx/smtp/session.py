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

from collections.abc import Callable
from typing import Any, Final

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    LETTERS,
    VERBS,
    Auth,
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
)
from twistedmx.smtp.limits import Limits
from twistedmx.smtp.need import Need
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
)
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.transferring import Transferring
from twistedmx.smtp.xclient import XClient

__all__ = ["Block", "EndOfChunk", "EndOfData", "Input", "Need", "Phase", "Session"]


# By a global name: Python 3.11 takes 100 ns to reach a member through its class (benchmarks/session.py).
_NEED_OCTETS: Final = Need.OCTETS
_NEED_REPLY: Final = Need.REPLY
_DATA: Final = Phase.DATA
_ENDED: Final = Phase.ENDED
_RECIPIENTS: Final = frozenset(phase for phase, kinds in TABLE.items() if Rcpt in kinds)
_CONNECTION: Final = Connection()
_SMALL_CHUNK: Final = 512
_IDLE_COMMANDS: Final = frozenset((Noop, Rset, Vrfy, Help, Ehlo, Helo, XClient))
_OF_XCLIENT: Final = (codes.BAD_XCLIENT, codes.XCLIENT_IN_TRANSACTION)


class Session(Transferring):
    """One peer's session.

    `limits`: of this session. `starttls`, `xclient`: it is offered. `secure`: TLS is there from the first octet. `tolerant`:
    bare CR and LF are taken in content from this client; another client that XCLIENT names may be another matter. `sampled`:
    octets of spoilt content that are told. `commands`, `messages` (accepted), `errors` (5yz replies): counts that nothing clears.
    `verbs`: a letter for each of the first commands, runs of one as one. `pipelined`: somebody has seen two come at once.
    `guessing`: the last recipient was refused, or there was none. `served`: some recipient was accepted.
    """

    __slots__ = (
        "_esmtp",
        "_secure",
        "_starttls",
        "commands",
        "errors",
        "guessing",
        "idle_commands",
        "messages",
        "pipelined",
        "served",
        "verbs",
        "xclient",
    )

    offers_auth = authenticated = False  # but see `auth`

    def __init__(
        self,
        *,
        limits: Limits,
        starttls: bool,
        secure: bool,
        tolerant: bool = False,
        xclient: bool = False,
        sampled: int = 0,
    ) -> None:
        self.limits = limits
        self._starttls = starttls
        self._secure = secure
        self.tolerant = tolerant
        self.xclient = xclient
        self._sampled = sampled
        self.phase = Phase.CONNECTED
        self.owed: Input | None = _CONNECTION
        self.heard = self.dialect.heard(limits.command_line)
        self._esmtp = False
        self.idle_commands = 0
        self.guessing = True
        self.served = False
        self.commands = 0
        self.messages = 0
        self.errors = 0
        self.verbs = ""
        self.pipelined = False

    def receive(self, octets: bytes) -> None:
        """Store what the peer sent; drop it where nothing may be heard."""
        if self.phase in DEAF:
            return
        self.heard.add(octets)

    def next_input(self) -> Input | Need:
        """The next thing that the peer said, unless a reply is owed or octets are missing."""
        if self.owed is not None:
            return _NEED_REPLY
        phase = self.phase
        if phase in CONTENT:
            return self._next_of_data() if phase is _DATA else self._next_of_chunk()
        line = self.heard.take_line()
        if line is None:
            return _NEED_OCTETS
        self.commands += 1
        command = self.dialect.parse(line) if type(line) is bytes else Refusal(line)  # type: ignore[arg-type]  # or a Reply
        kind = type(command)
        if len(self.verbs) < VERBS:
            self.note(LETTERS.get(kind, "X"))
        if kind is Rcpt and phase in _RECIPIENTS and self._goes_on():  # asked most often, and with the least
            refusal = self._check_rcpt(command)  # type: ignore[arg-type]  # by its kind
        else:
            refusal = self._refusal_of(command)
            if kind is Bdat:
                return self._begin_chunk(command, refusal)  # type: ignore[arg-type]  # by its kind
        self.owed = owed = command if refusal is None else Refusal(refusal)
        return owed

    def is_done(self) -> bool:
        """Whether all that was heard is answered, so that there is no next input before octets come."""
        return self.heard.is_done() and self.phase not in CONTENT and not self.heard.overlong

    def _goes_on(self) -> bool:
        """Whether nothing has been done so often that the session has to end."""
        limits = self.limits
        return self.errors < limits.errors and self.idle_commands <= limits.idle_commands

    def reply(self, reply: Reply) -> bytes:
        """Answer the input that is owed a reply, and move on. Returns the octets to send.

        Raises RuntimeError when nothing is owed.
        """
        owed = self.owed
        if owed is None:
            raise RuntimeError("a reply to nothing")
        self.owed = None
        kind = type(owed)
        if reply.code >= 400:
            if kind is Rcpt:
                self.guessing = True
            if reply.code >= 500:
                self.errors += 1
            elif reply is not codes.TOO_MANY_RECIPIENTS:  # has a limit of its own; those accepted are to be served
                self.idle_commands += 1
            if kind in FAILED:
                self.phase = FAILED[kind]
        else:
            self.phase = self.dialect.table[self.phase][kind]
            if kind in _CHANGES:
                _CHANGES[kind](self, owed)
        if reply.closes:
            self.phase = _ENDED
        if self.phase in DEAF:
            self.heard.drop()
        return reply.octets

    def say(self, words: Reply) -> bytes:
        """The octets of a reply that nothing is owed, the last one. Nothing more is heard."""
        self.close()
        return words.octets

    def secured(self) -> None:
        """TLS is there: all that the peer said is forgotten (RFC 3207 4.2); what it has done is not."""
        self._secure = True
        self.phase = Phase.GREETED

    def note(self, letter: str) -> None:
        """A command came. `letter`: of its verb."""
        if not self.verbs.endswith(letter) and len(self.verbs) < VERBS:
            self.verbs += letter

    def close(self) -> None:
        """Nothing more is heard, and no reply is owed."""
        self.owed = None
        self.phase = Phase.ENDED
        self.heard.drop()

    def _began(self, mail: Mail) -> None:
        self.begin(mail.reverse_path, mail.parameters)

    def _addressed(self, rcpt: Rcpt) -> None:
        self.transfer.room -= 1
        self.guessing = False
        self.served = True

    def _accepted(self, end: EndOfData) -> None:
        self.messages += 1
        self.idle_commands = 0

    def _introduced(self, hello: Ehlo | Helo) -> None:
        self._esmtp = type(hello) is Ehlo

    def _refusal_of(self, command: Command | Refusal) -> Reply | None:
        """What the order of commands or a limit says to it, or None."""
        kind = type(command)
        limits = self.limits
        if kind in _IDLE_COMMANDS or (type(command) is Bdat and command.octets < _SMALL_CHUNK and not command.last):
            self.idle_commands += 1
        if kind is not Quit and not self._goes_on():
            return codes.TOO_MANY_ERRORS if self.errors >= limits.errors else codes.TOO_MANY_IDLE_COMMANDS
        if type(command) is Refusal:
            return self._known(command.reply)
        if kind not in self.dialect.table[self.phase]:
            return self._known(self.dialect.out_of_order(self.phase, kind))
        check = _CHECKS.get(kind)
        return check(self, command) if check is not None else None

    def _known(self, refusal: Reply) -> Reply:
        """To whom XCLIENT is not offered, it is a word like any other."""
        return codes.UNKNOWN_COMMAND if refusal in _OF_XCLIENT and not self.xclient else refusal

    def _check_mail(self, mail: Mail) -> Reply | None:
        limits = self.limits
        if self.messages >= limits.messages:
            return codes.TOO_MANY_MESSAGES
        parameters = mail.parameters
        if parameters is NO_MAIL_PARAMETERS:
            return None
        if not self._esmtp or (parameters.auth and not self.offers_auth):
            return codes.UNKNOWN_PARAMETER
        return codes.TOO_LARGE if parameters.size > limits.size else None

    def _check_rcpt(self, rcpt: Rcpt) -> Reply | None:
        transfer = self.transfer
        if transfer.room <= 0:
            transfer.room -= 1
            stops = -transfer.room > self.limits.recipients_overshoot
            return codes.TOO_MANY_ERRORS if stops else codes.TOO_MANY_RECIPIENTS
        if not self._esmtp and rcpt.parameters is not NO_RCPT_PARAMETERS:
            return codes.UNKNOWN_PARAMETER
        if not transfer.smtputf8 and not rcpt.forward_path.address.isascii():
            return codes.SMTPUTF8_NEEDED
        return None

    def _check_start_tls(self, command: StartTls) -> Reply | None:
        if self._secure:
            return codes.TLS_TWICE
        return None if self._starttls else codes.NOT_IMPLEMENTED


# What a positive reply changes beside the phase.
_CHANGES: Final[dict[type, Callable[[Session, Any], None]]] = {
    Mail: lambda session, mail: session.begin(*mail),
    Rcpt: Session._addressed,
    EndOfData: Session._accepted,
    Ehlo: Session._introduced,
    Helo: Session._introduced,
}
# What must hold beyond the order of commands, for those of which more is asked.
_CHECKS: Final[dict[type, Callable[[Session, Any], Reply | None]]] = {
    Mail: Session._check_mail,
    Rcpt: Session._check_rcpt,
    StartTls: Session._check_start_tls,
    XClient: lambda session, command: None if session.xclient else codes.UNKNOWN_COMMAND,
    Auth: lambda session, command: codes.NOT_IMPLEMENTED,
}

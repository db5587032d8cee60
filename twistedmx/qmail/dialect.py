"""qmail-smtpd's grammar, and what may come when (commands.c, qmail-smtpd.c): the dialect of a session in its place.

A verb reaches to the first space and may be in any case; LF ends a line, with or without CR before it; NUL cuts it. No HELO is
needed, and what is not an address is one nevertheless (`addresses`). MAIL begins anew wherever it comes. What is not here is what
qmail-smtpd does not know: BDAT, for one, is an unknown command.

Otherwise than in qmail-smtpd, a line has an end: `[limits] command_line`, for memory is not a peer's to fill.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    Auth,
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
)
from twistedmx.smtp.content import Newlines
from twistedmx.smtp.dialect import Dialect
from twistedmx.smtp.heard import Heard
from twistedmx.smtp.parameters import NO_MAIL_PARAMETERS, NO_RCPT_PARAMETERS, MailParameters
from twistedmx.smtp.path import NULL, Path
from twistedmx.smtp.phase import AuthLine, Connection, EndOfData, Phase
from twistedmx.smtp.reply import Reply

Address = Callable[[bytes], bytes | None]  # of an argument: its address; None: it is too long
Parameters = Callable[[bytes], MailParameters]  # of MAIL's argument

_UNSAFE: Final = bytes(octet if 0x20 <= octet < 0x7F else ord("?") for octet in range(256))


class Lines(Heard):
    """As qmail-smtpd reads command lines: LF ends them, and one CR before it belongs to the end (commands.c)."""

    lf_ends = True

    __slots__ = ()


def path_of(address: bytes) -> Path:
    """Of an address as qmail-smtpd makes it. The host is what stands behind the last "@"."""
    if not address:
        return NULL
    _, at, domain = address.rpartition(b"@")
    return Path(address=address, domain=domain if at else b"")


def _helo(kind: type[Ehlo] | type[Helo], argument: bytes) -> Command:
    return kind(domain=argument.translate(_UNSAFE).decode("ascii"))


def _mail(address: Address, parameters: Parameters, argument: bytes) -> Command | Refusal:
    sender = address(argument)
    return Refusal(codes.BAD_SENDER) if sender is None else Mail(path_of(sender), parameters(argument))


def _rcpt(address: Address, argument: bytes) -> Command | Refusal:
    recipient = address(argument)
    return Refusal(codes.BAD_RECIPIENT) if recipient is None else Rcpt(path_of(recipient), NO_RCPT_PARAMETERS)


def _start_tls(argument: bytes) -> Command | Refusal:
    return Refusal(codes.NO_ARGUMENT_ALLOWED) if argument else StartTls()


def _auth(argument: bytes) -> Command | Refusal:
    mechanism, _, initial = argument.partition(b" ")
    initial = initial.strip(b" ")
    return Auth(mechanism=mechanism.upper(), initial=initial or None)


def no_parameters(argument: bytes) -> MailParameters:
    """An unpatched qmail-smtpd reads none."""
    return NO_MAIL_PARAMETERS


def _parse(verbs: dict[bytes, Callable[[bytes], Command | Refusal]], line: bytes) -> Command | Refusal:
    line = line.partition(b"\0")[0]
    verb, _, argument = line.partition(b" ")
    known = verbs.get(verb.lower())
    return Refusal(codes.UNKNOWN_COMMAND) if known is None else known(argument.lstrip(b" "))


def _phases() -> dict[Phase, dict[type, Phase]]:
    table: dict[Phase, dict[type, Phase]] = {Phase.CONNECTED: {Connection: Phase.GREETED}}
    for phase in (Phase.GREETED, Phase.READY, Phase.MAIL, Phase.RCPT):
        table[phase] = {
            Ehlo: Phase.READY,
            Helo: Phase.READY,
            Mail: Phase.MAIL,
            Rset: phase if phase is Phase.GREETED else Phase.READY,
            Noop: phase,
            Help: phase,
            Vrfy: phase,
            StartTls: Phase.SECURING,
            Auth: Phase.AUTH,
            Quit: Phase.ENDED,
        }
    table[Phase.MAIL][Rcpt] = Phase.RCPT
    table[Phase.RCPT] |= {Rcpt: Phase.RCPT, Data: Phase.DATA}
    table[Phase.DATA] = {EndOfData: Phase.READY}
    table[Phase.AUTH] = {AuthLine: Phase.AUTH}
    return table


# As `smtp.phase.TABLE`.
_TABLE: Final = _phases()


def _out_of_order(phase: Phase, kind: type) -> Reply:
    if kind is Rcpt:
        return codes.MAIL_FIRST
    if kind is Data:
        return codes.RCPT_FIRST if phase is Phase.MAIL else codes.MAIL_FIRST
    return codes.OUT_OF_ORDER


def qmail_dialect(sender: Address, recipient: Address, parameters: Parameters = no_parameters) -> Dialect:
    """That of one host. `sender`, `recipient`: of an argument, as its control/localiphost and its own addresses have it."""
    verbs: dict[bytes, Callable[[bytes], Command | Refusal]] = {
        b"helo": partial(_helo, Helo),
        b"ehlo": partial(_helo, Ehlo),
        b"mail": partial(_mail, sender, parameters),
        b"rcpt": partial(_rcpt, recipient),
        b"data": lambda argument: Data(),
        b"rset": lambda argument: Rset(),
        b"noop": lambda argument: Noop(),
        b"help": lambda argument: Help(),
        b"vrfy": lambda argument: Vrfy(),
        b"quit": lambda argument: Quit(),
        b"starttls": _start_tls,
        b"auth": _auth,
    }
    return Dialect(
        parse=partial(_parse, verbs),
        table=_TABLE,
        out_of_order=_out_of_order,
        heard=Lines,
        newlines=Newlines.LF_ENDS_ALL,
    )

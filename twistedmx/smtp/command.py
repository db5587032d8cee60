"""Commands as values, and how a command line becomes one (RFC 5321 4.1.1, with the parameters of its extensions).

A line is octets without its CRLF. What cannot be a command is a Refusal: the reply that the grammar alone demands.
Nothing here knows what came before; that is the table in `session`.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

import attrs

from twistedmx.smtp import codes
from twistedmx.smtp.parameters import (
    NO_MAIL_PARAMETERS,
    NO_RCPT_PARAMETERS,
    REPEATED,
    MailParameters,
    RcptParameters,
    mail_parameters,
    rcpt_parameters,
)
from twistedmx.smtp.path import BadPath, Path, check_domain, is_plain_domain, parse_path, plain_path
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.xclient import BadXClient, XClient, parse_xclient


@attrs.frozen(kw_only=True)
class Ehlo:
    """`domain`: as given, a domain name or an address literal."""

    domain: str


@attrs.frozen(kw_only=True)
class Helo:
    """RFC 5321 4.1.1.1: a client without extensions."""

    domain: str


class Mail(NamedTuple):
    """RFC 5321 4.1.1.2. A named tuple, as Path and Rcpt: made a hundred thousand times a second (benchmarks/session.py)."""

    reverse_path: Path
    parameters: MailParameters


class Rcpt(NamedTuple):
    """RFC 5321 4.1.1.3."""

    forward_path: Path
    parameters: RcptParameters


@attrs.frozen(kw_only=True)
class Bdat:
    """RFC 3030 2. `octets`: the size of the chunk that follows at once."""

    octets: int
    last: bool


@attrs.frozen
class Data:
    """RFC 5321 4.1.1.4."""


@attrs.frozen
class Rset:
    """RFC 5321 4.1.1.5."""


@attrs.frozen
class Vrfy:
    """RFC 5321 4.1.1.6."""


@attrs.frozen
class Help:
    """RFC 5321 4.1.1.8."""


@attrs.frozen
class Noop:
    """RFC 5321 4.1.1.9."""


@attrs.frozen
class Quit:
    """RFC 5321 4.1.1.10."""


@attrs.frozen
class StartTls:
    """RFC 3207 4."""


@attrs.frozen(kw_only=True)
class Auth:
    """RFC 4954 4. `mechanism`: in upper case; b"" where it is malformed. `initial`: the initial response as it stands there."""

    mechanism: bytes
    initial: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Refusal:
    """Octets that are answered without asking anybody. `reply`: what the grammar, the order or a limit demands."""

    reply: Reply


Command = Ehlo | Helo | Mail | Rcpt | Data | Bdat | Rset | Vrfy | Help | Noop | Quit | StartTls | Auth | XClient

# Of a session, in their order: so many are remembered, by a letter each.
VERBS: Final = 16
LETTERS: Final = {
    Ehlo: "E",
    Helo: "H",
    Mail: "M",
    Rcpt: "R",
    Data: "D",
    Bdat: "B",
    Rset: "S",
    Noop: "N",
    Vrfy: "V",
    StartTls: "T",
    Auth: "A",
    Quit: "Q",
}

_DATA, _RSET, _VRFY, _HELP, _NOOP, _QUIT, _STARTTLS = Data(), Rset(), Vrfy(), Help(), Noop(), Quit(), StartTls()

# As nearly every peer writes them: benchmarks/session.py shows what it saves to look for these first.
RCPT_TO: Final = b"RCPT TO:<"
MAIL_FROM: Final = b"MAIL FROM:<"
_EHLO: Final = b"EHLO "
_END: Final = ord(">")

_keyword_path = re.compile(rb"[ \t]*:[ \t]?<((?:[^<>\"\\]|\"(?:[^\"\\]|\\.)*\")*)>(?:[ \t]+(.*))?", re.DOTALL)
# esmtp-param = esmtp-keyword ["=" esmtp-value] (RFC 5321 4.1.2)
_parameter = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\x80-\xff]+))?")
_printable = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
# sasl-mech (RFC 4422 3.1), and initial-response (RFC 4954 4), which `sasl` reads
_mechanism = re.compile(rb"[ \t]+([A-Za-z0-9_-]{1,20})(?:[ \t]+([\x21-\x7e]+))?")
_chunk = re.compile(rb"[ \t]+(\d{1,18})(?:[ \t]+(LAST))?[ \t]*", re.IGNORECASE)


def parse_command(line: bytes) -> Command | Refusal:
    """The command in `line` (octets without CRLF)."""
    if line[:9] == RCPT_TO:
        path = plain_path(line[9:-1])
        if path is not None and line[-1] == _END:
            return Rcpt(path, NO_RCPT_PARAMETERS)
    elif line[:11] == MAIL_FROM:
        path = plain_path(line[11:-1])
        if path is not None and line[-1] == _END:
            return Mail(path, NO_MAIL_PARAMETERS)
    elif line[:5] == _EHLO and is_plain_domain(line[5:]):
        return Ehlo(domain=line[5:].decode())
    else:
        known = _PLAIN_COMMANDS.get(line)
        if known is not None:
            return known
    return _parse_any(line)


def _parse_any(line: bytes) -> Command | Refusal:
    if not _printable.fullmatch(line) or not _is_utf8(line):
        return Refusal(codes.BARE_CR_IN_COMMAND if b"\r" in line else codes.NOT_PRINTABLE)
    line = line.rstrip(b" \t")  # RFC 5321 4.1.1: trailing white space is tolerated
    end = next((index for index, octet in enumerate(line) if octet in b" \t:"), len(line))
    parse = _VERBS.get(line[:end].upper())
    if parse is None:
        return Refusal(codes.NOT_SMTP if _is_http(line) else codes.UNKNOWN_COMMAND)
    return parse(line[end:])


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# The request line of RFC 9112 3 and its first fields: a browser, a proxy or a form was made to talk to us.
_http = re.compile(
    rb"(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|PATCH|DELETE|TRACE|PRI) .*HTTP/|(?:Host|User-Agent):|(?:GET|POST|CONNECT)\b",
    re.IGNORECASE,
)


def _is_http(line: bytes) -> bool:
    return _http.match(line) is not None


def _no_argument(command: Command) -> Callable[[bytes], Command | Refusal]:
    return lambda argument: Refusal(codes.NO_ARGUMENT_ALLOWED) if argument.strip() else command


def _any_argument(command: Command) -> Callable[[bytes], Command | Refusal]:
    return lambda argument: command


def _not_implemented(argument: bytes) -> Refusal:
    return Refusal(codes.NOT_IMPLEMENTED)


def _helo_domain(argument: bytes) -> str | Refusal:
    domain = argument.strip()
    if not domain.isascii():
        # RFC 6531 3.7.1: no U-labels here, for nobody knows yet of SMTPUTF8.
        return Refusal(codes.BAD_HELO)
    try:
        check_domain(domain.removesuffix(b"."))
    except BadPath:
        return Refusal(codes.BAD_HELO)
    return domain.decode("ascii")


def _ehlo(argument: bytes) -> Ehlo | Refusal:
    domain = _helo_domain(argument)
    return domain if isinstance(domain, Refusal) else Ehlo(domain=domain)


def _helo(argument: bytes) -> Helo | Refusal:
    domain = _helo_domain(argument)
    return domain if isinstance(domain, Refusal) else Helo(domain=domain)


def _vrfy(argument: bytes) -> Vrfy | Refusal:
    return _VRFY if argument.strip() else Refusal(codes.ARGUMENT_NEEDED)


def _bdat(argument: bytes) -> Bdat | Refusal:
    found = _chunk.fullmatch(argument)
    if found is None:
        return Refusal(codes.BDAT_SYNTAX)
    return Bdat(octets=int(found[1]), last=found[2] is not None)


def _x_client(argument: bytes) -> XClient | Refusal:
    try:
        return parse_xclient(argument)
    except BadXClient:
        return Refusal(codes.BAD_XCLIENT)


def _path_and_parameters(keyword: bytes, argument: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
    """The octets between the brackets, and the parameters by upper-case keyword; None where the syntax is wrong.

    A parameter given twice has the value b"\\0", which no value may be.
    """
    argument = argument.lstrip(b" \t")
    if argument[: len(keyword)].upper() != keyword:
        return None
    found = _keyword_path.fullmatch(argument[len(keyword) :])
    if found is None:
        return None
    parameters: dict[bytes, bytes] = {}
    for word in (found[2] or b"").split():
        parameter = _parameter.fullmatch(word)
        if parameter is None:
            return None
        name = parameter[1].upper()
        parameters[name] = REPEATED if name in parameters else parameter[2] or b""
    return found[1], parameters


def _mail(argument: bytes) -> Mail | Refusal:
    parts = _path_and_parameters(b"FROM", argument)
    if parts is None:
        return Refusal(codes.MAIL_SYNTAX)
    octets, given = parts
    try:
        path = parse_path(octets)
    except BadPath:
        return Refusal(codes.BAD_SENDER)
    if path.address and not path.domain:
        return Refusal(codes.BAD_SENDER)  # only a forward-path may be Postmaster alone
    parameters = mail_parameters(given)
    if isinstance(parameters, Reply):
        return Refusal(parameters)
    if not parameters.smtputf8 and not path.address.isascii():
        return Refusal(codes.SMTPUTF8_NEEDED)
    return Mail(path, parameters)


def _rcpt(argument: bytes) -> Rcpt | Refusal:
    parts = _path_and_parameters(b"TO", argument)
    if parts is None:
        return Refusal(codes.RCPT_SYNTAX)
    octets, given = parts
    try:
        path = parse_path(octets)
    except BadPath:
        return Refusal(codes.BAD_RECIPIENT)
    if not path.address:
        return Refusal(codes.BAD_RECIPIENT)  # only a reverse-path may be null
    parameters = rcpt_parameters(given)
    return Refusal(parameters) if isinstance(parameters, Reply) else Rcpt(path, parameters)


def _auth(argument: bytes) -> Auth:
    """Whatever it is: who is not offered it hears nothing of how it is written."""
    found = _mechanism.fullmatch(argument)
    return Auth(mechanism=found[1].upper(), initial=found[2]) if found is not None else Auth(mechanism=b"")


# As nearly every peer writes them.
_PLAIN_COMMANDS: Final[dict[bytes, Command]] = {
    b"DATA": _DATA,
    b"RSET": _RSET,
    b"NOOP": _NOOP,
    b"QUIT": _QUIT,
    b"STARTTLS": _STARTTLS,
}
_VERBS: Final[dict[bytes, Callable[[bytes], Command | Refusal]]] = {
    b"EHLO": _ehlo,
    b"HELO": _helo,
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _no_argument(_DATA),
    b"BDAT": _bdat,
    b"RSET": _no_argument(_RSET),
    b"VRFY": _vrfy,
    b"HELP": _any_argument(_HELP),
    b"NOOP": _any_argument(_NOOP),
    b"QUIT": _no_argument(_QUIT),
    b"STARTTLS": _no_argument(_STARTTLS),
    b"AUTH": _auth,
    b"XCLIENT": _x_client,
    # known to RFC 821, 5321 and their extensions, and not done here
    **dict.fromkeys((b"EXPN", b"ETRN", b"ATRN", b"TURN", b"SEND", b"SOML", b"SAML"), _not_implemented),
}

"""Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531), RET, ENVID, NOTIFY, ORCPT (3461), AUTH (4954)."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class MailParameters:
    """`size`: octets, 0 = not said (RFC 1870). `body`: RFC 6152. `smtputf8`: RFC 6531. `ret`, `envid`: RFC 3461 4.3, 4.4.

    `auth`: AUTH was given (RFC 4954 5). What it says of who sent the message is a client's word, which nobody here would believe.
    """

    size: int = 0
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    auth: bool = False


@attrs.frozen(kw_only=True)
class RcptParameters:
    """`notify`: "NEVER" or a list of "SUCCESS", "FAILURE", "DELAY" (RFC 3461 4.1). `original`: ORCPT as given (4.2)."""

    notify: str = ""
    original: str = ""


# Nothing given; told apart from the like by identity, for a client that said HELO may give none.
NO_MAIL_PARAMETERS: Final = MailParameters()
NO_RCPT_PARAMETERS: Final = RcptParameters()

# keyword: value in octets, b"" where it has none; REPEATED where it stood twice, which no value may be
Given = Mapping[bytes, bytes]
REPEATED: Final = b"\0"

# xtext of RFC 3461 4; an ORCPT of type utf-8 may have UTF-8 and \x{...} beside it (RFC 6533 3)
_xtext = re.compile(rb"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})+")
_original = re.compile(rb"[A-Za-z0-9-]+;[\x21-\x3c\x3e-\x7e\x80-\xff]+")
_NOTIFY = {b"SUCCESS", b"FAILURE", b"DELAY"}
_ENVID_OCTETS = 100  # RFC 3461 4.4
_ORIGINAL_OCTETS = 500  # RFC 3461 4.2


class _BadParameter(ValueError):
    """A parameter's value is malformed."""


def _size(value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:  # RFC 1870 3: 1*20DIGIT
        raise _BadParameter
    return int(value)


def _body(value: bytes) -> str:
    if value.upper() not in (b"7BIT", b"8BITMIME"):  # BINARYMIME is not offered
        raise _BadParameter
    return value.upper().decode("ascii")


def _flag(value: bytes) -> bool:
    if value:
        raise _BadParameter
    return True


def _auth(value: bytes) -> bool:
    if value != b"<>" and not _xtext.fullmatch(value):
        raise _BadParameter
    return True


def _ret(value: bytes) -> str:
    if value.upper() not in (b"FULL", b"HDRS"):
        raise _BadParameter
    return value.upper().decode("ascii")


def _envid(value: bytes) -> str:
    if len(value) > _ENVID_OCTETS or not _xtext.fullmatch(value):
        raise _BadParameter
    return value.decode("ascii")


def _notify(value: bytes) -> str:
    words = value.upper().split(b",")
    if words != [b"NEVER"] and (not _NOTIFY.issuperset(words) or len(set(words)) != len(words)):
        raise _BadParameter
    return b",".join(words).decode("ascii")


def _orcpt(value: bytes) -> str:
    if len(value) > _ORIGINAL_OCTETS or not _original.fullmatch(value):
        raise _BadParameter
    kind, _, address = value.partition(b";")
    if kind.lower() != b"utf-8" and not _xtext.fullmatch(address):
        raise _BadParameter
    return value.decode("utf-8")


_Table = dict[bytes, tuple[str, Callable[[bytes], object]]]

# keyword: the field it fills, and how its value is read. What is not here was not offered in EHLO.
_MAIL_PARAMETERS: Final[_Table] = {
    b"SIZE": ("size", _size),
    b"BODY": ("body", _body),
    b"SMTPUTF8": ("smtputf8", _flag),
    b"RET": ("ret", _ret),
    b"ENVID": ("envid", _envid),
    b"AUTH": ("auth", _auth),
}
_RCPT_PARAMETERS: Final[_Table] = {
    b"NOTIFY": ("notify", _notify),
    b"ORCPT": ("original", _orcpt),
}


def mail_parameters(given: Given) -> MailParameters | Reply:
    """What MAIL was given, or the reply that its parameters have earned."""
    if not given:
        return NO_MAIL_PARAMETERS
    fields = _read(given, _MAIL_PARAMETERS)
    return fields if isinstance(fields, Reply) else MailParameters(**fields)  # type: ignore[arg-type]  # see the table


def rcpt_parameters(given: Given) -> RcptParameters | Reply:
    """What RCPT was given, or the reply that its parameters have earned."""
    if not given:
        return NO_RCPT_PARAMETERS
    fields = _read(given, _RCPT_PARAMETERS)
    return fields if isinstance(fields, Reply) else RcptParameters(**fields)  # type: ignore[arg-type]  # see the table


def _read(given: Given, known: _Table) -> dict[str, object] | Reply:
    if not given.keys() <= known.keys():
        return codes.UNKNOWN_PARAMETER
    try:
        return {known[name][0]: known[name][1](value) for name, value in given.items()}
    except _BadParameter:
        return codes.BAD_PARAMETER

"""XCLIENT: a host that we trust says who the client is that it speaks for (Postfix XCLIENT_README; no RFC has it).

    XCLIENT NAME=mail.example.net ADDR=192.0.2.1 PORT=4711
    XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE]

Values are xtext (RFC 3461 4). PROTO and LOGIN are checked and not kept: the peer says EHLO or HELO anew, and nobody logs in
here. So are DESTADDR, DESTPORT and REVERSE_NAME, which Postfix knows and we do not announce.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

import attrs

from twistedmx.smtp.path import BadPath, check_domain

OFFERED: Final = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN"


@attrs.frozen(kw_only=True)
class XClient:
    """None: not said, and as it was before. "" and 0: said not to be known. `address`: IPv4 or IPv6 in text."""

    name: str | None = None
    address: str | None = None
    port: int | None = None
    helo: str | None = None


class BadXClient(ValueError):
    """The attributes are malformed, unknown, or there are none."""


# attribute-name "=" xtext; README: attributes are separated by white space, names and the words in brackets have any case
_attribute = re.compile(rb"([A-Za-z_]+)=((?:[\x21-\x2a\x2c-\x7e]|\+[0-9A-Fa-f]{2})+)")
_escaped = re.compile(rb"\+([0-9A-Fa-f]{2})")
_NOT_KNOWN: Final = (b"[UNAVAILABLE]", b"[TEMPUNAVAIL]")
_PORTS: Final = 65_536


def _name(value: str) -> str:
    if value:
        check_domain(value.encode("ascii", "strict"))
    return value


def _address(value: str) -> str:
    if "%" in value:
        raise ValueError("a zone names no host")
    return str(ip_address(value[5:] if value[:5].upper() == "IPV6:" else value)) if value else ""


def _port(value: str) -> int:
    if value and not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) < _PORTS):
        raise BadXClient("no port")
    return int(value or 0)


def _helo(value: str) -> str:
    """What is no domain is as good as not known: the peer's own EHLO is judged in any case."""
    try:
        return _name(value)
    except ValueError:
        return ""


def _protocol(value: str) -> None:
    if value and value.upper() not in ("SMTP", "ESMTP"):
        raise BadXClient("neither SMTP nor ESMTP")


def _any(value: str) -> None:
    """Nothing that we would use."""


# attribute: the field it fills, "" where it is not kept, and how its value is read; "" stands for not known
_ATTRIBUTES: Final[dict[bytes, tuple[str, Callable[[str], Any]]]] = {
    b"NAME": ("name", _name),
    b"ADDR": ("address", _address),
    b"PORT": ("port", _port),
    b"HELO": ("helo", _helo),
    b"PROTO": ("", _protocol),
    b"LOGIN": ("", _any),
    b"DESTADDR": ("", _any),
    b"DESTPORT": ("", _any),
    b"REVERSE_NAME": ("", _any),
}


def parse_xclient(argument: bytes) -> XClient:
    """What stands behind the verb. Raises BadXClient."""
    said: dict[bytes, bytes] = {}
    for word in argument.split():
        found = _attribute.fullmatch(word)
        if found is None or (name := found[1].upper()) not in _ATTRIBUTES or name in said:
            raise BadXClient("no attribute, unknown, or twice")
        said[name] = found[2]
    if not said:
        raise BadXClient("no attributes")
    try:
        read = [(_ATTRIBUTES[name][0], _ATTRIBUTES[name][1](_decoded(value))) for name, value in said.items()]
    except (BadPath, ValueError):
        raise BadXClient("a value is malformed") from None
    return XClient(**{field: value for field, value in read if field})


def _decoded(value: bytes) -> str:
    """The value of an xtext; "" for what is not known. Raises ValueError unless it is ASCII."""
    if value.upper() in _NOT_KNOWN:
        return ""
    return _escaped.sub(lambda found: bytes.fromhex(found[1].decode()), value).decode("ascii")

"""Endpoint strings of Twisted's, as far as their words alone tell where they listen.

BUGS: a kind of endpoint that a plugin brought is unknown here: it has no port and is taken for local.
"""

import re
from ipaddress import ip_address
from typing import Final

import attrs

_COLON: Final = re.compile(r"(?<!\\):")  # twisted.internet.endpoints: a backslash takes the meaning from a colon
_TCP: Final = ("tcp", "tcp6", "ssl", "tls")
_HIGHEST: Final = 65_535  # RFC 9293 3.1: 16 bits
_DIGITS: Final = 10  # less than 2^31 has so many at most
_SHOWN: Final = 20  # characters


@attrs.frozen(kw_only=True)
class Place:
    """`port`: None where there is none, or where systemd chose it. `interface`: the address, "" for all of them. `local`: nobody
    on another machine can connect."""

    port: int | None
    interface: str = ""
    local: bool


def place_of(text: str) -> Place:
    """Where an endpoint listens. Never raises: what is no endpoint is told elsewhere."""
    kind, named, number = _words(text)
    if kind not in _TCP:
        return Place(port=None, local=True)
    interface = named.get("interface", "")
    port = int(number) if number.isdecimal() and len(number) < 6 else None
    return Place(port=port, interface=interface, local=is_loopback(interface))


def kind_of(text: str) -> str:
    """The word before the first colon: "tcp"."""
    return _words(text)[0]


def backlog_of(text: str) -> int | None:
    """How many may wait there to be accepted, where it says so itself."""
    number = _words(text)[1].get("backlog", "")
    return int(number) if number.isdecimal() and len(number) < _DIGITS else None


def bad_port(text: str) -> str:
    """What is wrong with the port of an endpoint that Twisted takes as it is, and cannot bind; "" where nothing is."""
    kind, _, number = _words(text)
    if kind not in _TCP:
        return ""
    try:
        good = 0 <= int(number) <= _HIGHEST
    except ValueError:  # not a number, which Twisted refuses; or one of thousands of digits, which no kernel takes
        good = not number.strip().isdecimal()
    return "" if good else f"port {number[:_SHOWN]} is none: it must be from 0 to {_HIGHEST}"


def _words(text: str) -> tuple[str, dict[str, str], str]:
    """The kind of an endpoint, its named words, and its port as it is written."""
    kind, *words = (word.replace("\\:", ":") for word in _COLON.split(text))
    named = dict(word.split("=", 1) for word in words if "=" in word)
    bare = [word for word in words if "=" not in word]
    return kind, named, named.get("port", bare[0] if bare else "")


def is_loopback(address: str) -> bool:
    """Is it an address that this machine alone can reach? No address stands for all of them."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost"

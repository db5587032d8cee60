"""Endpoint strings of Twisted's, as far as their words alone tell where they listen.

BUGS: a kind of endpoint that a plugin brought is unknown here: it has no port and is taken for local.
"""

import re
from ipaddress import ip_address
from typing import Final

import attrs

_COLON: Final = re.compile(r"(?<!\\):")  # twisted.internet.endpoints: a backslash takes the meaning from a colon
_TCP: Final = ("tcp", "tcp6", "ssl", "tls")


@attrs.frozen(kw_only=True)
class Place:
    """`port`: None where there is none, or where systemd chose it. `local`: nobody on another machine can connect."""

    port: int | None
    local: bool


def place_of(text: str) -> Place:
    """Where an endpoint listens. Never raises: what is no endpoint is told elsewhere."""
    kind, *words = (word.replace("\\:", ":") for word in _COLON.split(text))
    if kind not in _TCP:
        return Place(port=None, local=True)
    named = dict(word.split("=", 1) for word in words if "=" in word)
    bare = [word for word in words if "=" not in word]
    number = named.get("port", bare[0] if bare else "")
    interface = named.get("interface", "")
    return Place(port=int(number) if number.isdecimal() and len(number) < 6 else None, local=is_loopback(interface))


def is_loopback(address: str) -> bool:
    """Is it an address that this machine alone can reach? No address stands for all of them."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost"

"""The shape of the name that a client gives (RFC 5321 4.1.1.1): what a thousand hosts of one kind have in common.

    mail.example.org                    mail.a.a
    p5-203-0-113-7.dyn.example.net      a9-own.pool.a.a     its address is in it, forwards or backwards, in part or in hexadecimal
    win-3f4g5h                          a-9a9a9a
    ylmf-pc                             ylmf-pc             a few words that are names of programs rather than of hosts
    [203.0.113.7]                       [own]               or [literal], an address literal that is not its own
                                        none                it gave no name

Letters are `a`, digits `9`, runs of either are one; words of mail servers and of lines that are dialled are told apart.
BUGS: an IPv6 address in a name is not seen.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

NONE: Final = "none"
_LONGEST: Final = 64  # characters
_LABELS: Final = 8
# By which whole families of programs are known.
_PROGRAMS: Final = frozenset(("localhost", "localhost.localdomain", "ylmf-pc", "user", "friend", "server", "domain"))
_MAIL: Final = frozenset(("mail", "mx", "smtp", "mta", "out", "relay", "mailout", "email", "postfix", "exchange"))
_POOL: Final = frozenset(
    (
        "adsl",
        "broadband",
        "cable",
        "catv",
        "client",
        "cpe",
        "cust",
        "customer",
        "dhcp",
        "dial",
        "dialin",
        "dialup",
        "dip",
        "dsl",
        "dyn",
        "dynamic",
        "dynamicip",
        "fiber",
        "ftth",
        "host",
        "hsd",
        "ip",
        "mobile",
        "nat",
        "pool",
        "pools",
        "pppoe",
        "ppp",
        "res",
        "static",
        "user",
        "users",
        "vdsl",
        "wireless",
        "xdsl",
    )
)
_OWN: Final = "\0"  # in place of its address
_CLASSES: Final = {_OWN: "own"} | dict.fromkeys(_MAIL, "mail") | dict.fromkeys(_POOL, "pool")
_token = re.compile(r"[a-z]+|[0-9]+|\x00|[^a-z0-9.\x00_-]+")
_together = re.compile(r"[0-9a-f]{8}|[0-9]{12}")
_runs = re.compile(r"[0-9]{1,3}(?:[._-][0-9]{1,3})+(?![0-9])")
_number = re.compile(r"[0-9]+")
_repeated = re.compile(r"(?<![a-z0-9])([a-z0-9]+)(?:[-_]\1)+(?![a-z0-9])")


@lru_cache(maxsize=4096)
def helo_shape(helo: str, address: str) -> str:
    """`helo`: as the client gave it, "" when it gave none. `address`: from which it came, in text."""
    name = helo.rstrip(".").lower()
    if not name:
        return NONE
    if helo.startswith("["):
        return "[own]" if _is(helo.strip("[]").removeprefix("IPv6:"), address) else "[literal]"
    if name in _PROGRAMS:
        return name
    if ":" not in address:
        name = _without_address(name, address)
    shape = ".".join(_token.sub(_class_of, name).split(".")[:_LABELS])
    return _repeated.sub(r"\1", shape)[:_LONGEST]


def _class_of(found: "re.Match[str]") -> str:
    token = found[0]
    known = _CLASSES.get(token)
    if known is not None:
        return known
    return "9" if token[0].isdigit() else "a" if "a" <= token[0] <= "z" else "u"


def _is(text: str, address: str) -> bool:
    try:
        return ip_address(text) == ip_address(address)
    except ValueError:
        return False


def _without_address(name: str, address: str) -> str:
    """The name with one sign in place of the IPv4 address, where it is in it: all of it, or its last two or three octets."""
    octets = address.split(".")
    if len(octets) != 4:
        return name
    if _together.search(name):
        for form in ("".join(f"{int(octet):02x}" for octet in octets), "".join(octet.zfill(3) for octet in octets)):
            if form in name:
                return name.replace(form, _OWN, 1)
    for run in _runs.finditer(name):
        numbers = list(_number.finditer(name, *run.span()))
        values = [number[0].lstrip("0") or "0" for number in numbers]
        for length in (4, 3, 2):
            for wanted in (octets[-length:], octets[-length:][::-1]):
                begin = _place(wanted, values)
                if begin >= 0:
                    return name[: numbers[begin].start()] + _OWN + name[numbers[begin + length - 1].end() :]
    return name


def _place(wanted: Sequence[str], numbers: Sequence[str]) -> int:
    """Where they follow each other; -1: nowhere."""
    length = len(wanted)
    return next((begin for begin in range(len(numbers) - length + 1) if numbers[begin : begin + length] == wanted), -1)

"""The Received field as qmail-smtpd writes it (received.c, date822fmt.c)."""

import re
import time
from collections.abc import Callable
from typing import Final

import attrs

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_unsafe = re.compile(rb"[^A-Za-z0-9.@%+/=:\-\[\]]").sub
_brackets = re.compile(rb"[\[\]]").sub

Offset = Callable[[float], int]  # of local time from UTC, in seconds, at seconds since the epoch


@attrs.frozen(kw_only=True)
class Passage:
    """How a message came. `host`, `helo`, `info`, `address`: of the peer; `by`: of us; b"" for what is not known. `protocol`: the
    word behind "with". `hidden`: the peer may relay, and its name and address are its own affair."""

    host: bytes
    helo: bytes
    info: bytes
    address: bytes
    by: bytes
    protocol: bytes = b"SMTP"
    hidden: bool = False


def received(passage: Passage, at: float, *, brackets: bool, offset: Offset | None = None) -> bytes:
    """One field, with LF ends. `at`: seconds since the epoch. `brackets`: they stay. `offset`: where local time is said."""

    def safe(octets: bytes) -> bytes:
        octets = _unsafe(b"?", octets)
        return octets if brackets else _brackets(b"?", octets)

    host = b"unknown" if passage.hidden else passage.host or b"unknown"
    address = b"unknown" if passage.hidden else passage.address or b"unknown"
    helo = b" (HELO " + safe(passage.helo) + b")" if _differs(passage.helo, host) else b""
    info = safe(passage.info) + b"@" if passage.info else b""
    return (
        b"Received: from " + safe(host) + helo + b" (" + info + safe(address) + b")\n"
        b"  by " + safe(passage.by or b"unknown") + b" with " + passage.protocol + b"; " + date(at, offset) + b"\n"
    )


def _differs(helo: bytes, host: bytes) -> bool:
    return bool(helo) and helo.lower() != host.lower()


def date(at: float, offset: Offset | None = None) -> bytes:
    """As date822fmt.c: the day without a zero before it. Without `offset` in UTC, and it says so by "-0000"."""
    seconds = offset(at) if offset is not None else 0
    there = time.gmtime(int(at) + seconds)
    sign = "+" if offset is not None and seconds >= 0 else "-"
    minutes = abs(seconds) // 60
    return (
        f"{there.tm_mday} {_MONTHS[there.tm_mon - 1]} {there.tm_year} "
        f"{there.tm_hour:02}:{there.tm_min:02}:{there.tm_sec:02} {sign}{minutes // 60:02}{minutes % 60:02}"
    ).encode("ascii")

"""The lines that qmail-local knows of a message beside the message: Delivered-To, Return-Path, and the "From " of an mbox.

Octets in, octets out, each line with its LF. A line end within an address becomes "_", as in qmail-local.c.
"""

import re
import time
from typing import Final

_DAYS: Final = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
# quote.c: what of ASCII needs no quotes.
_PLAIN: Final = re.compile(rb"[!#-'*+\-/0-9=?A-Z^-~]+(\.[!#-'*+\-/0-9=?A-Z^-~]+)*")


def delivered_to(local: bytes, host: bytes) -> bytes:
    """DTLINE. A message that has it in its header already is in a loop."""
    return b"Delivered-To: " + (local + b"@" + host).replace(b"\n", b"_") + b"\n"


def return_path(sender: bytes) -> bytes:
    """RPLINE."""
    return b"Return-Path: <" + quoted(sender).replace(b"\n", b"_") + b">\n"


def from_line(sender: bytes, at: float) -> bytes:
    """UFLINE. `at`: seconds since the epoch; said in UTC, as myctime.c does."""
    time_ = time.gmtime(int(at))
    words = sender.translate(bytes.maketrans(b" \t\n", b"---")) or b"MAILER-DAEMON"
    return b"From %s %s %s %02d %02d:%02d:%02d %d\n" % (
        words,
        _DAYS[time_.tm_wday],
        _MONTHS[time_.tm_mon - 1],
        time_.tm_mday,
        time_.tm_hour,
        time_.tm_min,
        time_.tm_sec,
        time_.tm_year,
    )


def quoted(address: bytes) -> bytes:
    """As quote.c: the local part in quotes where it needs them."""
    local, at, domain = address.rpartition(b"@")
    if not at:
        local, domain = domain, b""
    if not address or _PLAIN.fullmatch(local):
        return address
    return b'"' + re.sub(rb'([\r\n"\\])', rb"\\\1", local) + b'"' + at + domain

"""What the last receiver writes above a message: Return-Path, Delivered-To and Received (RFC 5321 4.4), with LF ends."""

import functools
import time

from twistedmx.smtp.path import Path

_NAMED_OCTETS = 900
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@functools.lru_cache(maxsize=4)
def date_time(second: int) -> str:
    """`second` since the epoch as RFC 5322 3.3 writes it, in UTC and in English whatever the locale."""
    at = time.gmtime(second)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
    )


def with_protocol(*, esmtp: bool, tls: bool, smtputf8: bool, authenticated: bool = False) -> str:
    """The word after "with": RFC 3848, and RFC 6531 4.3 for SMTPUTF8."""
    if not esmtp:
        return "SMTPS" if tls else "SMTP"  # SMTPS is not registered; it says what happened, as Postfix does
    return f"{'UTF8SMTP' if smtputf8 else 'ESMTP'}{'S' if tls else ''}{'A' if authenticated else ''}"


def received(
    *,
    helo: str,
    peer_literal: str,
    host: str,
    protocol: str,
    tls: str,
    queue_id: str,
    recipient: Path | None,
    at: float,
) -> bytes:
    """One Received field.

    `helo`: as the peer gave it. `peer_literal`: "[192.0.2.1]", after its name where one is known (RFC 5321
    4.1.3, 4.4 TCP-info). `tls`: "TLSv1.3 cipher NAME" or "".
    `recipient`: named only when it is the only one, so that nobody learns of another (RFC 5321 7.6), and when its line
    keeps within RFC 5322 2.1.1.
    """
    using = f"\n\t(using {tls})" if tls else ""
    named = f"\n\tfor <{recipient}>" if recipient is not None and len(recipient.address) <= _NAMED_OCTETS else ""
    return (
        f"Received: from {helo} ({peer_literal}){using}\n"
        f"\tby {host} with {protocol} id {queue_id}{named};\n"
        f"\t{date_time(int(at))}\n"
    ).encode()


def return_path(reverse_path: Path) -> bytes:
    """RFC 5321 4.4: the reverse-path, once, by the last receiver."""
    return b"Return-Path: <" + reverse_path.address + b">\n"


def delivered_to(address: bytes) -> bytes:
    """RFC 9228: the mailbox that this copy is for. It coming back with this field is a loop."""
    return b"Delivered-To: " + address + b"\n"

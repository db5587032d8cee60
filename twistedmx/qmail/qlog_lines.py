"""The lines `qlogenvelope:` and `qlogreceived:` of sagredo's qmail-smtpd: one for each recipient, and one for each message.

    qlogenvelope: result=rejected code=550 reason=chkuser detail=nomailbox helo=client.example mailfrom=a@example.net ...

All keys are there in each, in one order, with nothing behind `=` where there is nothing to say. Operators collect them with
multilog's `+*qlog*` and split them at blanks, so a value has none: octets up to 32 and from 127 on are `_` (outqlog).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from twistedmx.qmail.log_lines import ADDRESS, LONGEST, WORD, line, safe

_MORE: Final = b",..."
_SHORT: Final = 64  # octets: addresses of IP, numbers, and words of our own


@attrs.frozen(kw_only=True)
class Facts:
    """Of one session, at one moment. b"" and None: not known, or not of this moment.

    `result`: accepted or rejected. `code`: of the reply. `reason`, `detail`: what decided, in the original's words (chkuser,
    nomailbox). `rcptto`: the recipient, or those of a message. `relay`: whether RELAYCLIENT is set. `rcpthosts`: whether the
    recipient's domain is in there. `size`: octets of the message. `encrypted`: tls or ssl. `qp`: number of the queue program.
    `pid`: of the session.
    """

    result: bytes
    code: bytes
    reason: bytes = b""
    detail: bytes = b""
    helo: bytes = b""
    mailfrom: bytes = b""
    rcptto: Sequence[bytes] = ()
    relay: bool
    rcpthosts: bool | None = None
    size: int | None = None
    authuser: bytes = b""
    authtype: bytes = b""
    encrypted: bytes = b""
    sslverified: bool = False
    localip: bytes = b""
    localport: bytes = b""
    remoteip: bytes = b""
    remoteport: bytes = b""
    remotehost: bytes = b""
    qp: int | None = None
    pid: int


def qlogenvelope(facts: Facts) -> bytes:
    """Of a recipient, or of what ended a session before DATA."""
    return _qlog(b"qlogenvelope:", facts)


def qlogreceived(facts: Facts) -> bytes:
    """Of a message."""
    return _qlog(b"qlogreceived:", facts)


def _qlog(head: bytes, facts: Facts) -> bytes:
    def word(octets: bytes, most: int = WORD) -> bytes:
        return safe(octets, instead=b"_", most=most, utf8=False)

    def short(octets: bytes) -> bytes:
        return word(octets, _SHORT)

    before = b" ".join((
        head, b"result=" + short(facts.result), b"code=" + short(facts.code), b"reason=" + word(facts.reason),
        b"detail=" + word(facts.detail), b"helo=" + word(facts.helo), b"mailfrom=" + word(facts.mailfrom, ADDRESS), b"rcptto=",
    ))  # fmt: skip
    behind = b" ".join((
        b"", b"relay=" + _yes(facts.relay), b"rcpthosts=" + _yes(facts.rcpthosts), b"size=" + _number(facts.size),
        b"authuser=" + word(facts.authuser), b"authtype=" + short(facts.authtype), b"encrypted=" + short(facts.encrypted),
        b"sslverified=" + _yes(facts.sslverified), b"localip=" + short(facts.localip), b"localport=" + short(facts.localport),
        b"remoteip=" + short(facts.remoteip), b"remoteport=" + short(facts.remoteport),
        b"remotehost=" + word(facts.remotehost), b"qp=" + _number(facts.qp), b"pid=%d" % facts.pid,
    ))  # fmt: skip
    room = LONGEST - len(b"\n") - len(before) - len(behind)
    return line(before, _fitting((word(each, ADDRESS) for each in facts.rcptto), room), behind)


def _fitting(recipients: Iterable[bytes], room: int) -> bytes:
    """As many of them, whole, as fit, and dots where there are more. One fits always."""
    fitting = b""
    for recipient in recipients:
        longer = fitting + b"," + recipient if fitting else recipient
        if len(longer) > room - len(_MORE):
            return fitting + _MORE
        fitting = longer
    return fitting


def _yes(whether: bool | None) -> bytes:
    return b"" if whether is None else b"yes" if whether else b"no"


def _number(number: int | None) -> bytes:
    return b"" if number is None else b"%d" % number

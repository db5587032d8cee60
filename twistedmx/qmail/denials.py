"""What a host's files refuse at RCPT without a look at a mailbox, in the order of a patched qmail-smtpd: each check is a row, and
says a Refusal or nothing. Who asks them, and what stands between, is `judging`.

| check           | what it looks at                                              |
|-----------------|---------------------------------------------------------------|
| RBLSMTPD        | set by the rules: what rblsmtpd would say to every RCPT       |
| rejectrelaytest | `@`, `%` or `!` in the local part, whoever asks               |
| badhelo         | the name of HELO, unless a plugin has passed it               |
| badmailfrom     | the sender, of whom MAIL has heard 250; unless the same       |
| brtlimit        | bad recipients so far: the end, whoever is asked for          |
| badrcptto       | the recipient                                                 |
| maxrcpt         | so many were taken in this transaction; behind all other checks |

A recipient that maxrcpt refuses is not delivered, and MAIL begins a new count: in the patched qmail-smtpd.c he is in the envelope
already, and RSET alone clears it.
"""

from collections.abc import Callable, Collection
from typing import Final

import attrs

from twistedmx.model.verdict import Reason
from twistedmx.qmail import words
from twistedmx.qmail.call import Call
from twistedmx.qmail.denied import denied_helo, denied_recipient, denied_sender, relays
from twistedmx.qmail.smtpd_lines import denied_line, excessive_line
from twistedmx.qmail.spp_file import Stage
from twistedmx.smtp.reply import Reply, reply


@attrs.frozen(kw_only=True)
class Refusal:
    """`words`: of 4 or 5; else ValueError. `bad`: brtlimit counts it. `line`: of the log, b"" for none. `detail`: for our own log,
    which line of which file. `qlog`: reason and detail in the words of qlog's line; without them, our reason's."""

    words: Reply = attrs.field()
    reason: Reason = Reason.OPERATOR_ENTRY
    bad: bool = False
    line: bytes = b""
    detail: str = ""
    qlog: tuple[bytes, bytes] = (b"", b"")

    @words.validator
    def _check_words(self, attribute: "attrs.Attribute[Reply]", words: Reply) -> None:
        if words.code < 400:
            raise ValueError(f"the session would go on as if this were no refusal: {words}")


@attrs.frozen(kw_only=True)
class Asked:
    """`taken`: recipients of this transaction so far. `passed`: stages of which a plugin has said that all is well."""

    call: Call
    helo: bytes
    sender: bytes
    recipient: bytes
    taken: int
    passed: Collection[Stage] = ()


Check = Callable[[Asked], Refusal | None]


def _blocked(asked: Asked) -> Refusal | None:
    text = asked.call.terms.blocked
    if not text:
        return None
    qlog = b"rblreject" if text.startswith(b"-") else b"rbldelay", b"rblsmtpd"
    return Refusal(words=blocked_words(text), reason=Reason.BLOCKED, qlog=qlog)


def blocked_words(text: bytes) -> Reply:
    """Those of RBLSMTPD: behind a "-" they are for good (rblsmtpd.c)."""
    permanent = text.startswith(b"-")
    said = "".join(chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in text[permanent:][:200]) or "refused"
    return reply(553 if permanent else 451, "", said)


def _too_many_bad(asked: Asked) -> Refusal | None:
    call = asked.call
    if not 0 < call.terms.brtlimit <= call.bad:
        return None
    return Refusal(
        words=words.TOO_MANY_INVALID,
        reason=Reason.BAD_RECIPIENTS,
        line=excessive_line(call.pid, call.remote_ip),
        qlog=(b"brtlimit", b""),
    )


def _relays(asked: Asked) -> Refusal | None:
    controls = asked.call.terms.controls
    if not controls.rejectrelaytest or not relays(asked.recipient):
        return None
    return Refusal(words=words.NO_RELAY, reason=Reason.NOT_OURS, qlog=(b"dontrelay", b""))


def _denied_helo(asked: Asked) -> Refusal | None:
    terms = asked.call.terms
    if not terms.badhelo or Stage.HELO in asked.passed:
        return None
    hit = denied_helo(asked.helo, terms.controls, relaying=terms.relayclient is not None)
    if hit is None:
        return None
    return Refusal(
        words=words.HELO_DENIED,
        line=denied_line(asked.call.pid, b"badhelo", asked.helo, asked.call.remote_ip, _pattern(asked, hit.line)),
        detail=f"{hit.file}:{hit.place}",
        qlog=(b"qregexbhelo", hit.line),
    )


def _denied_sender(asked: Asked) -> Refusal | None:
    terms = asked.call.terms
    if not terms.badmailfrom or Stage.MAIL in asked.passed:
        return None
    hit = denied_sender(asked.sender, terms.controls, relaying=terms.relayclient is not None, exact=terms.exact)
    if hit is None:
        return None
    return Refusal(
        words=words.IN_BADMAILFROM if terms.exact else words.SENDER_DENIED,
        line=denied_line(asked.call.pid, b"badmailfrom", asked.sender, asked.call.remote_ip, _pattern(asked, hit.line)),
        detail=f"{hit.file}:{hit.place}",
        qlog=(b"qregexbmf", hit.line),
    )


def _denied_recipient(asked: Asked) -> Refusal | None:
    terms = asked.call.terms
    hit = denied_recipient(asked.recipient, terms.controls, relaying=terms.relayclient is not None)
    if hit is None:
        return None
    return Refusal(
        words=words.RECIPIENT_DENIED,
        bad=True,
        line=denied_line(
            asked.call.pid, b"badrcptto", asked.recipient, asked.call.remote_ip, _pattern(asked, hit.line)
        ),
        detail=f"{hit.file}:{hit.place}",
        qlog=(b"qregexbmt", hit.line),
    )


def too_many(asked: Asked) -> Refusal | None:
    """maxrcpt: the last check, behind who is not there at all."""
    most = asked.call.terms.maxrcpt
    return Refusal(words=words.MAX_RCPT, qlog=(b"max_rcpt_exceeded", b"")) if 0 < most <= asked.taken else None


def _pattern(asked: Asked, line: bytes) -> bytes | None:
    return line if b"LOGREGEX" in asked.call.environment else None


_OF_SENDER: Final[tuple[Check, ...]] = (_blocked, _relays, _denied_helo, _denied_sender)
_OF_RECIPIENT: Final[tuple[Check, ...]] = (_too_many_bad, _denied_recipient)


def denial_of_sender(asked: Asked) -> Refusal | None:
    """The first of the rows above that speaks, for whom the recipient's own record does not matter."""
    return _first(_OF_SENDER, asked)


def denial_of_recipient(asked: Asked) -> Refusal | None:
    """The same of the recipient, and of those before it."""
    return _first(_OF_RECIPIENT, asked)


def _first(checks: tuple[Check, ...], asked: Asked) -> Refusal | None:
    for check in checks:
        refusal = check(asked)
        if refusal is not None:
            return refusal
    return None

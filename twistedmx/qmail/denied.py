"""Senders, recipients and HELO names that control/ denies: badmailfrom, badrcptto, badhelo and their kin.

All are spoken at RCPT; MAIL and HELO are still answered 250 (qmail-smtpd.c). The null sender is never tested.

badmailfrom is one name for two dialects: qmail's own, where a line is `user@host` or `@host` exactly, and that of the qregex
patch, where it is a regular expression (`patterns`). Who installed qmail knows which; no file says it.
"""

from twistedmx.qmail.control import Controls
from twistedmx.qmail.lists import Lines
from twistedmx.qmail.patterns import Hit


def denied_sender(address: bytes, controls: Controls, *, relaying: bool, exact: bool) -> Hit | None:
    """The line that denies the sender. `relaying`: RELAYCLIENT is set, and the lists for others do not count.

    `exact`: badmailfrom is in qmail's own dialect. That with `norelay` in its name is always qregex's.
    """
    if not address:
        return None
    first = _exact_hit(address, controls.badmailfrom) if exact else controls.badmailfrom.patterns.hit(address)
    if first is not None or relaying:
        return first
    return controls.badmailfromnorelay.patterns.hit(address)


def denied_recipient(address: bytes, controls: Controls, *, relaying: bool) -> Hit | None:
    """The line that denies the recipient."""
    return _first_hit(
        address,
        (controls.badrcptto, controls.badmailto),
        () if relaying else (controls.badrcpttonorelay, controls.badmailtonorelay),
    )


def denied_helo(name: bytes, controls: Controls, *, relaying: bool) -> Hit | None:
    """The line that denies the name of HELO or EHLO.

    badhelonorelay as well, which the patched qmail-smtpd.c matches against the last address by mistake.
    """
    return _first_hit(name, (controls.badhelo,), () if relaying else (controls.badhelonorelay,))


def relays(recipient: bytes) -> bool:
    """What control/rejectrelaytest refuses: an `@`, `%` or `!` before the last `@`, by which mail was once sent around."""
    local_part = recipient.rpartition(b"@")[0] if b"@" in recipient else recipient
    return any(octet in local_part for octet in b"@%!")


def _first_hit(subject: bytes, *lists: tuple[Lines, ...]) -> Hit | None:
    for lines in (lines for group in lists for lines in group if lines):
        found = lines.patterns.hit(subject)
        if found is not None:
            return found
    return None


def _exact_hit(address: bytes, lines: Lines) -> Hit | None:
    # bmfcheck of qmail-smtpd.c: the whole address, then "@" and the host behind the last one.
    lower = address.lower()
    _, at, host = lower.rpartition(b"@")
    for key in (lower, at + host) if at else (lower,):
        if key in lines.keys:
            place, line = next(
                (place, line) for place, line in zip(lines.places, lines, strict=True) if line.lower() == key
            )
            return Hit(file=lines.file, place=place, line=line)
    return None

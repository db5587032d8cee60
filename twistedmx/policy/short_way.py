"""The short way of what a server under attack hears more often than all else: MAIL, RCPTs that nobody has, RSET.

No value is made for a command, and RCPTs that come together are asked for together. What comes of it is the same as of the long
way (`Session.next_input`, `Receiver.answer`, `Session.reply`): tests/fuzz/test_short_way.py plays both. What it saves: benchmarks,
reject-580 and reject-580-pipelined. It ends where anything else is to be said, and long before any limit is reached.
"""

import re
from typing import Final

from twistedmx.policy.receiver import Receiver
from twistedmx.smtp import codes
from twistedmx.smtp.command import MAIL_FROM, RCPT_TO, VERBS
from twistedmx.smtp.parameters import NO_MAIL_PARAMETERS
from twistedmx.smtp.path import PLAIN_LOCAL, is_plain_domain, plain, plain_path
from twistedmx.smtp.phase import Phase
from twistedmx.smtp.session import Session

_MORE: Final = b"{0,15}"  # RCPTs in one match, beside the first
# Some RCPTs as `plain_path` takes them, all of one domain, which need be none: the first address, and its domain.
_recipients = re.compile(
    RCPT_TO + b"(" + PLAIN_LOCAL + rb"@([A-Za-z0-9.-]+))>\r\n(?:" + RCPT_TO + PLAIN_LOCAL + rb"@\2>\r\n)" + _MORE
).match
# A whole transaction in which nobody is accepted: its reverse-path, that one's domain, the RCPTs, the domain of all of these.
_round = re.compile(
    MAIL_FROM
    + b"("
    + PLAIN_LOCAL
    + rb"@([A-Za-z0-9.-]+))>\r\n("
    + RCPT_TO
    + PLAIN_LOCAL
    + rb"@([A-Za-z0-9.-]+)>\r\n(?:"
    + RCPT_TO
    + PLAIN_LOCAL
    + rb"@\4>\r\n)"
    + _MORE
    + rb")RSET\r\n"
).match
# One, and nothing else: what comes from who waits for each reply.
_recipient = re.compile(RCPT_TO + b"(" + PLAIN_LOCAL + rb"@([A-Za-z0-9.-]+))>\r\n").fullmatch
_BETWEEN: Final = b">\r\n" + RCPT_TO
_RSET: Final = b"RSET\r\n"
_TO: Final = len(RCPT_TO)
_AROUND: Final = len(RCPT_TO + b">\r\n")
_FROM: Final = len(MAIL_FROM)
_R: Final = ord("R")
_READY: Final = Phase.READY
_MAIL: Final = Phase.MAIL
_RCPT: Final = Phase.RCPT


def refuse_shortly(session: Session, receiver: Receiver, octets: bytes) -> bytes | None:
    """As `answer_shortly` where `octets` are one RCPT: what it is answered. Else nothing has happened: None where they are not,
    b"" where this one goes the long way."""
    phase = session.phase
    if (phase is not _RCPT and phase is not _MAIL) or (found := _recipient(octets)) is None:
        return None
    address, domain = found.groups()
    limits = session.limits
    if (
        session.errors >= limits.errors
        or session.idle_commands >= limits.idle_commands
        or len(octets) > limits.command_line
        or session.transfer.room <= 0
        or (reply := receiver.guesses([address], domain)) is None
    ):
        return b""
    session.errors += 1
    session.commands += 1
    if len(session.verbs) < VERBS:
        session.note("R")
    return reply.octets


def answer_shortly(session: Session, receiver: Receiver, octets: bytes, most: int, replies: list[bytes]) -> int:
    """Answer what `octets` begin with, up to `most` commands, as long as each is answered at once and is no more than it seems.

    `session`: has nothing else to read, and owes no reply. Replies are added to `replies`. Returns how many octets were answered;
    the rest goes the long way.
    """
    limits = session.limits
    at, heard, phase = 0, len(octets), session.phase
    is_noting = len(session.verbs) < VERBS
    most = min(most, limits.errors - session.errors, limits.idle_commands - session.idle_commands)
    while at < heard and most > 0:
        if octets[at] == _R and (phase is _RCPT or phase is _MAIL):
            found = _recipients(octets, at)
            if found is not None:
                (first, domain), end = found.groups(), found.end()
                if end - at == len(first) + _AROUND:
                    count, addresses = 1, [first]
                else:
                    session.pipelined = True
                    addresses = octets[at + _TO : end - 3].split(_BETWEEN)
                    count = len(addresses)
                    if count > most:
                        count, addresses = most, addresses[:most]
                        end = at + sum(map(len, addresses)) + most * _AROUND
                if (
                    session.transfer.room <= 0
                    or end - at > limits.command_line
                    or (reply := receiver.guesses(addresses, domain)) is None
                ):
                    break
                session.errors += count
                if is_noting:
                    session.note("R")
                replies.append(reply.octets if count == 1 else reply.octets * count)
                session.commands += count
                most -= count
                at = end
                continue
        if octets[at : at + 6] == _RSET and (phase is _RCPT or phase is _MAIL or phase is _READY):
            if not receiver.may_reset():
                break
            session.idle_commands += 1
            if is_noting:
                session.note("S")
            replies.append(receiver.reset().octets)
            session.phase = phase = _READY
            at += 6
        elif phase is _READY and octets[at : at + _FROM] == MAIL_FROM and session.messages < limits.messages:
            end = octets.find(b">\r\n", at, at + limits.command_line)
            if 0 <= end < heard - 3 and most > 2 and (found := _round(octets, at)) is not None:
                sender, sender_domain, run, domain = found.groups()
                addresses = run[_TO:-3].split(_BETWEEN)
                count = len(addresses)
                if (
                    count + 2 <= most
                    and len(run) <= limits.command_line
                    and limits.recipients > 0
                    and is_plain_domain(sender_domain)
                    and receiver.guesses_all(plain(sender, sender_domain), addresses, domain)
                ):
                    session.pipelined = True
                    session.errors += count
                    session.idle_commands += 1
                    session.commands += count + 2
                    if is_noting:
                        session.note("M")
                        session.note("R")
                        session.note("S")
                    replies.append(codes.SENDER_OK.octets + receiver.nobody.octets * count + codes.RESET.octets)
                    most -= count + 2
                    at = found.end()
                    continue
            path = plain_path(octets[at + _FROM : end]) if end >= 0 else None
            if path is None or receiver.mail(path, NO_MAIL_PARAMETERS) is not codes.SENDER_OK:
                break
            session.begin(path, NO_MAIL_PARAMETERS)
            if is_noting:
                session.note("M")
            replies.append(codes.SENDER_OK.octets)
            session.phase = phase = _MAIL
            at = end + 3
        else:
            break
        session.commands += 1
        most -= 1
        if session.limits is not limits:
            break  # MAIL or RSET found that things are harder now, or easier
    return at

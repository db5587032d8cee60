"""RCPTCHECK: a program of the operator that is asked of each recipient, after all that is built in (sagredo's qmail-smtpd).

It has the session's environment, with SENDER, RECIPIENT, HELO and USE_FD4=1, and RCPTFOUND=1 where a check has found the recipient,
RCPTHOSTS=1 where its domain is in rcpthosts; qmail's home as its directory; nothing to read. Its exit status decides:

| exit | |
| --- | --- |
| 100 | there is no such recipient: 550 |
| 111 | could not tell: 421 `unable to verify recipient`, and closed |
| 112 | no opinion: accepted as if it had not been asked |
| 113 | the sender is over his limit: 421, and closed |
| 120, or a signal | could not be run: 421, and closed |
| others | accepted |

With 100 and 113 its own reply counts, where it wrote one to descriptor 4; one with 421 closes. A text that is no reply with 4
or 5 is `451 temporary problem`. What it writes on standard output and error goes to the log.

Deviations from qmail-smtpd.c: a program that takes too long is one that could not tell (the original waits); RCPTCHECK that is
empty is none; a reply of several lines is one reply, where the original sends the lines as they are.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

import attrs
from twisted.internet.defer import Deferred

from twistedmx.qmail.log_lines import line, lines_of, safe_text
from twistedmx.qmail.program import Ended
from twistedmx.qmail.program_places import Places
from twistedmx.qmail.smtpd_lines import rcptcheck_line
from twistedmx.qmail.spp_answer import BadAnswer, joined, reply_of
from twistedmx.smtp.reply import Reply

_OWN_REPLY: Final = 1021  # octets: rcptcheck_err of qmail-smtpd.c, less CRLF and NUL
_LEADING_NUMBER: Final = 10


class Finding(Enum):
    """How it ended; the value is the detail of the qlog line."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    NO_MAILBOX = "nomailbox"
    OVER_LIMIT = "overlimit"
    OWN_REPLY = "custom"
    COULD_NOT_TELL = "cannotverify"
    COULD_NOT_RUN = "cannotexecute"


def _temporary(text: str) -> Reply:
    return Reply(code=421, lines=(f"{text} (#4.3.0)",), closes=True)


# To the letter, with the full stop that the original has here and nowhere else.
_NO_MAILBOX: Final = Reply(code=550, lines=("sorry, no mailbox here by that name. (#5.1.1)",))
_OVER_LIMIT: Final = _temporary("you have exceeded your messaging limits")
_COULD_NOT_TELL: Final = _temporary("unable to verify recipient")
_COULD_NOT_RUN: Final = _temporary("unable to execute recipient check")
_NO_REPLY: Final = Reply(code=451, lines=("temporary problem (#4.4.2)",))


@attrs.frozen(kw_only=True)
class RcptAnswer:
    """`reply`: None where the recipient is accepted so far."""

    finding: Finding
    reply: Reply | None = None


def rcpt_check_of(environment: Mapping[bytes, bytes]) -> bytes:
    """The program of this session, b"" for none: of RCPTCHECK, and with RELAYCLIENT only where RCPTCHECKRELAYCLIENT is a number
    that is not 0."""
    program = environment.get(b"RCPTCHECK", b"")
    if b"RELAYCLIENT" in environment and not _number(environment.get(b"RCPTCHECKRELAYCLIENT", b"")):
        return b""
    return program


class RcptCheck:
    """For all sessions. `home`: qmail's."""

    def __init__(self, places: Places, *, home: bytes | str) -> None:
        self._places = places
        self._home = home

    def ask(
        self,
        program: bytes,
        environment: Mapping[bytes, bytes],
        *,
        pid: int,
        sender: bytes,
        recipient: bytes,
        helo: bytes,
        found: bool,
        in_rcpthosts: bool,
        tell: Callable[[bytes], None],
    ) -> Deferred[RcptAnswer]:
        """What `program` says of the recipient. `pid`: of the session, for its log: `tell` hears what the program writes, and what
        is wrong with it, each a line. Never fails, but when it is cancelled."""
        its = {**environment, b"SENDER": sender, b"RECIPIENT": recipient, b"HELO": helo, b"USE_FD4": b"1"}
        for name, holds in ((b"RCPTFOUND", found), (b"RCPTHOSTS", in_rcpthosts)):
            its.pop(name, None)
            if holds:
                its[name] = b"1"
        running = self._places.run([program], its, cwd=self._home, taken=(1, 2, 4))
        return running.addCallback(self._answer, pid, program, tell)

    def _answer(self, ended: Ended, pid: int, program: bytes, tell: Callable[[bytes], None]) -> RcptAnswer:
        for descriptor in (1, 2):
            for each in lines_of(ended.outputs.get(descriptor, b"")):
                tell(each)
        own = ended.outputs.get(4, b"")[:_OWN_REPLY].strip(b"\r\n")
        if own:
            tell(rcptcheck_line(pid, own))
        answer = _ANSWERS.get(ended.status, _ACCEPTED) if ended.status is not None else _failed(ended)
        if answer.finding in (Finding.COULD_NOT_RUN, Finding.COULD_NOT_TELL):
            tell(line(b"qmail-smtpd[%d]: rcptcheck: " % pid, safe_text(program), f": {ended}".encode()))
        if own and answer.finding in (Finding.NO_MAILBOX, Finding.OVER_LIMIT):
            return RcptAnswer(finding=Finding.OWN_REPLY, reply=own_reply(own))
        return answer


def own_reply(octets: bytes) -> Reply:
    """The reply that was written to descriptor 4; `451 temporary problem` where it is none with 4 or 5."""
    try:
        first, *others = (reply_of(each) for each in octets.strip(b"\r\n").split(b"\n"))
    except BadAnswer:
        return _NO_REPLY
    for other in others:
        first = joined(first, other)
    return attrs.evolve(first, closes=first.code == 421)


_ACCEPTED: Final = RcptAnswer(finding=Finding.ACCEPTED)
_ANSWERS: Final = {
    100: RcptAnswer(finding=Finding.NO_MAILBOX, reply=_NO_MAILBOX),
    111: RcptAnswer(finding=Finding.COULD_NOT_TELL, reply=_COULD_NOT_TELL),
    112: RcptAnswer(finding=Finding.IGNORED),
    113: RcptAnswer(finding=Finding.OVER_LIMIT, reply=_OVER_LIMIT),
    120: RcptAnswer(finding=Finding.COULD_NOT_RUN, reply=_COULD_NOT_RUN),
}


def _failed(ended: Ended) -> RcptAnswer:
    return _ANSWERS[111] if ended.timed_out else _ANSWERS[120]


def _number(octets: bytes) -> int:
    """As scan_ulong has it: the digits at the beginning."""
    digits = octets[: len(octets) - len(octets.lstrip(b"0123456789"))][:_LEADING_NUMBER]
    return int(digits or b"0")

"""What was decided, and why: two fields, one for the peer and one for us.

A fixed step of ours accepts, defers or rejects. A policy (docs/policies.md) may also have nothing to say, which is CONTINUE, and
may say when its words are spoken; it never accepts what a fixed step refuses.

`Reason` is the closed list of why: the field of the log line, the label of a counter, the row of a report. Whoever adds one adds
its row to docs/log.md.
"""

import enum
from typing import Final

import attrs

from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply


class Action(enum.Enum):
    """What a verdict does. The class of the reply follows from it. CONTINUE: nothing is said, others decide."""

    __hash__ = object.__hash__  # by identity: hashed for each guess of a flood (benchmarks/session.py)

    CONTINUE = "continue"
    ACCEPT = "accept"
    DEFER = "defer"
    REJECT = "reject"


class Reason(enum.Enum):
    """Why. The value is the word in the log."""

    __hash__ = object.__hash__  # as that of Action

    ACCEPTED = "accepted"
    # recipients
    UNKNOWN_MAILBOX = "unknown-mailbox"
    NOT_OURS = "not-ours"
    MAILBOX_DISABLED = "mailbox-disabled"
    MAILBOX_FULL = "mailbox-full"
    OPERATOR_ENTRY = "operator-entry"
    LOOKUP_FAILED = "lookup-failed"
    LOOKUP_LATE = "lookup-late"
    # authentication
    BAD_PASSWORD = "bad-password"  # noqa: S105 - a word of the log
    PASSWORDS_FAILED = "passwords-failed"
    # messages
    TOO_LARGE = "too-large"
    BARE_NEWLINE = "bare-newline"
    LINE_TOO_LONG = "line-too-long"
    LOOP = "loop"
    DISK_FULL = "disk-full"
    DISK_FAILED = "disk-failed"
    QUEUE_REFUSED = "queue-refused"
    QUEUE_FAILED = "queue-failed"
    EMPTY_MESSAGE = "empty-message"
    # policies
    BAD_HELO = "bad-helo"
    POLICY = "policy"
    CHECK_FAILED = "check-failed"
    CHECK_LATE = "check-late"
    # sessions
    TOO_MANY_MESSAGES = "too-many-messages"
    TOO_MANY_ERRORS = "too-many-errors"
    TOO_MANY_IDLE_COMMANDS = "too-many-idle-commands"
    BAD_RECIPIENTS = "bad-recipients"
    RSET_ABUSE = "rset-abuse"
    UNKNOWN_COMMANDS = "unknown-commands"
    SYNTAX_ERRORS = "syntax-errors"
    FLOODED = "flooded-recipient"
    EMPTY_MESSAGES = "empty-messages"
    BAD_PASSWORDS = "bad-passwords"
    EARLY_TALK = "early-talk"
    EARLY_PIPELINING = "early-pipelining"
    BLOCKED = "blocked"
    NO_PLACE = "no-place"
    SYNTAX = "syntax"
    NOT_SMTP = "not-smtp"
    # how a transaction or a session ended without a reply of ours deciding it
    NOBODY_ACCEPTED = "nobody-accepted"
    ABANDONED = "abandoned"
    QUIT = "quit"
    LOST = "lost"
    IDLE = "idle"
    TOO_SLOW = "too-slow"
    TLS_FAILED = "tls-failed"
    TLS_LIMIT = "tls-limit"
    PROXY_FAILED = "proxy-failed"
    SHUTDOWN = "shutdown"
    FAULT = "fault"


_CLASSES: Final = {Action.CONTINUE: 2, Action.ACCEPT: 2, Action.DEFER: 4, Action.REJECT: 5}
_REFUSALS: Final = (Action.DEFER, Action.REJECT)
# RFC 5321 4.5.3.2: a client waits five minutes for most replies. One that is kept waiting longer comes again.
LONGEST_DELAY: Final = 240.0


@attrs.frozen(kw_only=True)
class Verdict:
    """A decision. `reply`: what the peer hears; what a policy that accepts or continues says here is never spoken. `reason` and
    `detail`: what we log.

    `provisional`: the check could not be done; this DEFER counts only if nobody rejects. `postpone`: a refusal at CONNECT, HELO
    or MAIL is spoken at RCPT, so that the log has the envelope. `delay`: seconds that the reply is kept back. Raises ValueError
    if they disagree.
    """

    action: Action
    reason: Reason
    reply: Reply = codes.NOOP
    detail: str = ""
    provisional: bool = False
    postpone: bool = False
    delay: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.reply.code // 100 != _CLASSES[self.action]:
            raise ValueError(f"{self.action.value} cannot be said with {self.reply}")
        if not 0.0 <= self.delay <= LONGEST_DELAY:  # nor is it so of a NaN
            raise ValueError(f"a delay is 0 to {LONGEST_DELAY:g} seconds, not {self.delay!r}")
        if self.provisional and self.action is not Action.DEFER:
            raise ValueError(
                f"only defer can be provisional, not {self.action.value}: what is not known refuses nobody for good"
            )
        if self.action in _REFUSALS:
            return
        if self.postpone:
            raise ValueError(f"only a refusal can be postponed, not {self.action.value}")
        if self.disconnect:
            raise ValueError(f"only a refusal can end the session, not {self.action.value}")

    @property
    def disconnect(self) -> bool:
        """Whether the session ends with it: what its reply says, `closes`."""
        return self.reply.closes

    @property
    def refuses(self) -> bool:
        """Whether it is a DEFER or a REJECT."""
        return self.action in _REFUSALS


_ACTIONS: Final = {2: Action.ACCEPT, 4: Action.DEFER, 5: Action.REJECT}


def verdict(
    reply: Reply,
    reason: Reason,
    detail: str = "",
    *,
    provisional: bool = False,
    postpone: bool = False,
    delay: float = 0.0,
) -> Verdict:
    """The Verdict that a reply of its class makes: 2yz accepts, 4yz defers, 5yz rejects."""
    return Verdict(
        action=_ACTIONS[reply.code // 100],
        reason=reason,
        reply=reply,
        detail=detail,
        provisional=provisional,
        postpone=postpone,
        delay=delay,
    )


# Of a policy: nothing to say; and: let it pass here, whatever the policies behind this one would say.
CONTINUE: Final = Verdict(action=Action.CONTINUE, reason=Reason.ACCEPTED)
ACCEPT: Final = Verdict(action=Action.ACCEPT, reason=Reason.ACCEPTED)

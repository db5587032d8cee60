"""What was decided, and why: two fields, one for the peer and one for us.

`Reason` is the closed list of why: the field of the log line, the label of a counter, the row of a report. Whoever adds
one adds its row to docs/log.md.
"""

import enum

import attrs

from twistedmx.smtp.reply import Reply


class Action(enum.Enum):
    """What a verdict does. The class of the reply follows from it."""

    __hash__ = object.__hash__  # by identity: hashed for each guess of a flood (benchmarks/session.py)

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
    # messages
    TOO_LARGE = "too-large"
    BARE_NEWLINE = "bare-newline"
    LINE_TOO_LONG = "line-too-long"
    LOOP = "loop"
    DISK_FULL = "disk-full"
    DISK_FAILED = "disk-failed"
    # sessions
    TOO_MANY_MESSAGES = "too-many-messages"
    TOO_MANY_ERRORS = "too-many-errors"
    TOO_MANY_IDLE_COMMANDS = "too-many-idle-commands"
    BAD_RECIPIENTS = "bad-recipients"
    RSET_ABUSE = "rset-abuse"
    UNKNOWN_COMMANDS = "unknown-commands"
    FLOODED = "flooded-recipient"
    EMPTY_MESSAGES = "empty-messages"
    EARLY_TALK = "early-talk"
    EARLY_PIPELINING = "early-pipelining"
    BLOCKED = "blocked"
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


_CLASSES = {Action.ACCEPT: (2,), Action.DEFER: (4,), Action.REJECT: (5,)}


@attrs.frozen(kw_only=True)
class Verdict:
    """A decision. `reply`: what the peer hears. `reason` and `detail`: what we log. Raises ValueError if they disagree."""

    action: Action
    reason: Reason
    reply: Reply
    detail: str = ""

    def __attrs_post_init__(self) -> None:
        if self.reply.code // 100 not in _CLASSES[self.action]:
            raise ValueError(f"{self.action.value} cannot be said with {self.reply}")


def verdict(reply: Reply, reason: Reason, detail: str = "") -> Verdict:
    """The Verdict that a reply of its class makes: 2yz accepts, 4yz defers, 5yz rejects."""
    action = {2: Action.ACCEPT, 4: Action.DEFER, 5: Action.REJECT}[reply.code // 100]
    return Verdict(action=action, reason=reason, reply=reply, detail=detail)

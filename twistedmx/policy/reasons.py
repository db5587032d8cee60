"""Why, by what was said: the reason that a fixed reply stands for."""

from typing import Final

from twistedmx.model.verdict import Reason
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply

# Of content that is refused.
FAULTS: Final[dict[Reply, Reason]] = {
    codes.BARE_NEWLINE: Reason.BARE_NEWLINE,
    codes.BARE_LF: Reason.BARE_NEWLINE,
    codes.TEXT_LINE_TOO_LONG: Reason.LINE_TOO_LONG,
    codes.TOO_LARGE: Reason.TOO_LARGE,
    codes.ENDLESS: Reason.TOO_LARGE,
}
# Commands that are malformed.
MALFORMED: Final = frozenset(
    (
        codes.LINE_TOO_LONG,
        codes.BARE_CR_IN_COMMAND,
        codes.NOT_PRINTABLE,
        codes.NO_ARGUMENT_ALLOWED,
        codes.ARGUMENT_NEEDED,
        codes.BAD_HELO,
        codes.MAIL_SYNTAX,
        codes.RCPT_SYNTAX,
        codes.BAD_SENDER,
        codes.BAD_RECIPIENT,
        codes.BAD_PARAMETER,
        codes.UNKNOWN_PARAMETER,
        codes.BAD_XCLIENT,
        codes.AUTH_SYNTAX,
    )
)
# Limits that the session itself keeps, by its last words; what is said instead is the operator's (policy.limit_settings).
LIMITS: Final[dict[Reply, str]] = {
    codes.TOO_MANY_ERRORS: "errors",
    codes.TOO_MANY_IDLE_COMMANDS: "idle_commands",
    codes.TOO_MANY_MESSAGES: "messages",
}
# Why a session ends, by the last words in it; any other means that the peer left.
ENDINGS: Final[dict[Reply, Reason]] = {
    codes.CLOSING: Reason.QUIT,
    codes.NOT_SMTP: Reason.NOT_SMTP,
    codes.BDAT_SYNTAX: Reason.SYNTAX,
    codes.BARE_LF_IN_COMMAND: Reason.BARE_NEWLINE,
    codes.BARE_LF: Reason.BARE_NEWLINE,
    codes.ENDLESS: Reason.TOO_LARGE,
    codes.TOO_MANY_ERRORS: Reason.TOO_MANY_ERRORS,
    codes.TOO_MANY_IDLE_COMMANDS: Reason.TOO_MANY_IDLE_COMMANDS,
    codes.TOO_MANY_MESSAGES: Reason.TOO_MANY_MESSAGES,
    codes.IDLE: Reason.IDLE,
    codes.TOO_SLOW: Reason.TOO_SLOW,
    codes.SHUTDOWN: Reason.SHUTDOWN,
    codes.FAULT: Reason.FAULT,
}

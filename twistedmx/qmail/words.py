"""What qmail-smtpd says where twistedmx has words of its own: the replies of qmail-smtpd.c, octet for octet.

Decisions are made, counted and told in the words of `smtp.codes`; a session in qmail's dialect says these instead, at the last
moment. What has no row is said as it is: there is nothing like it in qmail-smtpd.
"""

from collections.abc import Mapping
from typing import Final

from twistedmx.qmail.trees import UNIMPLEMENTED, Tree
from twistedmx.smtp import codes
from twistedmx.smtp.reply import Reply, reply

SYNTAX: Final = reply(555, "", "syntax error (#5.5.4)")
NO_CONTROLS: Final = reply(421, "", "unable to read controls (#4.3.0)")
TOO_MANY_INVALID: Final = reply(421, "", "too many invalid addresses, goodbye (#4.3.0)")
NOT_IN_RCPTHOSTS: Final = reply(553, "", "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)")
IN_BADMAILFROM: Final = reply(553, "", "sorry, your envelope sender is in my badmailfrom list (#5.7.1)")
SENDER_DENIED: Final = reply(553, "", "sorry, your envelope sender has been denied (#5.7.1)")
RECIPIENT_DENIED: Final = reply(553, "", "sorry, your envelope recipient has been denied (#5.7.1)")
HELO_DENIED: Final = reply(553, "", "sorry, your HELO host name has been denied (#5.7.1)")
NOT_VALID_RECIPIENT: Final = reply(553, "", "sorry, this recipient is not in my validrcptto list (#5.7.1)")
MAX_RCPT: Final = reply(452, "", "max rcpt limit exceeded (#5.7.1)")
NO_RELAY: Final = reply(553, "", "we don't relay (#5.7.1)")
NO_NULL_SENDERS: Final = reply(421, "", "null senders temporarily denied (#4.3.0)")
AUTH_REQUIRED: Final = reply(530, "", "Authorization required (#5.7.1) ")
NOT_THE_AUTHENTICATED: Final = reply(503, "", "from and auth not the same (#5.5.1)")
EARLY_TALK: Final = reply(554, "", "SMTP protocol violation", closes=True)
TOO_LARGE: Final = reply(552, "", "sorry, that message size exceeds my databytes limit (#5.3.4)")
NO_AUTH: Final = reply(503, "", "auth not available (#5.3.3)")

_OK: Final = reply(250, "", "ok")
_SYNTAX_OF_STARTTLS: Final = reply(501, "", "Syntax error (no parameters allowed) (#5.5.4)")
_MALFORMED: Final = reply(501, "", "malformed auth input (#5.5.4)")
_TIMEOUT: Final = reply(451, "", "timeout (#4.4.2)", closes=True)
GOODBYE: Final = reply(421, "", "too many errors, goodbye (#4.3.0)")

# Those that are the same in all trees, and on every host.
_SAME: Final[dict[Reply, Reply]] = {
    codes.RESET: reply(250, "", "flushed"),
    codes.NOOP: _OK,
    codes.SENDER_OK: _OK,
    codes.RECIPIENT_OK: _OK,
    codes.NOT_VERIFIED: reply(252, "", "send some mail, i'll try my best"),
    codes.START_CONTENT: reply(354, "", "go ahead"),
    codes.START_TLS: reply(220, "", "ready for tls"),
    codes.TLS_BUSY: reply(454, "", "TLS not available right now (#4.3.0)"),
    codes.NO_ARGUMENT_ALLOWED: _SYNTAX_OF_STARTTLS,
    codes.MAIL_FIRST: reply(503, "", "MAIL first (#5.5.1)"),
    codes.RCPT_FIRST: reply(503, "", "RCPT first (#5.5.1)"),
    codes.BAD_SENDER: SYNTAX,
    codes.BAD_RECIPIENT: SYNTAX,
    codes.MAIL_SYNTAX: SYNTAX,
    codes.TOO_MANY_RECIPIENTS: MAX_RCPT,
    codes.TOO_MANY_ERRORS: GOODBYE,
    codes.TOO_MANY_IDLE_COMMANDS: GOODBYE,
    codes.NOT_OURS: NOT_IN_RCPTHOSTS,
    codes.TOO_LARGE: TOO_LARGE,
    codes.ENDLESS: reply(552, "", TOO_LARGE.lines[0], closes=True),
    codes.LOOPING: reply(554, "", "too many hops, this message is looping (#5.4.6)"),
    codes.NO_SPACE: reply(451, "", "qq write error or disk full (#4.3.0)"),
    codes.STORAGE_FAILED: reply(451, "", "qq trouble creating files in queue (#4.3.0)"),
    codes.AUTHENTICATED: reply(235, "", "ok, go ahead (#2.0.0)"),
    codes.NOT_AUTHENTICATED: reply(535, "", "authentication failed (#5.7.1)"),
    codes.AUTH_FAILED: reply(454, "", "oops, child won't tell (#4.3.0)"),
    codes.AUTH_CANCELLED: reply(501, "", "auth exchange canceled (#5.0.0)"),
    codes.AUTH_MALFORMED: _MALFORMED,
    codes.AUTH_LINE_TOO_LONG: _MALFORMED,
    codes.AUTH_TWICE: reply(503, "", "you're already authenticated (#5.5.0)"),
    codes.AUTH_IN_TRANSACTION: reply(503, "", "no auth during mail transaction (#5.5.0)"),
    codes.UNKNOWN_MECHANISM: reply(504, "", "auth type invalid (#5.5.1)"),
    codes.TLS_FIRST: reply(538, "", "auth not available without TLS (#5.3.3)"),
    codes.IDLE: _TIMEOUT,
    codes.TOO_SLOW: _TIMEOUT,
}


def words_of(tree: Tree, greeting: str) -> Mapping[Reply, Reply]:
    """Ours, and what is said instead. `greeting`: of control/smtpgreeting."""
    return {
        **_SAME,
        codes.CLOSING: reply(221, "", greeting),
        codes.HELP: tree.help,
        codes.UNKNOWN_COMMAND: tree.unknown,
        # STARTTLS that is not to be had, or not twice: the patch says so; without it, it is a word like any other.
        codes.NOT_IMPLEMENTED: UNIMPLEMENTED,
        codes.TLS_TWICE: UNIMPLEMENTED,
        NO_AUTH: NO_AUTH if tree.extends else tree.unknown,
        codes.BARE_LF: tree.stray_lf,
    }


def accepted(at: float, name: str) -> Reply:
    """The message is the queue's. `at`: seconds since the epoch; `name`: what it has there, the pid of the queue program."""
    return reply(250, "", f"ok {int(at)} qp {name}")


def greeting(host: str) -> Reply:
    """The first words."""
    return reply(220, "", f"{host} ESMTP")

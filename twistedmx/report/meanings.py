"""What each reason means, in a sentence for the operator, and what changes it. docs/log.md has the same in a table.

A closed table: a new Reason is a row here, and a test keeps it so. What to do about a recipient depends on who serves its domain:
that is `service.remedies`.
"""

from typing import Final

import attrs

from twistedmx.model.verdict import Reason


@attrs.frozen(kw_only=True)
class Meaning:
    """`sentence`: without a full stop. `change`: the setting or the place that changes it, "" where there is none."""

    sentence: str
    change: str = ""


def _meaning(sentence: str, change: str = "") -> Meaning:
    return Meaning(sentence=sentence, change=change)


MEANINGS: Final[dict[Reason, Meaning]] = {
    Reason.ACCEPTED: _meaning("all is well"),
    Reason.UNKNOWN_MAILBOX: _meaning(
        "the domain is ours, and has no such mailbox",
        "add it to the mailboxes of its domain; twistedmx why RECIPIENT says where",
    ),
    Reason.NOT_OURS: _meaning("no backend of mailboxes serves the domain, and we relay for nobody", "[mailboxes]"),
    Reason.MAILBOX_DISABLED: _meaning("the mailbox is disabled", "its entry in [mailboxes] table, or in its backend"),
    Reason.MAILBOX_FULL: _meaning("the mailbox is over its quota", "its quota, or its entry in [mailboxes] table"),
    Reason.OPERATOR_ENTRY: _meaning(
        "the table of mailboxes refuses it, in your words", "its entry in [mailboxes] table"
    ),
    Reason.LOOKUP_FAILED: _meaning(
        "the recipient could not be looked up: a fault of a backend on our side", "what `twistedmx status` says of it"
    ),
    Reason.LOOKUP_LATE: _meaning(
        "the look-up of the recipient took too long: a backend on our side is slow", "[recipients] look_up_time"
    ),
    Reason.BAD_PASSWORD: _meaning(
        "there is no such user, the password was not his, or he may not send mail", "what the check program reads"
    ),
    Reason.PASSWORDS_FAILED: _meaning(
        "the check program could not tell whether a password is right: a fault on our side, and the log says which"
    ),
    Reason.TOO_LARGE: _meaning("the message was larger than what we take", "[limits] size"),
    Reason.BARE_NEWLINE: _meaning(
        "a line ended in bare CR or bare LF, behind which a second message may be hidden", "bare_newline_from"
    ),
    Reason.LINE_TOO_LONG: _meaning("the message had a line that is too long", "[limits] text_line"),
    Reason.LOOP: _meaning(
        "the message went round in a circle: too many hosts had it, or this mailbox had it before", "[limits] hops"
    ),
    Reason.DISK_FULL: _meaning("our disk had no room for it", "room on the disk, or disk_reserve"),
    Reason.DISK_FAILED: _meaning("our disk could not write it; the log says what went wrong"),
    Reason.QUEUE_REFUSED: _meaning("the queue program looked at the message and refused it", "the program itself"),
    Reason.QUEUE_FAILED: _meaning(
        "the queue program could not be started, failed or took too long; the log says which", "QMAILQUEUE"
    ),
    Reason.TOO_MANY_MESSAGES: _meaning(
        "the session had as many messages as one may have; the client goes on in another", "[limits] messages"
    ),
    Reason.TOO_MANY_ERRORS: _meaning("too many of its commands were refused", "[limits] errors"),
    Reason.TOO_MANY_IDLE_COMMANDS: _meaning("it gave too many commands without a message", "[limits] idle_commands"),
    Reason.BAD_RECIPIENTS: _meaning(
        "it named too many recipients that are not here, as who guesses names does", "[conduct] bad_recipients"
    ),
    Reason.RSET_ABUSE: _meaning(
        "it gave up too many transactions with refused recipients by RSET, or said RSET again and again",
        "[conduct] resets",
    ),
    Reason.UNKNOWN_COMMANDS: _meaning("it said too many words that are no commands", "[conduct] unknown_commands"),
    Reason.SYNTAX_ERRORS: _meaning("too many of its commands were malformed", "[conduct] syntax_errors"),
    Reason.FLOODED: _meaning(
        "it asked for an address that is not here and that so many ask for just now that strangers are hung up on",
        "[conduct] flooded_recipients; twistedmx attacks",
    ),
    Reason.EMPTY_MESSAGES: _meaning("it sent too many messages without an octet", "[conduct] empty_messages"),
    Reason.BAD_PASSWORDS: _meaning(
        "it said too many users and passwords that are not right", "[conduct] bad_passwords"
    ),
    Reason.EARLY_TALK: _meaning("it talked before it was greeted", "[conduct] early_talk"),
    Reason.EARLY_PIPELINING: _meaning(
        "it sent commands behind its first EHLO, before it could know that it may", "[conduct] early_pipelining"
    ),
    Reason.EMPTY_MESSAGE: _meaning("the message had no content", "the policy empty-message, if it is named"),
    Reason.BAD_HELO: _meaning(
        "the client called itself by our name, or by no name of a host", "the policy helo, if it is named"
    ),
    Reason.POLICY: _meaning("a policy that does not come with the server refused it", "its table among the policies"),
    Reason.CHECK_FAILED: _meaning(
        "a policy failed, and its on_failure is defer", "what its table among the policies says of failures"
    ),
    Reason.CHECK_LATE: _meaning(
        "a policy took too long, and its on_failure is defer", "what its table among the policies says of time"
    ),
    Reason.BLOCKED: _meaning("the client is in the blocklist", "twistedmx unban, or twistedmx allow"),
    Reason.NO_PLACE: _meaning(
        "it had only failed so far, or said much and no recipient of ours, and there were more sessions than the limit allows",
        "[governor] floor",
    ),
    Reason.SYNTAX: _meaning("BDAT came without a size, so that nobody could tell where its chunk ends"),
    Reason.NOT_SMTP: _meaning("it spoke another protocol: HTTP, or TLS where plain text is expected", "listen_tls"),
    Reason.NOBODY_ACCEPTED: _meaning("no recipient of the transaction was accepted, or none was asked for"),
    Reason.ABANDONED: _meaning("the client gave the transaction up"),
    Reason.QUIT: _meaning("the client ended the session with QUIT"),
    Reason.LOST: _meaning("the client went away without a word"),
    Reason.IDLE: _meaning("nothing was heard of it for too long", "[timeouts] command"),
    Reason.TOO_SLOW: _meaning("the message came in too slowly, or not at all any more", "[timeouts] minimum_rate"),
    Reason.TLS_FAILED: _meaning("the TLS handshake failed or took too long", "[tls], or [timeouts] handshake"),
    Reason.TLS_LIMIT: _meaning("more handshakes were asked for than are made at that time", "[handshakes]"),
    Reason.PROXY_FAILED: _meaning(
        "a listed balancer began without a good header of the PROXY protocol", "[balancer] proxy_from"
    ),
    Reason.SHUTDOWN: _meaning("the server was stopping"),
    Reason.FAULT: _meaning("the program failed by a fault of ours; the log has its traceback"),
}

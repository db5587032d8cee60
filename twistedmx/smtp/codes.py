"""Every fixed reply, by name: the only file in which words for the peer are written, but for those that the operator may choose.

Codes by RFC 5321 4.2.3, enhanced status codes by RFC 3463 and the IANA registry (RFC 5248). A reply says what is wrong
and what a postmaster may do about it; it never says which check decided, nor a path of ours.
"""

from typing import Final

from twistedmx.smtp.reply import Reply, reply

# Success and go-ahead
CLOSING: Final = reply(221, "2.0.0", "Closing, good-bye")
RESET: Final = reply(250, "2.0.0", "Reset")
NOOP: Final = reply(250, "2.0.0", "Ok")
CHUNK_RECEIVED: Final = reply(250, "2.0.0", "Chunk received")
SENDER_OK: Final = reply(250, "2.1.0", "Sender ok")
RECIPIENT_OK: Final = reply(250, "2.1.5", "Recipient ok")
NOT_VERIFIED: Final = reply(252, "2.0.0", "Not verified here; send the mail and its RCPT is answered")  # RFC 5321 3.5.3
START_CONTENT: Final = reply(354, "", "Start mail input; end with <CRLF>.<CRLF>")
START_TLS: Final = reply(220, "2.0.0", "Ready to start TLS")
HELP: Final = reply(
    214,
    "2.0.0",
    "Commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP STARTTLS QUIT",
    "This server takes mail for its own mailboxes only; write to postmaster for help",
)

# Commands that cannot be obeyed
LINE_TOO_LONG: Final = reply(500, "5.5.2", "Command line too long")
BARE_CR_IN_COMMAND: Final = reply(500, "5.5.2", "Command lines end in CRLF; bare CR received (RFC 5321 2.3.8)")
# Closing, for what stands behind the LF is no command, and whoever means it as one would wait for an answer.
BARE_LF_IN_COMMAND: Final = reply(
    500, "5.5.2", "Command lines end in CRLF; bare LF received; closing (RFC 5321 2.3.8)", closes=True
)
NOT_PRINTABLE: Final = reply(500, "5.5.2", "Command line has control characters or is not UTF-8")
UNKNOWN_COMMAND: Final = reply(500, "5.5.1", "Command not recognized")
NOT_IMPLEMENTED: Final = reply(502, "5.5.1", "Command not implemented")
NOT_SMTP: Final = reply(500, "5.5.1", "This is an SMTP server; closing", closes=True)
NO_ARGUMENT_ALLOWED: Final = reply(501, "5.5.4", "This command takes no argument")
ARGUMENT_NEEDED: Final = reply(501, "5.5.4", "This command needs an argument")
BAD_HELO: Final = reply(501, "", "Syntax: EHLO domain-name, or EHLO [address]")  # RFC 2034 4: no enhanced code here
MAIL_SYNTAX: Final = reply(501, "5.5.2", "Syntax: MAIL FROM:<address> [parameters]")
RCPT_SYNTAX: Final = reply(501, "5.5.2", "Syntax: RCPT TO:<address> [parameters]")
BDAT_SYNTAX: Final = reply(501, "5.5.4", "Syntax: BDAT size [LAST]; closing, for the chunk cannot be told", closes=True)
BAD_SENDER: Final = reply(501, "5.1.7", "Sender address is malformed (RFC 5321 4.1.2)")
BAD_RECIPIENT: Final = reply(501, "5.1.3", "Recipient address is malformed (RFC 5321 4.1.2)")
BAD_PARAMETER: Final = reply(501, "5.5.4", "A parameter is malformed, not offered with this value, or given twice")
BAD_XCLIENT: Final = reply(501, "5.5.4", "Syntax: XCLIENT attribute=value ..., each as offered and once")
UNKNOWN_PARAMETER: Final = reply(555, "5.5.4", "A parameter is not recognized or not offered")  # RFC 5321 4.1.1.11
SMTPUTF8_NEEDED: Final = reply(553, "5.6.7", "Non-ASCII address needs MAIL with SMTPUTF8")  # RFC 6531 3.5

# Commands out of order
HELO_FIRST: Final = reply(503, "5.5.1", "Send EHLO or HELO first")
MAIL_FIRST: Final = reply(503, "5.5.1", "Send MAIL first")
RCPT_FIRST: Final = reply(503, "5.5.1", "No valid recipients; send RCPT first")
NESTED_MAIL: Final = reply(503, "5.5.1", "A transaction is open already; send RSET first")
NO_DATA_AFTER_BDAT: Final = reply(503, "5.5.1", "This message is being sent with BDAT")  # RFC 3030 2
XCLIENT_IN_TRANSACTION: Final = reply(503, "5.5.1", "XCLIENT comes before MAIL; a transaction is open")
TLS_TWICE: Final = reply(503, "5.5.1", "TLS is active already")
OUT_OF_ORDER: Final = reply(503, "5.5.1", "Command out of sequence")
TLS_BUSY: Final = reply(454, "4.7.0", "TLS not available right now; try again later, or go on without")  # RFC 3207 4

# Authentication (RFC 4954 4, 6)
AUTHENTICATED: Final = reply(235, "2.7.0", "Authentication succeeded")
NOT_AUTHENTICATED: Final = reply(535, "5.7.8", "User or password is not right")
AUTH_FAILED: Final = reply(454, "4.7.0", "Passwords cannot be checked just now; try again later")
AUTH_CANCELLED: Final = reply(501, "5.7.0", "Authentication given up")
AUTH_MALFORMED: Final = reply(501, "5.5.2", "That is no base64, or not what the mechanism asks for")
AUTH_SYNTAX: Final = reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
AUTH_LINE_TOO_LONG: Final = reply(500, "5.5.6", "Line of authentication too long")
UNKNOWN_MECHANISM: Final = reply(504, "5.5.4", "Mechanism of authentication not offered")
AUTH_TWICE: Final = reply(503, "5.5.1", "You are authenticated already")
AUTH_IN_TRANSACTION: Final = reply(503, "5.5.1", "AUTH comes before MAIL; a transaction is open")
TLS_FIRST: Final = reply(538, "5.7.11", "Passwords are taken under TLS only; send STARTTLS first")

# Limits
SILENCE: Final = reply(554, "5.7.1", closes=True)  # not a word: what the operator wants for whom he blocks
TOO_MANY_ERRORS: Final = reply(421, "4.7.0", "Too many errors; closing")
TOO_MANY_IDLE_COMMANDS: Final = reply(421, "4.7.0", "Too many commands without mail; closing")
TOO_MANY_MESSAGES: Final = reply(421, "4.7.0", "Enough messages in one session; connect again to send more")
TOO_MANY_RECIPIENTS: Final = reply(452, "4.5.3", "Too many recipients; send the rest in another transaction")
IDLE: Final = reply(421, "4.4.2", "Nothing heard for too long; closing")
TOO_SLOW: Final = reply(421, "4.4.2", "Message comes in too slowly, or not at all; closing")
FAULT: Final = reply(421, "4.3.0", "Something failed on our side; closing, try again later")
SHUTDOWN: Final = reply(421, "4.3.2", "Shutting down; try again shortly")

# Clients
HELO_NOT_YOURS: Final = reply(550, "5.7.1", "The name in your EHLO or HELO is ours; let your host say its own name")
HELO_WITHOUT_BRACKETS: Final = reply(
    550, "5.7.1", "Your EHLO or HELO has a bare address; let your host say its name, or [address] (RFC 5321 4.1.3)"
)
HELO_NOT_QUALIFIED: Final = reply(
    550, "5.7.1", "The name in your EHLO or HELO has no domain; let your host say its full name (RFC 5321 2.3.5)"
)
NOT_CHECKED: Final = reply(451, "4.3.0", "Mail from you cannot be checked just now; try again later")

# Recipients
NO_SUCH_MAILBOX: Final = reply(550, "5.1.1", "No such mailbox here")
NOT_OURS: Final = reply(550, "5.7.1", "We do not relay; that domain is not served here")
MAILBOX_DISABLED: Final = reply(550, "5.2.1", "Mailbox is disabled")
MAILBOX_FULL: Final = reply(452, "4.2.2", "Mailbox is full; try again later")
LOOKUP_FAILED: Final = reply(451, "4.3.0", "Recipient cannot be looked up just now; try again later")

# Messages
TOO_LARGE: Final = reply(552, "5.3.4", "Message is larger than the SIZE announced in EHLO")
ENDLESS: Final = reply(552, "5.3.4", "Message is far larger than the SIZE announced in EHLO; closing", closes=True)
BARE_NEWLINE: Final = reply(550, "5.6.0", "Message has a bare CR or bare LF; lines end in CRLF (RFC 5321 2.3.8)")
BARE_LF: Final = reply(451, "4.6.0", "Message has a bare LF; lines end in CRLF; closing", closes=True)
TEXT_LINE_TOO_LONG: Final = reply(550, "5.6.0", "Message has a line that is too long (RFC 5321 4.5.3.1.6)")
LOOPING: Final = reply(554, "5.4.6", "Message is looping: it has been here before or passed too many hosts")
EMPTY_MESSAGE: Final = reply(550, "5.6.0", "Message is empty; send one with content")
NO_SPACE: Final = reply(452, "4.3.1", "Not enough room to store the message; try again later")
STORAGE_FAILED: Final = reply(451, "4.3.0", "Message cannot be stored just now; try again later")


def greeting(host: str) -> Reply:
    """The first words of a session (RFC 5321 4.2: no enhanced status code)."""
    return reply(220, "", f"{host} ESMTP twistedmx")


def accepted(queue_id: str) -> Reply:
    """The message is ours now. `queue_id`: what both logs will call it."""
    return reply(250, "2.0.0", f"Ok: queued as {queue_id}")

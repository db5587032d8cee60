"""What a queue program's exit says to the peer, as qmail.c has it.

Texts are notqmail's (`qmail_close`), with those that sagredo's tree adds. The code stands in the text, `(#4.3.0)`, as all of
qmail-smtpd's replies have it, and not in front of it. Pure: nothing is run here (`queue_program`).

A program may speak for itself with the exits 82 (simscan, notqmail) and 88 (sagredo): what it then wrote on its descriptor 4 or 6
is the reply. Its first octet is `D` for a permanent one and anything else, by habit `Z`, for a temporary one; the rest is the text.

Deviations: what is not printable ASCII in such a text becomes `?`, where the original sends it as it is: a line end in it would be
a second reply.
"""

import re
from typing import Final

from twistedmx.smtp.reply import Reply

# qmail.c reads no more of a custom text, and takes none that is not longer than this.
MOST_OCTETS: Final = 255
_TOO_SHORT: Final = 2
_CUSTOM: Final = (82, 88)
_NOT_PRINTABLE: Final = re.compile(rb"[^\x20-\x7e]")


def _permanent(text: str) -> Reply:
    return Reply(code=554, lines=(text,))


def _temporary(text: str) -> Reply:
    return Reply(code=451, lines=(text,))


# It could not even be tried: no pipe, no process, no turn in time.
NOT_STARTED: Final = _temporary("qqt failure (#4.3.0)")
CRASHED: Final = _temporary("qq crashed (#4.3.0)")
SURPRISE: Final = _temporary("qq waitpid surprise (#4.3.0)")
TIMEOUT: Final = _temporary("qq timeout (#4.3.0)")
DISK: Final = _temporary("qq write error or disk full (#4.3.0)")
READ_ERROR: Final = _temporary("qq read error (#4.3.0)")
NO_HOME: Final = _temporary("qq trouble in home directory (#4.3.0)")
NO_EXEC: Final = _temporary("unable to exec qq (#4.3.0)")
_ADDRESS_TOO_LONG: Final = _permanent("envelope address too long for qq (#5.1.3)")
_IN_QUEUE: Final = _temporary("qq trouble creating files in queue (#4.3.0)")
_BUG: Final = _temporary("qq internal bug (#4.3.0)")
_PERMANENT: Final = _permanent("qq permanent problem (#5.3.0)")
_TEMPORARY: Final = _temporary("qq temporary problem (#4.3.0)")

_REPLIES: Final[dict[int, Reply]] = {
    0: READ_ERROR,  # it says that all is well, and has not read all
    11: _ADDRESS_TOO_LONG,
    31: _permanent("mail server permanently rejected message (#5.3.0)"),
    32: _permanent("Private key file does not exist (#5.3.5)"),  # sagredo: qmail-dkim
    51: _temporary("qq out of memory (#4.3.0)"),
    52: TIMEOUT,
    53: DISK,
    54: READ_ERROR,
    55: _temporary("qq unable to read configuration (#4.3.0)"),
    56: _temporary("qq trouble making network connection (#4.3.0)"),
    58: _temporary("qq trouble creating child (#4.3.0)"),  # sagredo, as 59, 70, 122 and 123
    59: _temporary("qq trouble creating pipes (#4.3.0)"),
    61: NO_HOME,
    62: _IN_QUEUE,
    63: _IN_QUEUE,
    64: _IN_QUEUE,
    65: _IN_QUEUE,
    66: _IN_QUEUE,
    70: _temporary("qq trouble with pid file (#4.3.0)"),
    71: _temporary("mail server temporarily rejected message (#4.3.0)"),
    72: _temporary("connection to mail server timed out (#4.4.1)"),
    73: _temporary("connection to mail server rejected (#4.4.1)"),
    74: _temporary("communication with mail server failed (#4.4.2)"),
    81: _BUG,
    82: NO_EXEC,  # without a text, as sagredo has it
    88: NO_EXEC,
    91: _BUG,
    115: _ADDRESS_TOO_LONG,  # of old
    120: NO_EXEC,
    122: SURPRISE,
    123: CRASHED,
}
# Temporary, and yet a judgement about the message or its sender, not a fault of the machine.
_TEMPORARY_REFUSALS: Final = (71, *_CUSTOM)


def reply_of(code: int | None, custom: bytes = b"") -> Reply:
    """What the peer hears when a program did not take the message: a 554 or a 451 of one line.

    `code`: its exit status, 0 where it did not read all of it; None: a signal ended it. `custom`: what it wrote on its descriptor
    for texts, whatever its length; looked at for the exits 82 and 88 alone.
    """
    if code is None:
        return CRASHED
    if code in _CUSTOM and len(custom) > _TOO_SHORT:
        return _custom(custom[:MOST_OCTETS])
    reply = _REPLIES.get(code)
    if reply is not None:
        return reply
    return _PERMANENT if 11 <= code <= 40 else _TEMPORARY


def is_refusal(code: int | None, custom: bytes = b"") -> bool:
    """Whether the program judged the message; else it, or what it needs, failed, which is for the operator to see to."""
    reply = reply_of(code, custom)
    return reply.code == 554 or (code in _TEMPORARY_REFUSALS and reply is not NO_EXEC)


def text_of(*written: bytes) -> bytes:
    """Of what stood on its descriptors for texts, the first that is long enough to be one; b"" without one."""
    return next((each for each in written if len(each) > _TOO_SHORT), b"")


def _custom(octets: bytes) -> Reply:
    text = _NOT_PRINTABLE.sub(b"?", octets[1:].strip()).decode("ascii")
    if octets.startswith(b"D"):
        return _permanent(text) if text else _PERMANENT
    return _temporary(text) if text else _TEMPORARY

"""Where a session is, what may come there, and what comes next: the state of RFC 5321 as one table."""

import enum
from typing import Final

import attrs

from twistedmx.smtp import codes
from twistedmx.smtp.command import (
    Auth,
    Bdat,
    Command,
    Data,
    Ehlo,
    Helo,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Refusal,
    Rset,
    StartTls,
    Vrfy,
)
from twistedmx.smtp.content import Spoilt
from twistedmx.smtp.reply import Reply
from twistedmx.smtp.xclient import XClient


@attrs.frozen
class Connection:
    """That the peer is there: the greeting is the reply owed to it."""


@attrs.frozen
class Block:
    """Content: octets with LF line ends, transparency removed. No reply is owed."""

    octets: bytes


@attrs.frozen(kw_only=True)
class EndOfData:
    """The message is over: CRLF.CRLF, or the last octet of BDAT LAST.

    `size`: its octets by RFC 1870. `fault`: the reply that the content has earned, or None; with a fault, blocks are missing.
    `spoilt`: the first of these. How long it is depends on how the octets were cut: it makes no difference.
    """

    size: int
    fault: Reply | None
    spoilt: Spoilt | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class EndOfChunk:
    """A BDAT chunk that is not the last is over. `octets`: of this chunk. `size`, `fault`, `spoilt`: as in EndOfData, so far."""

    octets: int
    size: int
    fault: Reply | None
    spoilt: Spoilt | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class AuthLine:
    """What the client says within AUTH, without its CRLF. `fault`: the reply that the line has earned, or None; with a fault it is
    empty."""

    octets: bytes = attrs.field(default=b"", repr=False)  # it may be a password
    fault: Reply | None = None


Input = Connection | Command | Refusal | Block | EndOfData | EndOfChunk | AuthLine


class Phase(enum.Enum):
    """Where a session is."""

    __hash__ = object.__hash__  # by identity: hashed several times a command (benchmarks/session.py)

    CONNECTED = "the greeting is owed"
    GREETED = "no EHLO yet"
    READY = "EHLO done, no transaction"
    MAIL = "a reverse-path, no recipient"
    RCPT = "at least one recipient"
    DATA = "content comes, until CRLF.CRLF"
    CHUNK = "octets of a chunk of BDAT come"
    CHUNKS = "between two chunks"
    AUTH = "the client says who he is"
    SECURING = "octets are dropped until TLS is there"
    ENDED = "everything is dropped"


def _always(phase: Phase) -> dict[type, Phase]:
    """RFC 5321 4.1.4: these may come at any time; EHLO and HELO end a transaction as RSET does."""
    return {
        Ehlo: Phase.READY,
        Helo: Phase.READY,
        Rset: phase if phase is Phase.GREETED else Phase.READY,
        Noop: phase,
        Help: phase,
        Vrfy: phase,
        Quit: Phase.ENDED,
    }


# phase -> kind of input -> phase after a positive reply. After a negative one the phase stays, but for FAILED below.
TABLE: Final[dict[Phase, dict[type, Phase]]] = {
    Phase.CONNECTED: {Connection: Phase.GREETED},
    Phase.GREETED: {**_always(Phase.GREETED), XClient: Phase.GREETED},
    Phase.READY: {
        **_always(Phase.READY),
        XClient: Phase.GREETED,
        StartTls: Phase.SECURING,
        Auth: Phase.AUTH,  # 334; where 235 is said at once, `auth` has it
        Mail: Phase.MAIL,
    },
    Phase.AUTH: {AuthLine: Phase.AUTH},  # 334; and READY behind 235
    Phase.MAIL: {**_always(Phase.MAIL), Rcpt: Phase.RCPT},
    Phase.RCPT: {**_always(Phase.RCPT), Rcpt: Phase.RCPT, Data: Phase.DATA, Bdat: Phase.CHUNK},
    Phase.DATA: {EndOfData: Phase.READY},
    Phase.CHUNK: {EndOfData: Phase.READY, EndOfChunk: Phase.CHUNKS},
    Phase.CHUNKS: {**_always(Phase.CHUNKS), Bdat: Phase.CHUNK},
}
# A transaction whose content was refused is over (RFC 5321 4.1.1.4; RFC 3030 2: after a failed BDAT, RSET or MAIL). So is AUTH.
FAILED: Final[dict[type, Phase]] = {
    EndOfData: Phase.READY,
    EndOfChunk: Phase.READY,
    AuthLine: Phase.READY,
    Connection: Phase.ENDED,
}

CONTENT: Final = frozenset((Phase.DATA, Phase.CHUNK))
DEAF: Final = frozenset((Phase.SECURING, Phase.ENDED))
TRANSACTION: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CHUNK, Phase.CHUNKS)

# What is said to an input that the table does not have: the first row that fits, else OUT_OF_ORDER.
_OUT_OF_ORDER: Final[tuple[tuple[tuple[Phase, ...], tuple[type, ...], Reply], ...]] = (
    (tuple(Phase), (Auth,), codes.NOT_IMPLEMENTED),  # or what `auth` says, where it is offered
    ((Phase.GREETED,), (Mail, Rcpt, Data, Bdat, StartTls), codes.HELO_FIRST),
    (TRANSACTION, (Mail,), codes.NESTED_MAIL),
    (TRANSACTION, (XClient,), codes.XCLIENT_IN_TRANSACTION),
    ((Phase.READY,), (Rcpt, Data, Bdat), codes.MAIL_FIRST),
    ((Phase.MAIL,), (Data, Bdat), codes.RCPT_FIRST),
    ((Phase.CHUNKS,), (Data,), codes.NO_DATA_AFTER_BDAT),
)


def out_of_order(phase: Phase, kind: type) -> Reply:
    """The reply to an input of this kind, which may not come in this phase."""
    return next(
        (reply for phases, kinds, reply in _OUT_OF_ORDER if phase in phases and kind in kinds), codes.OUT_OF_ORDER
    )

"""What a policy is told: all that is known of a session at one stage, as it is at that moment."""

from typing import NamedTuple

import attrs

from twistedmx.model.envelope import Envelope
from twistedmx.model.mailbox import Destination
from twistedmx.model.peer import Peer, Tls
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import Verdict
from twistedmx.smtp.path import Path


class Counts(NamedTuple):
    """Of the session so far; nothing clears them. `commands`: command lines. `errors`: 5yz replies. `transactions`: MAILs that
    were accepted, `messages`: those of them that were, `refused_recipients`: RCPTs that were not."""

    commands: int
    errors: int
    transactions: int
    messages: int
    refused_recipients: int


@attrs.frozen(kw_only=True)
class Message:
    """The content of a message, as far as it is kept for policies: not whole, whatever its size.

    `header`: with LF ends and without the empty line below it, the first 64 KiB; `header_is_whole`: that is all of it. `body`:
    the first 4 KiB below the header, with LF ends. `body_is_blank`: all of the body, not of `body`, is white space or nothing.
    """

    header: bytes
    header_is_whole: bool
    body: bytes
    body_is_blank: bool


@attrs.frozen(kw_only=True)
class Context:
    """`stage`: that of the question; what is not known at it is empty or None.

    `session`: its name. `helo`: what the client calls itself, at HELO what it has just said; `esmtp`: by EHLO. `envelope`: from
    MAIL on; its recipients are those accepted before. `size`: octets that MAIL announced, or 0; at MESSAGE those that came, CRLF
    counted as two. `recipient`: at RCPT and REFUSED, the one in question; `destinations`: its mailboxes, empty at REFUSED, where
    `refused` is what the recipient step has decided. `message`: at MESSAGE.
    """

    stage: Stage
    session: str
    peer: Peer
    counts: Counts
    helo: str = ""
    esmtp: bool = False
    tls: Tls | None = None
    envelope: Envelope | None = None
    size: int = 0
    recipient: Path | None = None
    destinations: tuple[Destination, ...] = ()
    refused: Verdict | None = None
    message: Message | None = None

    @property
    def reverse_path(self) -> Path | None:
        """That of the envelope."""
        return self.envelope.reverse_path if self.envelope is not None else None

"""What a look-up of a forward-path found, and where its mail goes."""

import enum

import attrs

from twistedmx.smtp.reply import Reply


@attrs.frozen(kw_only=True)
class Destination:
    """A mailbox that gets a copy. `address`: its own address, after aliases. `maildir`: absolute path of its Maildir.

    `owner`: the system user whose file the copy becomes; "" for the server's own.
    """

    address: bytes
    maildir: str
    owner: str = ""


class Outcome(enum.Enum):
    """How a look-up ended. FOUND, the ways of not being found, and not knowing: three things, never mixed."""

    __hash__ = object.__hash__  # by identity: looked up for every RCPT (benchmarks/session.py)

    FOUND = "found"
    UNKNOWN = "unknown"  # the domain is ours, the mailbox is not there
    NOT_OURS = "not-ours"  # the domain is not ours
    DISABLED = "disabled"
    OVER_QUOTA = "over-quota"
    REFUSED = "refused"  # an entry of the operator's says so, in its own words
    COULD_NOT_TELL = "could-not-tell"


@attrs.frozen(kw_only=True)
class Lookup:
    """The answer of a Mailboxes.

    `destinations`: not empty exactly when FOUND, each Maildir once. `reply`: the operator's own words, exactly when
    REFUSED. `detail`: for the log alone, never for the peer.
    """

    outcome: Outcome
    destinations: tuple[Destination, ...] = ()
    reply: Reply | None = None
    detail: str = ""

    def __attrs_post_init__(self) -> None:
        if (self.outcome is Outcome.FOUND) != bool(self.destinations):
            raise ValueError("destinations go with FOUND, and FOUND with destinations")
        if (self.outcome is Outcome.REFUSED) != (self.reply is not None):
            raise ValueError("a reply goes with REFUSED, and REFUSED with a reply")
        if self.reply is not None and self.reply.code < 400:
            raise ValueError("a refusal is 4yz or 5yz")


UNKNOWN = Lookup(outcome=Outcome.UNKNOWN)
NOT_OURS = Lookup(outcome=Outcome.NOT_OURS)
DISABLED = Lookup(outcome=Outcome.DISABLED)
OVER_QUOTA = Lookup(outcome=Outcome.OVER_QUOTA)

"""control/validrcptto, morevalidrcptto.cdb and validrcptto.cdb: recipients that are there, or are not, by name.

Keys are in lower case. In this order: `user@domain` takes the recipient, `-user@domain` refuses it, `@domain` takes it,
`-@domain` refuses it, wherever of the files each stands; without any, chkuser and rcpthosts decide (vrtcheck of the patched
qmail-smtpd.c). Not asked for whoever may relay.
"""

import enum
from collections.abc import Collection

from twistedmx.qmail.cdb import Cdb
from twistedmx.qmail.lists import Lines


class Listing(enum.Enum):
    """What the files say of a recipient."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNLISTED = "unlisted"


def listing_of(recipient: bytes, lines: Lines | None, cdbs: Collection[Cdb]) -> Listing:
    """What `lines` and `cdbs` say of it. Raises BadCdb: could not tell."""
    lower = recipient.lower()
    _, at, domain = lower.rpartition(b"@")
    keys = [(lower, Listing.TAKEN)]
    if at:
        keys += [(b"-" + lower, Listing.REFUSED), (at + domain, Listing.TAKEN), (b"-@" + domain, Listing.REFUSED)]
    for key, listing in keys:
        if (lines is not None and key in lines.keys) or any(cdb.get(key) is not None for cdb in cdbs):
            return listing
    return Listing.UNLISTED

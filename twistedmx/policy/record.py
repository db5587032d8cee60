"""What is known of a client at the door, in one word: who is let in first, and who goes first when there is no place.

PROVEN      of good record: has a lane of his own
FAMILIAR    has sent mail lately, and a good share of what it did was that; or was told to come again for want of a place, and did
STRANGER    nothing is known, or what is good of it is too little, or too long ago
FAILED      has only failed so far: recipients that are not here, and no mail, within the last hour or in this session
HUNG_UP     was hung up on for its conduct lately
"""

import enum
from typing import Final, NamedTuple


class Record(enum.IntEnum):
    """The lower, the better."""

    PROVEN = 0
    FAMILIAR = 1
    STRANGER = 2
    FAILED = 3
    HUNG_UP = 4


class Known(NamedTuple):
    """`trust`: 1 to `MOST_TRUST`, by the mail that was accepted of it lately: so many times its share of places it may have.
    `mail`: whether any was."""

    record: Record
    trust: int
    mail: bool = False


MOST_TRUST: Final = 4
MAIL_FOR_TRUST: Final = 5  # accepted lately, for each more

NOTHING_KNOWN: Final = Known(Record.STRANGER, 1)
PROVEN: Final = Known(Record.PROVEN, MOST_TRUST, True)
RETURNED: Final = Known(Record.FAMILIAR, 1)
FAMILIAR: Final = tuple(Known(Record.FAMILIAR, trust, True) for trust in range(1, MOST_TRUST + 1))
STRANGERS: Final = tuple(Known(Record.STRANGER, trust, True) for trust in range(1, MOST_TRUST + 1))
FAILED: Final = Known(Record.FAILED, 1)
HUNG_UP: Final = Known(Record.HUNG_UP, 1)


class Terms(NamedTuple):
    """On which a client is let in. `shared`: its host and its networks have shares of the places. `spared`: nothing that it does is
    held against it."""

    known: Known
    shared: bool = True
    spared: bool = False

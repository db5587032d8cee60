"""An attack on a domain and a flood of one address: what is told of them while they last, and when they are over."""

import attrs

from twistedmx.model.verdict import Reason


@attrs.frozen(kw_only=True)
class Pressure:
    """What a domain had in the last minute, over all peers. `names`: different ones that do not exist; `known`: different mailboxes
    that were accepted; `hosts`: different ones that named unknown names. Of hosts of good record nothing is in `names` and `hosts`.
    """

    names: int
    known: int
    hosts: int


@attrs.frozen(kw_only=True)
class Attack:
    """`domain`: in A-labels, or "": all that are not ours. `start`, `end`: seconds since the epoch; None: it goes on.

    `peak`: of `Pressure.names`. `hosts`, `names`: different ones, in all of it and the minute before. `tries`: recipients that were
    refused. `hung_up`: sessions of all the server that we ended meanwhile, by reason; `blocks`: entries of the blocklist that were
    made or lengthened meanwhile. `samples`: some of the names.
    """

    domain: str
    start: float
    end: float | None
    peak: int
    hosts: int
    names: int
    tries: int
    hung_up: tuple[tuple[Reason, int], ...]
    blocks: int
    samples: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Flood:
    """`address`: unknown, or not ours; in lower case. `start`, `end`: seconds since the epoch; None: it goes on.

    `peak`: tries in a minute, at most. `tries`: all of them; `hosts`: different ones that did.
    """

    address: str
    start: float
    end: float | None
    peak: int
    tries: int
    hosts: int

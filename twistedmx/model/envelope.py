"""The envelope of one transaction (RFC 5321 2.3.1), with the parameters of RFC 1870, 3461, 6152 and 6531."""

import attrs

from twistedmx.model.mailbox import Destination
from twistedmx.model.verdict import Action, Reason, Verdict
from twistedmx.smtp.path import Path


@attrs.frozen(kw_only=True)
class Recipient:
    """One RCPT and what was decided of it.

    `destinations`: empty unless accepted. `notify`: "" or the value of NOTIFY in upper case; `original`: "" or the
    value of ORCPT as given (RFC 3461 4.1, 4.2).
    """

    path: Path
    verdict: Verdict
    destinations: tuple[Destination, ...] = ()
    notify: str = ""
    original: str = ""


@attrs.frozen(kw_only=True)
class Refused:
    """Recipients that were not accepted.

    `count`: all of them. `runs`: the addresses (as in `Path`) of the first hundred of each transaction, in order, one run for
    those with one and the same verdict. `others`: how many more, by what was decided; those beyond the limit of recipients
    are in `count` alone.
    """

    count: int = 0
    runs: tuple[tuple[Verdict, tuple[bytes, ...]], ...] = ()
    others: tuple[tuple[Action, Reason, int], ...] = ()


@attrs.frozen(kw_only=True)
class Envelope:
    """Where a message comes from and where it goes.

    `recipients`: those accepted, in the order asked for. `body`: "7BIT" or "8BITMIME" (RFC 6152). `smtputf8`: RFC 6531.
    `ret`: "", "FULL" or "HDRS"; `envid`: "" or as given in xtext (RFC 3461 4.3, 4.4).
    """

    reverse_path: Path
    recipients: tuple[Recipient, ...] = ()
    body: str = "7BIT"
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""

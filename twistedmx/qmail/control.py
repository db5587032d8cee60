"""What stands in control/: one value, made anew when a file there changes, and the same for all of a session.

Each field has the name of its file, and what it is where the file is missing (qmail-control(9), qmail-smtpd(8); the patched
trees of netqmail where they add files); `control_files` reads them. What they mean is said by who asks: `hosts`, `denied`,
`valid_recipients`. Files that nobody here obeys (`standings`) have no field.
"""

from functools import cached_property
from typing import Final

import attrs

from twistedmx.qmail.cdb import Cdb
from twistedmx.qmail.lists import NO_LINES, Lines, as_lines
from twistedmx.qmail.own_addresses import OwnAddresses, own_addresses


class BadControls(ValueError):
    """They cannot be read: `421 unable to read controls (#4.3.0)` is what the peer hears. `file` and `why` are for the log."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"{file}: {why}")
        self.file = file
        self.why = why


@attrs.frozen(kw_only=True)
class OfTls:
    """A file that is there, for who serves TLS. `identity` is another when the file is."""

    path: str
    identity: tuple[int, ...]


@attrs.frozen(kw_only=True, slots=False)
class Controls:
    """One reading of control/. A missing list is empty, but where None is another thing than ().

    `smtpgreeting` and `localiphost` are already what `me` says where their files are missing, and so are `locals` and
    `envnoathost`. `servercerts`: certificates by the name they are for, in lower case.
    """

    smtpgreeting: bytes
    me: bytes | None = None
    localiphost: bytes | None = None
    # None: every domain, in the original
    rcpthosts: Lines | None = attrs.field(default=None, converter=attrs.converters.optional(as_lines))
    morercpthosts: Cdb | None = None
    badmailfrom: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    databytes: int = 0  # 0: no limit
    timeoutsmtpd: int = 1200  # seconds

    # qregex, and the names it has in qmailtoaster
    badmailfromnorelay: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badrcptto: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badrcpttonorelay: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badmailto: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badmailtonorelay: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badhelo: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    badhelonorelay: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    # validrcptto: of netqmail's patched trees, and of jms1's
    validrcptto: Lines | None = attrs.field(default=None, converter=attrs.converters.optional(as_lines))
    morevalidrcptto: Cdb | None = None
    validrcptto_cdb: Cdb | None = None
    maxrcpt: int | None = None
    maxrecipients: int | None = None
    brtlimit: int = 0  # 0: off
    tarpitcount: int = 0  # 0: off
    tarpitdelay: int = 5  # seconds
    greetdelay: int = 0  # seconds
    rejectnullsenders: int = 0
    rejectrelaytest: int = 0
    moreipme: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    notipme: Lines = attrs.field(default=NO_LINES, converter=as_lines)

    servercert: OfTls | None = None
    servercerts: tuple[tuple[str, OfTls], ...] = ()
    tlsserverciphers: OfTls | None = None

    # qmail-send(8) and qmail-start(8)
    locals: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    virtualdomains: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    percenthack: Lines = attrs.field(default=NO_LINES, converter=as_lines)
    envnoathost: bytes | None = None
    defaultdelivery: bytes | None = None
    concurrencyincoming: int | None = None

    @cached_property
    def own_addresses(self) -> OwnAddresses:
        """moreipme and notipme, read."""
        return own_addresses(self.moreipme, self.notipme)

    def faults(self, *, exact: bool) -> tuple[str, ...]:
        """Sentences about lines that count for nothing. `exact`: badmailfrom is qmail's own, and has no expressions."""
        lists = [getattr(self, name) for name in EXPRESSIONS if not (exact and name == "badmailfrom")]
        return tuple(fault for lines in lists for fault in lines.patterns.faults) + self.own_addresses.faults


EXPRESSIONS: Final = (
    "badmailfrom",
    "badmailfromnorelay",
    "badrcptto",
    "badrcpttonorelay",
    "badmailto",
    "badmailtonorelay",
    "badhelo",
    "badhelonorelay",
)

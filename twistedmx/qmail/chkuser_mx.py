"""Who asks the DNS for chkuser: a seam. No resolver is built here, and without one nothing is asked."""

import enum
from collections.abc import Awaitable
from typing import Protocol


class MxAnswer(enum.Enum):
    """The three outcomes of a look-up."""

    FOUND = "found"
    NONE = "none"  # no such name, or neither MX nor address: DNS_HARD of qmail's dns.c
    COULD_NOT_TELL = "could-not-tell"  # DNS_SOFT


class Mx(Protocol):
    """Has a domain a host for its mail?"""

    def look_up(self, domain: bytes) -> Awaitable[MxAnswer]:
        """An MX record counts, also one whose hosts cannot be found; without any, an address of the domain (dns_mxip of dns.c).

        An exception means COULD_NOT_TELL. The awaitable may be cancelled.
        """

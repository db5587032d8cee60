"""Has a domain a host for its mail? The question, its three outcomes, and the bounds of whoever answers it.

`net/mx.py` asks the DNS. What is done about an answer is a matter of who asks (chkuser, in `qmail`).
"""

import enum
from collections.abc import Awaitable
from typing import Protocol

import attrs

from twistedmx.setting import at_least, setting


class MxAnswer(enum.Enum):
    """The three outcomes of a look-up."""

    FOUND = "found"
    NONE = "none"  # no such name, or neither MX nor address: DNS_HARD of qmail's dns.c
    COULD_NOT_TELL = "could-not-tell"  # DNS_SOFT


class Mx(Protocol):
    """Has a domain a host for its mail? `twistedmx.testing.mx` has one of a dictionary, and the suite."""

    def look_up(self, domain: bytes) -> Awaitable[MxAnswer]:
        """An MX record counts, also one whose hosts cannot be found; without any, an address of the domain (dns_mxip of dns.c).

        `domain`: A-labels or UTF-8, in any case. NONE of what is no domain, an address literal too. An exception means
        COULD_NOT_TELL. The awaitable may be cancelled, which leaves others who wait for the same domain alone.
        """


@attrs.frozen(kw_only=True)
class MxSettings:
    """None of them shrinks under load: who finds no place is asked to come again, and that is what it is under load."""

    time_limit: float = setting(
        10.0,
        unit="seconds",
        why="A look-up that takes longer could not tell, and the peer hears 451; with all the questions that it needs.",
        precedent="spamdyke dns-timeout-secs 30; RFC 5321 4.5.3.2.2 lets a client wait 5 minutes at MAIL",
        validator=at_least(0.1),
    )
    at_once: int = setting(
        100,
        unit="domains",
        why="So many are looked up at once, with a socket each; one more could not be told, at once. Others wait for their own.",
        precedent="BIND recursive-clients 1000",
        validator=at_least(1),
    )
    remembered: int = setting(
        4000,
        unit="domains",
        why="So many that have a host are remembered, and as many that have none: names made up do not push out real ones.",
        precedent="dnsmasq cache-size 150, nscd 211",
        validator=at_least(1),
    )
    found_for: float = setting(
        3600.0,
        unit="seconds",
        why="That there is a host holds so long at most, and no longer than its records say.",
        precedent="unbound cache-max-ttl, 1 day",
        validator=at_least(0),
    )
    none_for: float = setting(
        300.0,
        unit="seconds",
        why="That there is none holds so long at most: how long a domain that has just been set up may be refused.",
        precedent="RFC 2308 5: 1 to 3 hours; unbound cache-max-negative-ttl 1 hour",
        validator=at_least(0),
    )
    doubt_for: float = setting(
        5.0,
        unit="seconds",
        why="A domain of which nothing could be told is not asked for again so soon.",
        precedent="RFC 2308 7: no more than 5 minutes",
        validator=at_least(0),
    )

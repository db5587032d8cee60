"""How many TLS handshakes are made: for one host, for all, and at the same time.

A handshake costs as much as 60 commands (0.5 ms of CPU; 1,400 to 1,800 a second fill a core), and a peer that starts one and
says no more holds 50 KB until its time is over. So each is asked for before it begins. Whoever is refused may go on in plain
text after STARTTLS (454 4.7.0, RFC 3207 4), and is gone where TLS comes first.

Rates are token buckets: `burst` at once, then `rate` a second. A bucket is forgotten once it is full again, for it then is as
a new one. Refusals cost no tokens and make no bucket, so that there are never more buckets than handshakes were admitted while
one fills up: strangers cannot push out what is known of those who have spent theirs.

Where several processes serve, each of them other hosts, what holds for all together is dealt out to them: each has a `Part`. What a
process has spent of a bucket stays spent when its part becomes another one, so that no token is there twice.

BUGS: resumed handshakes are cheaper (a third under TLS 1.2, four fifths under TLS 1.3) and count as whole ones: which it will
be is not known before. A host is an IPv4 address or an IPv6 /64: who has more of them is held by the limits of all alone.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

import attrs

from twistedmx.model.peer import host_of
from twistedmx.setting import at_least, setting

_MOST_HOSTS: Final = 65_536  # 15 MB; only settings far above the defaults come near
_ROUNDING: Final = 1e-6  # seconds times a rate are not exact
_SLOWEST: Final = 1e-6  # a second: a rate of nothing has no bucket that will be full


@attrs.frozen(kw_only=True)
class HandshakeSettings:
    """Settings `[handshakes]`."""

    host_burst: int = setting(
        60,
        unit="handshakes",
        why="One host (IPv4 address, IPv6 /64) may begin this many at once, then `host_rate` a second.",
        precedent="Postfix smtpd_client_new_tls_session_rate_limit, off by default",
        validator=at_least(1),
    )
    host_rate: float = setting(
        5.0,
        unit="handshakes a second",
        why="Of one host; it then costs us 0.3 % of a core. More: 454 4.7.0 to STARTTLS, closed where TLS comes first.",
        precedent="mox 300 connections a minute",
        validator=at_least(0.01),
    )
    burst: int = setting(
        1000,
        unit="handshakes",
        why="All hosts together may begin this many at once, then `rate` a second.",
        precedent="HAProxy maxsslrate, off by default",
        validator=at_least(1),
    )
    rate: float = setting(
        500.0,
        unit="handshakes a second",
        why="Of all hosts together: a third of a core, so that two thirds are left for mail while we are flooded.",
        precedent="HAProxy maxsslrate, off by default",
        validator=at_least(0.01),
    )
    under_way: int = setting(
        1000,
        unit="handshakes",
        why="Begun and not ended, at the same time; each may hold 50 KB until [timeouts] handshake is over.",
        precedent="HAProxy maxsslconn, off by default",
        validator=at_least(1),
    )


class Part(NamedTuple):
    """Of what holds for all hosts together, that of one process: `under_way`, `burst` and `rate` as in the settings."""

    under_way: int
    burst: int
    rate: float


class Refusal(StrEnum):
    """Why a handshake was not admitted."""

    HOST = "host"
    RATE = "rate"
    UNDER_WAY = "under-way"


class Handshakes:
    """`settings` may be replaced at any time, and so may `part`; None: all of what the settings have. `seconds`: a clock that is
    never put back. `refused`: how many, since the start.

    Whoever was admitted is to be reported by `over` once, when the handshake is completed, has failed or was given up.
    """

    def __init__(self, settings: HandshakeSettings, seconds: Callable[[], float]) -> None:
        self._settings = settings
        self._part: Part | None = None
        self._most, self._burst, self._rate = settings.under_way, settings.burst, settings.rate
        self.under_way = 0
        self.refused: dict[Refusal, int] = dict.fromkeys(Refusal, 0)
        self._seconds = seconds
        # When the bucket will be full again; those admitted last are last.
        self._full_at = 0.0
        self._host_full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many hosts are known."""
        return len(self._host_full_at)

    @property
    def settings(self) -> HandshakeSettings:
        return self._settings

    @settings.setter
    def settings(self, settings: HandshakeSettings) -> None:
        self._settings = settings
        self._reckon()

    @property
    def part(self) -> Part | None:
        return self._part

    @part.setter
    def part(self, part: Part | None) -> None:
        self._part = part
        self._reckon()

    def _reckon(self) -> None:
        """What holds for all, once for many who come. What is spent stays spent."""
        settings, now, spent = self._settings, self._seconds(), self.spent
        most, burst, rate = self._part or (settings.under_way, settings.burst, settings.rate)
        self._most, self._burst, self._rate = most, burst, max(rate, _SLOWEST)
        self._full_at = now + spent / self._rate

    @property
    def spent(self) -> float:
        """Tokens of all hosts together that are not there again."""
        return max(self._full_at - self._seconds(), 0.0) * self._rate

    def admit(self, address: str) -> bool:
        """May the peer at `address` begin a handshake now? It then counts as begun."""
        now = self._seconds()
        host = host_of(address)
        refusal = self._refusal(host, now)
        if refusal is not None:
            self.refused[refusal] += 1
            return False
        settings = self._settings
        self.under_way += 1
        self._full_at = max(self._full_at, now) + 1 / self._rate
        self._host_full_at[host] = max(self._host_full_at.get(host, now), now) + 1 / settings.host_rate
        self._host_full_at.move_to_end(host)
        self._forget(now)
        return True

    def over(self) -> None:
        """A handshake that was admitted is no longer under way."""
        if not self.under_way:
            raise RuntimeError("more handshakes have ended than were admitted")
        self.under_way -= 1

    def _refusal(self, host: str, now: float) -> Refusal | None:
        settings = self._settings
        if self.under_way >= self._most:
            return Refusal.UNDER_WAY
        if _tokens(self._full_at, now, self._burst, self._rate) < 1:
            return Refusal.RATE
        if _tokens(self._host_full_at.get(host, now), now, settings.host_burst, settings.host_rate) < 1:
            return Refusal.HOST
        return None

    def _forget(self, now: float) -> None:
        hosts = self._host_full_at
        while next(iter(hosts.values())) <= now or len(hosts) > _MOST_HOSTS:
            hosts.popitem(last=False)


def _tokens(full_at: float, now: float, burst: int, rate: float) -> float:
    """In a bucket that will be full at `full_at`."""
    return burst - max(full_at - now, 0.0) * rate + _ROUNDING

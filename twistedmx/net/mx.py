"""Has a domain a host for its mail? Asked of the DNS, and remembered (the port `Mx` of `policy/mx.py`).

As dns_mxip of qmail's dns.c: an MX record, and nobody asks whether its host can be found; without one an address of the domain
(RFC 5321 5.1), also of IPv6. A null MX (RFC 7505) is none.

- One question at a time for a domain: who asks for it too waits for the same answer. So many domains at once, and no more.
- What was found, and what was not, is remembered apart, the least lately asked for leaving first.
- What is no domain is not asked for.

BUGS: an answer that was found is not used any longer than its time while the name servers are down.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

import idna
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.names import dns
from twisted.python.failure import Failure

from twistedmx.net.resolver import Asked
from twistedmx.policy.mx import MxAnswer, MxSettings
from twistedmx.smtp.path import BadPath, check_domain

_MOST_OCTETS: Final = 253  # of a name without its last dot: 255 on the wire (RFC 1035 2.3.4)
_MOST_OCTETS_IN_UTF8: Final = 4 * _MOST_OCTETS
# Seconds that an answer is remembered, whatever its records say: a session may ask for it with each recipient.
_LEAST: Final = 5.0


class _InDoubt(Exception):
    """An answer that says neither."""


class _Judged(NamedTuple):
    answer: MxAnswer
    ttl: float  # seconds


_DOUBT: Final = _Judged(MxAnswer.COULD_NOT_TELL, 0.0)


class DnsMx:
    """Implements `Mx`. `resolver`: `net.resolver.Resolver`; it is closed with this one."""

    def __init__(self, resolver: Asked, *, settings: MxSettings, clock: IReactorTime) -> None:
        self._resolver = resolver
        self._settings = settings
        self._clock = clock
        # By A-labels; the answer, and until when it holds, in seconds of the clock.
        self._there: OrderedDict[bytes, tuple[MxAnswer, float]] = OrderedDict()
        self._not_there: OrderedDict[bytes, tuple[MxAnswer, float]] = OrderedDict()
        self._waiting: dict[bytes, list[Deferred[MxAnswer]]] = {}  # who asked; a session asks for one at a time
        self._asking: dict[bytes, Deferred[None]] = {}
        self._closed = False

    def look_up(self, domain: bytes) -> Deferred[MxAnswer]:
        """See `Mx`. The Deferred does not fail; cancelling it leaves all others alone, and the question too."""
        name = a_labels(domain)
        if name is None:
            return succeed(MxAnswer.NONE)
        known = self._known(name)
        if known is not None:
            return succeed(known)
        waiting = self._waiting.get(name)
        if waiting is None:
            if self._closed or len(self._asking) >= self._settings.at_once:
                return succeed(MxAnswer.COULD_NOT_TELL)
            waiting = self._waiting[name] = []
        answer: Deferred[MxAnswer] = Deferred()
        waiting.append(answer)
        if len(waiting) == 1:
            self._begin(name)
        return answer

    def close(self) -> None:
        """Whoever waits hears COULD_NOT_TELL, and so does whoever comes. Never raises."""
        self._closed = True
        for asking in list(self._asking.values()):
            asking.cancel()
        self._resolver.close()

    def _known(self, name: bytes) -> MxAnswer | None:
        now = self._clock.seconds()
        for answers in (self._there, self._not_there):
            known = answers.get(name)
            if known is not None and now < known[1]:
                answers.move_to_end(name)
                return known[0]
        return None

    def _begin(self, name: bytes) -> None:
        asking = Deferred.fromCoroutine(_ask(self._resolver, name))
        asking.addTimeout(self._settings.time_limit, self._clock)
        asking.addErrback(_in_doubt)
        self._asking[name] = asking  # type: ignore[assignment]  # one Deferred all along
        asking.addCallback(self._answered, name)

    def _answered(self, judged: _Judged, name: bytes) -> None:
        del self._asking[name]
        self._remember(name, judged)
        for answer in self._waiting.pop(name):
            answer.callback(judged.answer)

    def _remember(self, name: bytes, judged: _Judged) -> None:
        if self._closed:
            return
        settings = self._settings
        here, elsewhere = self._not_there, self._there
        if judged.answer is MxAnswer.FOUND:
            here, elsewhere = elsewhere, here
            holds = min(max(judged.ttl, _LEAST), settings.found_for)
        elif judged.answer is MxAnswer.NONE:
            holds = min(max(judged.ttl, _LEAST), settings.none_for)
        else:
            holds = settings.doubt_for
        elsewhere.pop(name, None)
        here[name] = judged.answer, self._clock.seconds() + holds
        here.move_to_end(name)
        if len(here) > settings.remembered:
            here.popitem(last=False)


def a_labels(domain: bytes) -> bytes | None:
    """`domain` as the DNS is asked for it: A-labels in lower case (RFC 5890 2.3.2.1, mapped by UTS 46), without a last dot.

    None of what is no domain: malformed, too long, an address literal, or with labels that IDNA 2008 does not have. Never raises.
    """
    if len(domain) > _MOST_OCTETS_IN_UTF8:
        return None
    domain = domain.removesuffix(b".")
    try:
        name = domain if domain.isascii() else idna.encode(domain.decode("utf-8"), uts46=True)
        check_domain(name)
    except (UnicodeError, BadPath):  # IDNAError is a UnicodeError
        return None
    return None if name[:1] == b"[" or len(name) > _MOST_OCTETS else name.lower()


async def _ask(resolver: Asked, name: bytes) -> _Judged:
    """Raises what the resolver does, and _InDoubt."""
    ttls: list[float] = []
    for type in (dns.MX, dns.A, dns.AAAA):
        message = await resolver.ask(name, type)
        records = [record for record in message.answers if record.type == type]
        if records and message.rCode == dns.OK:
            ttl = min(record.ttl for record in message.answers)  # also of the CNAMEs that led to them
            return _Judged(MxAnswer.NONE if all(map(_is_null, records)) else MxAnswer.FOUND, ttl)
        ttls.append(_ttl_of_none(message))
        if message.rCode == dns.ENAME:  # then it has no records of any type (RFC 8020)
            break
    return _Judged(MxAnswer.NONE, min(ttls))


def _is_null(record: dns.RRHeader) -> bool:
    return isinstance(record.payload, dns.Record_MX) and record.payload.name.name in (b"", b".")


def _ttl_of_none(message: dns.Message) -> float:
    """How long it holds that there are none (RFC 2308 5): 0 where the answer does not say. Raises _InDoubt."""
    if message.rCode not in (dns.OK, dns.ENAME) or message.trunc:
        raise _InDoubt
    ttls: list[float] = []
    for record in message.authority:
        soa = record.payload
        if isinstance(soa, dns.Record_SOA):
            ttls.append(min(record.ttl, soa.minimum))
    if message.rCode == dns.OK and not ttls and any(record.type == dns.NS for record in message.authority):
        raise _InDoubt  # a referral (RFC 2308 2.2): that server does not ask others for us
    return min(ttls, default=0.0)


def _in_doubt(failure: Failure) -> _Judged:
    return _DOUBT

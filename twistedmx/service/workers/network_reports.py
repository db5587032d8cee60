"""What hosts of a worker did, told to the supervisor, who sums it for their networks and condemns these (`policy.network_conduct`).

Bad sessions are told one by one, and at once. Of mail, that a host sent some at all is what decides: it is told once a minute, with
how much it was since; until the host offends.
"""

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import attrs

from twistedmx.model.peer import Network
from twistedmx.policy.network_standing import NetworkStanding
from twistedmx.policy.networks import network_of
from twistedmx.service.workers.block_words import count_heard, number_heard
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.outbox import Outbox
from twistedmx.store.standing_rows import network_of as network_of_row
from twistedmx.store.standing_rows import network_row

EVIDENCE: Final = "network-evidence"
STANDING: Final = "network-standing"
_MINUTE: Final = 60
_HOSTS: Final = 10_000  # that sent mail lately
_WAITING: Final = 10_000  # to be told
_MESSAGES: Final = 10**9


@attrs.frozen(kw_only=True)
class MailSeen:
    """As `NetworkEvidence.mail`."""

    host: bytes
    prefix: Network | None
    messages: int
    good_share: bool


@attrs.frozen(kw_only=True)
class SessionSeen:
    """As `NetworkEvidence.session`."""

    host: bytes
    prefix: Network | None
    offends: bool
    at: float


class NetworkReports:
    """A NetworkEvidence that tells what it is told."""

    def __init__(self, channel: Channel) -> None:
        self._outbox = Outbox(channel, EVIDENCE, most=_WAITING)
        self._numbers = count()
        # When mail of a host was last told, steady seconds, and how much came since. By the host, and whether that outweighs.
        self._told: OrderedDict[tuple[bytes, bool], tuple[int, int]] = OrderedDict()

    def mail(self, host: bytes, prefix: Network | None, *, messages: int, good_share: bool, now: int) -> None:
        """As `NetworkEvidence.mail`."""
        key = host, good_share
        before = self._told.get(key)
        if before is not None:
            at, since = before
            messages += since
            if 0 <= now - at < _MINUTE:
                self._told[key] = at, messages
                return
        self._told[key] = now, 0
        self._told.move_to_end(key)
        if len(self._told) > _HOSTS:
            self._told.popitem(last=False)
        self._put(said(MailSeen(host=host, prefix=prefix, messages=messages, good_share=good_share)))

    def session(self, host: bytes, prefix: Network | None, *, offends: bool, at: float, now: int) -> None:
        """As `NetworkEvidence.session`."""
        if offends:
            for good_share in (False, True):
                self._told.pop((host, good_share), None)  # the next mail counts anew
        self._put(said(SessionSeen(host=host, prefix=prefix, offends=offends, at=at)))

    def _put(self, words: dict[str, Any]) -> None:
        self._outbox.put(next(self._numbers), words)


def said(seen: MailSeen | SessionSeen) -> dict[str, Any]:
    """As JSON."""
    words = attrs.asdict(seen, recurse=False)
    return words | {"host": seen.host.hex(), "prefix": None if seen.prefix is None else str(seen.prefix)}


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "host": lambda words: _host(words),
    "prefix": lambda words: None if words is None else network_of(_text(words)),
    "messages": lambda words: count_heard(words, _MESSAGES),
    "good_share": lambda words: _truth(words),
    "offends": lambda words: _truth(words),
    "at": number_heard,
}
_KINDS: Final = {frozenset(field.name for field in attrs.fields(kind)): kind for kind in (MailSeen, SessionSeen)}


def heard(words: Any) -> MailSeen | SessionSeen:
    """What was said. Raises ValueError for what is none."""
    kind = _KINDS.get(frozenset(words)) if isinstance(words, dict) else None
    if kind is None:
        raise ValueError("it is neither mail nor a session")
    seen: MailSeen | SessionSeen = kind(**{name: _READERS[name](value) for name, value in words.items()})
    return seen


def standing_said(key: bytes, standing: NetworkStanding) -> list[Any]:
    """What is known of a network, as storage has it."""
    return list(network_row(key, standing))


def standing_heard(words: Any) -> tuple[bytes, NetworkStanding]:
    """As `standing_said`. Raises ValueError for what is none."""
    if not isinstance(words, list):
        raise ValueError("it is no row")
    try:
        return network_of_row(words)
    except Exception as error:  # of what SQLite may hold, it raises what it likes
        raise ValueError(f"it is nothing that is known of a network: {error}") from None


def _host(words: Any) -> bytes:
    host = bytes.fromhex(_text(words))
    if len(host) not in (4, 8):
        raise ValueError(f"{len(host)} octets are no host")
    return host


def _text(words: Any) -> str:
    if type(words) is not str:
        raise ValueError("it is no text")
    return words


def _truth(words: Any) -> bool:
    if type(words) is not bool:
        raise ValueError("it is neither true nor false")
    return words

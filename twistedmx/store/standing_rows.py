"""Standings as rows, and back. Rows are text and numbers that an operator can read; what he makes of them may be anything.

All of it is for the store's own thread: a flood changes tens of thousands between two writes.
"""

from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final

from twistedmx.policy import hyperloglog, standing
from twistedmx.policy.decay import kept_count, kept_time
from twistedmx.policy.host_key import network_at
from twistedmx.policy.network_standing import NetworkStanding, Times
from twistedmx.policy.reputation_settings import MOST_HOSTS
from twistedmx.policy.standing import Standing
from twistedmx.policy.tally import Tally
from twistedmx.store.jobs import Row

_LONGEST: Final = 200  # characters of a fingerprint


def host_row(key: bytes, record: bytes) -> Row:
    """Of table `hosts`."""
    good, bad, guesses, at, first, last, day, days, hung_up, helos = standing.unpacked(record)
    return key_text(key), good, bad, guesses, at, first, last, day, days, " ".join(map(str, hung_up)), "\n".join(helos)


def host_of(row: Sequence[Any]) -> tuple[bytes, bytes]:
    """Raises what it likes, as all of these: SQLite gives anything for any column."""
    host, *numbers, hung_up, helos = row
    good, bad, guesses, at, first, last, day, days = numbers
    known = Standing(
        good, bad, guesses, at, first, last, day, days, hung_up.split(), tuple(filter(None, helos.split("\n")))
    )
    key = key_of(host)
    if len(key) not in (4, 8):
        raise ValueError("no host")
    return key, standing.packed(standing.checked(known))


def network_row(key: bytes, value: NetworkStanding) -> Row:
    """Of table `networks`."""
    good, bad, at, offenders, senders = value
    return key_text(key), good, bad, at, _times_text(offenders), _times_text(senders)


def network_of(row: Sequence[Any]) -> tuple[bytes, NetworkStanding]:
    network, good, bad, at, offenders, senders = row
    key = key_of(network)
    if len(key) in (4, 8):
        raise ValueError("no network")
    return key, NetworkStanding(kept_count(good), kept_count(bad), kept_time(at), _times(offenders), _times(senders))


def tally_row(name: str, value: Tally) -> Row:
    """Of table `helos` or `campaigns`."""
    good, bad, at, first, hosts, networks = value
    return name, good, bad, at, first, hosts, networks


def tally_of(row: Sequence[Any]) -> tuple[str, Tally]:
    name, good, bad, at, first, hosts, networks = row
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST:
        raise TypeError("no name")
    for seen in (hosts, networks):
        if not isinstance(seen, bytes) or len(seen) != len(hyperloglog.NONE):
            raise TypeError("not what was seen")
    return name, Tally(kept_count(good), kept_count(bad), kept_time(at), kept_time(first), hosts, networks)


def key_text(key: bytes) -> str:
    """192.0.2.7, 2001:db8:1:2::/64, 192.0.2.0/24: a /32 without its length."""
    if len(key) == 4:
        return inet_ntop(AF_INET, key)
    if len(key) in (6, 8):
        return f"{inet_ntop(AF_INET6, key.ljust(16, bytes(1)))}/{8 * len(key)}"
    return str(network_at(key))


def key_of(text: str) -> bytes:
    """As `key_text` has it. Raises ValueError and OSError."""
    address, _, length = text.partition("/")
    if ":" in address:
        octets = inet_pton(AF_INET6, address)
        if length in ("64", "48"):
            return octets[: int(length) // 8]
        return octets[:8] + bytes((int(length),)) if 0 <= int(length) < 64 else octets[:8]
    octets = inet_pton(AF_INET, address)
    if not length:
        return octets
    return octets[:3] if length == "24" else octets + bytes((_length(length),))


def _length(text: str) -> int:
    if not 0 <= int(text) <= 32:
        raise ValueError("no length of a prefix")
    return int(text)


def _times_text(times: Times) -> str:
    return " ".join([f"{key_text(host)}@{at}" for host, at in times])


def _times(text: str) -> Times:
    words = [word.rpartition("@") for word in text.split()]
    return tuple([(key_of(host), kept_time(int(at))) for host, _, at in words])[-MOST_HOSTS:]

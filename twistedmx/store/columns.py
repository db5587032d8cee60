"""Values as columns of SQLite, which keeps what it is given: text must be UTF-8, and what comes out may be anything."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, TypeVar

from twisted.logger import Logger

from twistedmx.model.peer import Network

T = TypeVar("T")


def text_of(text: str) -> str:
    """What SQLite can keep: UTF-8; what is no Unicode gets backslashes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def network_of(text: str) -> Network:
    """As `ip_network`, three times as fast: a start waits for it. Raises what it likes."""
    address, _, length = text.partition("/")
    if ":" in address:
        return IPv6Network((inet_pton(AF_INET6, address), int(length)))
    return IPv4Network((inet_pton(AF_INET, address), int(length)))


def made_of(rows: Sequence[Any], make: Callable[..., T], table: str, log: Logger) -> list[T]:
    """What `make` makes of each row. One that it raises for is passed over: somebody wrote it by hand, and it must not cost the
    others."""
    made: list[T] = []
    faults = []
    for row in rows:
        try:
            made.append(make(*row))
        except Exception as error:
            faults.append(f"{row[0]!r}: {error}")
    if faults:
        log.warn(
            "{table}: {number} rows are no {table} and left out; the first: {fault}",
            table=table,
            number=len(faults),
            fault=faults[0],
        )
    return made

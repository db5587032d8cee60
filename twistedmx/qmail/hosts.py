"""Which domains this host takes mail for: control/rcpthosts and morercpthosts.cdb, as rcpthosts.c asks them."""

from collections.abc import Iterator
from typing import Final

from twistedmx.qmail.control import Controls

# RFC 1035 2.3.4: a name has 255 octets, so 127 labels; what is longer is no domain, and its search would cost much.
_OCTETS: Final = 256
_LABELS: Final = 128


def is_allowed(address: bytes, controls: Controls, *, missing_allows: bool) -> bool:
    """Whether a recipient is ours by its domain: what follows the last `@`, or a suffix of it that begins with a dot, in any case.

    An address without `@` is ours, and so is the empty one: qmail-send puts envnoathost behind it. `missing_allows`: without
    control/rcpthosts, every domain is ours, as in the original: an open relay; else none is. Raises BadCdb: could not tell.
    """
    _, at, host = address.rpartition(b"@")
    if not at:
        return True
    hosts, more = controls.rcpthosts, controls.morercpthosts
    if hosts is None:
        return missing_allows
    names = list(_names(host.lower()))
    if any(name in hosts.keys for name in names):
        return True
    return more is not None and any(more.get(name) is not None for name in names)


def _names(host: bytes) -> Iterator[bytes]:
    # `a.b.c`, `.b.c`, `.c`. Of a host that is none, only those that could be the suffix of one.
    if not host:
        return
    if len(host) < _OCTETS:
        yield host
    at = host.find(b".", 1)
    dots = []
    while at >= 0:
        dots.append(at)
        at = host.find(b".", at + 1)
    for dot in dots[-_LABELS:]:
        if len(host) - dot <= _OCTETS:
            yield host[dot:]

"""Which certificates are for a name: RFC 6066 3 (server_name), RFC 9525 6.3 (a wildcard is one whole label, the first)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from twistedmx.net.certificates import Credential

T = TypeVar("T")

_MOST_OCTETS: Final = 253  # RFC 1035 2.3.4, as text
_NAME: Final = re.compile(rb"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


def server_name(octets: bytes | None) -> str:
    """What a peer asked for, in lower case, fit for a log; "" when it asked for nothing or for what is no name."""
    if octets is None or len(octets) > _MOST_OCTETS + 1:
        return ""
    octets = octets.removesuffix(b".")  # RFC 6066 3 forbids it, and some write it
    return octets.decode("ascii").lower() if _NAME.fullmatch(octets) else ""


def wildcard_of(name: str) -> str:
    """The only wildcard that covers `name`, or "" where it has one label."""
    _, dot, parent = name.partition(".")
    return f"*.{parent}" if dot else ""


def covers(names: Iterable[str], name: str) -> bool:
    """Is a certificate for `names` one for `name`?"""
    wildcard = wildcard_of(name)
    return any(each in (name, wildcard) for each in names if each)


def held_for(name: str, held: Mapping[str, T]) -> T | None:
    """What is held under `name`, or under its wildcard."""
    found = held.get(name)
    return held.get(wildcard_of(name)) if found is None else found


def by_name(credentials: Sequence[Credential]) -> dict[str, tuple[Credential, ...]]:
    """For each name and wildcard of theirs: one credential of each kind of key, the first that has just this name, else the
    first whose wildcard covers it."""
    holders: dict[str, list[Credential]] = {}
    for credential in credentials:
        for name in credential.certificate.names:
            holders.setdefault(name, []).append(credential)
    return {
        name: _one_of_each_kind([*exactly, *holders.get(wildcard_of(name), ())]) for name, exactly in holders.items()
    }


def of_default(credentials: Sequence[Credential]) -> tuple[Credential, ...]:
    """What is served to who names no host that we know: the first, and beside it those for all of its names."""
    names = credentials[0].certificate.names
    alike = [
        credential
        for credential in credentials[1:]
        if names and all(covers(credential.certificate.names, name) for name in names)
    ]
    return _one_of_each_kind([credentials[0], *alike])


def _one_of_each_kind(credentials: Iterable[Credential]) -> tuple[Credential, ...]:
    chosen: dict[str, Credential] = {}
    for credential in credentials:
        chosen.setdefault(credential.certificate.kind, credential)
    return tuple(chosen.values())

"""Where a recipient goes: to somebody here, or to another host (qmail-send.c, rewrite; addresses(5), qmail-control(9)).

    no "@"                    envnoathost is its domain
    domain in percenthack     its last "%" becomes the "@", as often as that is so
    domain in locals          local
    virtualdomains            of the whole address, the domain, each ".suffix" and nothing, the first that has an entry:
                              "entry:prepend" makes it local as prepend-address, "entry:" not virtual at all
    else                      another host's

Case does not matter. Of two lines of virtualdomains with the same entry the last one counts, and one without a colon is none
(constmap.c). A pure function of the control files, whose maps are made once for each reading of them.
"""

from collections.abc import Iterator
from typing import Protocol

import attrs


class Routing(Protocol):
    """The control files that say it, as they were read: a new value for each reading, never changed.

    `locals`: None where the file is missing, which means `me` (qmail-control(9)). Lines are as they stand there.
    """

    @property
    def me(self) -> bytes: ...
    @property
    def locals(self) -> tuple[bytes, ...] | None: ...
    @property
    def virtualdomains(self) -> tuple[bytes, ...]: ...
    @property
    def percenthack(self) -> tuple[bytes, ...]: ...
    @property
    def envnoathost(self) -> bytes: ...


@attrs.frozen(kw_only=True)
class Local:
    """Here. `local`: what users/assign and the accounts are asked for, the name of a virtual domain in front. `domain`: HOST."""

    local: bytes
    domain: bytes


@attrs.frozen(kw_only=True)
class Remote:
    """Another host's. `address`: with a domain, after percenthack."""

    address: bytes


class Routes:
    """Ready to be asked, of one reading of the control files."""

    def __init__(self, controls: Routing) -> None:
        self._no_host = controls.envnoathost
        self._percents = frozenset(line.lower() for line in controls.percenthack)
        self._locals = frozenset(
            line.lower() for line in ((controls.me,) if controls.locals is None else controls.locals)
        )
        virtual: dict[bytes, bytes] = {}
        for line in controls.virtualdomains:
            entry, colon, prepend = line.partition(b":")
            if colon:
                virtual[entry.lower()] = prepend
        self._virtual = virtual

    def find(self, recipient: bytes) -> Local | Remote:
        """Of a recipient as it stands in the envelope, quotes and all removed. Never fails."""
        user, at, domain = recipient.rpartition(b"@")
        if not at:
            user, domain = recipient, self._no_host
        while domain.lower() in self._percents and b"%" in user:
            user, _, domain = user.rpartition(b"%")
        address = user + b"@" + domain
        if domain.lower() in self._locals:
            return Local(local=user, domain=domain)
        for entry in _entries(address.lower(), len(user)):
            prepend = self._virtual.get(entry)
            if prepend is not None:
                if not prepend:
                    break
                return Local(local=prepend + b"-" + user, domain=domain)
        return Remote(address=address)


def _entries(address: bytes, at: int) -> Iterator[bytes]:
    """What virtualdomains is asked for, in order."""
    yield address
    domain = address[at + 1 :]
    yield domain
    dot = domain.find(b".", 1)
    while dot > 0:
        yield domain[dot:]
        dot = domain.find(b".", dot + 1)
    if domain:
        yield b""


class RoutesOf:
    """Makes `Routes` once for each reading: the value of the control files is the same one until they are read again."""

    def __init__(self) -> None:
        self._last: tuple[Routing, Routes] | None = None

    def __call__(self, controls: Routing) -> Routes:
        """The Routes of `controls`."""
        if self._last is None or self._last[0] is not controls:
            self._last = controls, Routes(controls)
        return self._last[1]

"""The rules of tcpserver: a cdb that tcprules made, asked once for each connection (tcprules(1), rules.c of ucspi-tcp).

The first of these names that is in it decides: info@ip, info@=host, ip, =host, shorter and shorter beginnings of ip that end
with a dot, shorter and shorter ends of host behind a `=`, `=`, and the empty one. `info` and `host` only where they are known.
Nothing found is allowed, without variables. Also, where the file has any, what tcprules of IndiMail and ucspi-tcp6 writes:
IPv6 in full, and networks of so many bits (`_` and `^`), asked behind the beginnings of ip; `-VAR` takes a variable away.

Replaced files are seen at the next question. A file that is missing lets nobody in, unless that was allowed (`-X`).
"""

import ipaddress
import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

import attrs

from twistedmx.qmail.cdb import BadCdb, Cdb

_SCANNED: Final = 20_000  # records in which names of networks are looked for
_BITS: Final = b"abcdefghijklmnopqrstuvwxyz123456"  # ip4_bit.c: the letter of a bit that is set


@attrs.frozen(kw_only=True)
class Allowed:
    """`environment`: pairs for this connection alone, in the order of the rule; None takes the variable away."""

    environment: tuple[tuple[bytes, bytes | None], ...] = ()


@attrs.frozen(kw_only=True)
class Denied:
    """The connection is dropped without a word; tcpserver logs `deny`."""


@attrs.frozen(kw_only=True)
class CouldNotTell:
    """Dropped as well, as in tcpserver (drop_rules). `why`: for the log."""

    why: str


Ruling = Allowed | Denied | CouldNotTell
_NO_RULE: Final = Allowed()
_DENIED: Final = Denied()


class Rules:
    """The rules in the cdb at `path`. `allow_missing`: without the file everybody is allowed."""

    def __init__(self, path: str, allow_missing: bool) -> None:
        self._path = path
        self._allow_missing = allow_missing
        self._cdb: Cdb | None = None
        # Octets of the names of networks that the cdb has, the longest first: nearly always none.
        self._networks: tuple[int, ...] = ()

    def find(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Ruling:
        """What is to be done with the connection: from `ip` as text, `host` and `info` where they are known. Never raises."""
        try:
            cdb = self._current()
            for name in self._names(ip, host, info):
                data = cdb.get(name)
                if data is not None:
                    return _ruling(data)
        except FileNotFoundError:
            self._cdb = None
            return (
                _NO_RULE if self._allow_missing else CouldNotTell(why=f"{self._path}: missing; make it with tcprules")
            )
        except BadCdb as bad:
            self._cdb = None
            return CouldNotTell(why=f"{bad}; make it anew with tcprules")
        except OSError as error:
            self._cdb = None
            return CouldNotTell(why=f"{self._path}: {error.strerror}; the server's user must be able to read it")
        return _NO_RULE

    def _current(self) -> Cdb:
        status = os.stat(self._path)
        if self._cdb is None or not self._cdb.same_as(status):
            cdb = Cdb(self._path)
            records = list(islice(cdb.items(), _SCANNED + 1))
            lengths = {len(name) for name, _ in records if name[:1] in (b"_", b"^") and len(name) <= 129}
            self._networks = tuple(sorted(lengths if len(records) <= _SCANNED else range(2, 130), reverse=True))
            self._cdb = cdb
        return self._cdb

    def _names(self, ip: bytes, host: bytes | None, info: bytes | None) -> Iterator[bytes]:
        address = _number(ip)
        texts = (address.exploded.encode(), ip) if isinstance(address, ipaddress.IPv6Address) else (ip,)
        if info is not None:
            for text in texts:
                yield info + b"@" + text
            if host is not None:
                yield info + b"@=" + host
        yield from texts
        if host is not None:
            yield b"=" + host
        for end in range(len(ip), 0, -1):
            if ip[end - 1 : end] in (b".", b":"):
                yield ip[:end]
        if self._networks and address is not None:
            bits = _bits(address)
            for octets in self._networks:
                if octets <= len(bits):
                    yield bits[:octets]
        if host is not None:
            for begin in range(len(host)):
                if host[begin : begin + 1] == b".":
                    yield b"=" + host[begin:]
            yield b"="
        yield b""


def _ruling(data: bytes) -> Ruling:
    # A piece without its NUL is none; of two variables with one name, pathexec_env takes the last.
    pairs: dict[bytes, bytes | None] = {}
    for piece in data.split(b"\0")[:-1]:
        if piece.startswith(b"D"):
            return _DENIED
        name, is_set, value = piece[1:].partition(b"=")
        if piece.startswith(b"+") and is_set:
            pairs[name] = value
        elif piece.startswith(b"-"):
            pairs[name] = None
    return Allowed(environment=tuple(pairs.items()))


def _number(ip: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(ip.decode("ascii"))
    except ValueError:
        return None


def _bits(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    # ip4_bit.c and ip6_bit.c: each bit that is set has a letter of its own, by its place and by how many were before it.
    width = address.max_prefixlen
    number = int(address)
    name = bytearray(b"_" if address.version == 4 else b"^")
    ones = 0
    for place in range(width):
        if number >> width - 1 - place & 1:
            name.append(_BITS[place] if address.version == 4 else 96 + ones)
            ones += 1
        else:
            name.append(48)
    return bytes(name)

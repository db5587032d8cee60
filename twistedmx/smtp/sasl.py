"""Who a client says he is: PLAIN (RFC 4616), LOGIN (draft-murchison-sasl-login) and CRAM-MD5 (RFC 2195), as values.

    outcome = begin(mechanism, initial, challenge)
    while type(outcome) is Challenge: outcome = outcome.exchange.step(line)  # `line`: what the client said to it

Lines are base64 as RFC 4954 4 has it, and nothing else. Whether the credentials are good is asked elsewhere. Names and passwords
are octets: which character set a client took is its own affair, and check programs compare octets.

BUGS: nobody may act for another: PLAIN's authorization identity is empty or the user himself.
"""

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from typing import Final

import attrs

PLAIN: Final = b"PLAIN"
LOGIN: Final = b"LOGIN"
CRAM_MD5: Final = b"CRAM-MD5"
MECHANISMS: Final = (PLAIN, LOGIN, CRAM_MD5)
# Octets of a line of the exchange, with its CRLF (RFC 4954 4).
LINE: Final = 12_288

_NAME: Final = 255  # octets of a user's name that must be taken (RFC 4616 2)
_NOTHING: Final = b"="  # an initial response without an octet (RFC 4954 4)
_CANCEL: Final = b"*"
# RFC 2195 2: the digest in hexadecimal, behind the last space; a name may have others.
_digest = re.compile(rb"([^\0]+) ([0-9A-Fa-f]{32})")


@attrs.frozen
class Challenge:
    """The client is to say more. `octets`: what he is told, not yet in base64. `exchange`: what takes his answer."""

    octets: bytes
    exchange: "Exchange"


@attrs.frozen(kw_only=True)
class Credentials:
    """`user`, `password`: at least one octet each, none of them NUL. `password`: of CRAM-MD5 the digest, in lower case, of
    `challenge`, which is empty for the others."""

    mechanism: bytes
    user: bytes
    password: bytes = attrs.field(repr=False)
    challenge: bytes = b""


@attrs.frozen
class Cancelled:
    """The client does not go on (RFC 4954 4)."""


@attrs.frozen
class Malformed:
    """No base64, or not what the mechanism has there."""


Outcome = Challenge | Credentials | Cancelled | Malformed
_CANCELLED: Final = Cancelled()
_MALFORMED: Final = Malformed()


@attrs.frozen(kw_only=True)
class Exchange:
    """One that waits for the client. `user`: of LOGIN, once he was named. `challenge`: of CRAM-MD5."""

    mechanism: bytes
    challenge: bytes = b""
    user: bytes = b""

    def step(self, line: bytes) -> Outcome:
        """What follows from the client's next line, octets without CRLF."""
        return _CANCELLED if line == _CANCEL else _STEPS[self.mechanism](self, line)


def begin(mechanism: bytes, initial: bytes | None, challenge: bytes) -> Outcome:
    """What follows from AUTH. `mechanism`: of MECHANISMS. `initial`: the initial response as it stands in the line, None where
    there is none. `challenge`: of CRAM-MD5, never used before (RFC 2195 2)."""
    exchange = Exchange(mechanism=mechanism, challenge=challenge if mechanism == CRAM_MD5 else b"")
    if initial is None:
        return Challenge(_FIRST.get(mechanism, exchange.challenge), exchange)
    if mechanism == CRAM_MD5:  # it is the server who speaks first (RFC 4954 4)
        return _MALFORMED
    return _STEPS[mechanism](exchange, b"" if initial == _NOTHING else initial)


def encoded(octets: bytes) -> str:
    """In base64, as a 334 has it."""
    return b2a_base64(octets, newline=False).decode("ascii")


def _decoded(line: bytes) -> bytes | None:
    """What is in base64 there; None where it is not as RFC 4648 4 writes it, to the last bit."""
    try:
        octets = a2b_base64(line)
    except Error:
        return None
    return octets if b2a_base64(octets, newline=False) == line else None


def _credentials(exchange: Exchange, user: bytes, password: bytes) -> Credentials | Malformed:
    if not (0 < len(user) <= _NAME and password) or b"\0" in user or b"\0" in password:
        return _MALFORMED
    return Credentials(mechanism=exchange.mechanism, user=user, password=password, challenge=exchange.challenge)


def _plain(exchange: Exchange, line: bytes) -> Outcome:
    """message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 2)"""
    parts = (_decoded(line) or b"").split(b"\0")
    if len(parts) != 3 or parts[0] not in (b"", parts[1]):
        return _MALFORMED
    return _credentials(exchange, parts[1], parts[2])


def _login(exchange: Exchange, line: bytes) -> Outcome:
    octets = _decoded(line)
    if not octets:
        return _MALFORMED
    if exchange.user:
        return _credentials(exchange, exchange.user, octets)
    if len(octets) > _NAME or b"\0" in octets:
        return _MALFORMED
    return Challenge(b"Password:", attrs.evolve(exchange, user=octets))


def _cram_md5(exchange: Exchange, line: bytes) -> Outcome:
    found = _digest.fullmatch(_decoded(line) or b"")
    return _credentials(exchange, found[1], found[2].lower()) if found is not None else _MALFORMED


_FIRST: Final = {PLAIN: b"", LOGIN: b"Username:"}
_STEPS: Final[dict[bytes, Callable[[Exchange, bytes], Outcome]]] = {PLAIN: _plain, LOGIN: _login, CRAM_MD5: _cram_md5}

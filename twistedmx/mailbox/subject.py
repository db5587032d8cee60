"""What an entry of a table speaks of: an address, a domain, all other addresses of a domain, or postmaster."""

import enum
import re

import attrs

from twistedmx.mailbox.keys import domain_key, key_of
from twistedmx.smtp.path import POSTMASTER, BadPath, check_domain, parse_path

# What parse_path would take as it stands, and key_of too: nearly every address (benchmarks/load_tables.py).
_LABEL = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_WORD = rb"[A-Za-z0-9_+=-]+"
_plain = re.compile(_WORD + rb"(?:\." + _WORD + rb")*@(" + _LABEL + rb"(?:\." + _LABEL + rb")*)").fullmatch
_DOMAIN_OCTETS = 255


class Kind(enum.Enum):
    """The value is what an operator is told to write."""

    DOMAIN = "a domain"
    ADDRESS = "an address"
    CATCH_ALL = "@domain"
    POSTMASTER = "postmaster"


@attrs.frozen(kw_only=True)
class Subject:
    """`key`: of the entry. `address`: as written, but quoted only where needed. `domain`: key of it; b"" for postmaster."""

    kind: Kind
    key: bytes
    address: bytes
    domain: bytes


def parse_domain(octets: bytes) -> Subject:
    """An own domain, or an address-literal. Raises BadPath."""
    domain = _domain(octets)
    return Subject(kind=Kind.DOMAIN, key=domain, address=octets, domain=domain)


def parse_subject(octets: bytes) -> Subject:
    """All kinds but a domain. Raises BadPath."""
    if octets[:1] == b"@":  # before parse_path, which would take it for a source route
        domain = _domain(octets[1:])
        return Subject(kind=Kind.CATCH_ALL, key=b"@" + domain, address=octets, domain=domain)
    plain = _plain(octets)
    if plain is not None and len(octets) <= _DOMAIN_OCTETS:
        return Subject(kind=Kind.ADDRESS, key=octets.lower(), address=octets, domain=plain[1].lower())
    path = parse_path(octets)
    if path == POSTMASTER:
        return Subject(kind=Kind.POSTMASTER, key=path.key, address=path.address, domain=b"")
    if not path.domain:
        raise BadPath("it is empty")
    return Subject(kind=Kind.ADDRESS, key=key_of(path), address=path.address, domain=domain_key(path.domain))


def _domain(octets: bytes) -> bytes:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("domain is not UTF-8") from None
    check_domain(octets)
    return domain_key(octets)

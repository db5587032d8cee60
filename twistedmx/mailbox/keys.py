"""When are two addresses the same mailbox? When their keys are equal.

Local parts are compared without case (RFC 5321 2.4 leaves that to us, and every peer of ours does so), in Unicode by
canonical caseless matching (Unicode 3.13, D145), domains by their A-labels (RFC 5890 2.3.2.1, mapped by UTS 46). The key
of an ASCII address is `Path.key` itself, so that a look-up of one costs a dict access.

BUGS: a domain that IDNA 2008 refuses (emoji) has no A-label here: its U-label and its "xn--" form are two domains.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

import idna

from twistedmx.smtp.path import BadPath, Path, check_domain, quoted_if_needed


def key_of(path: Path) -> bytes:
    """The key of a forward-path: "local-part@domain", or b"postmaster". Never raises, whatever octets are in it."""
    if path.address.isascii() or not path.domain:
        return path.key
    local = path.local_part
    local = local.lower() if local.isascii() else _folded(local)
    return quoted_if_needed(local) + b"@" + domain_key(path.domain)


def domain_key(domain: bytes) -> bytes:
    """The key of a domain or address-literal: A-labels in lower case."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain.decode("utf-8"), uts46=True).lower()
    except UnicodeError:  # IDNAError is one: labels that IDNA 2008 does not have still compare without case
        return _folded(domain)


def domain_keys(written: Iterable[str]) -> tuple[bytes, ...]:
    """The keys of own domains, as the settings name them. Raises ValueError with words for the operator."""
    keys: dict[bytes, None] = {}
    for domain in written:
        octets = domain.encode("utf-8", "surrogateescape")
        try:
            check_domain(octets)
            octets.decode("utf-8")
        except (BadPath, UnicodeDecodeError) as wrong:
            raise ValueError(f"must be domains as example.org, has {domain!r}: {wrong}") from None
        keys[domain_key(octets)] = None
    return tuple(keys)


def are_domains(instance: Any, attribute: Any, value: Iterable[str]) -> None:
    """A validator for `setting`: domains of a backend, at least one."""
    if not domain_keys(value):
        raise ValueError("must name at least one domain")


def folded(text: str) -> str:
    """`text` as it compares without case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _folded(octets: bytes) -> bytes:
    # surrogateescape: what is not UTF-8 stays itself, and is equal to nothing else.
    return folded(octets.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

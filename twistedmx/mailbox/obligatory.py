"""The names that every own domain has, whether or not somebody made a mailbox for them (RFC 5321 4.5.1, RFC 2142 4)."""

from typing import Final

from twistedmx.smtp.path import POSTMASTER, BadPath, Path, parse_path

# Case makes no difference in them, also where it does in all others (RFC 5321 2.4, RFC 2142 4).
OBLIGATORY: Final = (b"postmaster", b"abuse")
_BEFORE_DOMAIN: Final = tuple(name + b"@" for name in OBLIGATORY)


def is_obligatory(path: Path) -> bool:
    """Is it postmaster or abuse of some domain?"""
    return path.address.lower().startswith(_BEFORE_DOMAIN)


def postmaster_of(domain: bytes) -> Path:
    """Its postmaster. `domain`: a key."""
    return Path(address=b"postmaster@" + domain, domain=domain)


def parse_postmaster(written: str) -> Path | None:
    """What `[mailboxes] postmaster` names; None for nothing. Raises ValueError with words for the operator."""
    if not written:
        return None
    try:
        path = parse_path(written.encode("utf-8", "surrogateescape"))
    except BadPath as wrong:
        raise ValueError(
            f"mailboxes.postmaster: must be an address as ann@example.org, is {written!r}: {wrong}"
        ) from None
    if path == POSTMASTER:
        raise ValueError(f"mailboxes.postmaster: must be an address with its domain, is {written!r}")
    return path

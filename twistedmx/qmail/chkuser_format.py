"""Does it look like an address? As chkuser 2.0.9 asks it (chkuser.c, make_mav), which is not RFC 5321.

    local part    letters, digits, allowed_characters; with SMTPUTF8 any UTF-8 without refused_characters
    domain        letters, digits, "-", "." ; with SMTPUTF8 as the local part. At least least_domain octets, a dot, and neither
                  "-" nor "." at an end; no "..", ".-", "-."; without SMTPUTF8 no "xn--" with another "--" behind it

An address literal is none. An empty local part is one: the original looks at each of its octets.
"""

import re
from functools import lru_cache
from typing import Final

from twistedmx.qmail.chkuser_settings import ChkuserSettings

_ALNUM: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_WRONG: Final = (b"..", b".-", b"-.")
_is_domain = re.compile(rb"[A-Za-z0-9.-]*").fullmatch


def is_address(local: bytes, domain: bytes, settings: ChkuserSettings, *, utf8: bool = False) -> bool:
    """`local`: without quotes. `utf8`: whether the client said SMTPUTF8 in MAIL. Never raises."""
    if utf8:
        refused = settings.refused_characters.encode()
        if not _is_utf8_without(local, refused) or not _is_utf8_without(domain, refused):
            return False
    elif local.translate(None, _allowed(settings.allowed_characters)) or not _is_domain(domain):
        return False
    return (
        len(domain) >= settings.least_domain
        and b"." in domain
        and domain[:1] not in (b"-", b".")
        and domain[-1:] not in (b"-", b".")
        and not any(pair in domain for pair in _WRONG)
        and (utf8 or not (domain.startswith(b"xn--") and b"--" in domain[4:]))
    )


@lru_cache(maxsize=16)
def _allowed(characters: str) -> bytes:
    return _ALNUM + characters.encode("ascii")


def _is_utf8_without(octets: bytes, refused: bytes) -> bool:
    if b"\0" in octets or len(octets.translate(None, refused)) < len(octets):
        return False
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True

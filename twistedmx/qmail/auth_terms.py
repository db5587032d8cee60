"""What an environment says of AUTH, by the variables of the patch of qmail-smtpd.c that most hosts have: SMTPAUTH, FORCETLS and
FORCEAUTHMAILFROM.

    SMTPAUTH             unset, - or 0: none. Else LOGIN PLAIN; cram...: CRAM-MD5 alone; +cram...: all three. ! before it: nobody
                         may say MAIL without
    FORCETLS             0: also before TLS
    FORCEAUTHMAILFROM    1: who is authenticated sends as nobody else

BUGS of the original that are not here: it did what it did not announce, AUTH PLAIN under `cram`.
"""

from collections.abc import Mapping
from typing import Final

import attrs

from twistedmx.smtp.sasl import CRAM_MD5, LOGIN, PLAIN

_OFF: Final = (b"-", b"0")


@attrs.frozen(kw_only=True)
class AuthTerms:
    """`mechanisms`: in the order in which the original announces them. `plain_text`: also before TLS. `required`: before MAIL, else
    530. `as_oneself`: the reverse-path is, to the octet, the user that is authenticated, else 503."""

    mechanisms: tuple[bytes, ...]
    plain_text: bool = False
    required: bool = False
    as_oneself: bool = False


def auth_terms(environment: Mapping[bytes, bytes]) -> AuthTerms | None:
    """None: there is no AUTH. Whether there is a check program is another matter."""
    said = environment.get(b"SMTPAUTH")
    if said is None or said in _OFF:
        return None
    wish = said.lower()
    required = wish.startswith((b"!cram", b"!+cram")) or wish == b"!"
    if required:
        wish = wish[1:]
    if wish.startswith(b"cram"):
        mechanisms: tuple[bytes, ...] = (CRAM_MD5,)
    else:
        mechanisms = (LOGIN, PLAIN, *((CRAM_MD5,) if wish.startswith(b"+cram") else ()))
    return AuthTerms(
        mechanisms=mechanisms,
        plain_text=environment.get(b"FORCETLS") == b"0",
        required=required,
        as_oneself=environment.get(b"FORCEAUTHMAILFROM") == b"1",
    )

"""Paths and addresses by the grammar of RFC 5321 4.1.2, with the UTF-8 of RFC 6531 3.3.

    Path       = "<" [ A-d-l ":" ] Mailbox ">"         A-d-l is accepted and ignored (RFC 5321 appendix C)
    Mailbox    = Local-part "@" ( Domain / address-literal )
    Local-part = Dot-string / Quoted-string

What it does not: look anything up, or change case. Deviations, each forced by mail that really arrives:
`_` is taken in a Domain (host names of Windows networks), and no length is refused that RFC 5321 4.5.3.1 merely
does not promise (VERP and SRS local parts pass 64 octets; the command line limit bounds all).
General-address-literal (`[tag:...]`) is refused: no tag but IPv6 is registered.
"""

import ipaddress
import re
from functools import lru_cache
from socket import AF_INET6, inet_ntop
from typing import Final, NamedTuple

ATEXT: Final = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]"
# No possessive group: re of Python 3.11.2, which Debian 12 has, lets a failed turn of one keep what it took. Nor is one
# needed: no octet may begin two of the alternatives, so that matching stays linear.
DOT_STRING: Final = ATEXT + rb"+(?:\." + ATEXT + rb"+)*"
# Let-dig [Ldh-str] (RFC 5321 4.1.2), U-labels of RFC 6531, and "_" (see above).
SUB_DOMAIN: Final = rb"[A-Za-z0-9_\x80-\xff](?:[A-Za-z0-9_\x80-\xff-]*[A-Za-z0-9_\x80-\xff])?"
DOMAIN: Final = SUB_DOMAIN + rb"(?:\." + SUB_DOMAIN + rb")*"
_QUOTED_STRING = rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\x20-\x7e])*"'
_LITERAL = rb"\[[^\[\]\\\x00-\x20\x7f-\xff]{1,60}\]"

_tuple = tuple.__new__
PLAIN_LOCAL: Final = rb"[A-Za-z0-9_=+-]+(?:\.[A-Za-z0-9_=+-]+)*"
_is_plain_local = re.compile(PLAIN_LOCAL).fullmatch
_is_dot_string = re.compile(DOT_STRING).fullmatch
_is_domain = re.compile(DOMAIN).fullmatch
_mailbox = re.compile(b"(" + DOT_STRING + b"|" + _QUOTED_STRING + b")@(" + DOMAIN + b"|" + _LITERAL + b")")
# A-d-l = At-domain *( "," At-domain ), At-domain = "@" Domain
_source_route = re.compile(b"@" + DOMAIN + b"(?:,@" + DOMAIN + b")*:")
_quoted_pair = re.compile(rb"\\(.)", re.DOTALL)
_DOMAIN_OCTETS = 255  # RFC 5321 4.5.3.1.2, and the DNS itself
_LABEL_OCTETS = 63


class Path(NamedTuple):
    """A reverse-path or forward-path. A named tuple: made for every guess of a flood, at half the price of a frozen class.

    `address`: "local-part@domain" in octets, source route and brackets gone, quoted only where quoting is needed, so
    that `"john"@x` and `john@x` are equal; b"" is the null reverse-path; b"postmaster" has no domain (RFC 5321
    4.5.1). `domain`: the octets after its "@", or b"". Non-ASCII octets are valid UTF-8.
    """

    address: bytes
    domain: bytes

    @property
    def local_part(self) -> bytes:
        """The local part as its owner means it: without quotes and quoted pairs."""
        local = self.address[: -len(self.domain) - 1] if self.domain else self.address
        return _quoted_pair.sub(rb"\1", local[1:-1]) if local[:1] == b'"' else local

    @property
    def key(self) -> bytes:
        """What a table of mailboxes is asked for: the address in lower case (ASCII letters)."""
        return self.address.lower()

    def __str__(self) -> str:
        return self.address.decode("utf-8", "backslashreplace")  # another dialect may take any octets


NULL: Final = Path(address=b"", domain=b"")
POSTMASTER: Final = Path(address=b"postmaster", domain=b"")


class BadPath(ValueError):
    """The octets are not a Path. The text says which part is wrong, in words fit for a reply."""


def plain_path(octets: bytes) -> Path | None:
    """What `parse_path` gives for an address of letters, digits and a few signs; None for all others, which it may take too.

    Without a pattern where that can be: benchmarks/session.py shows what it saves.
    """
    local, _, domain = octets.partition(b"@")
    return plain(octets, domain) if (local.isalnum() or _is_plain_local(local)) and is_plain_domain(domain) else None


def plain(octets: bytes, domain: bytes) -> Path:
    """The same where it is known that both are plain."""
    return _tuple(Path, (octets, domain))  # as Path(octets, domain), which asks Python first


@lru_cache(maxsize=1024)
def is_plain_domain(domain: bytes) -> bool:
    """Whether it is a Domain in ASCII. Remembered: peers name few, their own and ours."""
    if not domain.isascii() or domain[:1] == b"[":
        return False
    try:
        return check_domain(domain) == domain
    except BadPath:
        return False


def parse_path(octets: bytes) -> Path:
    """The Path between "<" and ">". `octets`: without the brackets. Raises BadPath."""
    if not octets:
        return NULL
    if octets.lower() == b"postmaster":
        return POSTMASTER
    if octets[:1] == b"@":
        route = _source_route.match(octets)
        if route is None:
            raise BadPath("source route is malformed")
        octets = octets[route.end() :]
    if octets.isascii() is False:
        try:
            octets.decode("utf-8")
        except UnicodeDecodeError:
            raise BadPath("address is not UTF-8") from None
    found = _mailbox.fullmatch(octets)
    if found is None:
        raise BadPath("address is not local-part@domain")
    local, domain = found.groups()
    domain = check_domain(domain)
    if local[:1] == b'"':
        local = quoted_if_needed(_quoted_pair.sub(rb"\1", local[1:-1]))
    return Path(address=local + b"@" + domain, domain=domain)


def check_domain(domain: bytes) -> bytes:
    """`domain`, an address-literal in its canonical form. Raises BadPath unless it is a Domain or an address-literal
    (RFC 5321 4.1.2, 4.1.3)."""
    if domain[:1] == b"[":
        return _canonical_literal(domain)
    if not _is_domain(domain):
        raise BadPath("domain is malformed")
    if len(domain) > _DOMAIN_OCTETS or max(map(len, domain.split(b"."))) > _LABEL_OCTETS:
        raise BadPath("domain is too long")
    return domain


def _canonical_literal(literal: bytes) -> bytes:
    """One host has one literal; of an IPv6 address, the form of RFC 5952."""
    text = literal[1:-1].decode("ascii", "replace")
    if "%" in text:
        raise BadPath("address literal has a zone")
    try:
        if text[:5].lower() == "ipv6:":
            packed = ipaddress.IPv6Address(text[5:]).packed
            return f"[IPv6:{inet_ntop(AF_INET6, packed)}]".encode()
        return f"[{ipaddress.IPv4Address(text)}]".encode()
    except ValueError:
        raise BadPath("address literal is neither [IPv4] nor [IPv6:...]") from None


def quoted_if_needed(local_part: bytes) -> bytes:
    """`local_part` (unquoted) as RFC 5321 4.1.2 writes it: Dot-string where it can, else Quoted-string."""
    if _is_dot_string(local_part):
        return local_part
    return b'"' + local_part.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

"""What stands behind MAIL and RCPT, as addrparse of qmail-smtpd.c reads it: one address of any octets, or a syntax error.

Far from RFC 5321: the words FROM and TO are never looked at, brackets need not be there, quotes are dropped, and `"a b"@x` is
`a b@x` from then on. `smtp.path` is the strict reading; this one takes what qmail takes.
"""

from collections.abc import Callable, Mapping
from typing import Final

from twistedmx.qmail.own_addresses import bracketed

_OCTETS: Final = 899  # 900 with the NUL at its end


def parse(
    argument: bytes,
    *,
    localiphost: bytes | None = None,
    is_mine: Callable[[bytes], bool] | None = None,
    empty_is_wrong: bool = False,
) -> bytes | None:
    """The address in `argument`, which is what follows the verb; b"" is the null sender. None: `555 syntax error (#5.5.4)`.

    `localiphost` stands for an address literal of which `is_mine` says that it is one of ours, given four octets; without
    either, literals stay. `empty_is_wrong`: nothing behind the `:` is a syntax error, as notqmail and netqmail's patched trees
    have it; else it is the null sender, as in netqmail.
    """
    text, terminator = _begin(argument)
    if empty_is_wrong and terminator == b" " and not text:
        return None
    address, _ = _copied(text.lstrip(b" ") if terminator == b" " else text, terminator)
    if localiphost is not None and is_mine is not None:
        local_part, at, domain = address.rpartition(b"@")
        literal = bracketed(domain) if at else None
        if literal is not None and is_mine(literal):
            address = local_part + at + localiphost
    return None if len(address) > _OCTETS else address


def esmtp(argument: bytes) -> Mapping[bytes, bytes | None]:
    """What follows the address, for patched trees: by keyword in upper case, its value, None without `=`.

    Nothing is ever wrong: what has no keyword is left out, of several with one keyword the first counts. Values are as they
    were said, not decoded (xtext, RFC 3461 4), and a SIZE need not be a number.
    """
    text, terminator = _begin(argument)
    _, rest = _copied(text.lstrip(b" ") if terminator == b" " else text, terminator)
    found: dict[bytes, bytes | None] = {}
    for word in rest.split():
        keyword, is_given, value = word.partition(b"=")
        if keyword:
            found.setdefault(keyword.upper(), value if is_given else None)
    return found


def _begin(argument: bytes) -> tuple[bytes, bytes]:
    # Where the address begins, and the octet that ends it. The original's strings end with a NUL.
    argument = argument.partition(b"\0")[0]
    _, bracket, text = argument.partition(b"<")
    if bracket:
        return text, b">"
    return argument.partition(b":")[2], b" "


def _copied(text: bytes, terminator: bytes) -> tuple[bytes, bytes]:
    # The address, and what follows its end. A source route ends with the first ":"; one without is all there is.
    if text.startswith(b"@"):
        text = text.partition(b":")[2]
    if b'"' not in text and b"\\" not in text:
        address, _, rest = text.partition(terminator)
        return address, rest
    copied = bytearray()
    quoted = False
    octets = iter(range(len(text)))
    for at in octets:
        octet = text[at : at + 1]
        if octet == b"\\":
            copied += text[at + 1 : at + 2]
            next(octets, None)
        elif octet == b'"':
            quoted = not quoted
        elif octet == terminator and not quoted:
            return bytes(copied), text[at + 1 :]
        else:
            copied += octet
    return bytes(copied), b""

"""How a message of a session came, as its Received field says it."""

from twistedmx.model.peer import Tls
from twistedmx.qmail.call import Call
from twistedmx.qmail.house import House
from twistedmx.qmail.received import Passage, received

_AUTHENTICATED = b"SMTPAUTHUSER"


def received_by(house: House, call: Call, *, helo: bytes, tls: Tls | None, esmtp: bool, utf8: bool) -> bytes:
    """The field for a message that is just coming in."""
    tree, authenticated = call.terms.tree, bool(call.fact(_AUTHENTICATED))
    by = call.fact(b"TCPLOCALHOST") or call.fact(b"TCPLOCALIP")
    passage = Passage(
        host=call.fact(b"TCPREMOTEHOST"),
        helo=helo,
        info=call.fact(b"TCPREMOTEINFO"),
        address=call.remote_ip,
        by=by,
        protocol=_protocol(esmtp=esmtp, tls=tls, authenticated=authenticated, utf8=utf8)
        if tree.tells_protocol
        else b"SMTP",
        hidden=tree.tells_protocol and (authenticated or call.terms.relayclient is not None),
    )
    return received(passage, house.now(), brackets=tree.brackets, offset=house.offset if tree.tells_protocol else None)


def _protocol(*, esmtp: bool, tls: Tls | None, authenticated: bool, utf8: bool) -> bytes:
    """RFC 3848, as the patches for TLS and AUTH say it: a cipher stands before ESMTPS."""
    if not (esmtp or tls is not None or authenticated):
        return b"SMTP"
    word = b"UTF8SMTP" if utf8 else b"ESMTP"
    word += (b"S" if tls is not None else b"") + (b"A" if authenticated else b"")
    return b"(" + tls.cipher.encode("ascii", "replace") + b" encrypted) " + word if tls is not None else word

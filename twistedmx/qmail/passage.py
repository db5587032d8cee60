"""How a message of a session came, as its Received field says it."""

from twistedmx.model.peer import Tls
from twistedmx.qmail.call import Call
from twistedmx.qmail.house import House
from twistedmx.qmail.received import Passage, received

_AUTHENTICATED = b"SMTPAUTHUSER"


def received_by(house: House, call: Call, *, helo: bytes, tls: Tls | None, utf8: bool) -> bytes:
    """The field for a message that is just coming in."""
    tree, authenticated = call.terms.tree, bool(call.fact(_AUTHENTICATED))
    by = call.fact(b"TCPLOCALHOST") or call.fact(b"TCPLOCALIP")
    passage = Passage(
        host=call.fact(b"TCPREMOTEHOST"),
        helo=helo,
        info=call.fact(b"TCPREMOTEINFO"),
        address=call.remote_ip,
        by=by,
        protocol=_protocol(tls=tls, authenticated=authenticated, utf8=utf8) if tree.tells_protocol else b"SMTP",
        hidden=tree.tells_protocol and (authenticated or call.terms.relayclient is not None),
    )
    return received(passage, house.now(), brackets=tree.brackets, offset=house.offset if tree.tells_protocol else None)


def _protocol(*, tls: Tls | None, authenticated: bool, utf8: bool) -> bytes:
    """As the patches of qmail-smtpd.c for TLS, AUTH and SMTPUTF8 say it: SMTP after EHLO as well, where there is neither."""
    word = b"ESMTP" if tls is not None or authenticated else b"SMTP"
    if utf8:
        word = b"UTF8SMTP"  # RFC 6531 4.3
    word += (b"S" if tls is not None else b"") + (b"A" if authenticated else b"")
    if tls is None:
        return word
    how = b" encrypted, authenticated" if authenticated else b" encrypted"
    return word + b" (" + tls.cipher.encode("ascii", "replace") + how + b")"

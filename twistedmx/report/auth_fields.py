"""What a line of the log says of authentication: as `fields`, of which this is a part."""

from collections.abc import Callable
from typing import Any, Final

from twistedmx.model.auth_event import Authenticated, AuthenticationFailed, AuthEvent
from twistedmx.report.values import Fields


def _who(word: str, event: AuthEvent) -> Fields:
    tls = event.tls
    return {
        "event": word,
        "session": event.session,
        "peer": event.peer.address,
        "via": event.peer.via,
        "helo": event.helo,
        "tls": f"{tls.protocol}:{tls.cipher}" if tls is not None else "-",
        "mechanism": event.mechanism,
        "user": event.user,
    }


def _authenticated(event: Authenticated) -> Fields:
    return _who("authenticated", event)


def _failed(event: AuthenticationFailed) -> Fields:
    return {**_who("authentication-failed", event), "reason": event.reason.value, "detail": event.detail}


OF_AUTHENTICATION: Final[dict[type, Callable[[Any], Fields]]] = {
    Authenticated: _authenticated,
    AuthenticationFailed: _failed,
}

"""The places where a server of some settings listens: ready to be bound, or what is wrong with their words."""

from typing import Final

from twisted.internet import endpoints
from twisted.internet.interfaces import IStreamServerEndpoint

from twistedmx.service.places import Place, is_of_systemd
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.settings.endpoints import bad_port

# Endpoints of Twisted that stand between us and the socket: they would hide the peer, or speak TLS before the server does.
_WRAPPED: Final = ("ssl", "tls", "haproxy")


def listening_of(
    settings: Settings, world: World, faults: list[str], *, serves: bool
) -> dict[Place, IStreamServerEndpoint]:
    """By place; what is wrong goes to `faults`. `serves`: as for `parts.parts_of`."""
    places = [Place(text=text, secure=False) for text in settings.listen]
    places += [Place(text=text, secure=True) for text in settings.listen_tls]
    listening: dict[Place, IStreamServerEndpoint] = {}
    for place in places:
        words = place.text.split(":")
        if words[0] in _WRAPPED:
            faults.append(f"{'listen_tls' if place.secure else 'listen'}: {_wrapped(place.text, words[0])}")
            continue
        if wrong := bad_port(place.text):
            faults.append(f"{'listen_tls' if place.secure else 'listen'}: {place.text!r}: {wrong}")
            continue
        try:
            listening[place] = world.endpoint(place)
        except Exception as error:  # each kind of endpoint has its own way to refuse its words
            key = "listen_tls" if place.secure else "listen"
            missing = is_of_systemd(place) and isinstance(error, LookupError)
            if serves or not missing:
                faults.append(f"{key}: {_refusal(place.text, error, missing=missing)}")
    return listening


def fault_of_metrics(text: str, world: World) -> list[str]:
    """What is wrong with the place where the metrics are."""
    if not text:
        return []
    if wrong := bad_port(text):
        return [f"metrics.listen: {text!r}: {wrong}"]
    try:
        endpoints.serverFromString(world.reactor, text)
    except Exception as error:  # each kind of endpoint has its own way to refuse its words
        return [
            f"metrics.listen: {text!r} is no Twisted endpoint: {error}; write for example tcp:9925:interface=127.0.0.1"
        ]
    return []


def _wrapped(text: str, kind: str) -> str:
    remedy = "set [balancer] proxy_from" if kind == "haproxy" else 'write listen_tls = ["tcp:465"]'
    return f"{text!r}: what {kind}: does is done by the server itself; {remedy}"


def _refusal(text: str, error: Exception, *, missing: bool) -> str:
    if missing:
        return (
            f"{text!r}: systemd passed no such socket; start it by its .socket unit (contrib/systemd), or write tcp:25"
        )
    remedy = "for example tcp:25"
    if text.isascii() and text.isdecimal():
        remedy = f"tcp:{text}, or tcp:{text}:interface=127.0.0.1 for this machine alone"
    return f"{text!r} is no Twisted endpoint: {error}; write {remedy}"

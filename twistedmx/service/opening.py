"""What a server opens beside the places where mail comes, whether it serves that mail itself or has workers do so."""

import os
import shlex
from collections.abc import Callable, Collection, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from twisted.internet import defer
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

from twistedmx.net.control import AnotherServer, Command, Control
from twistedmx.net.control import listen as listen_control
from twistedmx.net.metrics import listen as listen_metrics
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.places import Place, is_loopback, place_of
from twistedmx.service.privileges import root_faces_the_world
from twistedmx.service.users import give_folder
from twistedmx.service.world import World
from twistedmx.settings import Settings


def port_of(listening: "defer.Deferred[IListeningPort]", text: str, key: str = "") -> IListeningPort:
    """The port, which every endpoint of Twisted's own gives at once. Raises Faults. `key`: what stands before the words."""
    results: list[Any] = []
    listening.addBoth(results.append)
    (result,) = results or [Failure(CannotListenError(None, None, "this kind of endpoint takes its time"))]
    if isinstance(result, Failure):
        raise Faults([f"{key}cannot listen on {text}: {result.getErrorMessage()}"])
    return result  # type: ignore[no-any-return]


def stay_within(ports: Collection[IListeningPort], settings: Settings, world: World, becomes: str) -> None:
    """As root we serve this machine alone: whoever finds a way into a server that faces the world must not be root.

    Raises Faults, and then `ports` are closed. `becomes`: the user that we become, "" for none.
    """
    if becomes or world.uid() != 0:
        return
    outside = [place_of(port) for port in ports if not is_loopback(port)]
    if outside:
        for port in ports:
            port.stopListening()
        raise Faults([root_faces_the_world(outside, settings.user)])


def give_data(settings: Settings, becomes: str) -> None:
    """Make the data folder for who we become, as root. Raises CannotStart."""
    try:
        give_folder(settings.data, becomes)
    except OSError as error:
        raise CannotStart(
            f"data: {settings.data}: cannot be made: {error.strerror}; make it, for the server's user"
        ) from None


def open_control(settings: Settings, world: World, commands: Mapping[str, Command]) -> IListeningPort | None:
    """The control socket, as who we are from now on: it is the server's user's. None where the settings want none. Raises
    CannotStart."""
    if not settings.control.socket:
        return None
    path = os.path.join(settings.data, settings.control.socket)
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return listen_control(world.reactor, path, int(settings.control.mode, 8), Control(commands))
    except AnotherServer:
        raise CannotStart(f"another server runs with this data folder: it answers on {path}") from None
    except OSError as error:
        raise CannotStart(_why_no_control(path, error, settings.data, world.uid())) from None
    except CannotListenError as error:
        raise CannotStart(_why_no_control(path, error.socketError, settings.data, world.uid())) from None


def _why_no_control(path: str, error: Exception, data: str, uid: int) -> str:
    """The data folder that somebody made as root beforehand is the usual fault."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    said = f"control.socket: {path}: {why}"
    if os.path.dirname(path) != data or not os.path.isdir(data) or os.stat(data).st_uid == uid:
        return said
    return f"{said}: {data} is not ours, who are uid {uid} now; chown -R {uid} {shlex.quote(data)}"


def open_metrics(
    settings: Settings, world: World, becomes: str, gather: Callable[[], "defer.Deferred[CollectorRegistry]"]
) -> IListeningPort | None:
    """Where the metrics are scraped; None where the settings want none. Raises Faults. `gather`: what there is at a scrape."""
    if not settings.metrics.listen:
        return None
    try:
        listening = listen_metrics(
            world.reactor, world.endpoint(Place(text=settings.metrics.listen, secure=False)), gather
        )
    except ValueError as error:
        raise Faults([f"metrics.listen: {settings.metrics.listen!r}: {error}"]) from None
    port = port_of(listening, settings.metrics.listen, "metrics.listen: ")
    stay_within([port], settings, world, becomes)
    return port

"""In the new process: what the old one has left is taken up, and the old one is told how it goes.

BUGS: a place that is written otherwise than before, for the same port, is another one, and cannot be had while the old one has it.
"""

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from zope.interface import implementer

from twistedmx.net.port_group import PortGroup, adopt
from twistedmx.service.faults import CannotStart
from twistedmx.service.places import Place, is_of_systemd
from twistedmx.service.reloading import Reloading
from twistedmx.service.succession.estate import VARIABLE, Estate, Left, read_estate
from twistedmx.service.succession.shared_log import share_log
from twistedmx.service.world import World
from twistedmx.settings import Settings

_PATIENCE: Final = 60.0  # seconds for the old process to let go
_NOT_YET: Final = "the server has just been started in place of another, and does not serve yet"
_GO: Final = b"go\n"


class Following(Protocol):
    """A server that can follow another. `served`: called once, when it serves; `refused`: with faults that it finds behind its
    start. Both to be put here."""

    reloading: Reloading
    served: Callable[[], None]
    refused: Callable[[Sequence[str]], None]

    def privilegedStartService(self) -> None: ...
    def startService(self) -> None: ...
    def stopService(self) -> Any: ...
    def begin_at(self, limit: int) -> None:
        """The governor's limit, as it was."""


@implementer(IStreamServerEndpoint)
class _Left:
    """Listens at a socket that the old process opened, once."""

    def __init__(self, reactor: Any, take: Callable[[], int]) -> None:
        self._reactor, self._take = reactor, take

    def listen(self, protocolFactory: IProtocolFactory) -> "Deferred[IListeningPort]":
        """Fires at once; fails with OSError."""
        return execute(lambda: adopt(self._reactor, self._take(), protocolFactory))


class Heir:
    """`channel`: to the old process. `pid`: ours."""

    def __init__(self, estate: Estate, channel: socket.socket, pid: Callable[[], int]) -> None:
        self.estate = estate
        self._channel, self._pid = channel, pid
        self._groups: dict[Place, PortGroup] = {}
        self._left: dict[Place, Left] = {left.place: left for left in estate.left}
        for left in estate.left:
            for descriptor in left.descriptors:
                os.set_inheritable(descriptor, False)

    @property
    def pid(self) -> int:
        """Ours, also as a daemon."""
        return self._pid()

    # -- what is left ------------------------------------------------------------------------------------------------

    def world(self, world: World) -> World:
        """As `world`, but that places which are left are listened at as they are."""

        def endpoints(reactor: Any, place: Place) -> IStreamServerEndpoint:
            if place in self._left or (place in once and is_of_systemd(place)):
                return _Left(reactor, lambda: self._take(place))
            return world.endpoints(reactor, place)

        once = frozenset(self._left)
        environment = {key: value for key, value in world.environment.items() if key != VARIABLE}
        return attrs.evolve(world, endpoints=endpoints, environment=environment)

    def _take(self, place: Place) -> int:
        """Its descriptor. Raises OSError where it was taken: systemd passes it to the first process, once."""
        left = self._left.pop(place, None)
        if left is None:
            raise OSError(errno.EBADF, f"{place.text}: was passed at the start alone")
        return left.descriptors[0]

    def groups(self) -> dict[Place, PortGroup]:
        """What is left for workers, by place; to be taken out by who uses it."""
        self._groups = {
            left.place: PortGroup(
                sockets=tuple(socket.socket(fileno=descriptor) for descriptor in left.descriptors),
                division=left.division,
                why=left.why,
            )
            for left in self.estate.places
            if self._left.pop(left.place, None) is not None
        }
        return self._groups

    def close_the_rest(self) -> None:
        """What the settings name no more: only the old process listens there, as long as it does."""
        while self._groups:
            self._groups.popitem()[1].close()
        while self._left:
            for descriptor in self._left.popitem()[1].descriptors:
                os.close(descriptor)

    def judge(self, settings: Settings, workers: int) -> None:
        """Raises CannotStart for what cannot become another while a server runs."""
        keys = []
        if workers != self.estate.workers:
            keys.append(f"workers: cannot change from {self.estate.workers} to {workers}")
        if settings.user != self.estate.user:
            keys.append(f"user: cannot change from {self.estate.user!r} to {settings.user!r}")
        if keys:
            raise CannotStart(*(f"{key} in an upgrade: restart the server" for key in keys))

    # -- what the old process is told --------------------------------------------------------------------------------

    @contextmanager
    def telling(self) -> Iterator[None]:
        """It hears why we cannot start."""
        try:
            yield
        except CannotStart as error:
            self.faults(error.faults)
            raise
        except Exception as error:
            self.faults([f"a fault of the new program: {type(error).__name__}: {error}; its log has the traceback"])
            raise

    def faults(self, faults: Sequence[str]) -> None:
        """Why we cannot follow."""
        self._say({"faults": list(faults)})

    def wait(self) -> None:
        """Say that we are ready, and wait until the old process has let go. Raises CannotStart."""
        self._say({"pid": self._pid(), "is": "ready"})
        self._channel.settimeout(_PATIENCE)
        heard = b""
        try:
            while not heard.endswith(b"\n") and (octets := self._channel.recv(16)):
                heard += octets
        except OSError:
            heard = b""
        if heard != _GO:
            raise CannotStart("the server that runs has given up the upgrade, or has ended: start this one anew")

    def serves(self, notes: Sequence[str] = ()) -> None:
        """From now on we are the server."""
        self._say({"pid": self._pid(), "is": "serves", "notes": list(notes)})
        self._channel.close()

    def _say(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError):  # it has ended: nobody is there to mind
            self._channel.settimeout(_PATIENCE)
            self._channel.sendall(json.dumps(message).encode() + b"\n")


def heir_of(world: World) -> Heir | None:
    """None where nobody is to be followed. Raises CannotStart."""
    text = world.environment.get(VARIABLE)
    if text is None:
        return None
    os.environ.pop(VARIABLE, None)
    try:
        estate = read_estate(text)
        channel = socket.socket(fileno=estate.channel)
        channel.set_inheritable(False)
        return Heir(estate, channel, world.pid)
    except (ValueError, OSError) as error:
        raise CannotStart(f"{error}; unset {VARIABLE}: it is for twistedmx upgrade alone") from None


class Succeeding(Service):
    """`server`, which follows another: twistd starts and stops this in its place. `twistd`: its options. `stop`: ends all."""

    _log = Logger(namespace="twistedmx")

    def __init__(
        self, server: Following, heir: Heir, twistd: MutableMapping[str, Any], stop: Callable[[], None]
    ) -> None:
        self.server = server
        self._heir, self._twistd, self._stop = heir, twistd, stop
        self._folder = os.getcwd()  # twistd may change it
        server.served, server.refused = self._serves, self._refused
        server.reloading.held = _NOT_YET

    def privilegedStartService(self) -> None:
        """Have all ports. Raises CannotStart."""
        with self._heir.telling():
            share_log(self._twistd, self._folder)
            self.server.privilegedStartService()

    def startService(self) -> None:
        """Serve, once the old process has let go. Raises CannotStart."""
        super().startService()
        with self._heir.telling():
            self._heir.wait()
            self.server.begin_at(self._heir.estate.limit)
            self.server.startService()

    def stopService(self) -> Any:
        """As the server's."""
        super().stopService()
        return self.server.stopService()

    def _serves(self) -> None:
        self._heir.close_the_rest()
        self._heir.serves(self._take_pidfile())
        self.server.refused = lambda faults: None
        self.server.reloading.held = ""

    def _refused(self, faults: Sequence[str]) -> None:
        self.server.refused = lambda faults: None  # each of several workers may find the same
        self._heir.faults(faults)
        self._stop()

    def _take_pidfile(self) -> list[str]:
        """From now on it is ours. What hinders that."""
        path = self._heir.estate.pidfile
        if not path:
            return []
        try:
            with open(path, "w", encoding="ascii") as file:  # in place: the folder is root's, as a rule
                file.write(str(self._heir.pid))
        except OSError as error:
            return [f"{path}: {error.strerror}: it names the old process; write {self._heir.pid} into it"]
        self._twistd["pidfile"] = path  # twistd removes it at its end
        return []

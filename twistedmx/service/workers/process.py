"""A worker: the program of its process. `python -m twistedmx.service.workers.process`, started by a supervisor and by nobody else.

It has one end of a channel and sockets that listen (`launching`). Asked to begin, it makes an ordinary server of the settings that
it is told, which takes up these sockets. It has no control socket, no metrics port, and a store of its own. It ends in good order
when it is told to, at SIGTERM, and when its channel does: then the supervisor is gone, and another may start.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, Logger, LogLevel, eventAsText, globalLogBeginner
from zope.interface import implementer

from twistedmx.net.control import Refused
from twistedmx.report.prometheus import registry_of
from twistedmx.service.commands import commands
from twistedmx.service.faults import CannotStart, Faults
from twistedmx.service.parts import Lasting, Parts, lasting
from twistedmx.service.places import Place
from twistedmx.service.room import Collecting, take_room
from twistedmx.service.server import Server
from twistedmx.service.source import Source
from twistedmx.service.start import build
from twistedmx.service.state import gauges
from twistedmx.service.succession.of_server import ServerBequest
from twistedmx.service.workers.adopted import Adopting
from twistedmx.service.workers.channel import Channel, connect
from twistedmx.service.workers.launching import CHANNEL
from twistedmx.service.workers.sides import AnyWorkerSide, Nothing
from twistedmx.service.workers.totals import families_told
from twistedmx.service.workers.worker_side import WorkerSide
from twistedmx.service.world import World, this_world
from twistedmx.settings import BadSettings, Settings
from twistedmx.store.moving import file_of

_MOST_OF_LOG: Final = 1_048_576  # octets that wait; what is logged beyond is lost: the channel is for more than that
_LAST_WORDS: Final = 2.0  # seconds, for the supervisor to read them


def of_worker(settings: Settings, number: int, workers: int) -> Settings:
    """As one of so many workers has them: what there is once for all is the supervisor's."""
    return attrs.evolve(
        settings,
        workers=1,
        user="",
        control=attrs.evolve(settings.control, socket=""),
        metrics=attrs.evolve(settings.metrics, listen=""),
        store=attrs.evolve(settings.store, file=file_of(settings.store.file, number, workers)),
    )


class Worker:
    """`channel`: to the supervisor, to be connected. `done`: called at the end. `share`: what one of so many workers has together
    with the others; `make`: what lasts in a server that shares it.
    """

    _log = Logger(namespace="twistedmx")

    def __init__(
        self,
        world: World,
        done: Callable[[], None],
        *,
        share: Callable[[int], AnyWorkerSide] = lambda workers: Nothing(),
        make: Callable[[Settings, World, AnyWorkerSide], Lasting] = lambda settings, world, side: lasting(
            settings, world
        ),
    ) -> None:
        self._world = world
        self._done, self._share, self._make = done, share, make
        self._side: AnyWorkerSide = Nothing()
        self._server: Server | None = None
        self._source = Source(path="")
        self._number, self._workers = 0, 1
        self._prepared: Parts | None = None
        self._started = False
        self._stops = False
        self._hear: dict[str, Callable[[Any], Any]] = {
            "begin": self._begin,
            "serve": self._serve,
            "ping": lambda value: None,
            "command": self._command,
            "metrics": self._metrics,
            "prepare": self._prepare,
            "drop": self._drop,
            "take": self._take,
            "stop": lambda value: self.stop(),
            "rest": lambda value: self._serving().lasting.blocking.rest().addCallback(lambda result: None),
            "wake": lambda value: self._serving().lasting.blocking.wake(),
            "retire": self._retire,
        }
        self.channel = Channel(self._hear, self._lost)
        self._is_lost = False

    def _serving(self) -> Server:
        if self._server is None or self._stops:
            raise Refused("this worker does not serve")
        return self._server

    # -- begin -------------------------------------------------------------------------------------------------------

    def _begin(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Make a server, of {"number", "workers": how many, "source", "octets", "listening": [[text, secure, descriptor], ...],
        "user", "agent": a descriptor, or None}. Refused with every fault."""
        self._number, self._workers, self._source = told["number"], told["workers"], Source(**told["source"])
        given = {Place(text=text, secure=secure): descriptor for text, secure, descriptor in told["listening"]}
        for descriptor in given.values():
            os.set_inheritable(descriptor, False)
        side = self._side = self._share(self._workers)
        side.channel = self.channel
        self._hear.update(side.hear)
        world = attrs.evolve(self._world, endpoints=Adopting(given))
        try:
            settings = self._settings(told["octets"])
            self._server = server = build(
                settings,
                world,
                source=self._source.path,
                read=lambda: settings,
                becomes=told["user"],
                announces=False,
                make=lambda settings, world: self._make(settings, world, side),
            )
        except (BadSettings, CannotStart) as error:
            raise Refused("\n".join(error.faults)) from None
        if told["agent"] is not None:
            os.set_inheritable(told["agent"], False)
            server.lasting.owners.take_up(socket.socket(fileno=told["agent"]), world.chance())
        Collecting(world.reactor, server.factory.connections.__len__).setServiceParent(server)
        take_room()
        return {"pid": world.pid()}

    def _serve(self, value: None) -> "Deferred[None]":
        """Listen, once all is known that there is to know. Refused with what hinders it."""
        return self._side.known.addCallback(lambda _: self._start())

    def _start(self) -> None:
        server = self._serving()
        try:
            server.privilegedStartService()
            server.startService()
        except CannotStart as error:
            raise Refused("\n".join(error.faults)) from None
        self._started = True

    def _settings(self, octets: str) -> Settings:
        """Raises BadSettings."""
        return of_worker(self._source.settings(octets.encode("utf-8", "surrogateescape")), self._number, self._workers)

    # -- serve -------------------------------------------------------------------------------------------------------

    def _command(self, told: Mapping[str, Any]) -> Any:
        """Of {"command", "arguments"}, as the control socket of a server has it."""
        return commands(self._serving())[told["command"]](told["arguments"])

    def _metrics(self, value: None) -> Any:
        server = self._serving()
        return families_told(registry_of(server.lasting.counters, gauges(server)).collect())

    # -- reload ------------------------------------------------------------------------------------------------------

    def _prepare(self, octets: str) -> "Deferred[None]":
        """Make parts of these settings, and keep them. Refused with every fault."""
        self._drop()
        preparing: Deferred[Any] = self._serving().exchange.prepare(lambda: self._settings(octets))
        return preparing.addCallbacks(self._keep, _refused)

    def _keep(self, parts: Parts) -> None:
        self._prepared = parts

    def _drop(self, value: None = None) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.close()

    def _take(self, value: None) -> Any:
        """From now on those hold that were prepared."""
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            raise Refused("nothing was prepared")
        taking: Deferred[Any] = self._serving().exchange.take_up(prepared)
        return taking.addCallbacks(lambda keys: None, _refused)

    # -- stop --------------------------------------------------------------------------------------------------------

    def _retire(self, value: None) -> None:
        """Another process listens: take nobody any more, and end with the last session."""
        server = self._server
        if server is None or not self._started:
            self.stop()
            return
        retiring: Deferred[Any] = ServerBequest(server).retire()
        retiring.addErrback(lambda failure: self._log.failure("the end after an upgrade failed", failure=failure))
        retiring.addCallback(lambda result: self.stop())

    def _lost(self) -> None:
        self._is_lost = True
        if self._server is not None and self._started and not self._stops:
            # Whoever is started next has our store at once; what our last sessions teach is not written any more.
            blocking = self._server.lasting.blocking
            blocking.rest().addCallback(lambda result: blocking.give_up())
        self.stop()

    def stop(self) -> None:
        """In good order. Harmless twice."""
        if self._stops:
            return
        self._stops = True
        self._drop()
        server = self._server
        stopping = maybeDeferred(server.stopService if server is not None and self._started else _nothing)
        stopping.addErrback(lambda failure: self._log.failure("the end of a worker failed", failure))
        stopping.addBoth(self._stopped)

    def _stopped(self, result: object) -> None:
        if self._is_lost:
            self._done()
            return
        self.channel.close()
        self._world.reactor.callLater(0 if self.channel.unsent == 0 else _LAST_WORDS, self._done)


def _nothing() -> None: ...


def _refused(failure: Any) -> Any:
    failure.trap(Faults)
    raise Refused("\n".join(failure.value.faults))


@implementer(ILogObserver)
class Lines:
    """What a worker logs is told to its supervisor, whose log it is. Before there is a channel, and after: standard error."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
        self._lost = 0

    def __call__(self, event: Any) -> None:
        """An observer. What Twisted says of ports and factories is left out."""
        level = event.get("log_level", LogLevel.info)
        namespace = event.get("log_namespace", "")
        if level < LogLevel.warn and not namespace.startswith("twistedmx"):
            return
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        if self.channel is None:
            print(text, file=sys.stderr, flush=True)
        elif self.channel.unsent > _MOST_OF_LOG:
            self._lost += 1
        else:
            if self._lost:
                lost, self._lost = f"{self._lost} lines of the log are lost: the supervisor did not take them", 0
                self.channel.tell("log", {"level": "warn", "namespace": "twistedmx", "text": lost})
            self.channel.tell("log", {"level": level.name, "namespace": namespace, "text": text})


def make(settings: Settings, world: World, side: Any) -> Lasting:
    """What lasts in a server that shares it."""
    return lasting(settings, world, side)


def main() -> None:
    """The whole life of the process."""
    for number in (signal.SIGINT, signal.SIGHUP):  # for the supervisor; a terminal sends them to all
        signal.signal(number, signal.SIG_IGN)
    lines = Lines()
    globalLogBeginner.beginLoggingTo([lines], redirectStandardIO=False)
    world = this_world()
    reactor = world.reactor
    worker = Worker(
        world,
        done=lambda: reactor.stop() if reactor.running else None,
        share=WorkerSide,
        make=make,
    )
    signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(worker.stop))
    os.set_inheritable(CHANNEL, False)
    connect(reactor, socket.socket(fileno=CHANNEL), worker.channel)
    lines.channel = worker.channel
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()

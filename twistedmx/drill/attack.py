"""The process of the attackers: started by `camp`, which says what it is told and what it tells."""

import json
import signal

import attrs
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure
from zope.interface import implementer

from twistedmx.drill.camp import EVERY
from twistedmx.drill.connecting import connect_to
from twistedmx.drill.crowd import Crowd
from twistedmx.drill.plan import Plan
from twistedmx.drill.sieges import SIEGES
from twistedmx.drill.world import World, complain_only, raise_descriptors, seconds_at_work, this_world

_CONNECTED_WITHIN = 30.0  # seconds


@implementer(IHalfCloseableProtocol)
class Orders(Protocol):
    """Standard input and output. The plan comes in one line; the end of the input is the end of the attack."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard = b""
        self._crowd: Crowd | None = None
        self._telling: LoopingCall | None = None
        self._began = (0.0, 0.0)

    def dataReceived(self, data: bytes) -> None:
        """The plan."""
        self._heard += data
        line, end, _ = self._heard.partition(b"\n")
        if end and self._crowd is None:
            told = json.loads(line)
            self._begin(Plan(**{**told, "recipients": tuple(told["recipients"])}))

    def readConnectionLost(self) -> None:
        """Enough."""
        if self._crowd is not None and self._telling is not None:
            self._telling.stop()
            self._crowd.end()
            self._tell()
        self.transport.loseConnection()  # type: ignore[union-attr]  # behind what was told

    def writeConnectionLost(self) -> None:
        """Nobody listens: our parent is gone. StandardIO tells of no other end behind this one."""
        self.connectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """All is told."""
        if self._world.reactor.running:
            self._world.reactor.stop()

    def _begin(self, plan: Plan) -> None:
        world = self._world
        connect = connect_to(world.reactor, plan.host, plan.port, within=_CONNECTED_WITHIN)
        self._crowd = Crowd(SIEGES[plan.siege], plan, connect, world.reactor, world.chance())
        self._began = (world.now(), seconds_at_work())
        self._crowd.begin()
        self._telling = LoopingCall(self._tell)
        self._telling.clock = world.reactor
        self._telling.start(EVERY)

    def _tell(self) -> None:
        assert self._crowd is not None  # noqa: S101  # else nobody calls us
        began, worked = self._began
        passed = self._world.now() - began
        self._crowd.counts.at_work = (seconds_at_work() - worked) / passed if passed > 0 else 0.0
        self.transport.write(json.dumps(attrs.asdict(self._crowd.counts)).encode() + b"\n")  # type: ignore[union-attr]


def main() -> None:
    """Until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_descriptors()
    complain_only()
    world = this_world()
    StandardIO(Orders(world), reactor=world.reactor)
    world.reactor.run(installSignalHandlers=False)

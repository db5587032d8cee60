"""What a worker shares with the others, by way of the supervisor: blocks, networks' conduct, attacks, and limits of sessions
and handshakes.

    side = WorkerSide(workers)             of so many
    side.channel = channel              which hears `side.hear`
    lasting(settings, world, side)      makes `blocking`, `watching`, `governing` and `handshakes` here
    side.known                          fires when `SupervisorSide.joined` has told all; from then on peers may come

The store in `settings` is the worker's own.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from twistedmx.model.block import Block
from twistedmx.policy.handshakes import Handshakes
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import Known
from twistedmx.policy.tarpit import Tarpit
from twistedmx.ports import Events
from twistedmx.service.workers.attack_sides import MARKS, WatchingHere
from twistedmx.service.workers.block_copy import BlockCopy
from twistedmx.service.workers.block_master import ALLOWED, CHANGED, KNOWN, PROPOSED
from twistedmx.service.workers.block_words import said_change
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.governing_here import LIMIT, GoverningHere
from twistedmx.service.workers.handshakes_here import PART, HandshakesHere
from twistedmx.service.workers.network_reports import STANDING, NetworkReports, standing_heard
from twistedmx.service.workers.outbox import Outbox
from twistedmx.service.workers.shares_here import DEALT, SharesHere
from twistedmx.service.world import World
from twistedmx.settings import Settings

T = TypeVar("T")


class WorkerSide:
    """`workers`: how many there are. `channel`: to the supervisor, to be put here before anything is made. `known`: fires once it
    knows what there was when it began. `hear`: what the channel hears, when all of them are made."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.channel: Channel | None = None
        self.known: Deferred[None] = Deferred()
        self.hear: Mapping[str, Callable[[Any], Any]] = {
            CHANGED: lambda said: _made(self._blocking).hear_changes(said),
            ALLOWED: lambda said: _made(self._blocking).hear_allowances(said),
            KNOWN: self._hear_known,
            MARKS: lambda said: _made(self._watching).hear_marks(said),
            STANDING: self._hear_standing,
            LIMIT: lambda said: _made(self._governing).hear_limit(said),
            DEALT: lambda said: _made(self._shares).hear_dealt(said),
            PART: lambda said: _made(self._handshakes).hear_part(said),
        }
        self._blocking: BlockCopy | None = None
        self._watching: WatchingHere | None = None
        self._governing: GoverningHere | None = None
        self._shares: SharesHere | None = None
        self._handshakes: HandshakesHere | None = None

    def blocking(self, settings: Settings, world: World, events: Events) -> BlockCopy:
        """In the place of `Blocking`."""
        channel = self._speaking()
        proposed = Outbox(channel, PROPOSED)

        def propose(block: Block) -> None:
            proposed.put(block.id, said_change(block.id, block))

        self._blocking = BlockCopy(settings, world, events, propose)
        self._blocking.reputation.evidence = NetworkReports(channel)
        return self._blocking

    def watching(
        self,
        settings: Settings,
        world: World,
        events: Events,
        proven: Callable[[str], bool],
        known: Callable[[str], Known],
    ) -> WatchingHere:
        """In the place of `Watching`."""
        self._watching = WatchingHere(settings, world, self._speaking(), proven, known)
        return self._watching

    def governing(
        self, settings: Settings, world: World, events: Events, alertness: Alertness, tarpit: Tarpit
    ) -> GoverningHere:
        """In the place of `Governing`."""
        self._shares = SharesHere(world, self._speaking(), self._workers)
        self._governing = GoverningHere(settings, world, events, alertness, tarpit, self._speaking(), self._shares)
        return self._governing

    def handshakes(self, settings: Settings, world: World) -> Handshakes:
        """In the place of those of a single process."""
        self._handshakes = HandshakesHere(settings, world, self._speaking())
        return self._handshakes.handshakes

    @property
    def services(self) -> tuple[Service, ...]:
        """What says what there is."""
        return _made(self._handshakes), _made(self._shares)

    def _speaking(self) -> Channel:
        return _made(self.channel)

    def _hear_standing(self, said: Any) -> None:
        """What is known of a network: somebody is about to ask for it here. Raises ValueError."""
        reputation = _made(self._blocking).reputation
        key, standing = standing_heard(said)
        reputation.networks.put(key, standing, proven=False)

    def _hear_known(self, said: Any) -> None:
        if not self.known.called:
            self.known.callback(None)


def _made(part: T | None) -> T:
    if part is None:
        raise RuntimeError("a worker's channel was connected before the worker was made")
    return part

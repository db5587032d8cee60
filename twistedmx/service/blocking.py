"""The blocklist of a running server: what is put into it is kept on disk, closes sessions, and is told. And who is put there by
himself: what is remembered of clients."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.block import Block
from twistedmx.model.network_event import NetworkBlocked, NetworkUnblocked
from twistedmx.model.peer import NOWHERE, Network
from twistedmx.net.steering import worker_of
from twistedmx.policy.allowed import Allowed
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.networks import network_of
from twistedmx.policy.reputation import Reputation
from twistedmx.ports import Events
from twistedmx.service.allowing import Allowing
from twistedmx.service.faults import CannotStart
from twistedmx.service.remembering import Remembering
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.settings.networks import networks
from twistedmx.store.allowed import AllowedNetworks
from twistedmx.store.blocks import Blocks
from twistedmx.store.database import Database, StoreState
from twistedmx.store.moving import Moving
from twistedmx.store.schema import SCHEMA
from twistedmx.store.sqlite_file import NotOurs
from twistedmx.store.standing_tables import tables_of

_SWEPT = 1.0  # seconds
_HELD = 10.0  # seconds: a disk that does not come to an end keeps nobody from going on


class Blocking:
    """`hang_up`: closes the sessions of those who are blocked now, in a network or, with None, everywhere; to be put there by who
    has them. `allowing`: whom the operator keeps out of it. `now`: seconds since the epoch. `changed`: told the id of each entry
    that is another one, with what it is now; None: it is no more. `workers`: how many processes serve, which are to know hosts in
    place of this one; 1: it does itself.
    """

    _log = Logger()

    def __init__(self, settings: Settings, world: World, events: Events) -> None:
        self.blocklist = Blocklist(settings.blocklist, world.now, world.chance())
        self.hang_up: Callable[[Network | None], None] = lambda network: None
        self.changed: Callable[[str, Block | None], None] = lambda id_, block: None
        self.workers = 1
        self._remember = settings.blocklist.remember
        self.now = world.now
        self._events = events
        self._clock = world.reactor
        self._database = Database(
            path=os.path.join(settings.data, settings.store.file),
            schema=SCHEMA,
            most=settings.store.waiting,
            clock=world.reactor,
            call_in_reactor=world.reactor.callFromThread,
            begun_anew=self._keep_all,
        )
        self._blocks = Blocks(self._database)
        self.allowing = Allowing(
            Allowed(settings.blocklist, self.blocklist.never, world.now),
            AllowedNetworks(self._database),
            events,
            ended=lambda network: self.hang_up(network),
            now=world.now,
        )
        self.remembering = Remembering(settings, world, self.blocklist, self._database, events.tell)
        self._sweeping: LoopingCall = LoopingCall(self._sweep)
        self._sweeping.clock = world.reactor

    @property
    def reputation(self) -> Reputation:
        """What is known of clients."""
        return self.remembering.reputation

    @property
    def store(self) -> StoreState:
        """How the file is."""
        return self._database.state

    def start(self) -> None:
        """Read what is kept, before the first connection. After daemonising. Raises CannotStart."""
        self._take_hosts()
        self._load()
        self.remembering.standings.load()
        try:
            self._database.start()
        except NotOurs as error:
            raise CannotStart(f"store.file: {error}") from None
        self.blocklist.on_block = self._blocked
        self._sweeping.start(_SWEPT, now=False).addErrback(self._not_swept)
        self.remembering.start()

    def _take_hosts(self) -> None:
        """What is known of hosts is where another number of processes had it."""
        moving = Moving(
            path=self._database.state.path,
            tables=tuple(tables_of(self.reputation)),
            worker_of=worker_of,
            now=self.now(),
        )
        moving.settle(self.workers)

    def _load(self) -> None:
        self.allowing.load()
        self.blocklist.on_forget = self._forgotten
        self._blocks.load(self._take, expired_before=self.now() - self._remember)

    def _sweep(self) -> None:
        self.blocklist.sweep()
        self.allowing.sweep()

    def _not_swept(self, failure: Failure) -> None:
        self._log.failure("the blocklist is not swept any more", failure=failure)

    def configure(self, settings: Settings) -> None:
        """From now on these hold; entries stay as they are."""
        self.blocklist.configure(settings.blocklist)
        self.allowing.allowed.settings = settings.blocklist
        self.blocklist.never.replace("who has no address", [network_of(NOWHERE)])
        spoken_for = (*settings.balancer.proxy_from, *settings.balancer.xclient_from)
        self.blocklist.never.replace("[balancer]", networks(spoken_for))  # in their place come their clients
        self.remembering.configure(settings)

    def stop(self) -> Any:
        """Fires when all is kept."""
        if self._sweeping.running:
            self._sweeping.stop()
        self.remembering.stop()
        return self._database.stop()

    def rest(self) -> "Deferred[Any]":
        """Have all of it written, and nothing more: another process is to read it. Fires when that is so, or it takes too long."""
        self.remembering.write()
        held: Deferred[Any] = self._database.hold()
        return held.addTimeout(_HELD, self._clock, lambda result, seconds: None)

    def wake(self) -> None:
        """Write again, also what came meanwhile."""
        self._database.go_on()

    def give_up(self) -> None:
        """Another process has the store: what is learned from now on is forgotten."""
        self._database.give_up()

    def _keep_all(self) -> None:
        """The file is another one: write down what we know."""
        self.allowing.keep_all()
        self._blocks.put_all(self.blocklist.with_remembered())
        self.remembering.standings.save_anew()

    def unblock(self, network: Network) -> Block | None:
        """Forget the entry of exactly this network. What it was."""
        block = self.blocklist.remove(network)
        if block is not None:
            self._forgotten(block.id)
            self._events.tell(NetworkUnblocked(at=self.now(), block=block))
        return block

    def _take(self, blocks: Sequence[Block]) -> None:
        """What was kept is there: it need be kept no more, and is no news."""
        self.blocklist.on_block = _nothing
        try:
            for block in blocks:
                try:
                    taken = self.blocklist.add(block, force=True)
                except ValueError as error:
                    self._log.warn("a block that was kept is left out: {error}", error=error)
                    continue
                if taken.id != block.id:  # its network was blocked meanwhile
                    self._blocks.remove(block.id)
                    self._blocks.put(taken)
                self.changed(taken.id, taken)
        finally:
            self.blocklist.on_block = self._blocked
        self.hang_up(None)

    def _blocked(self, block: Block) -> None:
        self._blocks.put(block)
        self._events.tell(NetworkBlocked(at=self.now(), block=block))
        self.changed(block.id, block)
        self.hang_up(block.network)

    def _forgotten(self, id_: str) -> None:
        self._blocks.remove(id_)
        self.changed(id_, None)


def _nothing(block: Block) -> None: ...

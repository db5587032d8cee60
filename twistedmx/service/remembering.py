"""The reputation of a running server: read before the first connection, told the time, written every few seconds."""

from collections.abc import Callable

from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.event import Event
from twistedmx.policy.blocklist import Blocklist
from twistedmx.policy.ration import flood_ration
from twistedmx.policy.reputation import Reputation
from twistedmx.service.world import World
from twistedmx.settings import Settings
from twistedmx.store.database import Database
from twistedmx.store.standings import Standings


class Remembering:
    """`tell`: where facts are told. Hosts of good record are let in by `blocklist` from now on."""

    _log = Logger()

    def __init__(
        self, settings: Settings, world: World, blocklist: Blocklist, database: Database, tell: Callable[[Event], None]
    ) -> None:
        self.reputation = Reputation(settings.reputation, blocklist, tell, world.now(), flood_ration())
        self.standings = Standings(self.reputation, database)
        blocklist.proven = self.reputation.proven
        self._now = world.now
        self._ticking: LoopingCall = LoopingCall(self._tick)
        self._ticking.clock = world.reactor

    def start(self) -> None:
        """From now on, in turns of `save`."""
        self._ticking.start(self.reputation.settings.save, now=False).addErrback(self._stopped_ticking)

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.reputation.configure(settings.reputation)
        self._ticking.interval = settings.reputation.save  # from the next turn on

    def stop(self) -> None:
        """Have all of it written; the database is to be stopped behind this."""
        if self._ticking.running:  # else nothing was read, and nothing heard
            self._ticking.stop()
            self.write()

    def write(self) -> None:
        """Ask for all of it to be written."""
        self.reputation.tick(self._now())
        self.standings.save_at_once()

    def _tick(self) -> None:
        self.reputation.tick(self._now())
        if not self.standings.saving:  # a disk that hangs is not asked again and again
            self.standings.save()

    def _stopped_ticking(self, failure: Failure) -> None:
        self._log.failure("what is known of clients is saved no more", failure=failure)

"""What holds for all workers, in the supervisor: the blocklist with its store, networks' conduct, attacks, limits of sessions
and of handshakes.

    side = SupervisorSide(settings, world, events, workers)     of so many
    side.hear_from(number)           what the channel to a worker hears
    side.start(), side.stop()        with the supervisor; configure(settings) first, and at each reload
    side.joined(number, channel)     when the worker says that it is up, and before it takes anybody
    side.left(number)                when it is gone

`events` are told of what holds for all, once: blocks, attacks, floods, moves of the limit. They come to `subscribers` too.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twisted.application.service import MultiService

from twistedmx.net.control import Command
from twistedmx.policy.host_key import host_key, network_key
from twistedmx.ports import Events
from twistedmx.report.stream import Subscriber
from twistedmx.service.block_commands import allow, ban, list_, unban
from twistedmx.service.blocking import Blocking
from twistedmx.service.state import attacks_told, blocklist_told
from twistedmx.service.workers.attack_sides import SUMS, WatchingAll
from twistedmx.service.workers.block_master import PROPOSED, BlockMaster
from twistedmx.service.workers.block_words import each_heard
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.governing_all import GoverningAll
from twistedmx.service.workers.governing_here import DEMAND
from twistedmx.service.workers.handshakes_all import HandshakesAll
from twistedmx.service.workers.handshakes_here import ASKED
from twistedmx.service.workers.network_reports import EVIDENCE, STANDING, MailSeen, heard, standing_said
from twistedmx.service.workers.shares_all import SharesAll
from twistedmx.service.workers.shares_here import USED
from twistedmx.service.world import World
from twistedmx.settings import Settings


class SupervisorSide(MultiService):
    """`blocking`: for the operator's commands (`service.block_commands`). `watching`, `governing`: what they have `told` is of all
    workers."""

    def __init__(self, settings: Settings, world: World, events: Events, workers: int) -> None:
        super().__init__()
        self._now = world.now
        self._channels: dict[int, Channel] = {}
        self.blocking = Blocking(settings, world, events)
        self.blocking.workers = workers
        reputation = self.blocking.reputation
        self.watching = WatchingAll(settings, world, events, reputation.proven, reputation.known)
        self.governing = GoverningAll(settings, world, events, self.watching.alertness)
        self._handshakes = HandshakesAll(settings, world)
        self._shares = SharesAll(settings, world, workers, lambda: self.limit)
        self._master = BlockMaster(self.blocking)
        for service in (self.watching, self.governing, self._handshakes, self._shares):
            service.setServiceParent(self)

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        """Of `events`."""
        return (self.watching.attacks,)

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.blocking.configure(settings)
        self.watching.configure(settings)
        self.governing.configure(settings)
        self._handshakes.configure(settings)
        self._shares.configure(settings)

    def startService(self) -> None:
        """Read what is kept, and judge. After daemonising. Raises CannotStart."""
        self.blocking.start()
        super().startService()

    def stopService(self) -> Any:
        """Fires when all is kept."""
        super().stopService()
        return self.blocking.stop()

    @property
    def limit(self) -> int:
        """Of the governor."""
        return self.governing.governor.limit

    def begin_at(self, limit: int) -> None:
        """As the process had it that is followed."""
        self.governing.governor.begin_at(limit)

    def rest(self) -> Any:
        """As `Blocking.rest`."""
        return self.blocking.rest()

    def wake(self) -> None:
        """As `Blocking.wake`."""
        self.blocking.wake()

    def give_up(self) -> None:
        """As `Blocking.give_up`."""
        self.blocking.give_up()

    def hear_from(self, number: int) -> Mapping[str, Callable[[Any], Any]]:
        """What the channel to a worker hears."""
        return {
            PROPOSED: partial(self._master.hear_proposed, number),
            EVIDENCE: self._hear_evidence,
            SUMS: self.watching.hear_sums,
            DEMAND: partial(self.governing.hear_demand, number),
            USED: partial(self._shares.hear_used, number),
            ASKED: partial(self._handshakes.hear_asked, number),
        }

    def joined(self, number: int, channel: Channel) -> None:
        """A worker is up, and takes nobody before it knows what it hears now."""
        self._channels[number] = channel
        self.governing.joined(number, channel)
        self._handshakes.joined(number, channel)
        self._shares.joined(number, channel)
        self.watching.joined(number, channel)
        self._master.joined(number, channel)

    def left(self, number: int) -> None:
        """It is gone."""
        self._channels.pop(number, None)
        for each in (self.governing, self._handshakes, self._shares, self.watching, self._master):
            each.left(number)

    # What the operator asks

    @property
    def commands(self) -> Mapping[str, Command]:
        """Those that no worker need be asked for, by name."""
        blocking = self.blocking
        return {
            "ban": partial(ban, blocking),
            "unban": partial(unban, blocking),
            "allow": partial(allow, blocking),
            "list": partial(list_, blocking),
        }

    def put_right(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """What workers answered to `command`, put together, with what is known here in place of what none of them knows."""
        match command:
            case "status":
                reputation = {**told.get("reputation", {}), "networks": len(self.blocking.reputation.networks)}
                blocklist = {**told.get("blocklist", {}), **blocklist_told(self.blocking)}
                ours = {"governor": self.governing.told(), "attacks": attacks_told(self.watching.attacks)}
                return {**told, **ours, "blocklist": blocklist, "reputation": reputation}
            case "attacks":
                return {**told, **self.watching.told()}
        return told

    def before_opinion(self, number: int, address: str) -> None:
        """A worker is going to be asked for its opinion of an address: it is told what is known of the network."""
        channel = self._channels.get(number)
        reputation, host = self.blocking.reputation, host_key(address)
        known = reputation.networks.get(network_key(host)) if host else None
        if channel is not None and known is not None:
            channel.tell(STANDING, standing_said(network_key(host), known))

    def gauges(self) -> dict[str, Callable[[], int]]:
        """Of `report.prometheus.Gauges`: what is so for all, once."""
        attacks = self.watching.attacks
        return {
            "blocked": lambda: len(self.blocking.blocklist),
            "allowed": lambda: len(self.blocking.allowing.allowed),
            "under_attack": lambda: len(attacks.attacks()),
            "flooded": lambda: len(attacks.floods()),
            "flooded_tries": lambda: attacks.flooded_tries,
        }

    def _hear_evidence(self, said: Any) -> None:
        """What hosts of a worker did. Raises ValueError."""
        reputation = self.blocking.reputation
        now = reputation.time.tell(self._now())
        for seen in each_heard(said, heard):
            if isinstance(seen, MailSeen):
                reputation.evidence.mail(
                    seen.host, seen.prefix, messages=seen.messages, good_share=seen.good_share, now=now
                )
            else:
                reputation.evidence.session(seen.host, seen.prefix, offends=seen.offends, at=seen.at, now=now)

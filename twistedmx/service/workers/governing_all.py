"""The governor of all workers: one limit, judged each second by what all of them say and by how the machine is, and dealt out.

It is dealt anew when it is judged, when somebody waits at a worker, and when a worker comes or goes. What one loses another has
when the first has answered how many he has by then: so all together never let in more than the limit (`policy.dealer`), but for
those who were heard out beyond it and count by now. Of a worker that is silent, what it said last is taken to be so. Descriptors
that are `kept` for hosts of good record are dealt out as well.

BUGS: workers are tasks that run beside us, so `Vitals.runnable` is up to one for each of them higher than in a single process.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.vitals import Vitals
from twistedmx.net.lag import Lag
from twistedmx.policy import governor
from twistedmx.policy.dealer import Dealer
from twistedmx.policy.dealing import Need, deal
from twistedmx.policy.governor import Governor
from twistedmx.policy.load import Load
from twistedmx.policy.posture import Alertness
from twistedmx.policy.record import Record
from twistedmx.ports import Events
from twistedmx.service.governing import MANY, QUICK, SLOW, Crowd, limit_moved, tell_load
from twistedmx.service.looking import Looking
from twistedmx.service.workers.block_words import count_heard
from twistedmx.service.workers.channel import Channel, ChannelLost
from twistedmx.service.workers.demand_words import MOST, Demand, Limit, demand_heard, said_limit
from twistedmx.service.workers.governing_here import LIMIT
from twistedmx.service.workers.rounds import Rounds
from twistedmx.service.world import World
from twistedmx.settings import Settings

# Of a worker that has just begun: its descriptors are no reason for a lower limit.
_NOTHING_SAID: Final = Demand(left=MOST)
_PROVEN: Final = Record.PROVEN.name.lower()


@attrs.define
class _Worker:
    """`demand`: what it said last; `used`, `missed`: since the limit was judged. `limit`: what it was told last."""

    channel: Channel
    demand: Demand = _NOTHING_SAID
    used: int = 0
    missed: int = 0
    limit: Limit | None = None

    @property
    def part(self) -> int:
        return 0 if self.limit is None else self.limit.part


class GoverningAll(Looking):
    """Of the supervisor. `alertness`: is told whether the load is high."""

    _log = Logger()

    def __init__(self, settings: Settings, world: World, events: Events, alertness: Alertness) -> None:
        super().__init__(world.reactor, QUICK, goes_on=True)
        self._rounds = Rounds()
        self.governor = Governor(settings.governor, Load(settings.load))
        self.vitals = Vitals()
        self._now, self._seconds, self._read = world.now, world.steady or world.reactor.seconds, world.vitals
        self._lag = Lag(world.reactor, self._seconds)
        self._events = events
        self._alertness = alertness
        self._looks = 0
        self._limit_told = self.governor.limit
        self._workers: dict[int, _Worker] = {}
        self._gone: dict[str, int] = {}  # what workers that are no more had refused, by why
        self._displaced_then = 0
        self._dealer = Dealer()  # of places; wanted: those that were, lately

    def configure(self, settings: Settings) -> None:
        """From now on these hold."""
        self.governor.settings = settings.governor
        self.governor.load.settings = settings.load

    def startService(self) -> None:
        """Look, now and every second."""
        self._lag.start()
        super().startService()

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        self._lag.stop()

    # Of workers

    def joined(self, number: int, channel: Channel) -> None:
        """One has begun: it hears its part before it takes anybody."""
        self._workers[number] = _Worker(channel)
        self._dealer.join(number)
        self._deal()

    def left(self, number: int) -> None:
        """It is no more: the others have its part."""
        worker = self._workers.pop(number, None)
        self._dealer.leave(number)
        if worker is not None:
            self._gone = _sum([self._gone, worker.demand.refused])
            self._displaced_then += worker.demand.displaced
            self._deal()

    def hear_demand(self, number: int, said: Any) -> None:
        """A worker's. Raises ValueError."""
        demand = demand_heard(said)
        worker = self._workers.get(number)
        if worker is None:
            return
        worker.demand = demand
        worker.used = max(worker.used, demand.used)
        worker.missed += demand.missed
        wanted = max(self._dealer.wants(number), min(worker.missed + demand.queued, self.governor.limit))
        self._dealer.need(number, held=demand.strangers, wanted=wanted)
        if demand.queued or self._dealer.is_short:
            self._deal()

    # For the operator

    def told(self) -> dict[str, Any]:
        """As `Governing.told`, of all workers together."""
        judged, settings = self.governor, self.governor.settings
        pressure, demands = judged.pressure, [worker.demand for worker in self._workers.values()]
        return {
            "limit": judged.limit,
            "why": judged.why.value,
            "floor": settings.floor,
            "ceiling": settings.ceiling,
            "strangers": sum(one.strangers + one.heard_out for one in demands),
            "heard_out": sum(one.heard_out for one in demands),
            "proven": sum(one.proven for one in demands),
            "may_go": sum(one.may_go for one in demands),
            "waiting": _sum([one.waiting for one in demands]),
            "refused": _sum([self._gone, *(one.refused for one in demands)]),
            "displaced": sum((one.displaced for one in demands), self._displaced_then),
            "under_load": judged.load.high,
            "pressure": None if pressure is None else {"of": pressure.signal.value, "share": round(pressure.share, 2)},
            "vitals": attrs.asdict(self.vitals),
        }

    # Each second, and more often while many come

    def _look(self) -> None:
        self._rounds.begin()
        self._looks += 1
        workers = self._workers.values()
        if self._looks % SLOW == 1:
            self._look_at_the_machine()
        elif any(one.demand.queued or one.demand.strangers > one.part * MANY for one in workers):
            self._judge()

    def _look_at_the_machine(self) -> None:
        demands = [worker.demand for worker in self._workers.values()]
        lags = [lag for lag in (self._lag.take(), *(one.lag for one in demands)) if lag is not None]
        self.vitals = attrs.evolve(self._read(self._seconds()), lag=max(lags, default=None))
        if not demands:
            return
        self._judge()
        before, self._limit_told = self._limit_told, self.governor.limit
        if before != self._limit_told:
            self._events.tell(limit_moved(before, self.governor, self._now(), self._crowd(), self.vitals))
        tell_load(self.governor, self._alertness)
        self._deal()
        self._dealer.fade()

    def _judge(self) -> None:
        workers = self._workers.values()
        demand = governor.Demand(
            used=sum(max(one.used, one.demand.strangers) for one in workers),
            unmet=sum(one.missed + one.demand.queued for one in workers),
            room=sum(one.demand.strangers + one.demand.heard_out + one.demand.left for one in workers),
        )
        self.governor.judge(self._seconds(), self.vitals, demand)
        self._deal()
        for one in workers:
            one.used = one.missed = 0

    def _crowd(self) -> Crowd:
        demands = [worker.demand for worker in self._workers.values()]
        return Crowd(
            strangers=sum(one.strangers + one.heard_out for one in demands),
            proven=sum(one.proven for one in demands),
            waiting=sum(sum(one.waiting.values()) for one in demands),
        )

    def _deal(self) -> None:
        workers, whole, kept = self._workers, self.governor.limit, self.governor.settings.kept
        self._dealer.deal(whole)
        # Descriptors that are kept go where hosts of good record are; nobody is held to them who is in.
        needs = [Need(held=one.demand.proven, wanted=one.demand.waiting.get(_PROVEN, 0)) for one in workers.values()]
        for (number, worker), left_alone in zip(workers.items(), deal(kept, needs), strict=True):
            limit = Limit(
                part=self._dealer.part(number), whole=whole, kept=left_alone, under_load=self._alertness.under_load
            )
            if limit != worker.limit:
                worker.limit = limit
                asked: Deferred[Any] = worker.channel.ask(LIMIT, said_limit(limit))
                asked.addCallback(self._answered, number, self._dealer.told(number)).addErrback(self._not_answered)

    def _answered(self, strangers: Any, number: int, telling: int) -> None:
        """It keeps to what it was told, and has so many by then."""
        is_freed = self._dealer.kept(number, telling, held=count_heard(strangers, MOST))
        if is_freed and self._rounds.another():
            self._deal()

    def _not_answered(self, failure: Failure) -> None:
        if not isinstance(failure.value, ChannelLost):
            self._log.failure("a worker was told a limit, and did not take it", failure)

    def _failed(self, failure: Failure) -> None:
        """By a fault of ours: the limit stays where it is until the next look, and nobody is held to what nobody would end."""
        self._alertness.under_load = False
        self._log.failure("the limit of sessions could not be judged", failure=failure)


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """By kind."""
    kinds = dict.fromkeys(kind for one in counts for kind in one)
    return {kind: sum(one.get(kind, 0) for one in counts) for kind in kinds}

"""The governor of a running server: looks at the machine every second, moves the limit of sessions, and tells why.

While many come the limit is judged five times a second, by what was seen of the machine last: who comes to a calm machine is not to
wait for a second.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.governor_event import LimitMoved, NewcomersRefused
from twistedmx.model.vitals import Vitals
from twistedmx.net.door import Door
from twistedmx.net.lag import Lag
from twistedmx.policy.governor import Demand, Governor
from twistedmx.policy.load import Load
from twistedmx.policy.posture import Alertness
from twistedmx.policy.tarpit import Tarpit
from twistedmx.ports import Events
from twistedmx.service.looking import Looking
from twistedmx.service.world import World
from twistedmx.settings import Settings

_log = Logger()

QUICK: Final = 0.2  # seconds between two looks at who waits
MANY: Final = 0.8  # of the limit in use
SLOW: Final = 5  # of these are a look at the machine
_HEARD_OUT: Final = 200  # strangers a second who begin to be: as fast as a siege comes
_SHED: Final = 50  # sessions that are asked to go in a second: each costs a connection that comes back
_LOOKED_AT: Final = 2000  # sessions, for who is idle, in a second: a millisecond
_TOLD: Final = 60.0  # seconds until those who were refused are told again


class Crowd(NamedTuple):
    """Who is there: sessions of strangers, with those who are heard out, and of hosts of good record, and connections that wait."""

    strangers: int
    proven: int
    waiting: int


def limit_moved(before: int, governor: Governor, at: float, crowd: Crowd, vitals: Vitals) -> LimitMoved:
    """The event of it. `at`: seconds since the epoch."""
    return LimitMoved(
        at=at,
        before=before,
        limit=governor.limit,
        why=governor.why.value,
        strangers=crowd.strangers,
        proven=crowd.proven,
        waiting=crowd.waiting,
        load=vitals.load,
        lag=vitals.lag,
        free_memory=vitals.free_memory,
    )


def tell_load(governor: Governor, alertness: Alertness) -> None:
    """Limits under load hold, or no longer, by what was judged; that this is another state is said once."""
    high, pressure = governor.load.high, governor.pressure
    if high is alertness.under_load or pressure is None:
        return
    alertness.under_load = high
    state = "high: limits under load hold for strangers" if high else "low again"
    _log.info("the load is {state} ({signal} {value:.2f})", state=state, signal=pressure.signal, value=pressure.value)


class Governing(Looking):
    """`alertness`, `tarpit`: are told what follows. `door`, `sessions`: who is let in, and who is there; given by who has them."""

    _log = Logger()
    _processes = 1  # that serve
    door: Door | None

    def __init__(self, settings: Settings, world: World, events: Events, alertness: Alertness, tarpit: Tarpit) -> None:
        super().__init__(world.reactor, QUICK, goes_on=True)
        self.governor = Governor(settings.governor, Load(settings.load))
        self.vitals = Vitals()
        self.door = None
        self.sessions: Callable[[], Iterator[Any]] = lambda: iter(())
        self._now, self._seconds, self._read = world.now, world.steady or world.reactor.seconds, world.vitals
        self._lag = Lag(world.reactor, self._seconds)
        self._events = events
        self._alertness, self._tarpit = alertness, tarpit
        self._round: Iterator[Any] = iter(())
        self._looks = 0
        self._limit_told = self.governor.limit
        self._refused_told: tuple[dict[str, int], int] = ({}, 0)
        self._tell_at = 0.0
        self._to_hear = 0.0  # of who is to be heard out, what is no whole one yet goes on

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

    def told(self) -> dict[str, Any]:
        """As JSON can say it. What could not be read is None."""
        governor, door = self.governor, self.door
        pressure, settings = governor.pressure, governor.settings
        lanes: dict[str, Any] = {}
        if door is not None:
            admission, waiting = door.admission, door.anteroom.waiting
            lanes = {
                "strangers": admission.present,
                "heard_out": admission.heard_out,
                "proven": admission.proven,
                "may_go": admission.may_go,
                "waiting": {record.name.lower(): number for record, number in waiting.items()},
                "refused": {full.value: number for full, number in admission.refused.items()},
                "displaced": admission.displaced,
            }
        return {
            "limit": governor.limit,
            "why": governor.why.value,
            "floor": settings.floor,
            "ceiling": settings.ceiling,
            **lanes,
            "under_load": governor.load.high,
            "pressure": None if pressure is None else {"of": pressure.signal.value, "share": round(pressure.share, 2)},
            "vitals": attrs.asdict(self.vitals),
        }

    def _look(self) -> None:
        door = self.door
        if door is None:
            return
        self._looks += 1
        door.shed_counted()  # who is judged are those who stay
        if self._looks % SLOW == 1:
            self._look_at_the_machine(door)
        elif door.anteroom.strangers or door.admission.strangers > door.admission.limit * MANY:
            self._judge(door)
        self._hear_out(door)

    def _hear_out(self, door: Door) -> None:
        """Some, before this is said again; nobody where it is us who have too much to do, or there are as many as may ever be."""
        admission = door.admission
        most, ceiling = admission.settings.heard_out, admission.settings.ceiling
        if ceiling:
            most = min(most, max(ceiling - (admission.whole or admission.limit), 0))
        if self.governor.load.ours_is_high(self.vitals):
            most = 0
        self._to_hear = self._to_hear % 1 + _HEARD_OUT * QUICK / self._processes
        door.hear_out(most // self._processes, int(self._to_hear))

    def _look_at_the_machine(self, door: Door) -> None:
        self.vitals = attrs.evolve(self._read(self._seconds()), lag=self._lag.take())
        self._judge(door)
        self._tell(door)
        self._keep_within(door)

    def _keep_within(self, door: Door) -> None:
        """What follows from the limit as it is, and from the load."""
        admission = door.admission
        is_crowded = admission.strangers >= admission.limit and bool(door.anteroom.strangers or admission.heard_out)
        # Who is held in either case has a place that somebody else needs.
        self._tarpit.is_lifted = self._alertness.under_load or is_crowded
        if is_crowded:
            self._end_idle(admission.settings.idle)
        else:
            self._round = iter(())  # it holds who was there
        door.shed(_SHED)
        self._tell_refused(door)

    def _judge(self, door: Door) -> None:
        admission = door.admission
        used, missed = admission.take_demand()
        unmet = missed + door.anteroom.queued
        demand = Demand(used=used, unmet=unmet, room=admission.present + self._descriptors_left(door))
        self.governor.judge(self._seconds(), self.vitals, demand)
        admission.limit = self.governor.limit

    def _tell(self, door: Door) -> None:
        """The limit if it is another one than a second ago, and whether the load is high."""
        before, self._limit_told = self._limit_told, self.governor.limit
        if before != self._limit_told:
            admission = door.admission
            crowd = Crowd(strangers=admission.present, proven=admission.proven, waiting=len(door.anteroom))
            self._events.tell(limit_moved(before, self.governor, self._now(), crowd, self.vitals))
        tell_load(self.governor, self._alertness)

    def _descriptors_left(self, door: Door) -> int:
        """As the door counts them, and as the kernel does: files and look-ups have some too."""
        free = self.vitals.free_descriptors
        return door.left if free is None else min(door.left, free)

    def _end_idle(self, seconds: float) -> None:
        """Of some, in turn."""
        some = list(islice(self._round, _LOOKED_AT))
        if not some:
            self._round = self.sessions()
            some = list(islice(self._round, _LOOKED_AT))
        for session in some:
            try:
                session.end_if_idle(seconds)
            except Exception:
                self._log.failure("a session failed when its time was over")

    def _tell_refused(self, door: Door) -> None:
        """What is new; a flood of it once a minute."""
        admission, (before, displaced) = door.admission, self._refused_told
        now = {full.value: number for full, number in admission.refused.items()}
        more = {full: number - before.get(full, 0) for full, number in now.items()}
        if not (any(more.values()) or admission.displaced > displaced) or self._seconds() < self._tell_at:
            return
        self._refused_told = now, admission.displaced
        self._tell_at = self._seconds() + _TOLD
        event = NewcomersRefused(at=self._now(), refused=tuple(more.items()), displaced=admission.displaced - displaced)
        self._events.tell(event)

    def _failed(self, failure: Failure) -> None:
        """By a fault of ours: the limit stays where it is until the next look, and nobody is held to what nobody would end."""
        self._alertness.under_load = False
        self._tarpit.is_lifted = False
        self._log.failure("the limit of sessions could not be judged", failure=failure)

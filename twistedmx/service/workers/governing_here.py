"""The governor of a worker: it says what it has of sessions and what it is asked for, and keeps within the part of the limit that
it is dealt. Where the supervisor is silent, it keeps what it had."""

from typing import Any, Final

from twistedmx.net.door import Door
from twistedmx.policy.posture import Alertness
from twistedmx.policy.tarpit import Tarpit
from twistedmx.ports import Events
from twistedmx.service.governing import Governing
from twistedmx.service.workers.channel import Channel
from twistedmx.service.workers.demand_words import Demand, Limit, limit_heard, said_demand
from twistedmx.service.workers.shares_here import SharesHere
from twistedmx.service.world import World
from twistedmx.settings import Settings

DEMAND: Final = "demand"
LIMIT: Final = "limit"


class GoverningHere(Governing):
    """As `Governing`; what is judged there is judged by the supervisor. `shares`: of networks."""

    def __init__(
        self,
        settings: Settings,
        world: World,
        events: Events,
        alertness: Alertness,
        tarpit: Tarpit,
        channel: Channel,
        shares: SharesHere,
    ) -> None:
        self._shares = shares
        super().__init__(settings, world, events, alertness, tarpit)
        self._channel = channel
        self._processes = shares.processes
        self._limit: Limit | None = None

    @property
    def door(self) -> Door | None:
        """As `Governing` has it. Networks have a part of their shares there, from the first session on."""
        return self._door

    @door.setter
    def door(self, door: Door | None) -> None:
        self._door = door
        if door is not None:
            door.admission = self._shares.in_place_of(door.admission)

    def hear_limit(self, said: Any) -> int:
        """From now on this one holds. How many strangers are there, at this moment. Raises ValueError."""
        self._limit = limit_heard(said)
        self._alertness.under_load = self._limit.under_load
        self._keep_to_limit()
        return 0 if self.door is None else self.door.admission.strangers

    def _judge(self, door: Door) -> None:
        """Elsewhere, by what is said here."""
        self._keep_to_limit()
        self._say_demand(door)

    def _tell(self, door: Door) -> None:
        """It is told elsewhere."""

    def _keep_to_limit(self) -> None:
        if self.door is not None and self._limit is not None:
            self.door.admission.limit, self.door.admission.whole = self._limit.part, self._limit.whole
            self.door.keep(self._limit.kept)

    def _say_demand(self, door: Door) -> None:
        admission = door.admission
        used, missed = admission.take_demand()
        demand = Demand(
            strangers=admission.strangers,
            proven=admission.proven,
            left=self._descriptors_left(door),
            used=used,
            missed=missed,
            heard_out=admission.heard_out,
            queued=door.anteroom.queued,
            lag=self.vitals.lag,
            may_go=admission.may_go,
            displaced=admission.displaced,
            waiting={record.name.lower(): number for record, number in door.anteroom.waiting.items()},
            refused={full.value: number for full, number in admission.refused.items()},
        )
        self._channel.tell(DEMAND, said_demand(demand))

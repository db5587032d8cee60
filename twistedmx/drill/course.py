"""The course of a drill: a look, then calm, then the attack, if need be beside hogs at last, then what came of it. The legitimate
sender sends all the time."""

from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from twistedmx.drill.camp import Camp
from twistedmx.drill.connecting import connect_to
from twistedmx.drill.counts import Counts
from twistedmx.drill.fault import CannotDrill
from twistedmx.drill.figures import Figures, Starved
from twistedmx.drill.hogs import Hogs
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.look import look_at
from twistedmx.drill.page import attack_line, calm_line
from twistedmx.drill.plan import Plan
from twistedmx.drill.sender import Sender
from twistedmx.drill.sieges import SIEGES
from twistedmx.drill.watch import EVERY, Ask, Watch
from twistedmx.drill.world import World

_CONNECTED_WITHIN: Final = 30.0  # seconds
_COME_WITHIN: Final = 60.0  # seconds, the attackers' process
_GONE_WITHIN: Final = 15.0
Tell = Callable[[str], None]


class Course:
    """`ask`: gives the server's status. `tell`: a line of progress each second."""

    def __init__(self, plan: Plan, world: World, ask: Ask | None, tell: Tell) -> None:
        self._plan = plan
        self._world = world
        self._tell = tell
        self._siege = SIEGES[plan.siege]
        self._connect = connect_to(world.reactor, plan.host, plan.port, within=_CONNECTED_WITHIN)
        self._watch = Watch(world.reactor, ask, world.now)
        self._sender = Sender(self._siege, plan, self._connect, world.reactor)
        self._camp = Camp(plan, self._attackers_tell)
        self._calm = self._sender.latencies
        self._attack = Latencies()
        self._attacking = False
        self._counts: Counts | None = None  # as the attack alone had left them, where hogs came behind it
        self._starved: Starved | None = None
        self._own_lag = self._sender.own_lag
        self._limits = self._watch.limits
        self._began = 0.0  # the phase that is on
        self._interrupted = False
        self._fault: Failure | None = None
        self._waiting: Deferred[None] | None = None

    async def run(self) -> Figures:
        """All of it. Raises CannotDrill."""
        await look_at(self._plan, self._connect, self._world.reactor)
        first = self._watch.look()
        if first is not None:
            await first
        telling = LoopingCall(self._each_second)
        telling.clock = self._world.reactor
        self._began = self._world.now()
        telling.start(EVERY, now=False)
        self._sender.begin()
        try:
            await self._wait(self._plan.calm)
            seconds = await self._be_attacked()
            await self._drain()
        finally:
            telling.stop()
            self._sender.give_up()
        alive = await self._is_alive()
        return Figures(
            plan=self._plan,
            title=self._siege.title,
            seconds=seconds,
            counts=self._counts or self._camp.counts,
            calm=self._calm,
            attack=self._attack,
            own_lag=self._own_lag,
            alive=alive,
            resident_before=self._watch.before,
            resident_most=self._watch.most,
            limits=self._limits,
            starved=self._starved,
            interrupted=self._interrupted,
        )

    def interrupt(self) -> None:
        """The operator has had enough: end with what there is."""
        self._interrupted = True
        self._wake()

    async def _be_attacked(self) -> float:
        """Seconds that it lasted."""
        if self._interrupted:
            return 0.0
        gone = self._camp.begin(self._world.reactor).addErrback(self._camp_failed)
        await self._wait(_COME_WITHIN)  # until a process has been started, which is still calm
        self._sender.latencies = self._attack
        self._attacking = True
        began = self._began = self._world.now()
        await self._wait(self._plan.attack)
        seconds = self._world.now() - began
        if self._plan.hog and not self._interrupted and self._fault is None:
            await self._be_starved()
        self._camp.end()
        kill = self._world.reactor.callLater(_GONE_WITHIN, self._camp.kill)
        await gone
        if kill.active():
            kill.cancel()
        if self._fault is not None:
            self._fault.raiseException()
        return seconds

    async def _be_starved(self) -> None:
        """What was measured so far is judged; from now on it is told alone."""
        sender, hogs = self._sender, Hogs(self._plan.hogs)
        self._counts = self._camp.counts
        sender.latencies, sender.own_lag = Latencies(), []
        self._watch.begin()
        began = self._began = self._world.now()
        self._starved = Starved(
            seconds=0.0, latencies=sender.latencies, own_lag=sender.own_lag, limits=self._watch.limits
        )
        try:
            gone = hogs.begin(self._world.reactor)
            await self._wait(self._plan.hog)
        except CannotDrill:
            self._fault = Failure()
            return
        finally:
            hogs.end()
        self._starved = attrs.evolve(self._starved, seconds=self._world.now() - began)
        await gone

    async def _drain(self) -> None:
        """What is under way may end, unless the operator has no time for it."""
        done = self._sender.end()
        if self._interrupted:
            self._sender.give_up()
        await done

    async def _is_alive(self) -> bool:
        last = self._watch.look()
        if last is not None:
            await last
        # Another name of nobody: who asks for the one that was flooded is hung up on, and right so.
        plan = attrs.evolve(self._plan, unknown=f"after.{self._plan.unknown}")
        try:
            await look_at(plan, self._connect, self._world.reactor)
        except CannotDrill:
            return False
        return True

    def _wait(self, seconds: float) -> Deferred[None]:
        """Fires when they have passed, or there is no point in waiting."""
        waiting: Deferred[None] = Deferred()
        if self._interrupted or self._fault is not None:
            waiting.callback(None)
            return waiting
        call = self._world.reactor.callLater(seconds, self._wake)
        self._waiting = waiting

        def over(outcome: Any) -> Any:
            if call.active():
                call.cancel()
            return outcome

        return waiting.addBoth(over)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def _attackers_tell(self) -> None:
        if not self._attacking:
            self._wake()

    def _camp_failed(self, failure: Failure) -> None:
        self._fault = Failure(CannotDrill(failure.getErrorMessage()))
        self._wake()

    def _each_second(self) -> None:
        self._watch.look()
        passed = self._world.now() - self._began
        plan = self._plan
        if self._attacking:
            phase, of = ("attack", plan.attack) if self._starved is None else ("attack beside hogs", plan.hog)
            latencies, counts = self._sender.latencies, self._camp.counts
            self._tell(attack_line(plan.siege, phase, min(passed, of), of, counts, latencies, self._watch.limits))
        else:
            self._tell(calm_line(plan.siege, passed, plan.calm, self._calm, self._watch.limits))

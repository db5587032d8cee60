"""The legitimate mail beside an attack: a whole transaction on a connection of its own, at a fixed rate whatever happens.

How long one took is counted from the moment when it was to begin: a server (or a drill) that hangs for a second keeps five waiting,
and each of them counts. BUGS: the reactor's clock is the machine's; a step of it while a drill runs is part of the figures.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twistedmx.drill.connecting import Connect
from twistedmx.drill.hosts import Host, innocent, mail_server
from twistedmx.drill.latencies import Latencies
from twistedmx.drill.plan import Plan
from twistedmx.drill.script import Errand
from twistedmx.drill.sieges import Habit, Siege
from twistedmx.drill.speaking import Ending, Speaker
from twistedmx.smtp.client import Answer

RATE: Final = 5.0  # transactions a second
PATIENCE: Final = 30.0  # seconds for an answer; a sender has minutes (RFC 5321 4.5.3.2), a drill has not
HOSTS: Final = 100  # that send; so some are known to the server, and each is silent for a while


class Sender:
    """`latencies`: of the phase that is on; what begins is counted there, whenever it ends. `own_lag`: seconds by which we were
    late ourselves, each time.
    """

    def __init__(self, siege: Siege, plan: Plan, connect: Connect, clock: IReactorTime) -> None:
        self.latencies = Latencies()
        self.own_lag: list[float] = []
        self._siege = siege
        self._plan = plan
        self._connect = connect
        self._clock = clock
        self._recipients = tuple(recipient.encode() for recipient in plan.recipients)
        self._number = 0
        self._began = 0.0
        self._call: Any = None
        self._under_way: set[_Transaction] = set()
        self._idle: Deferred[None] | None = None

    def begin(self) -> None:
        """Send, until `end`."""
        self._began = self._clock.seconds()
        self._send()

    def end(self) -> Deferred[None]:
        """Send no more; fires when the last answer came."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._idle = Deferred()
        self._look_if_idle()
        return self._idle

    def give_up(self) -> None:
        """What is under way is neither good nor failed: nobody waits for it."""
        for transaction in list(self._under_way):
            transaction.stop()

    def _send(self) -> None:
        due = self._began + self._number / RATE
        self.own_lag.append(max(0.0, self._clock.seconds() - due))
        habit = self._siege.habits[self._number % len(self._siege.habits)]
        host = self._host(habit)
        errand = Errand(
            host=host,
            siege=self._siege.number,
            number=self._number,
            recipients=self._recipients,
            unknown=self._plan.unknown.encode(),
        )
        transaction = _Transaction(habit, errand, due, self.latencies, self._clock, self._over)
        self._under_way.add(transaction)
        transaction.begin(self._connect)
        self._number += 1
        next_one = self._began + self._number / RATE
        self._call = self._clock.callLater(max(0.0, next_one - self._clock.seconds()), self._send)

    def _host(self, habit: Habit) -> Host:
        if habit.of_attacker:
            return mail_server(self._siege.number, self._number, self._plan.hosts)
        return innocent(self._number % HOSTS)

    def _over(self, transaction: "_Transaction") -> None:
        self._under_way.discard(transaction)
        self._look_if_idle()

    def _look_if_idle(self) -> None:
        if self._idle is not None and not self._idle.called and not self._under_way:
            self._idle.callback(None)


class _Transaction:
    """One, from the moment when it was `due`."""

    def __init__(
        self,
        habit: Habit,
        errand: Errand,
        due: float,
        latencies: Latencies,
        clock: IReactorTime,
        over: Callable[["_Transaction"], None],
    ) -> None:
        self._name = habit.name
        self._address = errand.host.address
        self._due = due
        self._latencies = latencies
        self._clock = clock
        self._over = over
        self._speaker = Speaker(habit.script(errand), self, clock, patience=PATIENCE)
        self._connecting: Deferred[Any] | None = None
        latencies.sent += 1

    def begin(self, connect: Connect) -> None:
        """From its own address."""
        self._connecting = connect(self._address, self._speaker)
        self._connecting.addErrback(self._not_connected)

    def stop(self) -> None:
        """Without a result."""
        self._over(self)
        if self._connecting is not None:
            self._connecting.cancel()
        self._speaker.stop()

    def _not_connected(self, failure: Failure) -> None:
        self._fail(f"no connection: {failure.getErrorMessage()}")

    def heard(self, speaker: Speaker, said: bytes, answer: Answer) -> None:
        """The script knows what it wants to hear."""

    def ended(self, speaker: Speaker, ending: Ending, words: str, again: bool) -> None:
        """Well, where the script came to its end."""
        if ending is Ending.LEFT:
            self._latencies.took(self._clock.seconds() - self._due)
            self._over(self)
        elif ending is not Ending.STOPPED:
            self._fail(f"{ending.value}: {words}" if ending is not Ending.FAILED else words)

    def _fail(self, words: str) -> None:
        self._latencies.fail(f"{self._name}: {words}")
        self._over(self)

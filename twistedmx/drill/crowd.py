"""How many attackers are there at once, who comes next, and who comes back.

New connections come at a rate, as long as there are fewer sessions than there may be. Half of them are hosts that were told to go
away and come back at once, as long as there are such; the others are hosts in their turn, each with a burst of sessions. So
a server sees both: those whom it knows already, and ever more whom it does not.
"""

from collections import deque
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from twistedmx.drill.connecting import Connect
from twistedmx.drill.counts import Counts
from twistedmx.drill.hosts import attacking
from twistedmx.drill.plan import Plan
from twistedmx.drill.script import Visit
from twistedmx.drill.sieges import Siege
from twistedmx.drill.speaking import Ending, Speaker
from twistedmx.smtp.client import Answer

_TICK: Final = 0.02  # seconds
_CATCH_UP: Final = 0.1  # seconds of connections that may be made at once after a pause
_PATIENCE: Final = 60.0  # seconds that an attacker waits for an answer
_SERVICE_CLOSING: Final = 421
_COMES_BACK: Final = (Ending.HUNG_UP, Ending.TURNED_AWAY)


class Crowd:
    """All attackers of one drill. `counts`: what they got so far."""

    def __init__(self, siege: Siege, plan: Plan, connect: Connect, clock: IReactorTime, chance: Random) -> None:
        self.counts = Counts()
        self._siege = siege
        self._plan = plan
        self._connect = connect
        self._clock = clock
        self._chance = chance
        self._domain = plan.domain.encode()
        self._unknown = plan.unknown.encode()
        self._sessions: dict[Speaker, _Session] = {}
        self._connecting: set[Deferred[Any]] = set()
        self._held: dict[int, int] = {}  # sessions by number of the host
        self._coming: deque[int] = deque()  # the rest of a burst
        self._returning: deque[int] = deque(maxlen=plan.sessions)
        self._in_turn = 0
        self._return_next = False
        self._allowance = 0.0  # connections
        self._looked = 0.0
        self._call: Any = None
        self._over = False
        self._seen: set[int] = set()  # numbers of hosts

    def begin(self) -> None:
        """Come."""
        self._looked = self._clock.seconds()
        self._tick()

    def end(self) -> None:
        """Be gone, all of you."""
        self._over = True
        if self._call is not None and self._call.active():
            self._call.cancel()
        for connecting in list(self._connecting):
            connecting.cancel()
        for speaker in list(self._sessions):
            speaker.stop()

    def _tick(self) -> None:
        now = self._clock.seconds()
        rate = self._plan.rate
        self._allowance = min(self._allowance + (now - self._looked) * rate, max(1.0, _CATCH_UP * rate))
        self._looked = now
        while self._allowance >= 1.0 and len(self._sessions) + len(self._connecting) < self._plan.sessions:
            number = self._next()
            if number is None:
                break
            self._allowance -= 1.0
            self._come(number)
        self._call = self._clock.callLater(_TICK, self._tick)

    def _next(self) -> int | None:
        """The number of the host that comes next; None while all have as many sessions as a host may."""
        self._return_next = not self._return_next
        if self._return_next and self._returning:
            number = self._returning.popleft()
            if self._may_come(number):
                return number
        for _ in range(min(self._plan.hosts, self._plan.sessions) + 1):
            if not self._coming:
                burst = self._chance.randint(*self._siege.burst)
                self._coming.extend([self._in_turn] * burst)
                self._in_turn = (self._in_turn + 1) % self._plan.hosts
            number = self._coming.popleft()
            if self._may_come(number):
                return number
            self._coming.clear()  # it has all that it may have
        return None

    def _may_come(self, number: int) -> bool:
        return self._held.get(number, 0) < self._siege.per_host

    def _come(self, number: int) -> None:
        host = attacking(self._siege.number, number)
        visit = Visit(host=host, domain=self._domain, unknown=self._unknown, chance=self._chance)
        pace = self._siege.pace
        speaker = Speaker(
            self._siege.attacker(visit),
            self,
            self._clock,
            patience=_PATIENCE,
            pause=lambda: self._chance.uniform(*pace),
            heeds_closing=False,
        )
        self._held[number] = self._held.get(number, 0) + 1
        self.counts.connections += 1
        connecting = self._connect(host.address, speaker)
        self._connecting.add(connecting)

        def connected(outcome: Any) -> None:
            self._connecting.discard(connecting)
            if isinstance(outcome, Failure):
                self._gone(number)
                if not self._over:
                    self.counts.not_connected += 1
                return
            self._sessions[speaker] = _Session(number)
            self._seen.add(number)
            self.counts.hosts = len(self._seen)
            self.counts.opened()

        connecting.addBoth(connected)

    def _gone(self, number: int) -> None:
        left = self._held[number] - 1
        if left:
            self._held[number] = left
        else:
            del self._held[number]

    # -- what the speakers tell ------------------------------------------------------------------------------------

    def heard(self, speaker: Speaker, said: bytes, answer: Answer) -> None:
        """Counted; nobody is impressed."""
        counts = self.counts
        counts.commands += 1
        if said[:4] == b"RCPT":
            if answer.code == _SERVICE_CLOSING:
                return  # that says nothing of the name
            if answer.kind == 2:
                counts.accepted += 1
            elif answer.kind == 4:
                counts.deferred += 1
            else:
                counts.refused += 1
            session = self._sessions[speaker]
            session.guesses += 1
            counts.most_guesses = max(counts.most_guesses, session.guesses)
        elif not said and answer.kind == 2:
            counts.messages += 1

    def ended(self, speaker: Speaker, ending: Ending, words: str, again: bool) -> None:
        """Who was sent away comes back."""
        session = self._sessions.pop(speaker)
        counts = self.counts
        counts.open -= 1
        self._gone(session.number)
        match ending:
            case Ending.LEFT:
                counts.left += 1
            case Ending.TURNED_AWAY:
                counts.turned_away += 1
            case Ending.HUNG_UP:
                counts.hung_up += 1
            case Ending.SILENT:
                counts.silent += 1
            case Ending.FAILED:
                counts.garbled += 1
            case Ending.STOPPED:
                pass
        if ending in _COMES_BACK:
            counts.closed_with(words)
        if again or ending in _COMES_BACK:
            self._returning.append(session.number)


class _Session:
    """`number`: of the host. `guesses`: answered."""

    __slots__ = ("guesses", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.guesses = 0

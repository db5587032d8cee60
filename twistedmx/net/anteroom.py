"""Where connections wait for their session, accepted and not greeted: those that find no place (`policy.admission`), and hosts
that were hung up on lately for their conduct.

Whoever is of better record goes before all others (`policy.record`). In each line every host has its turn, whatever the others have
of connections:

    PROVEN      only where descriptors are used up
    FAMILIAR    the newest host first
    STRANGER    the same
    FAILED      one host after the other
    HUNG_UP     the same, and always: also where there is a place for each

The newest first, for a flood of strangers comes all at once and an innocent one behind it: he finds the next place that there is,
and who waits too long is told so and comes back (adaptive LIFO, as Facebook has it against overload). Hosts that were hung up on
wait because in the first seconds of an attack nobody is blocked yet, and each is back at once: two thousand of them are again as
many sessions, each half a millisecond of work, and a first-time sender waits behind them (benchmarks, victim-2000). At the pace
of their line they take a fifth of a core, and are read in the back lane (`net.readers`) from the beginning.

A place is a descriptor, which is everybody's: there are so many and no more, and whoever goes gives his back at once. Where all are
taken, one of worse record gives up his for who comes; where there is none, one of the same record whose turn would be last.

BUGS: who has said more than some commands is not read any more, and is noticed to be gone in his turn. If the clock is set back,
those who wait go on when somebody else comes.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from twistedmx.policy.host_key import host_key
from twistedmx.policy.record import Known, Record

if TYPE_CHECKING:
    from twistedmx.net.waiting import Waiting

# So many sessions of each line begin at a time, and so many seconds later the next ones. Of who was hung up on four hundred a
# second: a fifth of a core, if each guesses until it is hung up on again.
_AT_ONCE: Final = {Record.PROVEN: 8, Record.FAMILIAR: 4, Record.STRANGER: 4, Record.FAILED: 2, Record.HUNG_UP: 2}
_NEWEST_FIRST: Final = (Record.FAMILIAR, Record.STRANGER)
_PACE: Final = 0.005
_LATE: Final = 1.0  # seconds: the clock was set back


class _Line:
    """Of one record. `newest_first`: of the hosts; else the first one."""

    def __init__(self, *, newest_first: bool) -> None:
        self._newest_first = newest_first
        self._hosts: OrderedDict[bytes, dict[Waiting, None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._hosts)

    def add(self, waiting: "Waiting") -> None:
        """A host that is there keeps its turn."""
        self._hosts.setdefault(host_key(waiting.address), {})[waiting] = None

    def discard(self, waiting: "Waiting") -> bool:
        """Whether it was there."""
        host = host_key(waiting.address)
        crowd = self._hosts.get(host)
        if crowd is None or waiting not in crowd:
            return False
        del crowd[waiting]
        if not crowd:
            del self._hosts[host]
        return True

    def first(self) -> "Waiting":
        """Whose turn it is. Of a line that is not empty."""
        host = next(reversed(self._hosts)) if self._newest_first else next(iter(self._hosts))
        return next(iter(self._hosts[host]))

    def had_turn(self, waiting: "Waiting") -> None:
        """Its host's next one comes when all others had theirs."""
        self._hosts.move_to_end(host_key(waiting.address), last=not self._newest_first)

    def last(self) -> "Waiting":
        """Who would wait the longest."""
        host = next(iter(self._hosts)) if self._newest_first else next(reversed(self._hosts))
        return next(reversed(self._hosts[host]))


class Anteroom:
    """Of one server. `places`: how many may wait at most. `make_place`: whether one of whom that is known may come in now; it then
    does. `emptied`: called when nobody waits any more."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        places: int,
        make_place: Callable[[Known], bool] = lambda known: True,
        emptied: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._places = places
        self._make_place = make_place
        self._emptied = emptied
        self._lines = {record: _Line(newest_first=record in _NEWEST_FIRST) for record in Record}
        self.waiting: dict[Record, int] = dict.fromkeys(Record, 0)
        self._waiting = 0
        self._call: IDelayedCall | None = None
        self._asked_at = 0.0

    def __len__(self) -> int:
        """How many wait."""
        return self._waiting

    @property
    def has_room(self) -> bool:
        """For one more."""
        return self._waiting < self._places

    def goes_before(self, record: Record) -> bool:
        """Whether somebody waits who has his turn before one of this record who comes now."""
        if not self._waiting or record is Record.PROVEN:
            return False
        before = (one for one in Record if one < record or (one is record and record not in _NEWEST_FIRST))
        return any(self.waiting[one] for one in before)

    @property
    def strangers(self) -> int:
        """How many wait who have done nothing wrong, and are not of good record."""
        return self.waiting[Record.FAMILIAR] + self.waiting[Record.STRANGER]

    @property
    def queued(self) -> int:
        """How many wait for a stranger's place: those who were hung up on wait for their turn alone."""
        return self.strangers + self.waiting[Record.FAILED]

    def gives_way_to(self, record: Record) -> "Waiting | None":
        """Who gives his place here up for one of this record; None: nobody."""
        for one in reversed(Record):
            if (one > record or (one is record and record in _NEWEST_FIRST)) and self._lines[one]:
                return self._lines[one].last()
        return None

    def wait(self, waiting: "Waiting") -> None:
        """It begins when its host's turn has come: in the next one of the reactor, where nobody is before it."""
        record = waiting.known.record
        self._lines[record].add(waiting)
        self.waiting[record] += 1
        self._waiting += 1
        if self._call is not None and abs(self._clock.seconds() - self._asked_at) > _LATE:
            self._call.cancel()
            self._call = None
        if self._call is None:
            self._ask(0)

    def leave(self, waiting: "Waiting") -> None:
        """It has gone, or begun."""
        record = waiting.known.record
        if self._lines[record].discard(waiting):
            self.waiting[record] -= 1
            self._waiting -= 1
            if not self._waiting:
                self._emptied()

    def close(self) -> None:
        """The server stops: nobody begins any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _ask(self, seconds: float) -> None:
        self._asked_at = self._clock.seconds()
        self._call = self._clock.callLater(seconds, self._turn)

    def _turn(self) -> None:
        self._call = None
        if self._waiting:
            self._ask(_PACE)  # before anything can go wrong: the line is everybody's
        for record, line in self._lines.items():
            for _ in range(_AT_ONCE[record]):
                if not line:
                    break
                waiting = line.first()
                if not self._make_place(waiting.known):
                    break
                line.had_turn(waiting)
                self.let_in(waiting)

    def let_in(self, waiting: "Waiting") -> None:
        """Now, whoever is before it. A fault of its beginning leaves no connection that is nobody's."""
        try:
            waiting.begin()
        except Exception:
            self._log.failure("a session failed at its beginning")
            waiting.transport.abortConnection()

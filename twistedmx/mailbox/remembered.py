"""Answers of a slow source of mailboxes, remembered: what is known is answered at once, and goes on being answered while the
source is down.

- Look-ups of one key are one, a few go to the source at a time, the others wait in a line that has an end.
- Addresses that are there and addresses that are not are remembered apart, each kind up to a bound, the least lately asked
  for leaving first: a million guesses do not push out one mailbox.
- After three failures in a row the source counts as down: it is asked again once every few seconds, by one look-up, and
  everybody else is answered from memory, or with COULD_NOT_TELL, at once. One address that it cannot digest is not enough.
- An old answer serves only if it takes mail or defers it: nobody is refused for good by what was true yesterday.

BUGS: what an operator changes in the source is seen when the old answer is `ttl` old. A source that answers "unknown" of
everything because it was restored empty is believed.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from math import inf
from typing import Final

import attrs
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.python.failure import Failure

from twistedmx.mailbox.backend import Means
from twistedmx.model.event import BackendFailed, BackendRecovered
from twistedmx.model.mailbox import Lookup, Outcome
from twistedmx.setting import at_least, setting
from twistedmx.smtp.path import Path

_IN_A_ROW: Final = 3  # failures
_ASK_AGAIN: Final = 5.0  # seconds
_SHOWN_CHARACTERS: Final = 300
_CLOSED: Final = "it was closed"
_NOBODY: Final = (Outcome.UNKNOWN, Outcome.NOT_OURS)


class SourceFailed(Exception):
    """A source could not be asked, or does not answer as it should. The text is for the operator, and holds no secret."""


@attrs.frozen(kw_only=True)
class Remembering:
    """What the settings of every slow backend have."""

    ttl: float = setting(
        300.0,
        unit="seconds",
        why="An answer for an address that is there holds so long without asking again.",
        precedent="Dovecot auth_cache_ttl 1 hour",
        validator=at_least(0),
    )
    unknown_ttl: float = setting(
        60.0,
        unit="seconds",
        why="The answer that an address is not there holds so long: how long a new mailbox may be refused.",
        precedent="Dovecot auth_cache_negative_ttl 1 hour",
        validator=at_least(0),
    )
    stale: float = setting(
        86_400.0,
        unit="seconds",
        why="While the source is down, answers up to this age take mail; none of them refuses for good.",
        precedent="DNS serve-stale (RFC 8767 5): 1 to 3 days",
        validator=at_least(0),
    )
    remembered: int = setting(
        100_000,
        unit="addresses",
        why="So many that are there, and as many that are not, are remembered; some 140 MB when both are full.",
        precedent="Dovecot auth_cache_size 10 M",
        validator=at_least(1),
    )
    time: float = setting(
        5.0,
        unit="seconds",
        why="A look-up that takes longer has failed; below `look_up_time` of [recipients], so that an old answer can serve.",
        precedent="OpenLDAP and Postfix ldap timeout 10 s",
        validator=at_least(0.1),
    )
    most_at_once: int = setting(
        8,
        unit="look-ups",
        why="So many are asked of the source at once, each on a connection of its own; the others wait.",
        precedent="Dovecot auth_worker_max_count 30",
        validator=at_least(1),
    )
    most_waiting: int = setting(
        1000,
        unit="look-ups",
        why="So many may wait for the source; one more is answered 451 4.3.0.",
        precedent="Apache httpd ListenBacklog 511",
        validator=at_least(1),
    )


@attrs.define(kw_only=True)
class _Down:
    """`since`, `ask_again`: seconds of the clock. `served`: old answers given."""

    since: float
    fault: str
    ask_again: float
    served: int = 0


# An answer, and when it came, in seconds of the clock.
_Answers = OrderedDict[bytes, tuple[Lookup, float]]


class Remembered:
    """`look_up`: asks the source. It fails when the source does; what the source says of one address and nobody can use
    is no failure but COULD_NOT_TELL. It is cancelled when it takes too long. `name`: of the source, for the operator."""

    def __init__(
        self, look_up: Callable[[Path], Deferred[Lookup]], *, settings: Remembering, means: Means, name: str
    ) -> None:
        self._look_up = look_up
        self._settings = settings
        self._means = means
        self._name = name
        self._there: _Answers = OrderedDict()
        self._not_there: _Answers = OrderedDict()
        self._waiting: dict[bytes, list[Deferred[Lookup]]] = {}  # for each key that is under way or in the line
        self._line: deque[tuple[bytes, Path]] = deque()
        self._under_way: dict[bytes, Deferred[None]] = {}
        self._filling = False
        self._failures = 0  # in a row
        self._down: _Down | None = None
        self._closed = False

    def find(self, path: Path) -> Lookup | Deferred[Lookup]:
        """From memory at once, else from the source. The Deferred does not fail; cancelling it leaves all others alone."""
        key = self._means.case.key_of(path)
        now = self._means.clock.seconds()
        for answers, ttl in (
            (self._there, self._settings.ttl),
            (self._not_there, self._settings.unknown_ttl),
        ):
            remembered = answers.get(key)
            if remembered is not None and now - remembered[1] < ttl:
                answers.move_to_end(key)
                return remembered[0]
        if self._down is not None:
            return self._find_while_down(key, path, self._down, now)
        if key not in self._waiting and len(self._line) >= self._settings.most_waiting:
            return self._could_not_tell(f"{len(self._line)} look-ups wait for it already")
        return self._wait(key, path)

    def state(self) -> str:
        """One line for the operator."""
        now = self._means.clock.seconds()
        if self._down is None:
            how = "answers" if self._failures == 0 else f"failed {self._failures} times just now"
        else:
            how = (
                f"down for {now - self._down.since:.0f} s ({self._down.fault}), {self._down.served} old answers served"
            )
        return (
            f"{how}; remembers {len(self._there)} addresses that are there, {len(self._not_there)} that are not; "
            f"{len(self._under_way)} look-ups under way, {len(self._line)} waiting"
        )

    def close(self) -> None:
        """Whoever waits hears COULD_NOT_TELL."""
        self._closed = True
        self._empty_line(_CLOSED)
        for looking_up in list(self._under_way.values()):
            looking_up.cancel()

    def _find_while_down(self, key: bytes, path: Path, down: _Down, now: float) -> Lookup | Deferred[Lookup]:
        old = self._old(key, now)
        if now >= down.ask_again:
            down.ask_again = inf  # until this one has ended
            answer = self._wait(key, path)
        elif key in self._waiting and old is None:
            answer = self._wait(key, path)
        elif old is None:
            return self._could_not_tell(down.fault)
        if old is None:
            return answer
        down.served += 1
        return old

    def _wait(self, key: bytes, path: Path) -> Deferred[Lookup]:
        answer: Deferred[Lookup] = Deferred()
        if key in self._waiting:
            self._waiting[key].append(answer)
        else:
            self._waiting[key] = [answer]
            self._line.append((key, path))
            self._fill()
        return answer

    def _fill(self) -> None:
        """Ask for those at the head of the line, as many as may be under way."""
        if self._filling:  # a look-up that was answered at once comes back here: the loop below goes on by itself
            return
        self._filling = True
        while self._line and len(self._under_way) < self._settings.most_at_once:
            key, path = self._line.popleft()
            if all(answer.called for answer in self._waiting[key]):  # cancelled: nobody waits any more
                del self._waiting[key]
                continue
            asking: Deferred[Lookup] = maybeDeferred(self._look_up, path)
            asking.addTimeout(self._settings.time, self._means.clock)
            answered = asking.addCallbacks(self._answered, self._failed, callbackArgs=(key,), errbackArgs=(key,))
            self._under_way[key] = answered  # type: ignore[assignment]  # one Deferred all along
            answered.addCallback(self._end, key)
        self._filling = False

    def _answered(self, lookup: Lookup, key: bytes) -> Lookup:
        now = self._means.clock.seconds()
        self._failures = 0
        if self._down is not None:
            seconds = now - self._down.since
            self._down = None
            self._means.events.tell(BackendRecovered(at=self._means.now(), source=self._name, seconds=seconds))
        if lookup.outcome is Outcome.COULD_NOT_TELL:
            return self._old(key, now) or lookup
        here, elsewhere = self._there, self._not_there
        if lookup.outcome in _NOBODY:
            here, elsewhere = elsewhere, here
        elsewhere.pop(key, None)
        here[key] = lookup, now
        here.move_to_end(key)
        if len(here) > self._settings.remembered:
            here.popitem(last=False)
        return lookup

    def _failed(self, failure: Failure, key: bytes) -> Lookup:
        now = self._means.clock.seconds()
        if self._closed:  # it is we who gave up, not the source that failed
            return self._old(key, now) or self._could_not_tell(_CLOSED)
        fault = self._fault(failure)
        self._failures += 1
        if self._down is not None:
            self._down.fault = fault
            self._down.ask_again = now + _ASK_AGAIN
        elif self._failures >= _IN_A_ROW:
            self._down = _Down(since=now, fault=fault, ask_again=now + _ASK_AGAIN)
            self._means.events.tell(BackendFailed(at=self._means.now(), source=self._name, fault=fault))
            self._empty_line(fault)
        return self._old(key, now) or self._could_not_tell(fault)

    def _end(self, lookup: Lookup, key: bytes) -> None:
        del self._under_way[key]
        self._answer(key, lookup)
        self._fill()

    def _answer(self, key: bytes, lookup: Lookup) -> None:
        for answer in self._waiting.pop(key):
            answer.callback(lookup)

    def _empty_line(self, fault: str) -> None:
        line, self._line = self._line, deque()
        now = self._means.clock.seconds()
        for key, _ in line:
            self._answer(key, self._old(key, now) or self._could_not_tell(fault))

    def _old(self, key: bytes, now: float) -> Lookup | None:
        """What serves while the source does not: an answer that is not too old, and does not refuse for good."""
        lookup, came = self._there.get(key, (None, -inf))
        if lookup is None or now - came >= self._settings.ttl + self._settings.stale:
            return None
        refused = lookup.reply is not None and lookup.reply.code >= 500
        return None if refused or lookup.outcome is Outcome.DISABLED else lookup

    def _could_not_tell(self, fault: str) -> Lookup:
        return Lookup(outcome=Outcome.COULD_NOT_TELL, detail=f"{self._name}: {fault}")

    def _fault(self, failure: Failure) -> str:
        error = failure.value
        if isinstance(error, TimeoutError):
            return f"no answer within {self._settings.time:g} s"
        text = str(error) if isinstance(error, SourceFailed | OSError) else repr(error)
        return " ".join(text.split())[:_SHOWN_CHARACTERS] or type(error).__name__

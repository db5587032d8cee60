"""The last day, minute by minute: what was accepted and refused, and how many sessions there were beside the load of the machine.

It hears no event: it reads the counters once a second, and what they have grown by belongs to the minute. So nothing is paid for it
where mail is served. A minute in which nobody read is not there, which is not the same as one in which nothing came.

Bounded: a day, and reasons are a closed list. When the clock is put back, the minutes that begin a minute or more from then are
dropped, for their times were wrong; what follows belongs to the newest that is left, until the clock has passed it.

BUGS: a restart forgets it. After a pause of the whole process, what came before it and was not read yet belongs to the minute
behind it.
"""

from collections import Counter, deque
from typing import Any, Final

import attrs

from twistedmx.model.verdict import Action, Reason
from twistedmx.report.counters import Counters, word_of
from twistedmx.report.span import MINUTE, Span, highest

# That are kept: a day shows what is usual at this hour. About a megabyte; five, if every reason there is refused somebody in each.
MINUTES: Final = 1440
_DAY: Final = MINUTES * MINUTE
_ACCEPTED: Final = (Action.ACCEPT, Reason.ACCEPTED)


@attrs.frozen(kw_only=True)
class _Read:
    """Counters at a moment, since the start. `refused`: recipients, by the word of the reason."""

    messages: int
    accepted: int
    refused: Counter[str]
    sessions: int
    turned_away: int


class History:
    """`counters`: are read; what they have counted before is no part of it."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._minutes: deque[Span] = deque(maxlen=MINUTES)
        self._last = self._read(0)

    def record(self, now: float, *, most_open: int, turned_away: int, load: float | None) -> None:
        """`now`: seconds since the epoch. `most_open`: connections at once since the last time. `turned_away`: those of
        blocked hosts, since the start. `load`: average of a minute, of the machine; None: not known."""
        minute = self._minute(now)
        last, self._last = self._last, self._read(turned_away)
        minute.messages += self._last.messages - last.messages
        minute.accepted += self._last.accepted - last.accepted
        minute.refused.update(self._last.refused - last.refused)
        minute.sessions += self._last.sessions - last.sessions
        minute.turned_away += self._last.turned_away - last.turned_away
        minute.most_open = max(minute.most_open, most_open)
        minute.load = highest(minute.load, None if load is None else round(load, 2))

    def told(self, now: float, seconds: float = _DAY) -> list[dict[str, Any]]:
        """The minutes of the `seconds` before `now`, by time, the one under way among them; as JSON can say them."""
        begin = now - min(seconds, _DAY) - MINUTE
        return [minute.told() for minute in self._minutes if minute.start > begin]

    def _minute(self, now: float) -> Span:
        minutes, start = self._minutes, int(now // MINUTE) * MINUTE
        while minutes and minutes[-1].start - now >= MINUTE:
            minutes.pop()
        if not minutes or minutes[-1].start < start:
            minutes.append(Span(start=start, minutes=1))
        return minutes[-1]

    def _read(self, turned_away: int) -> _Read:
        counters = self._counters
        refused: Counter[str] = Counter()
        for (action, reason), count in counters.recipients.items():
            if action is not Action.ACCEPT:
                refused[word_of(reason)] += count
        return _Read(
            messages=counters.messages[_ACCEPTED],
            accepted=counters.recipients[_ACCEPTED],
            refused=refused,
            sessions=counters.sessions_opened,
            turned_away=turned_away,
        )

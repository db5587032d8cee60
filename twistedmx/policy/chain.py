"""The chain of policies: who is asked at a stage, in which order, and what comes of their verdicts.

    verdict of a policy          what comes of it
    CONTINUE                     the next one is asked
    ACCEPT                       nobody more is asked at this stage
    DEFER, REJECT                that is said, and nobody more is asked
    DEFER, provisional           the next one is asked; it is said if in the end nobody has rejected or deferred in earnest
    it raised, or was late       as its entry says: CONTINUE, or a provisional DEFER. Never ACCEPT, never REJECT
    anything, in shadow          it is told as an event, and the next one is asked

So the order of the settings is the order of their price: what comes later is asked only where nobody has spoken before. Where
nobody waits, no Deferred is made.

BUGS: a plain `def` that takes long holds up the whole server; a time limit is for those that wait.
"""

import enum
import inspect
from collections.abc import Callable, Iterable
from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.context import Context
from twistedmx.model.event import PolicyFailed
from twistedmx.model.stage import Stage
from twistedmx.model.verdict import CONTINUE, Action, Reason, Verdict, verdict
from twistedmx.policy.rulings import NOTHING_SAID, Ruling, Rulings
from twistedmx.policy.waiting import in_time
from twistedmx.ports import Events, Policy
from twistedmx.smtp import codes

# A policy that fails at each RCPT of a flood is told once, and then with their number.
_NEXT_TOLD: Final = 60.0  # seconds
_SHOWN: Final = 300  # characters of a fault; the traceback has all of it


class OnFailure(enum.Enum):
    """What is said for a policy that could not decide. The value is the word in the settings."""

    CONTINUE = "continue"
    DEFER = "defer"


@attrs.frozen(kw_only=True)
class Entry:
    """A policy and how it is asked. `name`: as in the settings. `time_limit`: seconds. `shadow`: its verdicts are told, and
    not said."""

    name: str
    policy: Policy
    stages: frozenset[Stage]
    time_limit: float = 5.0
    on_failure: OnFailure = OnFailure.CONTINUE
    shadow: bool = False


class Chain:
    """`entries`: in the order in which they are asked. `clock` bounds how long, `now` and `events` are for what fails."""

    _log = Logger()

    def __init__(
        self, entries: Iterable[Entry], *, clock: IReactorTime, now: Callable[[], float], events: Events
    ) -> None:
        self.entries = tuple(entries)
        self._at = {stage: tuple(entry for entry in self.entries if stage in entry.stages) for stage in Stage}
        self._clock = clock
        self._now = now
        self._events = events
        self._untold: dict[tuple[str, Stage, Reason], tuple[float, int]] = {}  # when they are told again, and how many

    def asks_at(self, stage: Stage) -> bool:
        """Whether there is anybody to ask."""
        return bool(self._at[stage])

    def decide(self, context: Context, rulings: Rulings, doubt: Ruling = NOTHING_SAID) -> Ruling | Deferred[Ruling]:
        """What is said of `context`: NOTHING_SAID, or a refusal. At once where all answer at once.

        `rulings`: of the session, where verdicts in shadow go. `doubt`: a provisional refusal of an earlier stage. The Deferred
        fails only when it is cancelled, and then so is what is asked.
        """
        return self._from(0, context, rulings, doubt)

    def _from(self, number: int, context: Context, rulings: Rulings, doubt: Ruling) -> Ruling | Deferred[Ruling]:
        entries = self._at[context.stage]
        for at in range(number, len(entries)):
            entry = entries[at]
            if entry.shadow:
                if rulings.has_room():
                    rulings.in_shadow(self._ask(entry, context), entry.name, context)
                continue
            answer = self._ask(entry, context)
            if not isinstance(answer, Verdict):
                return answer.addCallback(self._answered, at, context, rulings, doubt)
            if answer.action is not Action.CONTINUE:
                doubt, is_last = _weighed(answer, entry, context, doubt)
                if is_last:
                    break
        return doubt

    def _answered(
        self, answer: Verdict, at: int, context: Context, rulings: Rulings, doubt: Ruling
    ) -> Ruling | Deferred[Ruling]:
        doubt, is_last = _weighed(answer, self._at[context.stage][at], context, doubt)
        return doubt if is_last else self._from(at + 1, context, rulings, doubt)

    def _ask(self, entry: Entry, context: Context) -> Verdict | Deferred[Verdict]:
        try:
            answer = entry.policy.decide(context)
            if isinstance(answer, Verdict):
                return answer
            if not inspect.isawaitable(answer):
                raise TypeError(f"decide gave {answer!r}, which is no Verdict")
        except Exception:
            return self._failed(Failure(), entry, context.stage)
        return in_time(
            answer,
            entry.time_limit,
            self._clock,
            late=lambda: self._late(entry, context.stage),
            failed=lambda failure: self._failed(failure, entry, context.stage),
        ).addCallback(self._checked, entry, context.stage)

    def _checked(self, answer: Verdict, entry: Entry, stage: Stage) -> Verdict:
        if isinstance(answer, Verdict):
            return answer
        return self._failed(Failure(TypeError(f"decide gave {answer!r}, which is no Verdict")), entry, stage)

    def _late(self, entry: Entry, stage: Stage) -> Verdict:
        self._tell(entry, stage, Reason.CHECK_LATE, f"took longer than {entry.time_limit:g} s", None)
        return _FAILED[entry.on_failure, Reason.CHECK_LATE]

    def _failed(self, failure: Failure, entry: Entry, stage: Stage) -> Verdict:
        fault = f"{getattr(failure.type, '__name__', 'error')}: {failure.getErrorMessage()}"[:_SHOWN]
        self._tell(entry, stage, Reason.CHECK_FAILED, fault, failure)
        return _FAILED[entry.on_failure, Reason.CHECK_FAILED]

    def _tell(self, entry: Entry, stage: Stage, reason: Reason, fault: str, failure: Failure | None) -> None:
        key, seconds = (entry.name, stage, reason), self._clock.seconds()
        again, untold = self._untold.get(key, (seconds, 0))
        if seconds < again:
            self._untold[key] = again, untold + 1
            return
        self._untold[key] = seconds + _NEXT_TOLD, 0
        if failure is not None:
            self._log.failure(
                "the policy {name} failed at {stage}", failure=failure, name=entry.name, stage=stage.value
            )
        self._events.tell(
            PolicyFailed(at=self._now(), policy=entry.name, stage=stage, reason=reason, fault=fault, count=untold + 1)
        )


_FAILED: Final = {
    (OnFailure.CONTINUE, Reason.CHECK_FAILED): CONTINUE,
    (OnFailure.CONTINUE, Reason.CHECK_LATE): CONTINUE,
    (OnFailure.DEFER, Reason.CHECK_FAILED): verdict(codes.NOT_CHECKED, Reason.CHECK_FAILED, provisional=True),
    (OnFailure.DEFER, Reason.CHECK_LATE): verdict(codes.NOT_CHECKED, Reason.CHECK_LATE, provisional=True),
}


def _weighed(answer: Verdict, entry: Entry, context: Context, doubt: Ruling) -> tuple[Ruling, bool]:
    """What holds now, and whether nobody more is asked."""
    action = answer.action
    if action is Action.CONTINUE or action is Action.ACCEPT:
        return doubt, action is Action.ACCEPT  # an earlier check could not be done: that doubt, ACCEPT does not remove
    if answer.provisional and doubt is not NOTHING_SAID:
        return doubt, False
    return Ruling(policy=entry.name, stage=context.stage, verdict=answer), not answer.provisional

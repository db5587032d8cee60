"""The fixed step of RCPT: does this recipient exist, and is it ours? No setting makes an open relay.

A look-up that fails, or does not answer within its time, is 451: never 250 and never 550.
"""

from typing import Final

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from twistedmx.model.mailbox import UNKNOWN, Destination, Lookup, Outcome
from twistedmx.model.verdict import Reason, Verdict, verdict
from twistedmx.policy.waiting import deferred_of
from twistedmx.ports import Mailboxes
from twistedmx.setting import at_least, setting
from twistedmx.smtp import codes
from twistedmx.smtp.path import Path

Decision = tuple[Verdict, tuple[Destination, ...]]

ACCEPTED: Final = verdict(codes.RECIPIENT_OK, Reason.ACCEPTED)

_DECISIONS: Final[dict[Outcome, Decision]] = {
    Outcome.UNKNOWN: (verdict(codes.NO_SUCH_MAILBOX, Reason.UNKNOWN_MAILBOX), ()),
    Outcome.NOT_OURS: (verdict(codes.NOT_OURS, Reason.NOT_OURS), ()),
    Outcome.DISABLED: (verdict(codes.MAILBOX_DISABLED, Reason.MAILBOX_DISABLED), ()),
    Outcome.OVER_QUOTA: (verdict(codes.MAILBOX_FULL, Reason.MAILBOX_FULL), ()),
    Outcome.COULD_NOT_TELL: (verdict(codes.LOOKUP_FAILED, Reason.LOOKUP_FAILED), ()),
}
_UNKNOWN: Final = _DECISIONS[Outcome.UNKNOWN]
NOBODY: Final = _UNKNOWN[0]


@attrs.frozen(kw_only=True)
class RecipientSettings:
    """Settings `[recipients]`."""

    look_up_time: float = setting(
        10.0,
        unit="seconds",
        why="A look-up that takes longer is answered 451 4.3.0; the peer waits 5 minutes for a RCPT (RFC 5321 4.5.3.2.3).",
        precedent="Postfix address_verify_poll_count 3 x address_verify_poll_delay 3 s",
        validator=at_least(0.1),
    )


_LATE: Final[Decision] = (verdict(codes.LOOKUP_FAILED, Reason.LOOKUP_LATE), ())


class RecipientStep:
    """Decides each RCPT by asking `mailboxes`; `clock` bounds how long."""

    _log = Logger()

    def __init__(self, mailboxes: Mailboxes, clock: IReactorTime, settings: RecipientSettings) -> None:
        self._mailboxes = mailboxes
        self._clock = clock
        self._settings = settings

    def decide(self, path: Path) -> Decision | Deferred[Decision]:
        """The verdict on `path` and its destinations; at once where memory can answer. The Deferred does not fail,
        unless it is cancelled."""
        try:
            found = self._mailboxes.find(path)
        except Exception:
            return self._failed(Failure())
        if found is UNKNOWN:
            return _UNKNOWN  # what a guess finds
        if type(found) is Lookup:
            return _decision(found)
        return self._wait(deferred_of(found))  # type: ignore[arg-type]  # what is not a Lookup is an awaitable of one

    def _wait(self, looking_up: Deferred[Lookup]) -> Deferred[Decision]:
        """A Deferred of our own: a backend that clings to its look-up when it is cancelled holds nobody up."""
        over = False

        def give_up(decided: Deferred[Decision]) -> None:
            nonlocal over
            over = True
            late.cancel()
            looking_up.cancel()

        def decide(decision: Decision) -> None:
            nonlocal over
            if not over:
                over = True
                if late.active():
                    late.cancel()
                decided.callback(decision)

        def too_late() -> None:
            decide(_LATE)
            looking_up.cancel()

        def failed(failure: Failure) -> None:
            if not over:  # else it was given up, and this is how it takes that
                decide(self._failed(failure))

        decided: Deferred[Decision] = Deferred(give_up)
        late = self._clock.callLater(self._settings.look_up_time, too_late)
        looking_up.addCallbacks(lambda found: decide(_decision(found)), failed)
        return decided

    def _failed(self, failure: Failure) -> Decision:
        self._log.failure("a look-up of a recipient failed", failure=failure)
        return _DECISIONS[Outcome.COULD_NOT_TELL]


def _decision(found: Lookup) -> Decision:
    if found.outcome is Outcome.FOUND:
        return ACCEPTED, found.destinations
    if found.reply is not None:
        return verdict(found.reply, Reason.OPERATOR_ENTRY, found.detail), ()
    decision = _DECISIONS[found.outcome]
    if found.detail:
        return attrs.evolve(decision[0], detail=found.detail), ()
    return decision
